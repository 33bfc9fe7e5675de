"""Why claims stand still and what an operator's actions do, in words: for `claims stuck`."""

from __future__ import annotations

from collections.abc import Mapping

CAUSES: Mapping[str, str] = {
    "PSP_DOWN": "The payment gateway does not answer.",
    "PSP_UNKNOWN": "Whether the payment gateway has refunded is not known.",
    "PSP_DECLINED": "The payment gateway refuses this refund for good.",
    "PSP_CONFLICT": "The payment gateway tells something else than our ledger.",
    "PSP_MISCONFIGURED": "The payment gateway does not accept our access or our request.",
    "PAYMENT_BUSY": "Another refund of the same payment has not ended.",
    "ACCOUNT_NEEDED": "A bank account to refund to is missing.",
    "DATABASE": "The database refused the step or did not answer.",
    "COMPENSATION_STUCK": "Undoing the claim did not succeed.",
    "PAYOUT_OPEN": "A person is paying the refund out by hand, and has not told the result.",
    "BUG": "A defect: the step failed in a way that nobody foresaw.",
}
"""By `stuckReason`."""

ACTIONS: Mapping[str, str] = {
    "retry": "try the step again",
    "skip": "go on without the step",
    "settle": "the refund was made by hand; --evidence names the bank's or gateway's reference",
    "provideAccount": "refund to another account; its number is asked for",
    "abort": "undo the claim; nothing has been refunded",
}
"""By action; only those that the service lists for a parking are safe."""

FINDINGS: Mapping[str, str] = {
    "no_workflow": "The claim is not finished, and no workflow carries it on: `claims resume` does.",
    "quiet": "The claim has not moved for long, and is neither parked nor pending: look at its workflow.",
    "sent_of_final": "A refund was sent of a claim that has ended, and its outcome is not known.",
    "late_refund": "The gateway refunded after the claim was undone or settled by hand: money to claim back.",
    "late_charge": "The gateway took an extra payment after the claim was undone: money to give back.",
    "conservation": "Sums of the order do not come out: `claims audit` reckons them anew.",
    "foreign_refund": "The gateway made a refund that no claim asked for, in its console perhaps. It is in the books.",
    "refund_missing": "Our refund counts as made, and the gateway does not show it: ask the gateway.",
    "amount_differs": "The gateway made our refund with another amount: ask the gateway.",
    "refund_of_undone": "The gateway made a refund of a claim that was undone: money to claim back.",
    "refund_unbooked": "The gateway made a refund of ours that does not count: perhaps the money went back twice.",
    "refund_failed_late": "A refund failed after it had succeeded: its claim is open again and waits for a person.",
    "captured_late": "Money came in for a payment that a cancel had closed.",
    "outside_refund_gone": "A refund made outside, which was in the books, has failed: the money is back.",
    "balance_differs": "The gateway holds another amount of the payment than it should: ask the gateway.",
    "not_reconciled": "This could not be compared with the gateway: `claims reconcile` tries again.",
}
"""By kind of finding; the sweeper and the comparison with the gateways keep them up to date."""

SWEPT = frozenset({"no_workflow", "quiet", "sent_of_final", "late_refund", "late_charge", "conservation"})
"""Those of the sweeper."""

MONEY_FINDINGS = frozenset(FINDINGS) - {"no_workflow", "quiet", "conservation", "not_reconciled"}
"""Those about money that an order's books do not show."""
