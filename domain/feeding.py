"""Whether an order that is fed adds up. Refuse it here, or every price made from it is wrong."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from domain import currencies
from domain.orders import Benefit, DeliveryGroup, Line, LineStatus, Means, Order, Payment, PaymentStatus, Promotion
from domain.refusals import Code, Refusal

GREATEST_AMOUNT = 10**15
"""No order is worth more, in minor units: sums of a few thousand such amounts still fit the database's integers."""

GREATEST_QUANTITY = 2**31 - 1


def check_order(order: Order) -> None:
    """Raises BAD_VALUE, with a reason and the facts to find the place by, unless a checkout can make `order`."""
    _check_currency(order)
    _check_numbers(order)
    _check_amounts(order)
    for line in order.lines:
        _check_line(line)
        _check_gift(order, line)
    with_goods = {line.group_no for line in order.lines if not line.gift}
    for group in order.groups:
        _check_group(group, goods=group.group_no in with_goods)
    for benefit in order.benefits:
        _check_benefit(order, benefit)
    _check_shares(order)
    for payment in order.payments:
        _check_payment(payment)
    if order.member_no is None:
        _check_guest(order)
    _check_sum(order)


def _refuse(reason: str, **facts: str | int | None) -> Refusal:
    return Refusal(Code.BAD_VALUE, reason, **facts)


def _check_currency(order: Order) -> None:
    if not currencies.known(order.currency):
        raise _refuse("order.currency_unknown", currency=order.currency)


# --- numbers: each once, and each known ------------------------------------------------------------------------------


def _check_numbers(order: Order) -> None:
    if not any(not line.gift for line in order.lines):
        raise _refuse("order.no_lines")
    _check_unique("line.repeated", "line_no", (line.line_no for line in order.lines))
    _check_unique("group.repeated", "group_no", (group.group_no for group in order.groups))
    _check_unique("payment.repeated", "payment_no", (payment.payment_no for payment in order.payments))
    _check_unique("coupon.repeated", "coupon_no", _coupon_uses(order))
    known = {group.group_no for group in order.groups}
    for line in order.lines:
        if line.group_no not in known:
            raise _refuse("line.group_unknown", line_no=line.line_no, group_no=line.group_no)
    used = {line.group_no for line in order.lines}
    for group in order.groups:
        if group.group_no not in used:
            raise _refuse("group.no_lines", group_no=group.group_no)


def _coupon_uses(order: Order) -> list[str]:
    """One shipping coupon may have freed several groups; any other use of a coupon is its only one."""
    shipping = {group.coupon_no for group in order.groups if group.coupon_no is not None}
    return [benefit.coupon_no for benefit in order.benefits] + sorted(shipping)


def _check_unique(reason: str, fact: str, numbers: Iterable[str | int]) -> None:
    seen: set[Hashable] = set()
    for number in numbers:
        if number in seen:
            raise _refuse(reason, **{fact: number})
        seen.add(number)


# --- amounts ---------------------------------------------------------------------------------------------------------


def _check_amounts(order: Order) -> None:
    for group in order.groups:
        if not _amounts(group.free_from, group.fee, group.fee_discount, group.fee_paid, group.surcharge):
            raise _refuse("group.amount", group_no=group.group_no)
    for benefit in order.benefits:
        if not _amounts(benefit.amount, benefit.minimum, *benefit.shares.values()):
            raise _refuse("coupon.amount", coupon_no=benefit.coupon_no)
    for payment in order.payments:
        if not _amounts(payment.amount):
            raise _refuse("payment.amount", payment_no=payment.payment_no)
        if not _amounts(payment.tax_free or 0, payment.vat or 0):
            raise _refuse("payment.tax", payment_no=payment.payment_no)


def _amounts(*numbers: int) -> bool:
    return all(0 <= number <= GREATEST_AMOUNT for number in numbers)


def _check_line(line: Line) -> None:
    if not 0 < line.quantity <= GREATEST_QUANTITY:
        raise _refuse("line.quantity", line_no=line.line_no, quantity=line.quantity)
    if line.price < 0 or line.price * line.quantity > GREATEST_AMOUNT:
        raise _refuse("line.amount", line_no=line.line_no)
    if not _amounts(line.earned_points):
        raise _refuse("line.points", line_no=line.line_no)
    if line.status is LineStatus.CANCELLED:
        raise _refuse("line.cancelled", line_no=line.line_no)


