"""How an amount is divided: a coupon's share over the units of a line, a refund over the payments of an order.

All amounts are integer minor units; nothing here loses or makes one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from domain.costs import PlannedLeg
from domain.orders import OWN_MEANS, Held, Means, Payment, PaymentStatus
from domain.policy import Allocation, ExpiredMileage, RefundPolicy

GREATEST = 10**18
"""More than any order is worth: the room of a means without a cap."""


def share_of_first(amount: int, units: int, quantity: int) -> int:
    """The part of a line's `amount` that falls on its first `units` of `quantity`: exact, rounded half up once.

    Unit n carries the difference between the first n and the first n − 1, so any division of a line sums to `amount`.
    """
    return (2 * amount * units + quantity) // (2 * quantity)


def share_of_units(amount: int, held: Held, quantity: int) -> int:
    """The part of a line's `amount` that falls on the units of `held`."""
    before = held.first - 1
    return share_of_first(amount, before + held.quantity, quantity) - share_of_first(amount, before, quantity)


def share_of_ranges(amount: int, ranges: Iterable[Held], quantity: int) -> int:
    """The part of a line's `amount` that falls on all units of the disjoint `ranges`."""
    return sum(share_of_units(amount, held, quantity) for held in ranges)


def spread(
    amount: int,
    payments: Sequence[Payment],
    policy: RefundPolicy,
    *,
    tax_free: int = 0,
    at: datetime | None = None,
) -> tuple[PlannedLeg, ...]:
    """Spreads a refund over the paid payments by the shop's policy, each up to what is left on it; no leg is 0.

    `tax_free` is how much of `amount` is for goods that are free of tax; it is split among the payments whose gateways
    were told of such parts. `at` decides which mileage had expired. Raises `ValueError` when more is to go back than
    the payments still hold: a defect in the amounts, never a rule.
    """
    ordered = _in_order_of_refund(payments, policy)
    parts = _first_parts(amount, ordered, policy)
    for capped in (True, False):
        _fill(amount, ordered, parts, policy, capped=capped)
    rest = amount - sum(parts.values())
    if rest > 0:
        raise ValueError(f"{rest} of a refund of {amount} is more than the payments hold")
    legs: list[PlannedLeg] = []
    for payment in ordered:
        if part := parts.get(payment.payment_no, 0):
            leg = _leg(payment, part, tax_free, policy, at)
            tax_free -= leg.tax_free or 0
            legs.append(leg)
    return tuple(legs)


def _in_order_of_refund(payments: Sequence[Payment], policy: RefundPolicy) -> list[Payment]:
    paid = [payment for payment in payments if payment.status is PaymentStatus.PAID]
    if policy.allocation is Allocation.SEQUENCE:
        return [payment for means in policy.sequence for payment in paid if payment.means is means]
    external = [payment for payment in paid if payment.means.external]
    own = [payment for means in OWN_MEANS for payment in paid if payment.means is means]
    return external + own


def _first_parts(amount: int, payments: Sequence[Payment], policy: RefundPolicy) -> dict[str, int]:
    """By payment number, what each gets before the order of payments decides about the rest."""
    held = sum(payment.left for payment in payments)
    if policy.allocation is not Allocation.PROPORTIONAL or not held:
        return {}
    # The running total is rounded, half up, so that the parts sum to the amount and none is above what is left.
    parts: dict[str, int] = {}
    before = 0
    for payment in payments:
        upto = before + payment.left
        part = share_of_first(min(amount, held), upto, held) - share_of_first(min(amount, held), before, held)
        parts[payment.payment_no] = min(part, _room(payment.means, payments, parts, policy))
        before = upto
    return parts


def _fill(
    amount: int, payments: Sequence[Payment], parts: dict[str, int], policy: RefundPolicy, *, capped: bool
) -> None:
    """Gives the rest to the payments in their order, at first within the caps."""
    for payment in payments:
        given = parts.get(payment.payment_no, 0)
        more = min(amount - sum(parts.values()), payment.left - given)
        if capped:
            more = min(more, _room(payment.means, payments, parts, policy))
        if more > 0:
            parts[payment.payment_no] = given + more


def _room(means: Means, payments: Sequence[Payment], parts: Mapping[str, int], policy: RefundPolicy) -> int:
    """What the cap of a means leaves it."""
    cap = policy.caps.get(means)
    if cap is None:
        return GREATEST
    used = sum(parts.get(payment.payment_no, 0) for payment in payments if payment.means is means)
    return max(cap - used, 0)


def _leg(payment: Payment, part: int, tax_free: int, policy: RefundPolicy, at: datetime | None) -> PlannedLeg:
    free, vat = _tax_parts(payment, part, tax_free)
    expired = payment.expires_at is not None and at is not None and payment.expires_at <= at
    renewed = payment.means is Means.MILEAGE and expired and policy.expired_mileage is ExpiredMileage.EXTEND
    return PlannedLeg(
        payment.payment_no,
        payment.means,
        part,
        tax_free=free,
        vat=vat,
        valid_days=policy.mileage_days if renewed else None,
    )


def _tax_parts(payment: Payment, part: int, tax_free: int) -> tuple[int | None, int | None]:
    """The tax-free part of a leg, and the VAT in the rest of it.

    Neither kind of money can return more than was paid of it; so when a payment is returned whole, so are its parts.
    The VAT of the taxable money returned so far is rounded, and this leg carries the difference.
    """
    if payment.tax_free is None and payment.vat is None:
        return None, None
    paid_free = payment.tax_free or 0
    taxable = payment.amount - paid_free
    taxable_before = payment.refunding - payment.refunding_tax_free
    least = max(0, part - (taxable - taxable_before))
    most = min(part, paid_free - payment.refunding_tax_free)
    free = max(least, min(tax_free, most))
    if payment.vat is None:
        return free, None
    upto = taxable_before + part - free
    vat = (
        share_of_first(payment.vat, upto, taxable) - share_of_first(payment.vat, taxable_before, taxable)
        if taxable
        else 0
    )
    return (free if payment.tax_free is not None else None), vat
