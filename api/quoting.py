"""A price as the storefront reads it: what a cancel costs and returns, and why, with the token that promises it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from api import texts, wording
from api.explaining import Explaining
from api.quotes import QuoteSigner
from api.schemas.fields import yes_no
from api.schemas.storefront.asked import SelectedGoods
from api.schemas.storefront.costs import CostRowView, PointsTaken
from api.schemas.storefront.quote import BenefitCost, GiftTaken, PayWay, PlannedRefund, QuoteView, SideCost, WhyNot
from api.ways import ways_to_pay
from domain.claims import Actor
from domain.costs import CostKind, CostRow, Costs, FreedCoupon, Rule, Selection
from domain.eligibility import check_cancel
from domain.orders import OrderState, Promotion
from domain.policy import Policy
from domain.pricing import price
from store.database import Connection

_FEES = (CostKind.FEE_CHARGED, CostKind.FEE_RETURNED)
_DISCOUNTS = (CostKind.DISCOUNT_FORFEITED, CostKind.DISCOUNT_TAKEN_BACK)


def selection_of(goods: Sequence[SelectedGoods]) -> tuple[Selection, ...]:
    """The selection by line number: in whatever order it was sent, it is the same."""
    return tuple(sorted((Selection(one.line_no, one.quantity) for one in goods), key=lambda one: one.line_no))


async def quote(
    conn: Connection,
    signer: QuoteSigner,
    policy: Policy,
    state: OrderState,
    selection: tuple[Selection, ...],
    reason_code: str,
    actor: Actor,
    now: datetime,
    language: str,
) -> QuoteView:
    """A new quote at `now`, aware UTC. Raises the first refusal of the gates. `conn` is the one `state` was read by."""
    why = policy.reason(reason_code, actor)
    check_cancel(state, selection, actor, policy)
    costs = price(state, selection, why.fault, now, policy)
    ways = await ways_to_pay(conn, policy.extra_payment, state.order.member_no, costs.extra)
    token, terms = signer.offer(state.order.order_no, selection, reason_code, costs, now)
    return quote_view(state, costs, policy, ways, language, token=token, expires_at=terms.expires_at)


def quote_view(
    state: OrderState,
    costs: Costs,
    policy: Policy,
    ways: list[PayWay],
    language: str,
    *,
    token: str | None = None,
    expires_at: datetime | None = None,
    why_not: WhyNot | None = None,
) -> QuoteView:
    explaining = Explaining(costs.currency, costs.policy_version, language)
    # A guest has no balance that points could have come to.
    points = costs.points if state.order.member_no is not None else ()
    return QuoteView(
        order_no=state.order.order_no,
        currency=costs.currency,
        side_costs=side_costs(state, costs.rows, language),
        benefits=benefits(state, costs, language),
        refunds=[
            PlannedRefund(
                payment_no=leg.payment_no,
                means=leg.means,
                amount=leg.amount,
                tax_free=leg.tax_free,
                vat=leg.vat,
                valid_days=leg.valid_days,
            )
            for leg in costs.legs
        ],
        refund=costs.refund,
        extra=costs.extra,
        account_needed=yes_no(costs.needs_account),
        rows=cost_rows(costs.rows),
        points=[PointsTaken(line_no=one.line_no, amount=one.amount) for one in points],
        gifts=[GiftTaken(line_no=gift.line_no, quantity=gift.quantity) for gift in costs.gifts],
        closed=list(costs.closed),
        ways=ways,
        policy_version=costs.policy_version,
        explanation=explaining.rows(costs.rows),
        refund_explanation=explaining.refunds(costs.legs, policy.refund),
        token=token,
        expires_at=expires_at,
        why_not=why_not,
    )


def cost_rows(rows: Sequence[CostRow]) -> list[CostRowView]:
    return [
        CostRowView(
            kind=row.kind.value.upper(),
            rule=row.rule.value.upper(),
            amount=row.amount,
            line_no=row.line_no,
            group_no=row.group_no,
            coupon_no=row.coupon_no,
            quantity=row.quantity,
        )
        for row in rows
    ]


def side_costs(state: OrderState, rows: Sequence[CostRow], language: str) -> list[SideCost]:
    """The fees, charged positive and given back negative: the other way round than their effect on the refund."""
    policies = {group.group_no: group.policy_no for group in state.order.groups}
    return [
        SideCost(
            cause="CHARGED" if row.kind is CostKind.FEE_CHARGED else "RETURNED",
            policy_no=policies[row.group_no],
            group_no=row.group_no,
            amount=-row.amount,
            reason=texts.pick(_fee_reason(row), language),
        )
        for row in rows
        if row.kind in _FEES and row.group_no is not None
    ]


def _fee_reason(row: CostRow) -> tuple[str, str]:
    if row.kind is CostKind.FEE_RETURNED and row.rule is Rule.SHIPPING_THRESHOLD:
        return wording.EARLIER_FEE_RETURNED
    return wording.COST_RULES[row.rule.value]


def benefits(state: OrderState, costs: Costs, language: str) -> list[BenefitCost]:
    """One row per coupon and cause; a coupon that is freed without having discounted what is cancelled has one too."""
    lacking: dict[tuple[str, str], int] = defaultdict(int)
    for row in costs.rows:
        if row.kind in _DISCOUNTS and row.coupon_no is not None:
            lacking[row.coupon_no, row.rule.value] -= row.amount
    freed = {coupon.coupon_no: coupon for coupon in costs.coupons}
    promotions = {one.coupon_no: one.promotion for one in state.order.benefits}
    listed = [
        _benefit(promotions[coupon_no], coupon_no, amount, freed.get(coupon_no), wording.COST_RULES[rule], language)
        for (coupon_no, rule), amount in lacking.items()
    ]
    named = {coupon_no for coupon_no, _ in lacking}
    listed += [
        _benefit(coupon.promotion, coupon.coupon_no, 0, coupon, wording.COUPON_CAUSES[coupon.cause.value], language)
        for coupon in costs.coupons
        if coupon.coupon_no not in named
    ]
    return listed


def _benefit(
    promotion: Promotion,
    coupon_no: str,
    amount: int,
    freed: FreedCoupon | None,
    cause: tuple[str, str],
    language: str,
) -> BenefitCost:
    return BenefitCost(
        promotion=promotion,
        coupon_no=coupon_no,
        amount=amount,
        restored=yes_no(freed is not None and freed.restored),
        returning=freed.returning if freed else None,
        valid_days=freed.valid_days if freed else None,
        reason=_told(cause, freed, language),
    )


def _told(cause: tuple[str, str], freed: FreedCoupon | None, language: str) -> str:
    """Why the refund lacks the discount, and what becomes of the coupon."""
    told = texts.pick(cause, language)
    if freed is None:
        return told
    becomes = texts.pick(wording.COUPON_RETURNS[freed.returning.value], language)
    return f"{told}. {texts.fill(becomes, {'days': freed.valid_days})}"
