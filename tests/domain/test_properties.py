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
from tests.support.orders import Story, select
from tests.support.random_orders import FAULTS, free_lines, partial_cancels, shipped, stories

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


def check_standing(story: Story) -> None:
    """What holds after every step, whatever became of its claims."""
    books = story.books()
    assert books.difference == 0
    assert books.bought >= 0
    for payment in story.state.order.payments:
        assert 0 <= payment.refunding <= payment.amount
        assert 0 <= payment.refunding_tax_free <= (payment.tax_free or 0)
    left = story.units_left()
    for gift in (line for line in story.state.order.lines if line.gift and line.line_no in story.gifts_left()):
        if gift.status is not LineStatus.SHIPPED:
            assert left, "a gift stays alone"
            assert gift.gift_of is None or gift.gift_of in left


# --- to nothing ------------------------------------------------------------------------------------------------------


@given(stories(), st.data(), st.sampled_from([Fault.SELLER, Fault.CUSTOMER, None]))
def test_any_path_to_nothing_gives_everything_back(story: Story, data: st.DataObject, fault: Fault | None) -> None:
    """At the seller's fault, at the customer's, and mixed; each step explained, and carried out as quoted."""
    check_order(story.state.order)
    kept = some_gifts_shipped(story, data)
    paid = sum(one.amount for one in story.state.order.payments if one.status is PaymentStatus.PAID)
    while story.units_left():
        whose = fault or data.draw(FAULTS)
        wanted = possible(story, data, whose)
        quoted = quoted_in_another_order(story, data, wanted, whose)
        costs = story.cancel(wanted, whose, legs=data.draw(LEG_STATES))
        assert quoted == costs
        assert fingerprint(quoted) == fingerprint(costs)
        check_explained(costs)
        check_standing(story)
        if whose is Fault.SELLER:
            check_nothing_charged(story, costs)
    assert story.refunded() - story.extra_paid == paid
    assert fault is not Fault.SELLER or story.extra_paid == 0
    assert sorted(story.gifts_left()) == kept
    check_payments_empty(story)
    check_coupons_freed_once(story)
    check_parts(story)


def some_gifts_shipped(story: Story, data: st.DataObject) -> list[int]:
    gifts = sorted(story.gifts_left())
    kept = sorted(data.draw(st.lists(st.sampled_from(gifts), unique=True))) if gifts else []
    for line_no in kept:
        shipped(story, line_no)
    return kept


def quoted_in_another_order(story: Story, data: st.DataObject, wanted: Mapping[int, int], fault: Fault) -> Costs:
    """The same selection told differently, with gifts named beside the goods."""
    told = data.draw(st.permutations(sorted((dict(wanted) | story.gifts_left()).items())))
    check_cancel(story.state, select(dict(told)), Actor.MEMBER, story.policy)
    return story.quote(dict(told), fault)


def check_nothing_charged(story: Story, costs: Costs) -> None:
    assert costs.extra == 0
    assert story.state.claims[-1].fees_charged == {}
    assert story.state.claims[-1].coupons_taken_back == frozenset()


def check_payments_empty(story: Story) -> None:
    """Each payment, extra ones included, is given back; none is awaited any more."""
    assert [one for one in story.state.order.payments if one.left and one.status is PaymentStatus.PAID] == []
    assert not any(payment.waiting for payment in story.state.order.payments)


def check_coupons_freed_once(story: Story) -> None:
    """Every coupon, but for those that brought a gift which was shipped."""
    freed = [of for costs in story.standing_costs() for of in costs.coupons]
    kept = {of.coupon_no for of in story.state.order.benefits if of.shares.keys() <= story.gifts_left().keys()}
    assert sorted(of.coupon_no for of in freed) == sorted(set(story.state.coupons) - kept)
    assert {of.promotion for of in freed if of.cause is CouponCause.BELOW_MINIMUM} <= {Promotion.BASKET}


def check_parts(story: Story) -> None:
    """Tax parts sum to what each gateway was told, points to what was earned."""
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
    earned = sum(line.earned_points for line in story.state.order.lines)
    back = sum(points.amount for one in costs for points in one.points)
    assert back == (0 if story.policy.refund.earned_points is EarnedPoints.KEEP else earned)


# --- claims that run, park and are undone ----------------------------------------------------------------------------


@given(stories(), st.data())
def test_the_books_balance_while_claims_run_and_an_undone_one_is_as_never_made(
    story: Story, data: st.DataObject
) -> None:
    check_standing(story)
    while story.units_left():
        untouched = Story(story.state, story.policy)
        undo_next(story, data)
        assert story.state == untouched.state
        assert story.extra_owed == {}
        fault = data.draw(FAULTS)
        wanted = possible(story, data, fault)
        assert story.quote(wanted, fault) == untouched.quote(wanted, fault)
        story.cancel(wanted, fault, decided=False, legs=data.draw(LEG_STATES))
        check_standing(story)
        story.decide(story.state.claims[-1].claim_no)
        check_standing(story)


def undo_next(story: Story, data: st.DataObject) -> None:
    """A random claim that is opened and undone, whether it asked for an extra payment or not."""
    fault = data.draw(FAULTS)
    story.cancel(possible(story, data, fault), fault, decided=False, legs=LegState.PLANNED)
    check_standing(story)
    story.undo(story.state.claims[-1].claim_no)


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
                check_standing(story)
            elif wanted == {line_no: story.units_left().get(line_no)}:
                assert refusal.reason != "order.rounding"
        going.discard(line_no)


# --- in pieces and at once -------------------------------------------------------------------------------------------


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


# --- money that goes back past any claim -----------------------------------------------------------------------------


@given(stories(), st.data())
def test_what_went_back_outside_is_never_returned_again(story: Story, data: st.DataObject) -> None:
    """Whenever refunds are made in a gateway's console: all that was paid is back at the end, not a won more."""
    reference = Reference(story.state.order, story.policy)
    paid = sum(one.amount for one in story.state.order.payments if one.status is PaymentStatus.PAID)
    outside = 0
    while story.units_left():
        taken = data.draw(returned_outside(story))
        outside += sum(taken.values())
        story.return_outside(taken)
        check_standing(story)
        fault = data.draw(FAULTS)
        wanted = possible(story, data, fault)
        left = sum(one.left for one in story.state.order.payments if one.status is PaymentStatus.PAID)
        costs = story.cancel(wanted, fault, legs=data.draw(LEG_STATES))
        check_explained(costs)
        check_standing(story)
        net = reference.cancel(wanted, fault).net
        assert (costs.refund, costs.extra) == (min(max(net, 0), left), max(-net, 0))
    assert story.refunded() + outside == paid + story.extra_paid
    check_payments_empty(story)


@st.composite
def returned_outside(draw: st.DrawFn, story: Story) -> dict[str, int]:
    """By payment at a gateway, what somebody returns in its console: nothing, a part, or all that it still holds."""
    at_gateways = (one for one in story.state.order.payments if one.gateway and one.status is PaymentStatus.PAID)
    drawn = {one.payment_no: draw(st.sampled_from([0, 0, one.left // 3, one.left])) for one in at_gateways}
    return {payment_no: amount for payment_no, amount in drawn.items() if amount}


# --- a second reckoning ----------------------------------------------------------------------------------------------


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
