"""Shipping per delivery group: free by threshold, charged once, given back when nothing is left."""

from __future__ import annotations

from domain.costs import CostKind, Costs, Rule
from domain.orders import DeliveryGroup, Fault, LineStatus
from tests.support.orders import Story, basket_coupon, goods_coupon, group, line, order

FREE = group("G1", fee=3_000, free_from=30_000)


def fees(costs: Costs) -> list[tuple[CostKind, Rule, str | None, int]]:
    kinds = (CostKind.FEE_CHARGED, CostKind.FEE_RETURNED)
    return [(row.kind, row.rule, row.group_no, row.amount) for row in costs.rows if row.kind in kinds]


def three(shipped_by: DeliveryGroup = FREE) -> Story:
    """Three units of 10,000 in one group, another line in a group of its own."""
    return Story.of(
        order(
            line(1, 10_000, 3),
            line(2, 40_000, group="G2"),
            groups=[shipped_by, group("G2", fee=3_000, free_from=30_000)],
        )
    )


CHARGED = (CostKind.FEE_CHARGED, Rule.SHIPPING_THRESHOLD, "G1", -3_000)


def test_dropping_below_the_threshold_charges_the_fee() -> None:
    costs = three().quote({1: 1})
    assert fees(costs) == [CHARGED]
    assert costs.refund == 7_000


def test_reaching_the_threshold_exactly_stays_free() -> None:
    story = three(group("G1", fee=3_000, free_from=20_000))
    assert fees(story.cancel({1: 1})) == []
    assert fees(story.cancel({1: 1})) == [CHARGED]


def test_the_fee_is_charged_once() -> None:
    story = three()
    story.cancel({1: 1})
    assert fees(story.cancel({1: 1})) == []


def test_a_group_cancelled_to_nothing_gives_the_charged_fee_back() -> None:
    story = three()
    story.cancel({1: 1})
    costs = story.cancel({1: 2})
    assert fees(costs) == [(CostKind.FEE_RETURNED, Rule.SHIPPING_THRESHOLD, "G1", 3_000)]
    assert story.refunded() == 30_000


def test_a_group_cancelled_at_once_is_charged_nothing() -> None:
    assert fees(three().quote({1: 3})) == []


def test_a_group_cancelled_to_nothing_gives_its_paid_fee_back_whoever_is_at_fault() -> None:
    paid = group("G1", fee=3_000, paid=3_000)
    for fault in Fault:
        returned = (CostKind.FEE_RETURNED, Rule.GROUP_CANCELLED, "G1", 3_000)
        assert fees(three(paid).quote({1: 3}, fault)) == [returned]


def test_a_partial_cancel_keeps_the_paid_fee() -> None:
    assert fees(three(group("G1", fee=3_000, free_from=50_000, paid=3_000)).quote({1: 1})) == []


def test_the_other_group_is_never_touched() -> None:
    """A group that no longer reaches its threshold, but of which this cancel takes nothing, pays nothing."""
    story = Story.of(
        order(
            line(1, 30_000, status=LineStatus.PLACED),
            line(2, 20_000, 2, group="G2"),
            groups=[FREE, group("G2", fee=2_500, free_from=30_000)],
        )
    )
    assert [group_no for _, _, group_no, _ in fees(story.quote({2: 1}))] == ["G2"]
    assert fees(story.quote({1: 1})) == []


def test_a_group_that_was_never_free_by_its_threshold_is_not_charged() -> None:
    not_reached = group("G1", fee=3_000, free_from=30_001)
    by_coupon = group("G1", fee=3_000, free_from=30_000, discount=3_000, coupon="S1")
    no_threshold = group("G1", fee=3_000)
    for shipped_by in (not_reached, by_coupon, no_threshold):
        assert fees(three(shipped_by).quote({1: 1})) == []


def test_at_the_sellers_fault_no_fee_is_charged() -> None:
    assert fees(three().quote({1: 1}, Fault.SELLER)) == []


def test_units_cancelled_at_the_sellers_fault_count_towards_the_threshold() -> None:
    story = three(group("G1", fee=3_000, free_from=20_000))
    story.cancel({1: 1}, Fault.SELLER)
    assert fees(story.cancel({1: 1})) == []


def test_shipped_units_count_towards_the_threshold() -> None:
    shipped = line(1, 30_000, status=LineStatus.SHIPPED)
    story = Story.of(order(shipped, line(2, 5_000), groups=[FREE]))
    assert fees(story.quote({2: 1})) == []


def test_goods_coupons_lower_the_amount_tested_at_purchase_too() -> None:
    below = Story.of(order(line(1, 10_000, 3), groups=[FREE], benefits=[goods_coupon("B1", 1, 1)]))
    assert fees(below.quote({1: 1})) == []


def test_a_goods_coupons_share_of_the_units_left_is_what_counts() -> None:
    """20,000 less 1,000 off the two units left is below 19,001."""
    made = order(
        line(1, 10_000, 3), groups=[group("G1", fee=3_000, free_from=19_001)], benefits=[goods_coupon("B1", 1, 1_500)]
    )
    assert fees(Story.of(made).quote({1: 1})) == [CHARGED]


def test_basket_coupons_do_not_matter_to_the_threshold() -> None:
    made = order(line(1, 10_000, 4), groups=[FREE], benefits=[basket_coupon("B1", {1: 20_000})])
    assert fees(Story.of(made).quote({1: 1})) == []


def test_a_coupon_taken_back_does_not_lift_a_group_over_its_threshold() -> None:
    made = order(line(1, 10_000, 3), groups=[FREE], benefits=[basket_coupon("B1", {1: 3_000}, minimum=30_000)])
    costs = Story.of(made).quote({1: 1})
    assert fees(costs) == [CHARGED]
    assert costs.refund == 10_000 - 3_000 - 3_000


def test_a_fee_above_the_goods_price_makes_an_extra_payment_of_the_difference() -> None:
    made = order(line(1, 1_000), line(2, 29_000), groups=[FREE])
    story = Story.of(made)
    costs = story.cancel({1: 1})
    assert (costs.refund, costs.extra, costs.legs) == (0, 2_000, ())
    assert story.cancel({2: 1}).refund == 32_000
    assert [payment.left for payment in story.state.order.payments] == [0, 0]
