"""A price as the storefront reads it: what a cancel costs and returns, and why, with the token that promises it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from api import texts, wording
from api.quotes import QuoteSigner
from api.schemas.fields import yes_no
from api.schemas.storefront import BenefitCost, CostRowView, PlannedRefund, QuoteView, SelectedGoods, SideCost
from domain.claims import Actor
from domain.costs import CostKind, CostRow, Costs, Rule, Selection
from domain.eligibility import check_cancel
from domain.orders import OrderState, Promotion
from domain.policy import Policy
from domain.pricing import price

_FEES = (CostKind.FEE_CHARGED, CostKind.FEE_RETURNED)
_DISCOUNTS = (CostKind.DISCOUNT_FORFEITED, CostKind.DISCOUNT_TAKEN_BACK)


def selection_of(goods: Sequence[SelectedGoods]) -> tuple[Selection, ...]:
    """The selection by line number: in whatever order it was sent, it is the same."""
    return tuple(sorted((Selection(one.line_no, one.quantity) for one in goods), key=lambda one: one.line_no))


def quote(
    signer: QuoteSigner,
    policy: Policy,
    state: OrderState,
    selection: tuple[Selection, ...],
    reason_code: str,
    actor: Actor,
    now: datetime,
    language: str,
) -> QuoteView:
    """A new quote at `now`, aware UTC. Raises the first refusal of the gates."""
    why = policy.reason(reason_code, actor)
    check_cancel(state, selection, actor, policy)
    costs = price(state, selection, why.fault, now, policy)
    token, terms = signer.offer(state.order.order_no, selection, reason_code, costs, now)
    return QuoteView(
        order_no=state.order.order_no,
        currency=costs.currency,
        side_costs=side_costs(state, costs.rows, language),
        benefits=benefits(state, costs, language),
        refunds=[PlannedRefund(payment_no=leg.payment_no, means=leg.means, amount=leg.amount) for leg in costs.legs],
        refund=costs.refund,
        extra=costs.extra,
        account_needed=yes_no(costs.needs_account),
        rows=cost_rows(costs.rows),
        token=token,
        expires_at=terms.expires_at,
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
    listed = [
        BenefitCost(
            promotion=_promotion_of(state, coupon_no),
            coupon_no=coupon_no,
            amount=amount,
            restored=yes_no(coupon_no in freed and freed[coupon_no].restored),
            reason=texts.pick(wording.COST_RULES[rule], language),
        )
        for (coupon_no, rule), amount in lacking.items()
    ]
    named = {coupon_no for coupon_no, _ in lacking}
    listed += [
        BenefitCost(
            promotion=coupon.promotion,
            coupon_no=coupon.coupon_no,
            amount=0,
            restored=yes_no(coupon.restored),
            reason=_freed_reason(coupon.cause.value, coupon.restored, language),
        )
        for coupon in costs.coupons
        if coupon.coupon_no not in named
    ]
    return listed


def _promotion_of(state: OrderState, coupon_no: str) -> Promotion:
    promotions: Mapping[str, Promotion] = {one.coupon_no: one.promotion for one in state.order.benefits}
    return promotions[coupon_no]


def _freed_reason(cause: str, restored: bool, language: str) -> str:
    told = texts.pick(wording.COUPON_CAUSES[cause], language)
    return told if restored else f"{told}. {texts.pick(wording.EXPIRED_NOT_RESTORED, language)}"
