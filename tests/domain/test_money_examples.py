"""The worked examples of docs/money.md, so that the page stays true."""

from __future__ import annotations

from typing import Any

import pytest

from domain.costs import Costs, Rule
from domain.orders import BelowMinimum, Fault, Means, PaymentStatus
from domain.policy import Policy
from domain.refusals import Refusal
from tests.support.orders import (
    NOW,
    POLICY,
    Story,
    basket_coupon,
    gift,
    goods_coupon,
    group,
    line,
    order,
    payment,
)


def refunds(story: Story, *steps: dict[int, int]) -> list[int]:
    return [story.cancel(wanted).refund for wanted in steps]


def legs(costs: Costs) -> list[tuple[Means, int]]:
    return [(leg.means, leg.amount) for leg in costs.legs]


def refund_policy(**told: Any) -> Policy:
    parts = POLICY.model_dump()
    return Policy.model_validate({**parts, "refund": {**parts["refund"], **told}})


def test_units_and_their_explanation() -> None:
    story = Story.of(order(line(1, 1_000, 3), benefits=[goods_coupon("B1", 1, 100)]))
    assert refunds(story, {1: 1}) == [967]
    second = story.cancel({1: 1})
    assert second.refund == 966
    (forfeited,) = [row for row in second.rows if row.rule is Rule.COUPON_SHARE]
    assert (forfeited.amount, forfeited.inputs) == (-34, {"share": 100, "ordered": 3, "first": 2, "quantity": 1})
    assert refunds(story, {1: 1}) == [967]


def test_a_line_that_is_free() -> None:
    coupons = [goods_coupon("B1", 1, 1), goods_coupon("B2", 1, 1), goods_coupon("B3", 1, 3)]
    story = Story.of(order(line(1, 1, 5), benefits=coupons))
    with pytest.raises(Refusal, match=r"order\.rounding"):
        story.quote({1: 2})
    assert story.quote({1: 1}).refund == 0
    assert story.quote({1: 5}).refund == 0


def three_from_fifty(below: BelowMinimum | None = None) -> Story:
    coupon = basket_coupon("B1", {1: 2_000, 2: 2_000, 3: 2_000}, minimum=50_000, below=below)
    return Story.of(order(line(1, 20_000), line(2, 20_000), line(3, 20_000), benefits=[coupon]))


def test_coupons_below_their_minimum() -> None:
    assert refunds(three_from_fifty(), {1: 1}, {2: 1}, {3: 1}) == [14_000, 20_000, 20_000]
    assert refunds(three_from_fifty(BelowMinimum.KEEP), {1: 1}, {2: 1}, {3: 1}) == [18_000, 18_000, 18_000]
    forbidding = three_from_fifty(BelowMinimum.FORBID)
    with pytest.raises(Refusal, match=r"coupon\.forbids_partial"):
        forbidding.quote({1: 1})
    assert refunds(forbidding, {1: 1, 2: 1, 3: 1}) == [54_000]


def test_shipping_and_its_books() -> None:
    story = Story.of(order(line(1, 10_000, 3), groups=[group(fee=3_000, free_from=30_000)]))
    assert refunds(story, {1: 1}) == [7_000]
    books = story.books()
    assert (books.paid, books.refunded, books.due, books.bought, books.fees) == (30_000, 7_000, 0, 20_000, 3_000)
    assert refunds(story, {1: 1}, {1: 1}) == [10_000, 13_000]


def test_a_surcharge_and_a_fee_collected_at_the_door() -> None:
    remote = Story.of(order(line(1, 10_000, 3), groups=[group(fee=3_000, free_from=30_000, surcharge=4_000)]))
    assert refunds(remote, {1: 1}, {1: 1}, {1: 1}) == [7_000, 10_000, 17_000]
    collected = Story.of(order(line(1, 10_000, 3), groups=[group(fee=3_000, free_from=30_000, collect=True)]))
    assert refunds(collected, {1: 1}, {1: 1}, {1: 1}) == [10_000, 10_000, 10_000]


