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
    "BUG": "A defect: the step failed in a way that nobody foresaw.",
}
"""By `stuckReason`."""

ACTIONS: Mapping[str, str] = {
    "retry": "try the step again",
    "skip": "go on without the step",
    "settle": "the refund was made by hand; --evidence names the bank's or gateway's reference",
    "provideAccount": "give the account to refund to",
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
}
"""By kind of finding; the sweeper keeps them up to date."""

MONEY_FINDINGS = frozenset({"sent_of_final", "late_refund", "late_charge"})
"""Those about money that an order's books do not show."""
