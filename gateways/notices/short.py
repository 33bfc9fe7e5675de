"""Text messages: what fits into one, in the bytes that Korea's networks count. Nothing is ever cut off a text.

An SMS holds 90 bytes, an LMS 2000, two to a Korean letter. What their alphabet lacks is written another way, or as "?".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gateways.notices.port import Message

SMS_BYTES = 90
LMS_BYTES = 2000

_ALPHABET = "cp949"
_WRITTEN = str.maketrans({"₩": "￦", "\u00a0": " "})
_TITLES = {"ko": "주문 안내", "en": "Your order"}
"""Of an LMS: no more than 20 letters and 40 bytes, so it names no number."""


@dataclass(frozen=True, slots=True)
class Short:
    """A text message; an SMS has no `title`."""

    kind: Literal["SMS", "LMS"]
    title: str | None
    body: str


def short(message: Message) -> Short | None:
    """The text of `message` as an SMS if it fits, else as an LMS; None when it is too long for either."""
    encoded = message.body.translate(_WRITTEN).encode(_ALPHABET, errors="replace")
    body = encoded.decode(_ALPHABET)
    if len(encoded) <= SMS_BYTES:
        return Short("SMS", None, body)
    if len(encoded) <= LMS_BYTES:
        return Short("LMS", _TITLES.get(message.language, _TITLES["ko"]), body)
    return None
