"""What holds for any order, any policy and any path of claims. Bugs found here become named examples elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from domain.claims import Actor, LegState
from domain.costs import Costs, CouponCause
from domain.eligibility import check_cancel
from domain.feeding import check_order
from domain.orders import Fault, LineStatus, PaymentStatus, Promotion
from domain.policy import EarnedPoints
from domain.quotes import fingerprint
from domain.refusals import Refusal
from tests.domain.reference import Reference
from tests.support.explained import check_explained
from tests.support.orders import POLICY, Story, select
from tests.support.random_orders import FAULTS, free_lines, orders, partial_cancels, shipped, stories

LEG_STATES = st.sampled_from([state for state in LegState if state is not LegState.VOID])
"""Wherever the legs of a claim that stands may be: running, parked, pending, refused, done."""

ONLY_WHOLE = frozenset({"order.rounding", "coupon.forbids_partial", "order.whole_only", "order.unpaid"})
"""Why a piece may be refused although its units are there; all that is left is possible then."""


def refusal_of(story: Story, wanted: Mapping[int, int], fault: Fault) -> Refusal | None:
    try:
        check_cancel(story.state, select(wanted), Actor.MEMBER, story.policy)
        story.quote(wanted, fault)
    except Refusal as refusal:
        return refusal
    return None


def possible(story: Story, data: st.DataObject, fault: Fault) -> dict[int, int]:
    """Some units left; all of them where the piece drawn is refused."""
    wanted = data.draw(partial_cancels(story.units_left()))
    refusal = refusal_of(story, wanted, fault)
    if refusal is None:
        return wanted
    assert refusal.reason in ONLY_WHOLE
    everything = story.units_left()
    assert refusal_of(story, everything, fault) is None
    return everything


def step(story: Story, data: st.DataObject, fault: Fault | None = None) -> Costs:
    """One random cancel that goes through."""
    whose = fault or data.draw(FAULTS)
    return story.cancel(possible(story, data, whose), whose, legs=data.draw(LEG_STATES))


def finish(story: Story, data: st.DataObject, fault: Fault | None = None) -> None:
    """Cancels until nothing is left."""
    while story.units_left():
        step(story, data, fault)


def undo_next(story: Story, data: st.DataObject) -> None:
    """A random claim that is opened and undone, before or after an extra payment was asked for."""
    fault = data.draw(FAULTS)
    story.cancel(possible(story, data, fault), fault, decided=False, legs=LegState.PLANNED)
    check_standing(story)
    story.undo(story.state.claims[-1].claim_no)


def check_standing(story: Story) -> None:
    """What holds after every step."""
    assert story.books().difference == 0
    for payment in story.state.order.payments:
        assert 0 <= payment.refunding <= payment.amount
        assert 0 <= payment.refunding_tax_free <= (payment.tax_free or 0)
    left = story.units_left()
    for gift in (line for line in story.state.order.lines if line.gift and line.line_no in story.gifts_left()):
        assert left, "a gift stays alone"
        assert gift.gift_of is None or gift.gift_of in left


# --- orders and books ------------------------------------------------------------------------------------------------


@given(stories(), orders())
def test_generated_orders_are_orders_that_the_feed_takes(story: Story, plain: object) -> None:
    check_order(story.state.order)
    check_order(plain)  # type: ignore[arg-type]


@given(stories(), st.data())
def test_the_books_balance_after_every_step_also_of_claims_not_decided_or_undone(
    story: Story, data: st.DataObject
) -> None:
    check_standing(story)
    while story.units_left():
        if data.draw(st.booleans()):
            undo_next(story, data)
            check_standing(story)
        fault = data.draw(FAULTS)
        story.cancel(possible(story, data, fault), fault, decided=False, legs=data.draw(LEG_STATES))
        check_standing(story)
        story.decide(story.state.claims[-1].claim_no)
        check_standing(story)


@given(stories(), st.data())
def test_each_line_can_be_cancelled_whole_whatever_became_of_the_others(story: Story, data: st.DataObject) -> None:
    """Lines are shipped and cancelled in pieces; what is left of one goes, unless the order or a coupon forbids it."""
    going = set(story.units_left())
    while remaining := {line_no: left for line_no, left in story.units_left().items() if line_no in going}:
        line_no = data.draw(st.sampled_from(sorted(remaining)))
        if data.draw(st.booleans()):
            shipped(story, line_no)
            going.discard(line_no)
            continue
        for wanted in (data.draw(partial_cancels(remaining)), {line_no: remaining[line_no]}):
            fault = data.draw(FAULTS)
            if {no: min(units, story.units_left().get(no, 0)) for no, units in wanted.items()} != wanted:
                continue  # the piece before took some of these units
            refusal = refusal_of(story, wanted, fault)
            if refusal is None:
                story.cancel(wanted, fault)
                check_standing_of_shipped(story)
            elif wanted == {line_no: story.units_left().get(line_no)}:
                assert refusal.reason != "order.rounding"
        going.discard(line_no)


def check_standing_of_shipped(story: Story) -> None:
    books = story.books()
    assert books.difference == 0
    assert books.bought >= 0
    assert all(0 <= payment.refunding <= payment.amount for payment in story.state.order.payments)


# --- one price -------------------------------------------------------------------------------------------------------


@given(stories(), st.data())
def test_every_amount_is_explained_and_rows_and_legs_sum_to_the_totals(story: Story, data: st.DataObject) -> None:
    while story.units_left():
        costs = step(story, data)
        check_explained(costs)
        assert costs.policy_version == story.policy.version
        check_standing(story)


@given(stories(), st.data())
def test_what_was_quoted_is_what_is_carried_out(story: Story, data: st.DataObject) -> None:
    """Gifts may be named beside the goods or not: it changes nothing."""
    while story.units_left():
        fault = data.draw(FAULTS)
        wanted = possible(story, data, fault)
        shuffled = dict(data.draw(st.permutations(sorted((wanted | story.gifts_left()).items()))))
        check_cancel(story.state, select(shuffled), Actor.MEMBER, story.policy)
        quoted = story.quote(shuffled, fault)
        executed = story.cancel(wanted, fault)
        assert quoted == executed
        assert fingerprint(quoted) == fingerprint(executed)


@given(stories(), st.data())
def test_a_second_reckoning_unit_by_unit_comes_to_the_same(story: Story, data: st.DataObject) -> None:
    reference = Reference(story.state.order, story.policy)
    whole = any(payment.waiting or not payment.partial_cancel for payment in story.state.order.payments)
    while story.units_left():
        fault = data.draw(FAULTS)
        drawn = data.draw(partial_cancels(story.units_left()))
        if not whole:
            refusal = refusal_of(story, drawn, fault)
            assert (refusal.reason if refusal else None) == reference.refused(drawn, fault)
        wanted = drawn if refusal_of(story, drawn, fault) is None else story.units_left()
        costs = story.cancel(wanted, fault)
        expected = reference.cancel(wanted, fault)
        assert costs.refund - costs.extra == expected.net
        assert {gift.line_no: gift.quantity for gift in costs.gifts} == expected.gifts
        assert sum(points.amount for points in costs.points) == expected.points
        assert {freed.coupon_no for freed in costs.coupons} == expected.freed
        below = {freed.coupon_no for freed in costs.coupons if freed.cause is CouponCause.BELOW_MINIMUM}
        assert below == expected.withdrawn


@given(free_lines(), st.data())
def test_rounding_strands_nothing(story: Story, data: st.DataObject) -> None:
    """Pieces of a line made free are refused where the second reckoning says so; whole lines go at any moment."""
    reference = Reference(story.state.order, story.policy)
    while left := story.units_left():
        fault = data.draw(FAULTS)
        assert all(refusal_of(story, {line_no: left[line_no]}, fault) is None for line_no in left)
        wanted = data.draw(partial_cancels(left))
        refusal = refusal_of(story, wanted, fault)
        assert (refusal.reason if refusal else None) == reference.refused(wanted, fault)
        wanted = left if refusal else wanted
        costs = story.cancel(wanted, fault)
        assert costs.refund - costs.extra == reference.cancel(wanted, fault).net
        check_standing(story)
        assert story.books().bought >= 0


# --- paths of claims -------------------------------------------------------------------------------------------------


@given(stories(), st.data(), st.sampled_from([Fault.SELLER, Fault.CUSTOMER, None]))
def test_cancelled_to_nothing_gives_everything_back(story: Story, data: st.DataObject, fault: Fault | None) -> None:
    """At the seller's fault, at the customer's, and mixed: each payment, extra ones included, is emptied."""
    paid = sum(one.amount for one in story.state.order.payments if one.status is PaymentStatus.PAID)
    finish(story, data, fault)
    assert story.refunded() - story.extra_paid == paid
    assert [one for one in story.state.order.payments if one.left and one.status is PaymentStatus.PAID] == []
    assert not any(payment.waiting for payment in story.state.order.payments)
    assert not story.gifts_left()
    assert fault is not Fault.SELLER or story.extra_paid == 0


@given(stories(), st.data())
def test_at_the_sellers_fault_no_fee_is_charged_and_no_coupon_taken(story: Story, data: st.DataObject) -> None:
    while story.units_left():
        costs = step(story, data, Fault.SELLER)
        assert costs.extra == 0
        assert not any(claim.fees_charged or claim.coupons_taken_back for claim in story.state.claims)
    if story.policy is POLICY:
        restored = [freed.coupon_no for costs in story.standing_costs() for freed in costs.coupons if freed.restored]
        assert sorted(restored) == sorted(story.state.coupons)


@given(stories(), st.data(), FAULTS)
def test_in_pieces_in_any_order_equals_at_once(story: Story, data: st.DataObject, fault: Fault) -> None:
    at_once = Story(story.state, story.policy)
    wanted: dict[int, int] = {}
    for _ in range(data.draw(st.integers(1, 5))):
        if story.units_left():
            piece = possible(story, data, fault)
            story.cancel(piece, fault)
            wanted = {line_no: wanted.get(line_no, 0) + piece.get(line_no, 0) for line_no in wanted | piece}
    at_once.cancel(wanted, fault)
    assert sums(at_once) == sums(story)


def sums(story: Story) -> tuple[int, int, set[str], set[tuple[int, int]]]:
    """What the claims came to together: money, points, coupons freed, and gifts."""
    costs = story.standing_costs()
    return (
        sum(one.refund - one.extra for one in costs),
        sum(points.amount for one in costs for points in one.points),
        {freed.coupon_no for one in costs for freed in one.coupons},
        {(gift.line_no, gift.quantity) for one in costs for gift in one.gifts},
    )


@given(stories(), st.data())
def test_each_coupon_is_freed_once_and_all_when_nothing_is_left(story: Story, data: st.DataObject) -> None:
    finish(story, data)
    freed = [of.coupon_no for costs in story.standing_costs() for of in costs.coupons]
    assert sorted(freed) == sorted(story.state.coupons)
    assert all(
        of.promotion is Promotion.BASKET
        for costs in story.standing_costs()
        for of in costs.coupons
        if of.cause is CouponCause.BELOW_MINIMUM
    )


@given(stories(), st.data())
def test_an_undone_claim_is_as_never_made(story: Story, data: st.DataObject) -> None:
    while story.units_left():
        untouched = Story(story.state, story.policy)
        undo_next(story, data)
        assert story.state == untouched.state
        assert story.extra_owed == {}
        fault = data.draw(FAULTS)
        wanted = possible(story, data, fault)
        assert story.quote(wanted, fault) == untouched.quote(wanted, fault)
        story.cancel(wanted, fault)


@given(stories(), st.data())
def test_tax_parts_and_points_sum_to_what_was_told_and_earned(story: Story, data: st.DataObject) -> None:
    earned = sum(line.earned_points for line in story.state.order.lines)
    finish(story, data)
    costs = story.standing_costs()
    for payment in story.state.order.payments:
        legs = [leg for one in costs for leg in one.legs if leg.payment_no == payment.payment_no]
        assert all((leg.tax_free is None) == (payment.tax_free is None) for leg in legs)
        assert all((leg.vat is None) == (payment.vat is None) for leg in legs)
        assert all(min(leg.tax_free or 0, leg.vat or 0) >= 0 for leg in legs)
        assert all((leg.tax_free or 0) + (leg.vat or 0) <= leg.amount for leg in legs)
        if payment.status is PaymentStatus.PAID and payment.amount:
            assert sum(leg.tax_free or 0 for leg in legs) == (payment.tax_free or 0)
            assert sum(leg.vat or 0 for leg in legs) == (payment.vat or 0)
    back = sum(points.amount for one in costs for points in one.points)
    assert back == (0 if story.policy.refund.earned_points is EarnedPoints.KEEP else earned)


@given(stories(), st.data())
def test_a_gift_that_was_shipped_stays_and_any_other_leaves_with_the_last_goods(
    story: Story, data: st.DataObject
) -> None:
    gone_out = (
        data.draw(st.lists(st.sampled_from(sorted(story.gifts_left())), unique=True)) if story.gifts_left() else []
    )
    for line_no in gone_out:
        shipped(story, line_no)
    finish(story, data)
    assert sorted(story.gifts_left()) == sorted(gone_out)
    assert all(story.state.order.line(line_no).status is LineStatus.SHIPPED for line_no in gone_out)  # type: ignore[union-attr]
    assert story.books().difference == 0
