"""A refund account: what can be one, and the little of it that may be shown."""

from __future__ import annotations

import re

from domain.refusals import Code, Refusal

BANKS = frozenset(
    {
        1, 2, 3, 4, 6, 7, 8, 11, 12, 20, 23, 27, 30, 31, 32, 34, 35, 37, 38, 39, 45, 48, 50, 54, 55, 64, 71, 81, 88, 89,
        90, 92, 209, 218, 221, 224, 225, 227, 238, 240, 243, 247, 261, 262, 263, 264, 265, 266, 267, 269, 270, 271, 278,
        279, 280, 287, 288, 290, 291, 292, 294,
    }
)  # fmt: skip
"""Banks and brokers that hold accounts, by the numbers that Korean banks have among themselves (088 and 88 are one).

06 is Toss's number of the bank that is 004 elsewhere.
"""

LONGEST_HOLDER = 60


def check(bank: str, number: str, holder: str) -> None:
    """Raises BAD_VALUE when this can't be an account. Whether there is one, the gateway finds out."""
    if re.fullmatch(r"[0-9]{1,3}", bank) is None or int(bank) not in BANKS:
        raise Refusal(Code.BAD_VALUE, "account.bank")
    if re.fullmatch(r"[0-9]{6,20}", digits(number)) is None:
        raise Refusal(Code.BAD_VALUE, "account.number")
    if not 1 <= len(holder.strip()) <= LONGEST_HOLDER:
        raise Refusal(Code.BAD_VALUE, "account.holder")


def digits(number: str) -> str:
    """The number without the dashes and spaces that people write."""
    return re.sub(r"[\s-]", "", number)


def masked(bank: str, number: str) -> str:
    """The bank and the last four digits, for people who have to tell accounts apart: ``088 ****7890``."""
    plain = digits(number)
    return f"{bank} ****{plain[-4:] if len(plain) >= 8 else ''}"
