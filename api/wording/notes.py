"""What the steps of a claim note for its customer."""

from __future__ import annotations

from collections.abc import Mapping

_WITH_THE_SHOP = ("담당자가 확인하고 있습니다.", "The shop is looking at it.")

NOTES: Mapping[str, tuple[str, str]] = {
    "PSP_DOWN": _WITH_THE_SHOP,
    "PSP_UNKNOWN": _WITH_THE_SHOP,
    "PSP_DECLINED": _WITH_THE_SHOP,
    "PSP_CONFLICT": _WITH_THE_SHOP,
    "PSP_MISCONFIGURED": _WITH_THE_SHOP,
    "PAYMENT_BUSY": _WITH_THE_SHOP,
    "ACCOUNT_NEEDED": ("환불 계좌가 필요합니다.", "A refund account is needed."),
    "DATABASE": _WITH_THE_SHOP,
    "COMPENSATION_STUCK": _WITH_THE_SHOP,
    "BUG": _WITH_THE_SHOP,
    "PAYOUT_OPEN": _WITH_THE_SHOP,
    "skipped by operator": ("담당자가 건너뛰었습니다.", "Left out by the shop."),
}
"""What a claim's steps note, for customers: why a step waits is the shop's business, that it waits is theirs."""
