"""How an amount is divided: a coupon's share over the units of a line, a refund over the payments of an order.

All amounts are integer minor units; nothing here loses or makes one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from domain.costs import PlannedLeg
from domain.orders import OWN_MEANS, Held, Means, Payment, PaymentStatus
from domain.policy import Allocation, ExpiredMileage, RefundPolicy


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
    parts = {payment.payment_no: 0 for payment in ordered}
    give = _in_proportion if policy.allocation is Allocation.PROPORTIONAL else _in_order
    give(amount, ordered, parts, policy.caps)
    give(amount, ordered, parts, {})  # what the caps leave over: they never keep anything back
    rest = amount - sum(parts.values())
    if rest > 0:
        raise ValueError(f"{rest} of a refund of {amount} is more than the payments hold")
    legs: list[PlannedLeg] = []
    for payment in ordered:
        if part := parts[payment.payment_no]:
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


def _in_order(amount: int, payments: Sequence[Payment], parts: dict[str, int], caps: Mapping[Means, int]) -> None:
    """Adds to `parts`, by payment number, what is missing of `amount`: to one payment after the other."""
    for payment in payments:
        more = min(amount - sum(parts.values()), _room(payment, payments, parts, caps))
        parts[payment.payment_no] += more


def _in_proportion(amount: int, payments: Sequence[Payment], parts: dict[str, int], caps: Mapping[Means, int]) -> None:
    """As `_in_order`, but to all payments alike, in proportion to what is left on each.

    What a cap keeps from a means is divided among the others in the same way, until nothing is missing or no payment
    can take more. Every round but the last exhausts a cap, so there are few.
    """
    while rest := amount - sum(parts.values()):
        takers = [payment for payment in payments if _room(payment, payments, parts, caps)]
        left = [payment.left - parts[payment.payment_no] for payment in takers]
        held = sum(left)
        if not held:
            return
        rest, before = min(rest, held), 0
        for payment, more in zip(takers, left, strict=True):
            # The running total is rounded, half up: so the parts sum to the rest, and none is above what is left.
            part = share_of_first(rest, before + more, held) - share_of_first(rest, before, held)
            parts[payment.payment_no] += min(part, _room(payment, payments, parts, caps))
            before += more


def _room(payment: Payment, payments: Sequence[Payment], parts: Mapping[str, int], caps: Mapping[Means, int]) -> int:
    """How much more a payment can take: what is left on it, within the cap that its means has together."""
    room = payment.left - parts[payment.payment_no]
    if payment.means not in caps:
        return room
    used = sum(parts[other.payment_no] for other in payments if other.means is payment.means)
    return min(room, max(caps[payment.means] - used, 0))


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
