"""The sums that always agree: paid + extra paid = refunded + due + still bought + fees kept.

An oracle beside the pricing: it sums what an order and its claims have come to and never asks how a claim was priced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from domain.allocation import share_of_ranges
from domain.claims import LegState
from domain.orders import OrderState, PaymentStatus
from domain.units import held_by_line


@dataclass(frozen=True, slots=True)
class Leg:
    """A refund leg of one of the order's claims as it stands, those of undone claims (VOID) included."""

    payment_no: str
    amount: int
    state: LegState


@dataclass(frozen=True, slots=True)
class Books:
    """Both sides. `due` is what is still to be returned less what the customer still owes; it can be negative.

    `refunded` is what went back, past any claim too; what of that no claim has reckoned with yet lowers `due`.
    `bought` is goods alone, at what they cost now; `fees` is all shipping of groups with goods left.
    """

    paid: int
    extra_paid: int
    refunded: int
    due: int
    bought: int
    fees: int

    @property
    def difference(self) -> int:
        """What was taken and not accounted for: 0, or something is wrong."""
        return self.paid + self.extra_paid - self.refunded - self.due - self.bought - self.fees


def books(state: OrderState, legs: Sequence[Leg], extra_paid: int = 0, extra_owed: int = 0) -> Books:
    """The books of an order. `state` holds the claims that stand, running ones too; `legs` those of all its claims.

    Payments of the order include the extra ones that claims took; `extra_paid` is how much of them that was, and
    `extra_owed` what claims charge and have not taken yet.
    """
    waiting = sum(payment.amount for payment in state.order.payments if payment.waiting)
    paid = sum(payment.received for payment in state.order.payments if payment.status is PaymentStatus.PAID)
    outside = sum(payment.returned_outside for payment in state.order.payments)
    reckoned = sum(claim.returned_outside for claim in state.cancels)
    return Books(
        paid=paid - extra_paid,
        extra_paid=extra_paid,
        refunded=sum(leg.amount for leg in legs if leg.state is LegState.SETTLED) + outside,
        due=sum(leg.amount for leg in legs if leg.state not in (LegState.SETTLED, LegState.VOID))
        - waiting
        - extra_owed
        - (outside - reckoned),
        bought=_bought(state),
        fees=_fees(state),
    )


def _bought(state: OrderState) -> int:
    """Units left at list price, less their shares of the coupons that no claim took back."""
    gone = held_by_line(held for claim in state.cancels for held in claim.held)
    taken_back = frozenset(chain.from_iterable(claim.coupons_taken_back for claim in state.cancels))
    goods = sum(line.price * state.units_left(line) for line in state.order.lines)
    quantities = {line.line_no: line.quantity for line in state.order.lines}
    shares = sum(
        amount - share_of_ranges(amount, gone.get(line_no, ()), quantities[line_no])
        for benefit in state.order.benefits
        if benefit.coupon_no not in taken_back
        for line_no, amount in benefit.shares.items()
    )
    return goods - shares


def _fees(state: OrderState) -> int:
    kept = {line.group_no for line in state.order.lines if not line.gift and state.units_left(line)}
    at_purchase = sum(group.fee_paid + group.surcharge for group in state.order.groups if group.group_no in kept)
    later = sum(
        _of_groups(claim.fees_charged.items(), kept) - _of_groups(claim.fees_returned.items(), kept)
        for claim in state.cancels
    )
    return at_purchase + later


def _of_groups(amounts: Iterable[tuple[str, int]], group_nos: set[str]) -> int:
    return sum(amount for group_no, amount in amounts if group_no in group_nos)