def test_the_amount_that_is_tested() -> None:
    made = order(line(1, 10_000, 3), groups=[group(fee=3_000, free_from=20_000)])
    story = Story.of(made)
    story.cancel({1: 1}, Fault.SELLER)
    assert story.cancel({1: 1}, Fault.CUSTOMER).refund == 10_000
    assert refunds(Story.of(made), {1: 1}, {1: 1}) == [10_000, 7_000]


def test_gifts() -> None:
    made = order(line(1, 10_000, 3), gift(2, minimum=20_000))
    story = Story.of(made)
    assert [[left.line_no for left in story.cancel({1: 1}).gifts] for _ in range(3)] == [[], [2], []]
    by_the_shop = Story.of(made)
    assert by_the_shop.cancel({1: 1}, Fault.SELLER).gifts == ()
    assert [[left.line_no for left in by_the_shop.cancel({1: 1}).gifts] for _ in range(2)] == [[], [2]]


def test_coupons_that_come_back() -> None:
    story = Story.of(order(line(1, 10_000, 2), benefits=[goods_coupon("B1", 1, 1_000)]), expiries={"B1": NOW})
    assert story.cancel({1: 1}, Fault.CUSTOMER).coupons == ()
    assert [(freed.restored, freed.valid_days) for freed in story.cancel({1: 1}, Fault.SELLER).coupons] == [(True, 30)]


def test_means() -> None:
    made = order(line(1, 7_000, 2), line(2, 1_000), payments=[payment("1", 10_000), payment("2", 5_000, Means.MILEAGE)])
    story = Story.of(made)
    assert legs(story.cancel({1: 1})) == [(Means.CARD, 7_000)]
    assert legs(story.cancel({1: 1})) == [(Means.CARD, 3_000), (Means.MILEAGE, 4_000)]
    proportional = Story.of(made, policy=refund_policy(allocation="proportional"))
    assert legs(proportional.cancel({1: 1})) == [(Means.CARD, 4_667), (Means.MILEAGE, 2_333)]
    capped = Story.of(made, policy=refund_policy(caps={"card": 3_000}))
    assert legs(capped.cancel({1: 1})) == [(Means.CARD, 3_000), (Means.MILEAGE, 4_000)]


def test_tax_parts() -> None:
    card = payment("1", 16_000, tax_free=5_000, vat=1_000)
    story = Story.of(order(line(1, 5_000, tax_free=True), line(2, 11_000), payments=[card]))
    pieces = [story.cancel({line_no: 1}).legs[0] for line_no in (1, 2)]
    assert [(leg.amount, leg.tax_free, leg.vat) for leg in pieces] == [(5_000, 5_000, 0), (11_000, 0, 1_000)]
    units = Story.of(order(line(1, 1_000, 3), payments=[payment("1", 3_000, tax_free=0, vat=272)]))
    assert [units.cancel({1: 1}).legs[0].vat for _ in range(3)] == [91, 90, 91]


def test_earned_points() -> None:
    story = Story.of(order(line(1, 1_000, 3, points=100)))
    assert [story.cancel({1: 1}).points[0].amount for _ in range(3)] == [33, 34, 33]


def test_an_extra_payment() -> None:
    made = order(line(1, 1_000), line(2, 29_000), groups=[group(fee=3_000, free_from=30_000)])
    story = Story.of(made)
    assert story.cancel({1: 1}, decided=False).extra == 2_000
    assert story.books().due == -2_000
    story.decide("C1")
    assert [leg.amount for leg in story.cancel({2: 1}).legs] == [30_000, 2_000]


def test_an_unpaid_order() -> None:
    awaited = payment("2", 8_500, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING)
    made = order(
        line(1, 10_000),
        benefits=[goods_coupon("B1", 1, 1_000)],
        payments=[payment("1", 500, Means.MILEAGE), awaited],
    )
    story = Story.of(made)
    assert story.books().due == -8_500
    costs = story.cancel({1: 1})
    assert [row.amount for row in costs.rows] == [10_000, -1_000, -8_500]
    assert (legs(costs), costs.closed) == ([(Means.MILEAGE, 500)], ("2",))
    assert [freed.coupon_no for freed in costs.coupons] == ["B1"]
