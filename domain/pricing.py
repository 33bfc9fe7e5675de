"""What a cancel costs and returns, by the rules of docs/money.md. Quote, claim and audit all come here.

Three things are settled in this order, each once, and a later one never changes an earlier one: coupons, shipping,
means. The work grows with the lines and the coupons' shares, not with their product.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from domain.allocation import share_of_ranges, spread
from domain.costs import CostKind, CostRow, Costs, CouponCause, FreedCoupon, Rule, Selection
from domain.orders import (
    Benefit,
    DeliveryGroup,
    Fault,
    Held,
    Line,
    Means,
    OrderState,
    PaymentStatus,
    Promotion,
)
from domain.refusals import Code, Refusal
from domain.units import held_by_line, take

GOODS_COUPONS = frozenset({Promotion.GOODS, Promotion.DOUBLE})
"""Coupons of one line, whose shares lower the amount that thresholds and minimums are tested with."""

EXTENSION_DAYS = 30
"""A coupon that had expired when it is freed at the seller's fault comes back valid for this long."""


@dataclass(frozen=True, slots=True)
class LineUnits:
    """A line's units as this claim finds and leaves them.

    `taken` are those that this claim takes; `gone` those taken now or before; `left` counts the others.
    `uncounted` are the units gone at the customer's fault: the only ones that no longer count as bought.
    """

    line: Line
    taken: tuple[Held, ...]
    gone: tuple[Held, ...]
    left: int
    uncounted: tuple[Held, ...]

    @property
    def taken_quantity(self) -> int:
        return sum(held.quantity for held in self.taken)

    def taken_share(self, amount: int) -> int:
        return share_of_ranges(amount, self.taken, self.line.quantity)

    def left_share(self, amount: int) -> int:
        return amount - share_of_ranges(amount, self.gone, self.line.quantity)

    def counted_goods(self) -> int:
        return self.line.price * (self.line.quantity - sum(held.quantity for held in self.uncounted))

    def counted_share(self, amount: int) -> int:
        return amount - share_of_ranges(amount, self.uncounted, self.line.quantity)


@dataclass(frozen=True, slots=True)
class Situation:
    """An order in the moment of a claim: everything that the rules ask, looked up once."""

    state: OrderState
    fault: Fault
    at: datetime
    lines: Mapping[int, LineUnits]
    goods_shares: Mapping[int, Sequence[int]]
    freed_before: frozenset[str]
    taken_back_before: frozenset[str]

    def bought_after(self, line_no: int) -> int:
        """What the line adds to a tested amount once this claim stands: list price less goods-coupon shares."""
        units = self.lines[line_no]
        return units.counted_goods() - sum(units.counted_share(share) for share in self.goods_shares.get(line_no, ()))

    def bought_at_purchase(self, line_no: int) -> int:
        line = self.lines[line_no].line
        return line.price * line.quantity - sum(self.goods_shares.get(line_no, ()))


@dataclass(frozen=True, slots=True)
class Settled:
    """What one stage adds to the result."""

    rows: tuple[CostRow, ...] = ()
    coupons: tuple[FreedCoupon, ...] = ()


def price(state: OrderState, selection: Sequence[Selection], fault: Fault, at: datetime) -> Costs:
    """What cancelling `selection` at `fault` returns or costs, on top of the claims that stand.

    `at` is when the quote was made, or of acceptance without one: it decides which coupons had expired. The selection
    must have passed `domain.eligibility.check_cancel`; `ValueError` when it names units that aren't there. Raises
    WHOLE_ONLY when the payments don't hold what is to go back, see `_check_held`. The same arguments always give the
    same result, rows included.
    """
    situation = survey(state, selection, fault, at)
    stages = (_settle_goods(situation), _settle_coupons(situation), _settle_shipping(situation))
    rows = tuple(chain.from_iterable(stage.rows for stage in stages))
    net = sum(row.amount for row in rows)
    _check_held(state, net)
    legs = spread(max(net, 0), state.order.payments)
    return Costs(
        currency=state.order.currency,
        rows=rows,
        coupons=tuple(chain.from_iterable(stage.coupons for stage in stages)),
        legs=legs,
        refund=max(net, 0),
        extra=max(-net, 0),
        needs_account=any(leg.means is Means.VIRTUAL_ACCOUNT for leg in legs),
    )


def _check_held(state: OrderState, net: int) -> None:
    """Refuses units that would return more than the order still holds.

    Several coupons that make a line almost free, each rounded by itself, can leave the units that stay worth a little
    less than nothing. All that is left together never is, so the whole can always be cancelled.
    """
    held = sum(payment.left for payment in state.order.payments if payment.status is PaymentStatus.PAID)
    if net > held:
        raise Refusal(Code.WHOLE_ONLY, "order.rounding", refund=net, held=held, currency=state.order.currency)


