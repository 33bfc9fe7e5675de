"""Coupons: shares forfeited, basket coupons below their minimum, and when a coupon comes back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.costs import CostKind, Costs, CouponCause, FreedCoupon
from domain.orders import Fault, LineStatus, Promotion
from domain.policy import Returning
from tests.support.orders import NOW, Story, basket_coupon, goods_coupon, group, line, order

LONG_AGO = NOW - timedelta(days=40)


def amounts(costs: Costs, kind: CostKind) -> list[tuple[int | None, int]]:
    return [(row.line_no, row.amount) for row in costs.rows if row.kind is kind]


def freed(costs: Costs) -> list[FreedCoupon]:
    return list(costs.coupons)


def basket(minimum: int = 50_000, *, expired: bool = False) -> Story:
    """Three lines of 20,000 with 6,000 off the basket, shared evenly."""
    made = order(
        line(1, 20_000),
        line(2, 20_000),
        line(3, 20_000),
        benefits=[basket_coupon("B1", {1: 2_000, 2: 2_000, 3: 2_000}, minimum=minimum)],
    )
    return Story.of(made, expiries={"B1": LONG_AGO} if expired else {})


def test_cancelled_units_forfeit_their_shares() -> None:
    costs = basket(minimum=40_000).quote({1: 1})
    assert amounts(costs, CostKind.DISCOUNT_FORFEITED) == [(1, -2_000)]
    assert costs.refund == 18_000
    assert freed(costs) == []


def test_below_its_minimum_a_basket_coupon_is_taken_back_and_freed() -> None:
    costs = basket().quote({1: 1})
    assert amounts(costs, CostKind.DISCOUNT_TAKEN_BACK) == [(2, -2_000), (3, -2_000)]
    assert costs.refund == 14_000
    assert freed(costs) == [FreedCoupon("B1", Promotion.BASKET, CouponCause.BELOW_MINIMUM, Returning.RESTORE)]


def test_exactly_its_minimum_passes() -> None:
    assert freed(basket(minimum=40_000).quote({1: 1})) == []
    assert freed(basket(minimum=40_001).quote({1: 1})) != []


def test_after_a_take_back_the_rest_returns_at_its_price_without_the_coupon() -> None:
    story = basket()
    story.cancel({1: 1})
    later = story.cancel({2: 1})
    assert later.refund == 20_000
    assert freed(later) == []
    assert story.cancel({3: 1}).refund == 20_000
    assert story.refunded() == 54_000


def test_only_the_coupons_lines_are_tested() -> None:
    made = order(line(1, 20_000), line(2, 90_000), benefits=[basket_coupon("B1", {1: 1_000}, minimum=20_000)])
    assert freed(Story.of(made).quote({2: 1})) == []


def test_a_coupon_that_was_below_its_minimum_from_the_start_is_left_alone_by_cancels_of_other_lines() -> None:
    made = order(line(1, 20_000), line(2, 90_000), benefits=[basket_coupon("B1", {1: 1_000}, minimum=20_001)])
    assert freed(Story.of(made).quote({2: 1})) == []
    assert freed(Story.of(made).quote({2: 1, 1: 1}, Fault.SELLER)) != []


def test_at_the_sellers_fault_not_even_a_coupon_below_its_minimum_from_the_start_is_taken_back() -> None:
    made = order(line(1, 10_000, 2), benefits=[basket_coupon("B1", {1: 1_000}, minimum=20_001)])
    assert freed(Story.of(made).quote({1: 1}, Fault.SELLER)) == []
    assert freed(Story.of(made).quote({1: 1}, Fault.CUSTOMER)) != []


def test_a_goods_coupon_is_not_held_to_a_minimum() -> None:
    made = order(line(1, 10_000, 3), benefits=[goods_coupon("B1", 1, 3_000, minimum=30_000)])
    costs = Story.of(made).quote({1: 1})
    assert costs.refund == 9_000
    assert freed(costs) == []


def test_at_the_sellers_fault_no_coupon_is_taken_back() -> None:
    costs = basket().quote({1: 1}, Fault.SELLER)
    assert costs.refund == 18_000
    assert freed(costs) == []


def test_units_cancelled_at_the_sellers_fault_count_as_bought_afterwards() -> None:
    story = basket(minimum=40_000)
    story.cancel({1: 1}, Fault.SELLER)
    assert freed(story.cancel({2: 1})) == []


def test_two_coupons_are_tested_one_by_one_on_list_prices() -> None:
    """The first one's take-back does not lower what the second is tested with."""
    coupons = [
        basket_coupon("B1", {1: 1_000, 2: 1_000}, minimum=30_000),
        basket_coupon("B2", {1: 1_000, 2: 1_000}, minimum=20_000),
    ]
    costs = Story.of(order(line(1, 10_000), line(2, 20_000), benefits=coupons)).quote({1: 1})
    assert [coupon.coupon_no for coupon in costs.coupons] == ["B1"]


