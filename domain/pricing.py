"""What a cancel costs and returns, by the rules of docs/money.md. Quote, claim and audit all come here.

Three things are settled in this order, each once, and a later one never changes an earlier one: coupons
(`domain.coupon_rules`), shipping (`domain.shipping`), means (`domain.allocation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import chain

from domain import gifts
from domain.allocation import spread
from domain.costs import CostKind, CostRow, Costs, PointsBack, Rule, Selection
from domain.coupon_rules import settle_coupons
from domain.orders import Fault, Means, OrderState, PaymentStatus
from domain.policy import EarnedPoints, Policy
from domain.rounding import check_rounding
from domain.shipping import settle_shipping
from domain.situation import Settled, Situation, survey


def price(state: OrderState, selection: Sequence[Selection], fault: Fault, at: datetime, policy: Policy) -> Costs:
    """What cancelling `selection` at `fault` returns or costs, on top of the claims that stand.

    `at` is when the quote was made, or of acceptance without one: it decides which coupons had expired. Gifts in the
    selection are passed over: what else leaves decides about them. The selection must have passed
    `domain.eligibility.check_cancel`; `ValueError` when it names units that aren't there. Raises WHOLE_ONLY where a
    coupon forbids this partial cancel, and for a piece that `domain.rounding` leaves only whole. The same arguments
    always give the same result, rows included.
    """
    chosen = survey(state, gifts.goods_only(state, selection), fault, at, policy)
    leaving = gifts.leaving(chosen)
    going = tuple(Selection(row.line_no, row.quantity) for row in leaving if row.line_no and row.quantity)
    situation = chosen.with_gifts(going)
    stages = (
        _settle_goods(situation),
        Settled(leaving),
        settle_coupons(situation),
        settle_shipping(situation),
        _settle_unpaid(situation),
    )
    rows = tuple(chain.from_iterable(stage.rows for stage in stages))
    net = sum(row.amount for row in rows)
    coupons = tuple(chain.from_iterable(stage.coupons for stage in stages))
    check_rounding(situation, coupons, net)
    outside = _settle_outside(state, net)
    rows += outside
    net += sum(row.amount for row in outside)
    legs = spread(max(net, 0), state.order.payments, policy.refund, tax_free=_tax_free(situation, rows), at=at)
    return Costs(
        currency=state.order.currency,
        rows=rows,
        coupons=coupons,
        legs=legs,
        refund=max(net, 0),
        extra=max(-net, 0),
        needs_account=any(leg.means is Means.VIRTUAL_ACCOUNT for leg in legs),
        gifts=going,
        points=_points(situation),
        closed=tuple(payment.payment_no for payment in state.order.payments if payment.waiting),
        policy_version=policy.version,
    )


def _settle_goods(situation: Situation) -> Settled:
    return Settled(
        rows=tuple(
            CostRow(
                CostKind.GOODS,
                Rule.UNITS,
                units.line.price * units.taken_quantity,
                line_no=line_no,
                quantity=units.taken_quantity,
                inputs={"price": units.line.price, "quantity": units.taken_quantity},
            )
            for line_no, units in sorted(situation.lines.items())
            if units.taken and not units.line.gift
        )
    )


def _settle_unpaid(situation: Situation) -> Settled:
    """A payment that is still awaited can't be returned. Such an order is cancelled only whole."""
    waiting = sum(payment.amount for payment in situation.state.order.payments if payment.waiting)
    if not waiting:
        return Settled()
    return Settled((CostRow(CostKind.UNPAID, Rule.WAITING_PAYMENT, -waiting, inputs={"waiting": waiting}),))


def _settle_outside(state: OrderState, net: int) -> tuple[CostRow, ...]:
    """What went back past any claim, in a gateway's console, isn't returned again where money is lacking for it.

    Only all payments together can lack money: what one of them can't take goes to another.
    """
    left = sum(payment.left for payment in state.order.payments if payment.status is PaymentStatus.PAID)
    returned = sum(payment.returned_outside for payment in state.order.payments)
    reckoned = sum(claim.returned_outside for claim in state.cancels)
    missing = min(net - left, returned - reckoned)
    if missing <= 0:
        return ()
    row = CostRow(
        CostKind.RETURNED_OUTSIDE,
        Rule.RETURNED_OUTSIDE,
        -missing,
        inputs={"net": net, "refundable": left, "returned": returned},
    )
    return (row,)


def _tax_free(situation: Situation, rows: Sequence[CostRow]) -> int:
    """How much of the net amount is for goods that are free of tax."""
    free = {line.line_no for line in situation.state.order.lines if line.tax_free}
    return sum(row.amount for row in rows if row.line_no in free)


def _points(situation: Situation) -> tuple[PointsBack, ...]:
    """The points that the units taken had earned. A guest has no balance that they could have come to."""
    if situation.policy.refund.earned_points is EarnedPoints.KEEP or situation.state.order.member_no is None:
        return ()
    found = (
        PointsBack(line_no, units.taken_share(units.line.earned_points))
        for line_no, units in sorted(situation.lines.items())
        if units.taken and units.line.earned_points
    )
    return tuple(points for points in found if points.amount)
