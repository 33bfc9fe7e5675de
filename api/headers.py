"""Headers as their senders meant them."""

from __future__ import annotations


def header_text(value: str) -> str:
    """The header's text. Headers arrive as Latin-1; one outside ASCII was sent as UTF-8."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value
