"""A second reckoning of a cancel, unit by unit and with fractions: slow, plain, and written without the first.

It keeps every unit of an order by itself and compares what the customer has before and after; the rules' stages, rows
and ranges of units are unknown to it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import copy
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from domain.orders import BelowMinimum, Benefit, DeliveryGroup, Fault, Line, Order, PaymentStatus, Promotion
from domain.policy import BelowThreshold, EarnedPoints, Policy


@dataclass(frozen=True, slots=True)
class Outcome:
    """`net`: refund positive, extra negative. `freed`: the coupons freed, `withdrawn` those of them taken back."""

    net: int
    gifts: Mapping[int, int]
    points: int
    freed: frozenset[str]
    withdrawn: frozenset[str]


class Reference:
    def __init__(self, order: Order, policy: Policy) -> None:
        self.order = order
        self.policy = policy
        self.taken: dict[tuple[int, int], Fault] = {}
        self.shipped: set[int] = set()
        self.withdrawn: set[str] = set()
        self.freed: set[str] = set()
        self.fees = {group.group_no: group.fee_paid + group.surcharge for group in order.groups}
        self.charged: set[str] = set()
        self.awaited = sum(paid.amount for paid in order.payments if paid.status is PaymentStatus.WAITING)

    def refused(self, wanted: Mapping[int, int], fault: Fault) -> str | None:
        """Why this piece can't be cancelled, although its units are there."""
        after = self._copy()
        after._take(wanted, fault)
        after._take_gifts(fault)
        if fault is Fault.CUSTOMER and any(
            after._declared(coupon) is BelowMinimum.FORBID for coupon in after._below(set(wanted))
        ):
            return "coupon.forbids_partial"
        net = self._copy().cancel(wanted, fault).net
        if fault is Fault.CUSTOMER:
            after._withdraw(set(wanted))
        for line in self.order.lines:
            left = after._left(line)
            if line.line_no in wanted and left:
                worse = net < 0 and self._worth_of(line, self._left(line)) < after._worth_of(line, left)
                if after._worth_of(line, left) < 0 or (worse and fault is Fault.SELLER):
                    return "order.rounding"
        return None

    def cancel(self, wanted: Mapping[int, int], fault: Fault) -> Outcome:
        before, points = self._worth(), self._points()
        coupons_before = set(self.withdrawn)
        reached = {group.group_no for group in self.order.groups if self._reaches(group)}
        self._take(wanted, fault)
        gifts = self._take_gifts(fault)
        if fault is Fault.CUSTOMER:
            self._withdraw(set(wanted))
            self._charge_fees(set(wanted), reached)
        net = before - self._worth() - self.awaited
        self.awaited = 0
        return Outcome(
            net=net,
            gifts=gifts,
            points=points - self._points(),
            freed=self._free_coupons(set(wanted)),
            withdrawn=frozenset(self.withdrawn - coupons_before),
        )

    def _copy(self) -> Reference:
        other = copy(self)
        other.taken = dict(self.taken)
        other.withdrawn, other.freed, other.charged = set(self.withdrawn), set(self.freed), set(self.charged)
        other.fees = dict(self.fees)
        return other

    # --- units -------------------------------------------------------------------------------------------------------

    def _goods(self) -> list[Line]:
        return [line for line in self.order.lines if line.price > 0]

    def _left(self, line: Line) -> list[int]:
        return [unit for unit in range(1, line.quantity + 1) if (line.line_no, unit) not in self.taken]

    def _take(self, wanted: Mapping[int, int], fault: Fault) -> None:
        for line in self.order.lines:
            for unit in self._left(line)[: wanted.get(line.line_no, 0)]:
                self.taken[line.line_no, unit] = fault

    def _nothing_left(self, line_nos: Collection[int]) -> bool:
        return not any(self._left(line) for line in self.order.lines if line.line_no in line_nos)

    # --- what the customer has for the money --------------------------------------------------------------------------

    def _worth(self) -> int:
        """Units at what they cost, and shipping of what is left."""
        alive = {line.group_no for line in self._goods() if self._left(line)}
        fees = sum(fee for group_no, fee in self.fees.items() if group_no in alive)
        return fees + sum(self._worth_of(line, self._left(line)) for line in self.order.lines)

    def _worth_of(self, line: Line, units: list[int]) -> int:
        kept = [benefit for benefit in self.order.benefits if benefit.coupon_no not in self.withdrawn]
        return sum(
            line.price - sum(unit_part(of.shares.get(line.line_no, 0), line, unit) for of in kept) for unit in units
        )

    def _points(self) -> int:
        if self.policy.refund.earned_points is EarnedPoints.KEEP:
            return 0
        return sum(unit_part(line.earned_points, line, unit) for line in self.order.lines for unit in self._left(line))

    # --- the amount that is tested -----------------------------------------------------------------------------------

    def _tested(self, lines: Collection[Line], *, at_purchase: bool = False) -> int:
        single = [of for of in self.order.benefits if of.promotion is not Promotion.BASKET]
        return sum(
            line.price - sum(unit_part(of.shares.get(line.line_no, 0), line, unit) for of in single)
            for line in lines
            for unit in range(1, line.quantity + 1)
            if at_purchase or self.taken.get((line.line_no, unit)) is not Fault.CUSTOMER
        )

    # --- coupons -----------------------------------------------------------------------------------------------------

    def _declared(self, coupon: Benefit) -> BelowMinimum:
        return coupon.below_minimum or self.policy.coupons.below_minimum

    def _below(self, touched: set[int]) -> list[Benefit]:
        """The basket coupons that still discount something and whose lines, touched now, miss their minimum."""
        return [
            coupon
            for coupon in self.order.benefits
            if coupon.promotion is Promotion.BASKET
            and coupon.coupon_no not in self.withdrawn
            and touched & set(coupon.shares)
            and not self._nothing_left(self._discounted(coupon))
            and self._tested([line for line in self.order.lines if line.line_no in coupon.shares]) < coupon.minimum
        ]

    def _discounted(self, coupon: Benefit) -> set[int]:
        cheaper = {line_no for line_no, share in coupon.shares.items() if share}
        return cheaper or {line.line_no for line in self._goods()} & set(coupon.shares) or set(coupon.shares)

    def _withdraw(self, touched: set[int]) -> None:
        for coupon in self._below(touched):
            if self._declared(coupon) is BelowMinimum.TAKE_BACK:
                self.withdrawn.add(coupon.coupon_no)

    def _free_coupons(self, touched: set[int]) -> frozenset[str]:
        ended = {
            of.coupon_no for of in self.order.benefits if self._nothing_left(self._discounted(of))
        } | self.withdrawn
        for group in self.order.groups:
            if group.coupon_no and self._nothing_left(self._shipped_by(group.coupon_no)):
                ended.add(group.coupon_no)
        now = ended - self.freed
        self.freed |= now
        return frozenset(now)

    def _shipped_by(self, coupon_no: str) -> set[int]:
        group_nos = {group.group_no for group in self.order.groups if group.coupon_no == coupon_no}
        return {line.line_no for line in self._goods() if line.group_no in group_nos}

    # --- shipping and gifts ------------------------------------------------------------------------------------------

    def _charge_fees(self, touched: set[int], reached: set[str]) -> None:
        if self.policy.shipping.below_threshold is BelowThreshold.KEEP_FREE:
            return
        for group in self.order.groups:
            lines = [line for line in self._goods() if line.group_no == group.group_no]
            concerned = touched & {line.line_no for line in lines}
            fell = group.group_no in reached and not self._reaches(group)
            if concerned and fell and group.group_no not in self.charged and self._was_free(group, lines):
                self.charged.add(group.group_no)
                self.fees[group.group_no] += group.fee

    def _reaches(self, group: DeliveryGroup) -> bool:
        return self._tested([line for line in self._goods() if line.group_no == group.group_no]) >= group.free_from

    def _was_free(self, group: DeliveryGroup, lines: list[Line]) -> bool:
        free = group.free_from > 0 and group.fee_paid == group.fee_discount == 0 and not group.collect
        return free and self._tested(lines, at_purchase=True) >= group.free_from

    def _take_gifts(self, fault: Fault) -> dict[int, int]:
        left = {}
        for line in self.order.lines:
            units = self._left(line)
            if line.price == 0 and units and line.line_no not in self.shipped and self._ungiven(line, fault):
                left[line.line_no] = len(units)
        self._take(left, fault)
        return left

    def _ungiven(self, gift: Line, fault: Fault) -> bool:
        if all(not self._left(line) for line in self._goods()):
            return True
        if gift.gift_of is not None:
            return self._nothing_left({gift.gift_of})
        assert gift.gift_minimum is not None
        return fault is Fault.CUSTOMER and self._tested(self._goods()) < gift.gift_minimum


def unit_part(amount: int, line: Line, unit: int) -> int:
    """What falls on one unit of an amount of the whole line."""
    return _half_up(Fraction(amount * unit, line.quantity)) - _half_up(Fraction(amount * (unit - 1), line.quantity))


def _half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))