def test_goods_coupon_shares_lower_the_amount_tested() -> None:
    coupons = [goods_coupon("G1", 2, 1), basket_coupon("B1", {1: 1_000, 2: 1_000}, minimum=20_000)]
    costs = Story.of(order(line(1, 10_000), line(2, 20_000), benefits=coupons)).quote({1: 1})
    assert [coupon.coupon_no for coupon in costs.coupons] == ["B1"]


def test_a_coupon_comes_back_when_nothing_that_it_discounted_is_left() -> None:
    made = order(line(1, 10_000, 2), line(2, 5_000), benefits=[goods_coupon("B1", 1, 1_000)])
    story = Story.of(made)
    assert freed(story.cancel({1: 1})) == []
    assert freed(story.cancel({1: 1})) == [
        FreedCoupon("B1", Promotion.GOODS, CouponCause.NOTHING_LEFT, Returning.RESTORE)
    ]


def test_a_line_listed_with_nothing_off_does_not_hold_a_coupon_back() -> None:
    made = order(line(1, 10_000), line(2, 5_000), benefits=[basket_coupon("B1", {1: 1_000, 2: 0})])
    story = Story.of(made)
    assert [coupon.cause for coupon in story.cancel({1: 1}).coupons] == [CouponCause.NOTHING_LEFT]
    assert freed(story.cancel({2: 1})) == []


def test_with_nothing_left_a_missed_minimum_takes_nothing_back() -> None:
    costs = basket().quote({1: 1, 2: 1, 3: 1})
    assert costs.refund == 54_000
    assert [coupon.cause for coupon in costs.coupons] == [CouponCause.NOTHING_LEFT]


def test_shipped_units_lose_the_discount_of_a_coupon_taken_back() -> None:
    """They stay bought and count as bought, but stand at their price without the coupon."""
    shipped = line(1, 20_000, status=LineStatus.SHIPPED)
    coupon = basket_coupon("B1", {1: 3_000, 2: 3_000}, minimum=20_001)
    story = Story.of(order(shipped, line(2, 20_000), benefits=[coupon]))
    assert story.cancel({2: 1}).refund == 20_000 - 6_000
    assert story.books().bought == 20_000


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.CUSTOMER, FreedCoupon("B1", Promotion.BASKET, CouponCause.NOTHING_LEFT, Returning.FORFEIT)),
        (Fault.SELLER, FreedCoupon("B1", Promotion.BASKET, CouponCause.NOTHING_LEFT, Returning.EXTEND, valid_days=30)),
    ],
)
def test_an_expired_coupon_comes_back_at_the_sellers_fault_alone(fault: Fault, expected: FreedCoupon) -> None:
    costs = basket(expired=True).quote({1: 1, 2: 1, 3: 1}, fault)
    assert freed(costs) == [expected]
    assert costs.refund == 54_000


def test_an_expired_coupon_below_its_minimum_is_reckoned_off_and_lost() -> None:
    costs = basket(expired=True).quote({1: 1})
    assert costs.refund == 14_000
    assert freed(costs) == [FreedCoupon("B1", Promotion.BASKET, CouponCause.BELOW_MINIMUM, Returning.FORFEIT)]


def test_the_fault_that_counts_is_that_of_the_claim_that_frees_the_coupon() -> None:
    story = basket(minimum=0, expired=True)
    story.cancel({1: 1, 2: 1}, Fault.CUSTOMER)
    assert story.cancel({3: 1}, Fault.SELLER).coupons[0].valid_days == 30


def test_a_coupon_lost_once_is_not_freed_again_by_a_later_claim() -> None:
    story = basket(expired=True)
    story.cancel({1: 1}, Fault.CUSTOMER)
    assert freed(story.cancel({2: 1, 3: 1}, Fault.SELLER)) == []


def test_what_had_expired_is_judged_at_the_moment_of_the_quote() -> None:
    made = order(line(1, 10_000), benefits=[goods_coupon("B1", 1, 1_000)])
    story = Story.of(made, expiries={"B1": NOW})
    assert story.quote({1: 1}, at=NOW - timedelta(seconds=1)).coupons[0].restored
    assert not story.quote({1: 1}, at=NOW).coupons[0].restored


def test_a_shipping_coupon_comes_back_with_its_group() -> None:
    made = order(
        line(1, 10_000, 2, group="G1"),
        line(2, 5_000, group="G2"),
        groups=[group("G1", fee=3_000, discount=3_000, coupon="S1"), group("G2")],
    )
    story = Story.of(made)
    assert freed(story.cancel({1: 1})) == []
    assert freed(story.cancel({1: 1})) == [
        FreedCoupon("S1", Promotion.FREE_SHIPPING, CouponCause.NOTHING_LEFT, Returning.RESTORE)
    ]


def test_a_shipping_coupon_of_two_groups_waits_for_both() -> None:
    made = order(
        line(1, 10_000, group="G1"),
        line(2, 5_000, group="G2"),
        groups=[group(no, fee=3_000, discount=3_000, coupon="S1") for no in ("G1", "G2")],
    )
    story = Story.of(made)
    assert freed(story.cancel({1: 1})) == []
    assert [coupon.coupon_no for coupon in story.cancel({2: 1}).coupons] == ["S1"]
