"""Refund accounts as PortOne takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateways.payments.port import RefundAccount

BANKS: Mapping[int, str] = {
    1: "BANK_OF_KOREA", 2: "KDB", 3: "IBK", 4: "KOOKMIN", 7: "SUHYUP", 8: "KEXIM", 11: "NONGHYUP",
    12: "LOCAL_NONGHYUP", 20: "WOORI", 23: "STANDARD_CHARTERED", 27: "CITI", 30: "SUHYUP_FEDERATION", 31: "DAEGU",
    32: "BUSAN", 34: "KWANGJU", 35: "JEJU", 37: "JEONBUK", 39: "KYONGNAM", 45: "KFCC", 48: "SHINHYUP",
    50: "SAVINGS_BANK", 54: "HSBC", 55: "DEUTSCHE", 71: "POST", 81: "HANA", 88: "SHINHAN", 89: "K_BANK", 90: "KAKAO",
    92: "TOSS",
}  # fmt: skip
"""PortOne's names of banks, by the number that Korean banks have among themselves (088 and 88 are the same)."""


def refund_account(account: RefundAccount) -> dict[str, str] | None:
    """`refundAccount`; None when PortOne knows no such bank."""
    bank = BANKS.get(int(account.bank)) if re.fullmatch(r"[0-9]{1,3}", account.bank) else None
    if bank is None:
        return None
    return {"bank": bank, "number": re.sub(r"[ -]", "", account.number), "holderName": account.holder}
