"""What may be found wrong, by kind, and which of it a person may close.

Every word is kept in the database, so a value is never renamed.
"""

from __future__ import annotations

from enum import StrEnum


class FindingKind(StrEnum):
    NO_WORKFLOW = "no_workflow"
    """A claim that is not over, and no live workflow carries it on: resume it."""
    QUIET = "quiet"
    """A claim that is not final, parked or pending, and has not moved for long."""
    SENT_OF_FINAL = "sent_of_final"
    """An attempt still sent of a final claim: it blocks its payment unseen."""
    LATE_REFUND = "late_refund"
    """A refund that a gateway carried out after its claim was undone: money returned and the order active."""
    LATE_CHARGE = "late_charge"
    """An extra payment that a gateway took after its claim was undone: money taken and nothing cancelled."""
    CONSERVATION = "conservation"
    """An order of which some sum does not come out."""
    FOREIGN_REFUND = "foreign_refund"
    """A refund at a gateway that no claim asked for."""
    REFUND_MISSING = "refund_missing"
    """A claim's refund that counts as carried out, and that its gateway does not show."""
    AMOUNT_DIFFERS = "amount_differs"
    """A claim's refund that its gateway made with another amount."""
    REFUND_OF_UNDONE = "refund_of_undone"
    """A refund that a gateway shows of a claim that was undone."""
    REFUND_UNBOOKED = "refund_unbooked"
    """A refund of ours at a gateway that our ledger does not count: refused, paid by hand, or made twice."""
    REFUND_FAILED_LATE = "refund_failed_late"
    """A refund that failed after it had succeeded."""
    CAPTURED_LATE = "captured_late"
    """Money that came in for a payment that a claim had closed unpaid."""
    OUTSIDE_REFUND_GONE = "outside_refund_gone"
    """A refund booked as made outside that has failed, or that its gateway does not show any more."""
    BALANCE_DIFFERS = "balance_differs"
    """A payment of which a gateway holds another amount than it should."""
    NOT_RECONCILED = "not_reconciled"
    """A payment, or a merchant's day, that could not be compared."""
    RECEIPT_NOT_CANCELLED = "receipt_not_cancelled"
    """A cash receipt that still tells of money that went back: it is to be cancelled at the gateway, by hand."""
    EVENTS_HELD = "events_held"
    """Events that the shop's receiver does not take."""


HAPPENED = frozenset({FindingKind.REFUND_FAILED_LATE, FindingKind.CAPTURED_LATE, FindingKind.OUTSIDE_REFUND_GONE})
"""Kinds that tell what has happened: they stay until a person has read them, though the difference is gone by then."""


CLOSED_BY_HAND = HAPPENED | {
    FindingKind.LATE_REFUND,
    FindingKind.LATE_CHARGE,
    FindingKind.FOREIGN_REFUND,
    FindingKind.REFUND_MISSING,
    FindingKind.AMOUNT_DIFFERS,
    FindingKind.REFUND_OF_UNDONE,
    FindingKind.REFUND_UNBOOKED,
    FindingKind.BALANCE_DIFFERS,
    FindingKind.NOT_RECONCILED,
    FindingKind.RECEIPT_NOT_CANCELLED,
}
"""Kinds that a person may close, for what they tell may stay so for ever. The others go when their cause is gone."""
