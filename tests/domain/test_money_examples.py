"""The worked examples of docs/money.md, so that the page stays true."""

from __future__ import annotations

from domain.orders import Fault, Means
from tests.support.orders import NOW, Story, basket_coupon, goods_coupon, group, line, order, payment


def refunds(story: Story, *steps: dict[int, int]) -> list[int]:
    return [story.cancel(wanted).refund for wanted in steps]


def test_units() -> None:
    story = Story.of(order(line(1, 1_000, 3), benefits=[goods_coupon("B1", 1, 100)]))
    assert refunds(story, {1: 1}, {1: 1}, {1: 1}) == [967, 966, 967]


def test_coupons_below_their_minimum() -> None:
    coupon = basket_coupon("B1", {1: 2_000, 2: 2_000, 3: 2_000}, minimum=50_000)
    story = Story.of(order(line(1, 20_000), line(2, 20_000), line(3, 20_000), benefits=[coupon]))
    assert refunds(story, {1: 1}, {2: 1}, {3: 1}) == [14_000, 20_000, 20_000]


def test_shipping_and_its_books() -> None:
    story = Story.of(order(line(1, 10_000, 3), groups=[group(fee=3_000, free_from=30_000)]))
    assert refunds(story, {1: 1}) == [7_000]
    books = story.books()
    assert (books.paid, books.refunded, books.due, books.bought, books.fees) == (30_000, 7_000, 0, 20_000, 3_000)
    assert refunds(story, {1: 1}, {1: 1}) == [10_000, 13_000]


def test_the_amount_that_is_tested() -> None:
    made = order(line(1, 10_000, 3), groups=[group(fee=3_000, free_from=20_000)])
    story = Story.of(made)
    story.cancel({1: 1}, Fault.SELLER)
    assert story.cancel({1: 1}, Fault.CUSTOMER).refund == 10_000
    assert refunds(Story.of(made), {1: 1}, {1: 1}) == [10_000, 7_000]


def test_coupons_that_come_back() -> None:
    story = Story.of(order(line(1, 10_000, 2), benefits=[goods_coupon("B1", 1, 1_000)]), expiries={"B1": NOW})
    assert story.cancel({1: 1}, Fault.CUSTOMER).coupons == ()
    assert [(freed.restored, freed.valid_days) for freed in story.cancel({1: 1}, Fault.SELLER).coupons] == [(True, 30)]


def test_means() -> None:
    payments = [payment("1", 10_000), payment("2", 5_000, Means.MILEAGE)]
    story = Story.of(order(line(1, 7_000, 2), line(2, 1_000), payments=payments))
    assert [leg.amount for leg in story.cancel({1: 1}).legs] == [7_000]
    assert [(leg.means, leg.amount) for leg in story.cancel({1: 1}).legs] == [
        (Means.CARD, 3_000),
        (Means.MILEAGE, 4_000),
    ]


def test_an_extra_payment() -> None:
    made = order(line(1, 1_000), line(2, 29_000), groups=[group(fee=3_000, free_from=30_000)])
    story = Story.of(made)
    assert story.cancel({1: 1}).extra == 2_000
    assert [leg.amount for leg in story.cancel({2: 1}).legs] == [30_000, 2_000]
