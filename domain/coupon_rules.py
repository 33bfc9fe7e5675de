"""What a cancel does to the coupons of its goods: shares forfeited, discounts taken back, coupons freed.

docs/money.md: coupons below their minimum; coupons that come back.
"""

from __future__ import annotations

from collections.abc import Iterable

from domain.costs import CostKind, CostRow, CouponCause, FreedCoupon, Rule
from domain.orders import BelowMinimum, Benefit, Fault, Promotion
from domain.policy import Returning
from domain.refusals import Code, Refusal
from domain.situation import Settled, Situation


def settle_coupons(situation: Situation) -> Settled:
    """Every coupon of the order, each once. Raises WHOLE_ONLY where one forbids the rest to fall below its minimum."""
    return Settled.together(
        _settle(situation, benefit)
        for benefit in situation.state.order.benefits
        if benefit.coupon_no not in situation.taken_back_before
    )


def freed(situation: Situation, coupon_no: str, promotion: Promotion, cause: CouponCause) -> FreedCoupon:
    """A coupon that this claim frees: what becomes of it is the shop's policy, by expiry and fault."""
    policy = situation.policy.coupons
    coupon = situation.state.coupons.get(coupon_no)
    expires_at = coupon.expires_at if coupon else None
    if expires_at is None or expires_at > situation.at:
        returning = policy.unexpired
    elif situation.fault is Fault.CUSTOMER:
        returning = policy.expired_customer_fault
    else:
        returning = policy.expired_seller_fault
    days = policy.extension_days if returning in (Returning.EXTEND, Returning.REISSUE) else None
    return FreedCoupon(coupon_no, promotion, cause, returning, days)


def _settle(situation: Situation, benefit: Benefit) -> Settled:
    touched = [line_no for line_no in benefit.shares if situation.lines[line_no].taken]
    if not touched:
        return Settled()
    forfeited = _forfeited(situation, benefit, touched)
    if not _discounts_something(situation, benefit):
        if benefit.coupon_no in situation.freed_before:
            return Settled(forfeited)
        return Settled(forfeited, (freed(situation, benefit.coupon_no, benefit.promotion, CouponCause.NOTHING_LEFT),))
    if not _held_to_minimum(situation, benefit, touched):
        return Settled(forfeited)
    bought = situation.bought_after(benefit.shares)
    if bought >= benefit.minimum:
        return Settled(forfeited)
    match benefit.below_minimum or situation.policy.coupons.below_minimum:
        case BelowMinimum.KEEP:
            return Settled(forfeited)
        case BelowMinimum.FORBID:
            raise Refusal(
                Code.WHOLE_ONLY,
                "coupon.forbids_partial",
                coupon_no=benefit.coupon_no,
                minimum=benefit.minimum,
                bought=bought,
                currency=situation.state.order.currency,
            )
        case BelowMinimum.TAKE_BACK:
            coupon = freed(situation, benefit.coupon_no, benefit.promotion, CouponCause.BELOW_MINIMUM)
            return Settled(forfeited + _taken_back(situation, benefit, bought), (coupon,))


def _forfeited(situation: Situation, benefit: Benefit, touched: Iterable[int]) -> tuple[CostRow, ...]:
    """The units that this claim takes lose their shares."""
    rows = []
    for line_no in sorted(touched):
        units, share = situation.lines[line_no], benefit.shares[line_no]
        if lost := units.taken_share(share):
            rows.append(
                CostRow(
                    CostKind.DISCOUNT_FORFEITED,
                    Rule.COUPON_SHARE,
                    -lost,
                    line_no=line_no,
                    coupon_no=benefit.coupon_no,
                    quantity=units.taken_quantity,
                    inputs={
                        "share": share,
                        "ordered": units.line.quantity,
                        "first": units.taken[0].first,
                        "quantity": units.taken_quantity,
                    },
                )
            )
    return tuple(rows)


def _taken_back(situation: Situation, benefit: Benefit, bought: int) -> tuple[CostRow, ...]:
    """The units that stay lose their shares too: from now on they stand at their price without this coupon."""
    rows = []
    for line_no, share in sorted(benefit.shares.items()):
        units = situation.lines[line_no]
        if lost := units.left_share(share):
            rows.append(
                CostRow(
                    CostKind.DISCOUNT_TAKEN_BACK,
                    Rule.COUPON_MINIMUM,
                    -lost,
                    line_no=line_no,
                    coupon_no=benefit.coupon_no,
                    quantity=units.left,
                    inputs={
                        "minimum": benefit.minimum,
                        "bought": bought,
                        "share": share,
                        "ordered": units.line.quantity,
                        "left": units.left,
                    },
                )
            )
    return tuple(rows)


def _discounts_something(situation: Situation, benefit: Benefit) -> bool:
    """Whether units are left that this coupon made cheaper. A line listed with a share of 0 was not.

    A coupon that took nothing off stands for its goods; one that lists gifts alone for these. So a gift that was
    shipped keeps no coupon on goods that are all cancelled.
    """
    discounted = [line_no for line_no, share in benefit.shares.items() if share]
    if not discounted:
        discounted = [line_no for line_no in benefit.shares if not situation.lines[line_no].line.gift]
    discounted = discounted or list(benefit.shares)
    return any(situation.lines[line_no].left for line_no in discounted)


def _held_to_minimum(situation: Situation, benefit: Benefit, touched: Iterable[int]) -> bool:
    """Only basket coupons are held to their minimum after purchase, and only where the customer cancels their goods."""
    goods = any(not situation.lines[line_no].line.gift for line_no in touched)
    return benefit.promotion is Promotion.BASKET and situation.fault is Fault.CUSTOMER and goods
