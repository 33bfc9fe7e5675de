"""A shop changes its policy between the claims of an order: each is reckoned by the policy of its own day."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.orders import PaymentStatus
from domain.policy import EarnedPoints
from tests.domain.test_properties import (
    check_coupons_freed_once,
    check_payments_empty,
    check_standing,
    possible,
)
from tests.support.explained import check_explained
from tests.support.orders import Story
from tests.support.random_orders import FAULTS, policies, stories


@given(stories(), st.data())
def test_whatever_a_shop_changes_on_the_way_everything_comes_back(story: Story, data: st.DataObject) -> None:
    paid = sum(one.amount for one in story.state.order.payments if one.status is PaymentStatus.PAID)
    points = 0
    while story.units_left():
        story.policy = data.draw(policies())
        fault = data.draw(FAULTS)
        costs = story.cancel(possible(story, data, fault), fault)
        check_explained(costs)
        check_standing(story)
        assert costs.policy_version == story.policy.version
        if story.policy.refund.earned_points is EarnedPoints.KEEP:
            assert costs.points == ()
        points += sum(one.amount for one in costs.points)
    assert story.refunded() - story.extra_paid == paid
    assert points <= sum(line.earned_points for line in story.state.order.lines)
    check_payments_empty(story)
    check_coupons_freed_once(story)


@given(stories(), st.data())
def test_a_claim_undone_under_another_policy_was_never_made(story: Story, data: st.DataObject) -> None:
    before, old, fault = story.state, story.policy, data.draw(FAULTS)
    if not story.units_left():
        return
    wanted = possible(story, data, fault)
    first = story.quote(wanted, fault)
    story.policy = data.draw(policies())
    story.cancel(possible(story, data, fault), fault, decided=False)
    story.undo("C1")
    story.policy = old
    assert story.state == before
    assert story.quote(wanted, fault) == first