def survey(state: OrderState, selection: Sequence[Selection], fault: Fault, at: datetime) -> Situation:
    """Looks up once what the stages ask line by line."""
    taken = held_by_line(take(state, selection))
    gone = held_by_line(held for claim in state.cancels for held in claim.held)
    lost = held_by_line(held for claim in state.cancels if claim.fault is Fault.CUSTOMER for held in claim.held)
    lines = {}
    for line in state.order.lines:
        now = taken.get(line.line_no, ())
        lines[line.line_no] = LineUnits(
            line=line,
            taken=now,
            gone=gone.get(line.line_no, ()) + now,
            left=state.units_left(line) - sum(held.quantity for held in now),
            uncounted=lost.get(line.line_no, ()) + (now if fault is Fault.CUSTOMER else ()),
        )
    return Situation(
        state=state,
        fault=fault,
        at=at,
        lines=lines,
        goods_shares=_goods_shares(state.order.benefits),
        freed_before=frozenset(chain.from_iterable(claim.coupons_freed for claim in state.cancels)),
        taken_back_before=frozenset(chain.from_iterable(claim.coupons_taken_back for claim in state.cancels)),
    )


def _goods_shares(benefits: Iterable[Benefit]) -> dict[int, list[int]]:
    shares: dict[int, list[int]] = {}
    for benefit in benefits:
        if benefit.promotion in GOODS_COUPONS:
            for line_no, amount in benefit.shares.items():
                shares.setdefault(line_no, []).append(amount)
    return shares


# --- goods -----------------------------------------------------------------------------------------------------------


def _settle_goods(situation: Situation) -> Settled:
    return Settled(
        rows=tuple(
            CostRow(
                CostKind.GOODS,
                Rule.UNITS,
                units.line.price * units.taken_quantity,
                line_no=line_no,
                quantity=units.taken_quantity,
            )
            for line_no, units in sorted(situation.lines.items())
            if units.taken
        )
    )


# --- coupons ---------------------------------------------------------------------------------------------------------


def _settle_coupons(situation: Situation) -> Settled:
    stages = [
        _settle_coupon(situation, benefit)
        for benefit in situation.state.order.benefits
        if benefit.coupon_no not in situation.taken_back_before
    ]
    return Settled(
        rows=tuple(chain.from_iterable(stage.rows for stage in stages)),
        coupons=tuple(chain.from_iterable(stage.coupons for stage in stages)),
    )


def _settle_coupon(situation: Situation, benefit: Benefit) -> Settled:
    touched = [line_no for line_no in benefit.shares if situation.lines[line_no].taken]
    if not touched:
        return Settled()
    forfeited = _forfeited(situation, benefit, touched)
    if not _discounts_something(situation, benefit):
        if benefit.coupon_no in situation.freed_before:
            return Settled(forfeited)
        return Settled(forfeited, (_freed(situation, benefit.coupon_no, benefit.promotion, CouponCause.NOTHING_LEFT),))
    if _misses_minimum(situation, benefit):
        freed = _freed(situation, benefit.coupon_no, benefit.promotion, CouponCause.BELOW_MINIMUM)
        return Settled(forfeited + _taken_back(situation, benefit), (freed,))
    return Settled(forfeited)


def _forfeited(situation: Situation, benefit: Benefit, touched: Iterable[int]) -> tuple[CostRow, ...]:
    """The units that this claim takes lose their shares."""
    rows = []
    for line_no in sorted(touched):
        units = situation.lines[line_no]
        rows.append(
            CostRow(
                CostKind.DISCOUNT_FORFEITED,
                Rule.COUPON_SHARE,
                -units.taken_share(benefit.shares[line_no]),
                line_no=line_no,
                coupon_no=benefit.coupon_no,
                quantity=units.taken_quantity,
            )
        )
    return tuple(row for row in rows if row.amount)


def _taken_back(situation: Situation, benefit: Benefit) -> tuple[CostRow, ...]:
    """The units that stay lose their shares too: from now on they stand at their price without this coupon."""
    rows = []
    for line_no in sorted(benefit.shares):
        units = situation.lines[line_no]
        rows.append(
            CostRow(
                CostKind.DISCOUNT_TAKEN_BACK,
                Rule.COUPON_MINIMUM,
                -units.left_share(benefit.shares[line_no]),
                line_no=line_no,
                coupon_no=benefit.coupon_no,
                quantity=units.left,
            )
        )
    return tuple(row for row in rows if row.amount)


