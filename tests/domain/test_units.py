"""Units: exact list price, coupon shares by cumulative rounding, the lowest free numbers first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.allocation import share_of_first, share_of_units
from domain.costs import CostKind, Selection
from domain.orders import Fault, Held
from domain.refusals import Code, Refusal
from domain.units import take
from tests.support.orders import Story, basket_coupon, fresh, goods_coupon, held_claim, line, order


def test_the_share_of_the_first_units_is_rounded_half_up() -> None:
    assert [share_of_first(100, n, 3) for n in range(4)] == [0, 33, 67, 100]
    assert [share_of_first(1, n, 2) for n in range(3)] == [0, 1, 1]


def test_a_unit_carries_the_difference_to_the_one_before() -> None:
    assert [share_of_units(100, Held(1, unit, 1), 3) for unit in (1, 2, 3)] == [33, 34, 33]


def test_one_by_one_three_units_give_back_exactly_what_they_cost() -> None:
    story = Story.of(order(line(1, 1_000, 3), benefits=[goods_coupon("B1", 1, 100)]))
    assert [story.cancel({1: 1}).refund for _ in range(3)] == [967, 966, 967]


def test_each_coupon_is_rounded_by_itself() -> None:
    coupons = [goods_coupon("B1", 1, 5), basket_coupon("B2", {1: 5})]
    costs = Story.of(order(line(1, 1_000, 2), benefits=coupons)).quote({1: 1})
    forfeited = [row.amount for row in costs.rows if row.kind is CostKind.DISCOUNT_FORFEITED]
    assert forfeited == [-3, -3]
    assert costs.refund == 994


def test_units_that_cost_less_than_their_rounded_shares_cost_extra_and_come_out_even() -> None:
    coupons = [goods_coupon("B1", 1, 1), goods_coupon("B2", 1, 1)]
    story = Story.of(order(line(1, 1, 2), benefits=coupons))
    first, second = story.cancel({1: 1}), story.cancel({1: 1})
    assert (first.refund, first.extra, second.refund, second.extra) == (0, 1, 1, 0)


FREE_OF_FIVE = (goods_coupon("B1", 1, 1), goods_coupon("B2", 1, 1), goods_coupon("B3", 1, 3))
"""Coupons that make five units at 1 free. The first two would return 1 all the same; the other three are worth −1."""


def test_no_piece_of_a_line_is_cancelled_that_leaves_the_rest_worth_less_than_nothing() -> None:
    story = Story.of(order(line(1, 1, 5), benefits=FREE_OF_FIVE))
    with pytest.raises(Refusal) as caught:
        story.quote({1: 2})
    assert (caught.value.code, caught.value.reason) == (Code.WHOLE_ONLY, "order.rounding")
    assert caught.value.facts == {"line_no": 1, "left": 5}
    whole = story.cancel({1: 5})
    assert (whole.refund, whole.extra) == (0, 0)


def test_a_piece_that_rounding_makes_too_dear_is_not_paid_with_the_money_of_other_goods() -> None:
    """Else those could not be cancelled once the rest of the first line has been shipped."""
    story = Story.of(order(line(1, 1, 5), line(2, 1_000), benefits=FREE_OF_FIVE))
    with pytest.raises(Refusal) as caught:
        story.quote({1: 2, 2: 1})
    assert caught.value.facts == {"line_no": 1, "left": 5}
    assert story.cancel({1: 1}).refund == 0
    assert story.cancel({2: 1}).refund == 1_000


def test_at_the_sellers_fault_nobody_pays_for_rounding() -> None:
    coupons = [goods_coupon("B1", 1, 9_999), goods_coupon("B2", 1, 10_001)]
    story = Story.of(order(line(1, 10_000, 2), line(2, 500), benefits=coupons))
    with pytest.raises(Refusal) as caught:
        story.quote({1: 1}, Fault.SELLER)
    assert (caught.value.reason, caught.value.facts) == ("order.rounding", {"line_no": 1, "left": 2})
    assert story.quote({1: 1, 2: 1}, Fault.SELLER).refund == 499
    assert story.quote({1: 2}, Fault.SELLER).refund == 0
    assert story.quote({1: 1}, Fault.CUSTOMER).extra == 1


def test_a_claim_takes_the_lowest_free_units() -> None:
    story = Story.of(order(line(1, 1_000, 5), line(2, 500, 2)))
    story.cancel({1: 2})
    assert take(story.state, [Selection(2, 1), Selection(1, 2)]) == (Held(1, 3, 2), Held(2, 1, 1))


def test_an_undone_claim_frees_its_numbers() -> None:
    story = Story.of(order(line(1, 1_000, 3)))
    story.cancel({1: 2}, decided=False)
    story.undo("C1")
    assert take(story.state, [Selection(1, 1)]) == (Held(1, 1, 1),)


def test_units_between_those_of_standing_claims_are_used_first() -> None:
    later = replace(held_claim("C2", {1: 1}), held=(Held(1, 3, 1),))
    state = replace(fresh(order(line(1, 1_000, 5))), claims=(held_claim("C1", {1: 1}), later))
    assert take(state, [Selection(1, 2)]) == (Held(1, 2, 1), Held(1, 4, 1))


@pytest.mark.parametrize("wanted", [Selection(1, 4), Selection(9, 1)])
def test_units_that_are_not_there_cannot_be_taken(wanted: Selection) -> None:
    with pytest.raises(ValueError, match="units left"):
        take(fresh(order(line(1, 1_000, 3))), [wanted])


def test_a_price_is_made_of_rows_that_name_their_line_and_units() -> None:
    costs = Story.of(order(line(2, 500), line(1, 1_000, 3))).quote({2: 1, 1: 2}, Fault.SELLER)
    assert [(row.kind, row.line_no, row.quantity, row.amount) for row in costs.rows] == [
        (CostKind.GOODS, 1, 2, 2_000),
        (CostKind.GOODS, 2, 1, 500),
    ]
