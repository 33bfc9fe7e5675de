"""Knowing our own refund again among those of a payment."""

from __future__ import annotations

from gateways.payments.port import Absent, Found, PaymentSnapshot, RefundStatus, Undetermined


def find_ours(payment: PaymentSnapshot, reference: str, amount: int) -> Found | Absent | Undetermined:
    """Our refund in a payment's ledger, by the reference and amount that it was sent with.

    One that failed gave its money back to us, so it is as good as absent. One that carries our reference with another
    amount is for a person to explain: neither ours nor a proof that ours is not there.
    """
    ours = [refund for refund in payment.refunds if refund.reference == reference]
    live = [refund for refund in ours if refund.status is not RefundStatus.FAILED]
    if any(refund.amount != amount for refund in live):
        return Undetermined("amount_differs")
    for status in (RefundStatus.SUCCEEDED, RefundStatus.PENDING):
        for refund in live:
            if refund.status is status:
                return Found(refund.refund_ref, pending=status is RefundStatus.PENDING)
    return Absent(failed=bool(ours))