def _discounts_something(situation: Situation, benefit: Benefit) -> bool:
    """Whether units are left that this coupon made cheaper. A line listed with a share of 0 was not."""
    discounted = [line_no for line_no, share in benefit.shares.items() if share] or list(benefit.shares)
    return any(situation.lines[line_no].left for line_no in discounted)


def _misses_minimum(situation: Situation, benefit: Benefit) -> bool:
    """Only basket coupons are held to their minimum after purchase, and only at the customer's fault."""
    if benefit.promotion is not Promotion.BASKET or situation.fault is Fault.SELLER:
        return False
    return sum(situation.bought_after(line_no) for line_no in benefit.shares) < benefit.minimum


def _freed(situation: Situation, coupon_no: str, promotion: Promotion, cause: CouponCause) -> FreedCoupon:
    """A coupon that had expired comes back at the seller's fault alone, and then with new days."""
    coupon = situation.state.coupons.get(coupon_no)
    expires_at = coupon.expires_at if coupon else None
    if expires_at is None or expires_at > situation.at:
        return FreedCoupon(coupon_no, promotion, cause, restored=True)
    if situation.fault is Fault.CUSTOMER:
        return FreedCoupon(coupon_no, promotion, cause, restored=False)
    return FreedCoupon(coupon_no, promotion, cause, restored=True, valid_days=EXTENSION_DAYS)


# --- shipping --------------------------------------------------------------------------------------------------------


def _settle_shipping(situation: Situation) -> Settled:
    members: dict[str, list[int]] = {}
    for line in situation.state.order.lines:
        members.setdefault(line.group_no, []).append(line.line_no)
    charged = _fees_standing(situation.state)
    rows: list[CostRow] = []
    for group in situation.state.order.groups:
        line_nos = members.get(group.group_no, [])
        if not any(situation.lines[line_no].taken for line_no in line_nos):
            continue  # another group's partial cancel never charges this one
        if any(situation.lines[line_no].left for line_no in line_nos):
            rows.extend(_fee_charged(situation, group, line_nos, charged.get(group.group_no)))
        else:
            rows.extend(_fees_returned(group, charged.get(group.group_no, 0)))
    return Settled(tuple(rows), _shipping_coupons(situation, members))


def _fees_standing(state: OrderState) -> dict[str, int]:
    """Per group, the fees that earlier claims charged and none gave back. A group is in it once it was charged."""
    standing: dict[str, int] = {}
    for claim in state.cancels:
        for group_no, amount in claim.fees_charged.items():
            standing[group_no] = standing.get(group_no, 0) + amount
    return standing


def _fee_charged(
    situation: Situation, group: DeliveryGroup, line_nos: Sequence[int], charged: int | None
) -> tuple[CostRow, ...]:
    """A group that was shipped free by its threshold and falls below it pays its fee, once.

    Nothing falls below at the seller's fault: the units taken then go on counting as bought.
    """
    if charged is not None or not group.fee:
        return ()
    free = group.free_from > 0 and group.fee_paid == 0 and group.fee_discount == 0
    if not free or sum(situation.bought_at_purchase(line_no) for line_no in line_nos) < group.free_from:
        return ()
    if sum(situation.bought_after(line_no) for line_no in line_nos) >= group.free_from:
        return ()
    return (CostRow(CostKind.FEE_CHARGED, Rule.SHIPPING_THRESHOLD, -group.fee, group_no=group.group_no),)


def _fees_returned(group: DeliveryGroup, charged: int) -> tuple[CostRow, ...]:
    """A group of which nothing is left gives back what was paid for it, at purchase and by earlier partial cancels."""
    rows = (
        CostRow(CostKind.FEE_RETURNED, Rule.GROUP_CANCELLED, group.fee_paid, group_no=group.group_no),
        CostRow(CostKind.FEE_RETURNED, Rule.SHIPPING_THRESHOLD, charged, group_no=group.group_no),
    )
    return tuple(row for row in rows if row.amount)


def _shipping_coupons(situation: Situation, members: Mapping[str, Sequence[int]]) -> tuple[FreedCoupon, ...]:
    """A shipping coupon is free again when nothing is left of any group that it shipped."""
    groups: dict[str, list[str]] = {}
    for group in situation.state.order.groups:
        if group.coupon_no is not None:
            groups.setdefault(group.coupon_no, []).append(group.group_no)
    freed = []
    for coupon_no, group_nos in groups.items():
        units = [situation.lines[line_no] for group_no in group_nos for line_no in members.get(group_no, ())]
        if any(of_line.taken for of_line in units) and not any(of_line.left for of_line in units):
            freed.append(_freed(situation, coupon_no, Promotion.FREE_SHIPPING, CouponCause.NOTHING_LEFT))
    return tuple(freed)
