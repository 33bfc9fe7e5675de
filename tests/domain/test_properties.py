"""What holds for any order and any path of claims. Bugs found here become named examples in the other files."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.claims import Actor, LegState
from domain.costs import Costs
from domain.eligibility import check_cancel
from domain.feeding import check_order
from domain.orders import Fault
from domain.refusals import Refusal
from tests.domain.reference import Reference
from tests.support.orders import FAULTS, POLICY, Story, partial_cancels, select, stories

LEG_STATES = st.sampled_from([state for state in LegState if state is not LegState.VOID])
"""Wherever the legs of a claim that stands may be."""


def possible(story: Story, data: st.DataObject, fault: Fault) -> dict[int, int]:
    """Some units left; all of them where rounding allows only the whole."""
    wanted = data.draw(partial_cancels(story.units_left()))
    check_cancel(story.state, select(wanted), Actor.MEMBER, POLICY)
    try:
        story.quote(wanted, fault)
    except Refusal as refusal:
        if refusal.reason != "order.rounding":
            raise
        return story.units_left()
    return wanted


def step(story: Story, data: st.DataObject, fault: Fault | None = None) -> Costs:
    """One random partial cancel."""
    whose = fault or data.draw(FAULTS)
    return story.cancel(possible(story, data, whose), whose, legs=data.draw(LEG_STATES))


def finish(story: Story, data: st.DataObject, fault: Fault | None = None) -> None:
    """Partial cancels until nothing is left."""
    while story.units_left():
        step(story, data, fault)


@given(stories())
def test_generated_orders_are_orders_that_the_feed_takes(story: Story) -> None:
    check_order(story.state.order)


@given(stories(), st.data())
def test_the_books_balance_after_every_step(story: Story, data: st.DataObject) -> None:
    assert story.books().difference == 0
    while story.units_left():
        step(story, data)
        assert story.books().difference == 0


@given(stories(), st.data())
def test_rows_legs_and_totals_agree_and_no_payment_returns_more_than_it_was(story: Story, data: st.DataObject) -> None:
    while story.units_left():
        costs = step(story, data)
        assert sum(row.amount for row in costs.rows) == costs.refund - costs.extra
        assert sum(leg.amount for leg in costs.legs) == costs.refund
        assert min(costs.refund, costs.extra) == 0
        assert costs.refund >= 0
        assert costs.extra >= 0
        assert all(leg.amount > 0 for leg in costs.legs)
        assert all(0 <= payment.refunding <= payment.amount for payment in story.state.order.payments)


@given(stories(), st.data(), st.sampled_from([Fault.SELLER, Fault.CUSTOMER, None]))
def test_cancelled_to_nothing_gives_everything_back(story: Story, data: st.DataObject, fault: Fault | None) -> None:
    """At the seller's fault, at the customer's, and mixed: each payment, extra ones included, is emptied."""
    paid = sum(payment.amount for payment in story.state.order.payments)
    finish(story, data, fault)
    assert story.refunded() - story.extra_paid == paid
    assert [payment.left for payment in story.state.order.payments if payment.left] == []


@given(stories(), st.data())
def test_at_the_sellers_fault_no_fee_is_charged_and_no_coupon_lost(story: Story, data: st.DataObject) -> None:
    everything = {benefit.coupon_no for benefit in story.state.order.benefits}
    everything |= {group.coupon_no for group in story.state.order.groups if group.coupon_no}
    back: list[str] = []
    while story.units_left():
        costs = step(story, data, Fault.SELLER)
        assert not any(claim.fees_charged or claim.coupons_taken_back for claim in story.state.claims)
        back += [freed.coupon_no for freed in costs.coupons if freed.restored]
    assert sorted(back) == sorted(everything)


@given(stories(), st.data(), FAULTS)
def test_in_pieces_in_any_order_equals_at_once(story: Story, data: st.DataObject, fault: Fault) -> None:
    at_once = Story(story.state)
    wanted: dict[int, int] = {}
    net = 0
    for _ in range(data.draw(st.integers(1, 5))):
        if story.units_left():
            piece = possible(story, data, fault)
            costs = story.cancel(piece, fault)
            net += costs.refund - costs.extra
            wanted = {line_no: wanted.get(line_no, 0) + piece.get(line_no, 0) for line_no in wanted | piece}
    whole = at_once.cancel(wanted, fault)
    assert whole.refund - whole.extra == net
    assert freed(at_once) == freed(story)


def freed(story: Story) -> set[str]:
    return {coupon_no for claim in story.state.claims for coupon_no in claim.coupons_freed}


@given(stories(), st.data())
def test_each_coupon_is_freed_once_and_all_when_nothing_is_left(story: Story, data: st.DataObject) -> None:
    finish(story, data)
    freed_ones = [coupon_no for claim in story.state.claims for coupon_no in claim.coupons_freed]
    assert sorted(freed_ones) == sorted(story.state.coupons)


@given(stories(), st.data())
def test_an_undone_claim_is_as_never_made(story: Story, data: st.DataObject) -> None:
    while story.units_left():
        untouched = Story(story.state, extra_paid=story.extra_paid)
        undo_next(story, data)
        assert story.state == untouched.state
        assert story.books().difference == 0
        fault = data.draw(FAULTS)
        wanted = possible(story, data, fault)
        assert story.quote(wanted, fault) == untouched.quote(wanted, fault)
        story.cancel(wanted, fault)


def undo_next(story: Story, data: st.DataObject) -> None:
    """A random claim that is opened and undone; one that needs an extra payment is never opened without it."""
    fault = data.draw(FAULTS)
    wanted = possible(story, data, fault)
    if not story.quote(wanted, fault).extra:
        story.cancel(wanted, fault, decided=False, legs=LegState.PLANNED)
        assert story.books().difference == 0
        story.undo(story.state.claims[-1].claim_no)


@given(stories(), st.data())
def test_a_second_reckoning_unit_by_unit_comes_to_the_same(story: Story, data: st.DataObject) -> None:
    reference = Reference(story.state.order)
    while story.units_left():
        fault = data.draw(FAULTS)
        wanted = possible(story, data, fault)
        costs = story.cancel(wanted, fault)
        assert costs.refund - costs.extra == reference.cancel(wanted, fault)


@given(stories(), st.data())
def test_the_order_of_the_selection_does_not_matter(story: Story, data: st.DataObject) -> None:
    fault = data.draw(FAULTS)
    wanted = possible(story, data, fault)
    shuffled = dict(data.draw(st.permutations(sorted(wanted.items()))))
    assert story.quote(shuffled, fault) == story.quote(wanted, fault)
