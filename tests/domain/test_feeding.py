"""Orders that no checkout can have made are refused, with the place named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.feeding import GREATEST_AMOUNT, check_order
from domain.orders import BelowMinimum, LineStatus, Means, Order, PaymentStatus, Promotion
from domain.refusals import Code, Refusal
from tests.support.orders import (
    NOW,
    basket_coupon,
    double_coupon,
    gift,
    goods_coupon,
    group,
    line,
    order,
    payment,
)

GOOD = order(
    line(1, 10_000, 2, group="G1"),
    line(2, 5_000, group="G2"),
    groups=[group("G1", fee=3_000, paid=3_000), group("G2", fee=3_000, discount=3_000, coupon="S1")],
    benefits=[goods_coupon("B1", 1, 1_000), basket_coupon("B2", {1: 2_000, 2: 500}, minimum=20_000)],
    payments=[payment("1", 20_000), payment("2", 4_500, Means.MILEAGE)],
)
LINE, GROUP, GOODS, BASKET, CARD = GOOD.lines[0], GOOD.groups[0], GOOD.benefits[0], GOOD.benefits[1], GOOD.payments[0]


def lines(*changed: object) -> Order:
    return replace(GOOD, lines=changed)  # type: ignore[arg-type]


def test_an_order_that_adds_up() -> None:
    check_order(GOOD)


def test_a_payment_still_waiting_needs_no_reference_and_counts() -> None:
    waiting = payment("1", 10_000, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING)
    check_order(order(line(1, 10_000), payments=[replace(waiting, gateway=None, gateway_ref=None)]))


def test_one_shipping_coupon_may_ship_several_groups() -> None:
    free = [group(no, fee=3_000, discount=3_000, coupon="S1") for no in ("G1", "G2")]
    check_order(order(line(1, 10_000, group="G1"), line(2, 5_000, group="G2"), groups=free))


@pytest.mark.parametrize(
    ("bad", "reason", "fact"),
    [
        (replace(GOOD, currency="XXX1"), "order.currency_unknown", "XXX1"),
        (replace(GOOD, currency="XAU"), "order.currency_unknown", "XAU"),
        (replace(GOOD, lines=()), "order.no_lines", None),
        (lines(LINE, LINE), "line.repeated", 1),
        (replace(GOOD, groups=(GROUP, GROUP)), "group.repeated", "G1"),
        (replace(GOOD, payments=(CARD, CARD)), "payment.repeated", "1"),
        (replace(GOOD, benefits=(GOODS, GOODS)), "coupon.repeated", "B1"),
        (replace(GOOD, groups=(replace(GROUP, coupon_no="B1"), GOOD.groups[1])), "coupon.repeated", "B1"),
        (lines(replace(LINE, group_no="G9"), GOOD.lines[1]), "line.group_unknown", "G9"),
        (replace(GOOD, groups=(*GOOD.groups, group("G3"))), "group.no_lines", "G3"),
        (lines(replace(LINE, quantity=0), GOOD.lines[1]), "line.quantity", 1),
        (lines(replace(LINE, quantity=2**31), GOOD.lines[1]), "line.quantity", 1),
        (lines(replace(LINE, price=-1), GOOD.lines[1]), "line.amount", 1),
        (lines(replace(LINE, price=GREATEST_AMOUNT), GOOD.lines[1]), "line.amount", 1),
        (lines(replace(LINE, price=0), GOOD.lines[1]), "line.gift", 1),
        (lines(replace(LINE, status=LineStatus.CANCELLED), GOOD.lines[1]), "line.cancelled", 1),
        (replace(GOOD, groups=(replace(GROUP, fee_paid=-1), GOOD.groups[1])), "group.amount", "G1"),
        (replace(GOOD, benefits=(replace(GOODS, minimum=-1), BASKET)), "coupon.amount", "B1"),
        (replace(GOOD, benefits=(replace(GOODS, shares={1: -1}), BASKET)), "coupon.amount", "B1"),
        (replace(GOOD, payments=(replace(CARD, amount=-1),)), "payment.amount", "1"),
        *[
            (replace(GOOD, benefits=(replace(GOODS, promotion=kind), BASKET)), "coupon.kind", "B1")
            for kind in (Promotion.FREE_SHIPPING, Promotion.FREE_RETURN)
        ],
        (replace(GOOD, benefits=(replace(GOODS, shares={}), BASKET)), "coupon.no_shares", "B1"),
        (replace(GOOD, benefits=(replace(GOODS, shares={1: 500, 2: 500}), BASKET)), "coupon.one_line", "B1"),
        (replace(GOOD, benefits=(replace(GOODS, shares={9: 1_000}), BASKET)), "coupon.line_unknown", 9),
        (replace(GOOD, benefits=(replace(GOODS, amount=999), BASKET)), "coupon.sum", "B1"),
        (replace(GOOD, benefits=(goods_coupon("B1", 1, 18_001), BASKET)), "line.discount", 1),
        (replace(GOOD, payments=(replace(CARD, gateway=None), GOOD.payments[1])), "payment.gateway", "1"),
        (replace(GOOD, payments=(replace(CARD, gateway_ref=""), GOOD.payments[1])), "payment.gateway", "1"),
        (replace(GOOD, member_no=None), "guest.coupon", "B1"),
        (order(line(1, 1_000), payments=[payment("1", 1_000, Means.MILEAGE)], member_no=None), "guest.means", "1"),
        (order(line(1, 1_000), payments=[payment("1", 1_000, Means.DEPOSIT)], member_no=None), "guest.means", "1"),
        (replace(GOOD, payments=(CARD, payment("2", 4_501, Means.MILEAGE))), "order.sum", 24_501),
    ],
)
def test_orders_that_cannot_be(bad: Order, reason: str, fact: object) -> None:
    with pytest.raises(Refusal) as caught:
        check_order(bad)
    assert (caught.value.code, caught.value.reason) == (Code.BAD_VALUE, reason)
    assert fact is None or fact in caught.value.facts.values()


WITH_GIFT = order(
    line(1, 10_000, 2, points=100),
    gift(2, of=1),
    gift(3, minimum=20_000, group="G2"),
    groups=[group(fee=3_000, paid=3_000, surcharge=500), group("G2")],
    benefits=[double_coupon("D1", 1, 1_000), basket_coupon("B1", {1: 500, 2: 0}, below=BelowMinimum.KEEP)],
    payments=[
        payment("1", 20_000, tax_free=5_000, vat=1_363),
        payment("2", 2_000, Means.MILEAGE, expires=NOW),
    ],
)
PAID, MILEAGE = WITH_GIFT.payments


def gifts(**changes: object) -> Order:
    """The order whose second line, a gift, is told otherwise."""
    second = replace(WITH_GIFT.lines[1], **changes)  # type: ignore[arg-type]
    return replace(WITH_GIFT, lines=(WITH_GIFT.lines[0], second, WITH_GIFT.lines[2]))


def paid(**changes: object) -> Order:
    return replace(WITH_GIFT, payments=(replace(PAID, **changes), MILEAGE))  # type: ignore[arg-type]


def shipped_by(**changes: object) -> Order:
    first = replace(WITH_GIFT.groups[0], **changes)  # type: ignore[arg-type]
    return replace(WITH_GIFT, groups=(first, WITH_GIFT.groups[1]))


def test_an_order_with_gifts_surcharge_and_parts_that_adds_up() -> None:
    check_order(WITH_GIFT)


@pytest.mark.parametrize(
    ("bad", "reason", "fact"),
    [
        (gifts(price=1), "line.gift", 2),
        (gifts(gift_of=None), "line.gift", 2),
        (gifts(gift_minimum=10_000), "gift.two_conditions", 2),
        (gifts(gift_of=None, gift_minimum=0), "gift.minimum", 2),
        (gifts(gift_of=None, gift_minimum=GREATEST_AMOUNT + 1), "gift.minimum", 2),
        (gifts(gift_of=9), "gift.line_unknown", 9),
        (gifts(gift_of=2), "gift.line_unknown", 2),
        (gifts(gift_of=3), "gift.line_unknown", 3),
        (gifts(earned_points=1), "gift.points", 2),
        (replace(WITH_GIFT, lines=WITH_GIFT.lines[1:]), "order.no_lines", None),
        (
            replace(WITH_GIFT, lines=(replace(WITH_GIFT.lines[0], earned_points=-1), *WITH_GIFT.lines[1:])),
            "line.points",
            1,
        ),
        (shipped_by(surcharge=-1), "group.amount", "G1"),
        (shipped_by(collect=True), "group.collect", "G1"),
        (shipped_by(collect=True, fee_paid=0), "group.collect", "G1"),
        (replace(WITH_GIFT, groups=(WITH_GIFT.groups[0], group("G2", paid=1))), "group.gifts_only", "G2"),
        (replace(WITH_GIFT, benefits=(goods_coupon("D1", 2, 1),)), "line.discount", 2),
        (
            replace(WITH_GIFT, benefits=(replace(WITH_GIFT.benefits[0], below_minimum=BelowMinimum.KEEP),)),
            "coupon.below_minimum",
            "D1",
        ),
        (paid(tax_free=-1), "payment.tax", "1"),
        (paid(tax_free=18_638), "payment.tax", "1"),
        (paid(vat=15_001), "payment.tax", "1"),
        (paid(expires_at=NOW), "payment.expiry", "1"),
        (paid(amount=19_500), "order.sum", 3_500),
    ],
)
def test_gifts_surcharges_and_parts_that_cannot_be(bad: Order, reason: str, fact: object) -> None:
    with pytest.raises(Refusal) as caught:
        check_order(bad)
    assert (caught.value.code, caught.value.reason) == (Code.BAD_VALUE, reason)
    assert fact is None or fact in caught.value.facts.values()


def test_an_order_worth_more_than_the_books_can_hold() -> None:
    most = line(1, GREATEST_AMOUNT), line(2, 1)
    with pytest.raises(Refusal) as caught:
        check_order(order(*most, payments=[payment("1", GREATEST_AMOUNT)]))
    assert caught.value.reason == "order.amount"


def test_a_sum_that_does_not_match_names_all_its_parts() -> None:
    with pytest.raises(Refusal) as caught:
        check_order(replace(GOOD, payments=(CARD,)))
    assert caught.value.facts == {"goods": 25_000, "discounts": 3_500, "shipping": 3_000, "payments": 20_000}
