"""The sums of an order that always agree, by name, and what it is that each of them counts.

docs/audit.md tells them; the database reckons them from the rows that claims leave (the view `order_differences`).
"""

from __future__ import annotations

from enum import StrEnum


class Measure(StrEnum):
    """What a sum counts. Money is integer minor units of the order's currency."""

    MONEY = "money"
    UNITS = "units"
    POINTS = "points"
    COUPONS = "coupons"


class Sum(StrEnum):
    """A sum that is expected to come out at what was planned and decided."""

    BOOKS = "books"
    """Of an order: paid + extra paid = refunded + due + goods still bought + fees kept."""
    COST_ROWS = "cost_rows"
    """Of a claim: its cost rows sum to its refund less what it charges."""
    COST_UNITS = "cost_units"
    """Of a claim's line: the units priced are those held."""
    HELD_UNITS = "held_units"
    """Of a claim's line: its units are held, and those of an undone claim are free again."""
    REFUND_LEGS = "refund_legs"
    """Of a claim: what goes back to its payments sums to its refund; to nothing once it is undone."""
    LATE_REFUND = "late_refund"
    """Of a claim: what came in of payments that it had closed goes back."""
    RETURNED_OUTSIDE = "returned_outside"
    """Of an order: its claims return no more less than was returned outside of them."""
    CREDIT_RETURNED = "credit_returned"
    """Of a refund leg: an own credit that is settled was booked, once."""
    PAYMENT_REFUNDING = "payment_refunding"
    """Of a payment: what it counts as returned is what the legs return of it."""
    PAYMENT_TAX_FREE = "payment_tax_free"
    """Of a payment: the same for its tax-free part."""
    PAYMENT_VAT = "payment_vat"
    """Of a payment: no more VAT is returned than was paid."""
    PAYMENT_REFUNDED = "payment_refunded"
    """Of a payment: no more was returned than was paid."""
    PAYMENT_CLOSED = "payment_closed"
    """Of a claim: what it reckons as never paid are the waiting payments that it closed."""
    EXTRA_PLANNED = "extra_planned"
    """Of a claim: what it charges is planned as an extra payment."""
    EXTRA_TAKEN = "extra_taken"
    """Of a claim: what was charged is a payment of the order; a claim that can't be undone any more has charged it."""
    EXTRA_UNKNOWN = "extra_unknown"
    """Of a payment: it says that a claim took it, and the claim knows nothing of it."""
    EXTRA_DEBITED = "extra_debited"
    """Of a claim: an extra payment by an own credit left the member's balance, once."""
    RESTOCKED = "restocked"
    """Of a claim's line: its units are in stock again once that step is done, and not before."""
    COUPON_RESTORED = "coupon_restored"
    """Of a claim's coupon: it was given back once that step is done, and not before."""
    COUPON_USED = "coupon_used"
    """Of a claim's coupon: one that was given back is not used by the order any more."""
    COUPON_REISSUED = "coupon_reissued"
    """Of a claim's coupon: a new one was given for it once that step is done, and not before."""
    POINTS_TAKEN_BACK = "points_taken_back"
    """Of a claim: its units' earned points were taken back, or are owed, once it is complete; none if it is undone."""
    POINTS_EARNED = "points_earned"
    """Of a line: no more points are taken back than it earned."""
    CHANGE_STOCK = "change_stock"
    """Of an option change that is over: it took as much of one variant as it gave back of another."""

    @property
    def measure(self) -> Measure:
        return _MEASURES.get(self, Measure.MONEY)


_MEASURES = {
    Sum.COST_UNITS: Measure.UNITS,
    Sum.HELD_UNITS: Measure.UNITS,
    Sum.RESTOCKED: Measure.UNITS,
    Sum.CHANGE_STOCK: Measure.UNITS,
    Sum.COUPON_RESTORED: Measure.COUPONS,
    Sum.COUPON_USED: Measure.COUPONS,
    Sum.COUPON_REISSUED: Measure.COUPONS,
    Sum.POINTS_TAKEN_BACK: Measure.POINTS,
    Sum.POINTS_EARNED: Measure.POINTS,
}
