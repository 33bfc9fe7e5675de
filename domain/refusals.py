"""Why a request is refused: a code with its place in the order of codes, a reason, and the facts of the case.

The texts for people are rendered in `api/`; a refusal travels as code, reason and facts alone. docs/wire.md lists them.
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """The wire's codes. 1xxx: the request itself; 2xxx: a rule; 9xxx: the service."""

    OK = "0000"
    REQUIRED = "1001"
    BAD_VALUE = "1002"
    NOT_FOUND = "1003"
    DUPLICATE = "1004"
    NO_TOKEN = "1005"
    WRONG_ROLE = "1006"
    TOO_MANY_ATTEMPTS = "1007"
    NOT_CANCELLABLE = "2001"
    QUOTE_CHANGED = "2002"
    QUOTE_EXPIRED = "2003"
    KEY_REUSED = "2004"
    OTHER_CLAIM_UNDECIDED = "2005"
    WHOLE_ONLY = "2006"
    PAYMENT_NEEDED = "2007"
    VARIANT_IMPOSSIBLE = "2008"
    TOO_LATE = "2009"
    COMMAND_UNFIT = "2010"
    UNEXPECTED = "9000"
    UNAVAILABLE = "9001"
    UNCONFIRMED = "9002"
    INVALID = "9100"


PRECEDENCE = (
    Code.KEY_REUSED,
    Code.NOT_CANCELLABLE,
    Code.OTHER_CLAIM_UNDECIDED,
    Code.WHOLE_ONLY,
    Code.VARIANT_IMPOSSIBLE,
    Code.QUOTE_EXPIRED,
    Code.QUOTE_CHANGED,
    Code.PAYMENT_NEEDED,
)
"""Of several reasons the first of these is named, after every 1xxx."""


class Refusal(Exception):
    """A request that a rule refuses.

    `reason` is a stable slug (``units.held``) that the texts for people are chosen by; `facts` are JSON values without
    personal data (``claim_no``, ``line_no``, ``left`` …). Refusing changes nothing.
    """

    def __init__(self, code: Code, reason: str, **facts: str | int | None) -> None:
        super().__init__(f"{code.value} {reason}")
        self.code = code
        self.reason = reason
        self.facts = facts
