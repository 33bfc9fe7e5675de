"""Refund accounts as Toss takes them."""

from __future__ import annotations

import re

from gateways.payments.port import RefundAccount

KOOKMIN = {"004": "06"}
"""The one bank whose number at Toss is not that of the bank code that all Korea uses."""


def receive_account(account: RefundAccount) -> dict[str, str] | None:
    """`refundReceiveAccount`; None when it can't be an account: Toss wants 20 digits and 60 letters at most.

    Banks are Toss's own two digits, or the three that Korean banks are known by. Whether there is such a bank and such
    an account, Toss checks.
    """
    number = re.sub(r"[\s-]", "", account.number)
    holder = account.holder.strip()
    if re.fullmatch(r"[0-9]{1,20}", number) is None or not 1 <= len(holder) <= 60:
        return None
    return {"bank": bank_code(account.bank), "accountNumber": number, "holderName": holder}


def bank_code(code: str) -> str:
    """Toss's number of the bank."""
    if re.fullmatch(r"0[0-9]{2}", code):
        return KOOKMIN.get(code, code[1:])
    return code