def _check_gift(order: Order, line: Line) -> None:
    """What costs nothing is a gift, and a gift says what it comes with: else nobody knows when it leaves."""
    if line.gift != (line.price == 0):
        raise _refuse("line.gift", line_no=line.line_no)
    if not line.gift:
        return
    if line.gift_of is not None and line.gift_minimum is not None:
        raise _refuse("gift.two_conditions", line_no=line.line_no)
    if line.gift_minimum is not None and not 0 < line.gift_minimum <= GREATEST_AMOUNT:
        raise _refuse("gift.minimum", line_no=line.line_no)
    giver = order.line(line.gift_of) if line.gift_of is not None else None
    if line.gift_of is not None and (giver is None or giver.gift):
        raise _refuse("gift.line_unknown", line_no=line.line_no, gift_of=line.gift_of)
    if line.earned_points:
        raise _refuse("gift.points", line_no=line.line_no)


def _check_group(group: DeliveryGroup, *, goods: bool) -> None:
    """Shipping goes back with the last goods of a group, so a group of gifts alone can't have paid any."""
    paid = group.fee_paid or group.fee_discount or group.surcharge or group.coupon_no is not None
    if group.collect and paid:
        raise _refuse("group.collect", group_no=group.group_no)
    if paid and not goods:
        raise _refuse("group.gifts_only", group_no=group.group_no)


def _check_benefit(order: Order, benefit: Benefit) -> None:
    if benefit.promotion not in (Promotion.GOODS, Promotion.DOUBLE, Promotion.BASKET):
        raise _refuse("coupon.kind", coupon_no=benefit.coupon_no, promotion=benefit.promotion.value)
    if not benefit.shares:
        raise _refuse("coupon.no_shares", coupon_no=benefit.coupon_no)
    if benefit.below_minimum is not None and benefit.promotion is not Promotion.BASKET:
        raise _refuse("coupon.below_minimum", coupon_no=benefit.coupon_no)
    if benefit.promotion is not Promotion.BASKET and len(benefit.shares) != 1:
        raise _refuse("coupon.one_line", coupon_no=benefit.coupon_no, lines=len(benefit.shares))
    for line_no in benefit.shares:
        if order.line(line_no) is None:
            raise _refuse("coupon.line_unknown", coupon_no=benefit.coupon_no, line_no=line_no)
    shared = sum(benefit.shares.values())
    if shared != benefit.amount:
        raise _refuse("coupon.sum", coupon_no=benefit.coupon_no, amount=benefit.amount, shares=shared)


def _check_shares(order: Order) -> None:
    """No line is discounted below nothing."""
    discounts: dict[int, int] = {}
    for benefit in order.benefits:
        for line_no, amount in benefit.shares.items():
            discounts[line_no] = discounts.get(line_no, 0) + amount
    for line in order.lines:
        discount, goods = discounts.get(line.line_no, 0), line.price * line.quantity
        if discount > goods:
            raise _refuse("line.discount", line_no=line.line_no, discount=discount, amount=goods)


def _check_payment(payment: Payment) -> None:
    """Money that came through a gateway must be returnable through it."""
    paid_outside = payment.means.external and payment.status is PaymentStatus.PAID
    if paid_outside and not (payment.gateway and payment.gateway_ref):
        raise _refuse("payment.gateway", payment_no=payment.payment_no)
    if payment.expires_at is not None and payment.means is not Means.MILEAGE:
        raise _refuse("payment.expiry", payment_no=payment.payment_no)
    if (payment.tax_free or 0) + (payment.vat or 0) > payment.amount:
        raise _refuse("payment.tax", payment_no=payment.payment_no)


def _check_guest(order: Order) -> None:
    """A guest has neither coupons nor balances to give anything back to."""
    coupons = [benefit.coupon_no for benefit in order.benefits]
    coupons += [group.coupon_no for group in order.groups if group.coupon_no is not None]
    if coupons:
        raise _refuse("guest.coupon", coupon_no=coupons[0])
    for payment in order.payments:
        if payment.means in (Means.MILEAGE, Means.DEPOSIT):
            raise _refuse("guest.means", payment_no=payment.payment_no, means=payment.means.value)


def _check_sum(order: Order) -> None:
    goods = sum(line.price * line.quantity for line in order.lines)
    discounts = sum(benefit.amount for benefit in order.benefits)
    shipping = sum(group.fee_paid + group.surcharge for group in order.groups)
    payments = sum(payment.amount for payment in order.payments)
    if goods > GREATEST_AMOUNT:
        raise _refuse("order.amount", goods=goods)
    if goods - discounts + shipping != payments:
        raise _refuse("order.sum", goods=goods, discounts=discounts, shipping=shipping, payments=payments)
