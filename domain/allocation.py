"""How an amount is divided: a coupon's share over the units of a line, a refund over the payments of an order.

All amounts are integer minor units; nothing here loses or makes one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from domain.costs import PlannedLeg
from domain.orders import OWN_MEANS, Held, Payment, PaymentStatus


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


def spread(amount: int, payments: Sequence[Payment]) -> tuple[PlannedLeg, ...]:
    """Spreads a refund over the paid payments, each up to what is left on it; no leg is 0.

    External means come first, in the order given; then gift card, deposit and mileage. Raises `ValueError` when more
    is to go back than the payments still hold: a defect in the amounts, never a rule.
    """
    legs: list[PlannedLeg] = []
    rest = amount
    for payment in _in_order_of_refund(payments):
        part = min(rest, payment.left)
        if part > 0:
            legs.append(PlannedLeg(payment.payment_no, payment.means, part))
            rest -= part
    if rest > 0:
        raise ValueError(f"{rest} of a refund of {amount} is more than the payments hold")
    return tuple(legs)


def _in_order_of_refund(payments: Sequence[Payment]) -> list[Payment]:
    paid = [payment for payment in payments if payment.status is PaymentStatus.PAID]
    external = [payment for payment in paid if payment.means.external]
    own = [payment for means in OWN_MEANS for payment in paid if payment.means is means]
    return external + own
