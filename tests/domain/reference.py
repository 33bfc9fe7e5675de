"""A second reckoning of a cancel, unit by unit and with fractions: slow, plain, and written without the first."""

from __future__ import annotations

from fractions import Fraction
from math import floor

from domain.orders import Benefit, Fault, Line, Order, Promotion


class Reference:
    """Keeps every unit of an order by itself. `cancel` answers the net amount: refund positive, extra negative."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.taken: dict[tuple[int, int], Fault] = {}
        self.withdrawn: set[str] = set()
        self.fees = {group.group_no: group.fee_paid for group in order.groups}
        self.charged: set[str] = set()

    def cancel(self, wanted: dict[int, int], fault: Fault) -> int:
        before = self._worth()
        for line in self.order.lines:
            free = [unit for unit in range(1, line.quantity + 1) if (line.line_no, unit) not in self.taken]
            for unit in free[: wanted.get(line.line_no, 0)]:
                self.taken[line.line_no, unit] = fault
        if fault is Fault.CUSTOMER:
            self._withdraw_coupons(set(wanted))
            self._charge_fees(set(wanted))
        return before - self._worth()

    def _worth(self) -> int:
        """What the customer has for the money now: units at what they cost, and shipping of what is left."""
        goods = sum(
            line.price - sum(unit_share(benefit, line, unit) for benefit in self._kept())
            for line in self.order.lines
            for unit in self._left(line)
        )
        alive = {line.group_no for line in self.order.lines if self._left(line)}
        return goods + sum(fee for group_no, fee in self.fees.items() if group_no in alive)

    def _left(self, line: Line) -> list[int]:
        return [unit for unit in range(1, line.quantity + 1) if (line.line_no, unit) not in self.taken]

    def _kept(self) -> list[Benefit]:
        return [benefit for benefit in self.order.benefits if benefit.coupon_no not in self.withdrawn]

    def _tested(self, lines: list[Line], *, at_purchase: bool = False) -> int:
        goods_coupons = [one for one in self.order.benefits if one.promotion is Promotion.GOODS]
        return sum(
            line.price - sum(unit_share(coupon, line, unit) for coupon in goods_coupons)
            for line in lines
            for unit in range(1, line.quantity + 1)
            if at_purchase or self.taken.get((line.line_no, unit)) is not Fault.CUSTOMER
        )

    def _withdraw_coupons(self, touched: set[int]) -> None:
        for coupon in self._kept():
            lines = [line for line in self.order.lines if line.line_no in coupon.shares]
            below = self._tested(lines) < coupon.minimum
            if coupon.promotion is Promotion.BASKET and below and touched & set(coupon.shares):
                self.withdrawn.add(coupon.coupon_no)

    def _charge_fees(self, touched: set[int]) -> None:
        for group in self.order.groups:
            lines = [line for line in self.order.lines if line.group_no == group.group_no]
            by_threshold = group.free_from > 0 and group.fee_paid == 0 and group.fee_discount == 0
            reached = self._tested(lines, at_purchase=True) >= group.free_from
            concerned = touched & {line.line_no for line in lines}
            dropped = self._tested(lines) < group.free_from
            if by_threshold and reached and dropped and concerned and group.group_no not in self.charged:
                self.charged.add(group.group_no)
                self.fees[group.group_no] += group.fee


def unit_share(benefit: Benefit, line: Line, unit: int) -> int:
    """What one unit of a line got of a coupon."""
    amount = benefit.shares.get(line.line_no, 0)
    return _half_up(Fraction(amount * unit, line.quantity)) - _half_up(Fraction(amount * (unit - 1), line.quantity))


def _half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))
