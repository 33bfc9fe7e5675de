"""Knowing our own refund again among those of a payment, and our own charge among those with a reference."""

from __future__ import annotations

from collections.abc import Sequence

from gateways.payments.port import Absent, ChargeRecord, Found, RefundRecord, RefundStatus, Undetermined


def find_ours(refunds: Sequence[RefundRecord], reference: str, amount: int) -> Found | Absent | Undetermined:
    """Our refund in a payment's ledger, by the reference and amount that it was sent with.

    One that failed gave its money back to us, so it is as good as absent. One that carries our reference with another
    amount is for a person to explain: neither ours nor a proof that ours is not there.
    """
    ours = [refund for refund in refunds if refund.reference == reference]
    live = [refund for refund in ours if refund.status is not RefundStatus.FAILED]
    if any(refund.amount != amount for refund in live):
        return Undetermined("amount_differs")
    for status in (RefundStatus.SUCCEEDED, RefundStatus.PENDING):
        for refund in live:
            if refund.status is status:
                return Found(refund.refund_ref, pending=status is RefundStatus.PENDING)
    return Absent(failed=bool(ours))


def find_echoed(refunds: Sequence[RefundRecord], reference: str, amount: int) -> Found | Absent | Undetermined:
    """As `find_ours`, where it isn't sure that our reference is echoed.

    A refund of our amount without any reference may be ours, or somebody else's: then nothing is proved.
    """
    found = find_ours(refunds, reference, amount)
    if isinstance(found, Absent) and any(
        one.reference is None and one.amount == amount and one.status is not RefundStatus.FAILED for one in refunds
    ):
        return Undetermined("reference_not_echoed", answered=True)
    return found


def find_our_charge(charges: Sequence[ChargeRecord], amount: int) -> Found | Absent | Undetermined:
    """Our charge among those that the gateway lists under our reference."""
    if not charges:
        return Absent()
    if any(charge.amount != amount for charge in charges):
        return Undetermined("amount_differs")
    if len(charges) > 1:
        return Undetermined("charged_more_than_once")
    return Found(charges[0].payment_ref)
