"""What users of other shops suffer with money, by the numbers under which the survey lists it, and what ours does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.claims import Actor
from domain.costs import CostKind, Costs, Rule
from domain.currencies import exponent, to_major
from domain.eligibility import Gates, check_cancel
from domain.orders import BelowMinimum, Benefit, Fault, Means, OrderState, PaymentStatus
from domain.policy import Allocation, Policy, Returning
from domain.quotes import QuoteTerms, check_terms, fingerprint
from domain.refusals import Code, Refusal
from tests.support.orders import (
    NOW,
    POLICY,
    Story,
    basket_coupon,
    goods_coupon,
    group,
    line,
    option_claim,
    order,
    payment,
    select,
)


def cancelled(story: Story, *steps: dict[int, int], fault: Fault = Fault.CUSTOMER) -> list[int]:
    return [story.cancel(wanted, fault).refund for wanted in steps]


def refused(state: OrderState, wanted: dict[int, int], actor: Actor = Actor.MEMBER) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check_cancel(state, select(wanted), actor, POLICY)
    return caught.value


def left_on(story: Story) -> list[int]:
    """What each payment still holds."""
    return [payment.left for payment in story.state.order.payments]


def with_refund(**told: object) -> Policy:
    parts = POLICY.model_dump()
    return Policy.model_validate({**parts, "refund": {**parts["refund"], **told}})


# --- P13, P14: the wrong amount --------------------------------------------------------------------------------------


def terms_of(costs: Costs, wanted: dict[int, int]) -> QuoteTerms:
    return QuoteTerms(
        nonce="n-1",
        order_no="20230808O000001",
        selection=select(wanted),
        reason_code="10",
        quoted_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
        refund=costs.refund,
        extra=costs.extra,
        fingerprint=fingerprint(costs),
    )


def test_p13_a_preview_shows_one_amount_and_the_refund_sends_another() -> None:
    """The quote is carried out to the last row, or refused with what it would be now."""
    story = Story.of(order(line(1, 10_000, 3), groups=[group(fee=3_000, free_from=20_000)]))
    quoted = story.quote({1: 1})
    check_terms(terms_of(quoted, {1: 1}), story.quote({1: 1}), NOW)
    assert story.cancel({1: 1}) == quoted
    with pytest.raises(Refusal) as caught:
        check_terms(terms_of(quoted, {1: 1}), story.quote({1: 1}), NOW)
    assert caught.value.code is Code.QUOTE_CHANGED
    assert (caught.value.facts["quoted_refund"], caught.value.facts["refund"]) == (10_000, 7_000)


@pytest.mark.parametrize(("currency", "decimals"), [("KRW", 0), ("JPY", 0), ("USD", 2), ("EUR", 2), ("KWD", 3)])
def test_p14_amounts_are_off_by_a_factor_of_one_hundred(currency: str, decimals: int) -> None:
    """Ten won, ten dollars and ten dinars come back as ten of each: only the minor unit differs."""
    assert exponent(currency) == decimals
    ten = 10 * 10**decimals
    story = Story.of(order(line(1, ten, 3), benefits=[goods_coupon("B1", 1, 3)], currency=currency))
    costs = story.cancel({1: 1})
    assert costs.currency == currency
    assert to_major(costs.refund, currency) == 10 - Decimal(1).scaleb(-decimals)
    assert sum(cancelled(story, {1: 2})) == 2 * ten - 2


def test_p14_the_rules_know_no_currency() -> None:
    """The same integers come to the same integers, whatever they count."""
    made = order(line(1, 1_001, 3), groups=[group(fee=333, free_from=3_000)], benefits=[goods_coupon("B1", 1, 2)])
    for currency in ("KRW", "USD", "KWD"):
        assert cancelled(Story.of(replace(made, currency=currency)), {1: 1}, {1: 1}, {1: 1}) == [667, 1_001, 1_333]


# --- P15 to P18: rounding, tax, discounts ----------------------------------------------------------------------------


def test_p15_rounding_line_by_line_makes_the_refund_exceed_the_order_by_a_cent() -> None:
    """Each unit of three lines by itself, with coupons that divide by none of them: exactly what was paid."""
    lines = [line(number, 999, 3) for number in (1, 2, 3)]
    coupons = [basket_coupon("B1", {1: 100, 2: 100, 3: 50}), *[goods_coupon(f"A{no}", no, 10) for no in (1, 2, 3)]]
    story = Story.of(order(*lines, benefits=coupons, currency="USD"))
    paid = story.books().paid
    back = cancelled(story, *[{number: 1} for _ in range(3) for number in (2, 3, 1)])
    assert sum(back) == paid == 9 * 999 - 250 - 30
    assert left_on(story) == [0]


def test_p16_consecutive_partial_refunds_leave_a_residue_that_can_never_be_returned() -> None:
    story = Story.of(order(line(1, 1_000, 7), benefits=[goods_coupon("B1", 1, 10)]))
    assert cancelled(story, {1: 3}, {1: 3}, {1: 1}) == [2_996, 2_995, 999]
    assert left_on(story) == [0]
    assert story.books().due == story.books().bought == 0


def test_p17_tax_differs_between_identical_partial_refunds() -> None:
    """VAT is that of the money returned so far, rounded once: pieces of one size differ by a rounding at most."""
    card = payment("1", 10_000, tax_free=0, vat=909)
    story = Story.of(order(line(1, 1_000, 10), payments=[card]))
    vats = [story.cancel({1: 1}).legs[0].vat or 0 for _ in range(10)]
    assert sum(vats) == 909
    assert set(vats) == {90, 91}


def test_p18_an_order_wide_discount_is_ignored_or_refunded_too_much_on_a_single_line() -> None:
    coupon = basket_coupon("B1", {1: 3_000, 2: 2_000, 3: 1_000})
    story = Story.of(order(line(1, 30_000), line(2, 20_000), line(3, 10_000), benefits=[coupon]))
    assert cancelled(story, {2: 1}, {1: 1}, {3: 1}) == [18_000, 27_000, 9_000]
    assert left_on(story) == [0]


# --- P19 to P22: thresholds, shipping, what is owed, old screens ------------------------------------------------------


def three_from_fifty(below: BelowMinimum | None) -> Story:
    coupon = basket_coupon("B1", {1: 2_000, 2: 2_000, 3: 2_000}, minimum=50_000, below=below)
    return Story.of(order(line(1, 20_000), line(2, 20_000), line(3, 20_000), benefits=[coupon]))


def test_p19_a_promotion_vanishes_with_its_threshold_and_the_money_goes_wrong() -> None:
    """Each coupon says what becomes of it, and a benefit that is lost is a row of its own."""
    taken_back = three_from_fifty(BelowMinimum.TAKE_BACK)
    costs = taken_back.cancel({1: 1})
    lost = [row for row in costs.rows if row.kind is CostKind.DISCOUNT_TAKEN_BACK]
    assert [(row.line_no, row.coupon_no, row.amount, row.rule) for row in lost] == [
        (2, "B1", -2_000, Rule.COUPON_MINIMUM),
        (3, "B1", -2_000, Rule.COUPON_MINIMUM),
    ]
    assert [costs.refund, *cancelled(taken_back, {2: 1}, {3: 1})] == [14_000, 20_000, 20_000]
    assert cancelled(three_from_fifty(BelowMinimum.KEEP), {1: 1}, {2: 1}, {3: 1}) == [18_000, 18_000, 18_000]
    with pytest.raises(Refusal) as caught:
        three_from_fifty(BelowMinimum.FORBID).quote({1: 1})
    assert (caught.value.code, caught.value.reason) == (Code.WHOLE_ONLY, "coupon.forbids_partial")


def test_p20_shipping_is_not_refunded_or_whole_at_the_first_piece_or_twice() -> None:
    paid = order(line(1, 10_000, 2), groups=[group(fee=3_000, paid=3_000, surcharge=500)])
    for fault in Fault:
        assert cancelled(Story.of(paid), {1: 1}, {1: 1}, fault=fault) == [10_000, 13_500]
    free = order(line(1, 10_000, 3), groups=[group(fee=3_000, free_from=30_000)])
    assert cancelled(Story.of(free), {1: 1}, {1: 1}, {1: 1}) == [7_000, 10_000, 13_000]
    assert cancelled(Story.of(free), {1: 1}, {1: 1}, {1: 1}, fault=Fault.SELLER) == [10_000, 10_000, 10_000]


def test_p21_lowering_an_order_that_still_owes_money_refunds_what_was_never_paid() -> None:
    awaited = payment("2", 9_500, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING)
    unpaid = Story.of(order(line(1, 10_000), payments=[payment("1", 500, Means.MILEAGE), awaited]))
    costs = unpaid.cancel({1: 1})
    assert [(leg.payment_no, leg.amount) for leg in costs.legs] == [("1", 500)]
    assert (costs.refund, costs.closed) == (500, ("2",))
    owing = Story.of(order(line(1, 1_000), line(2, 29_000), groups=[group(fee=3_000, free_from=30_000)]))
    owing.cancel({1: 1}, decided=False)
    assert (owing.books().due, owing.books().extra_paid) == (-2_000, 0)
    assert refused(owing.state, {2: 1}).code is Code.OTHER_CLAIM_UNDECIDED


def test_p22_a_refund_screen_shows_old_quantities_after_an_edit() -> None:
    """What can be cancelled is counted anew each time; a quote of an older moment is refused, not bent."""
    story = Story.of(order(line(1, 1_000, 3), benefits=[goods_coupon("B1", 1, 100)]))
    old = terms_of(story.quote({1: 1}), {1: 1})
    story.cancel({1: 1})
    gates = Gates(story.state, Actor.MEMBER, POLICY)
    assert gates.cancellable(story.state.order.lines[0]).units == 2
    assert refused(story.state, {1: 3}).facts == {"line_no": 1, "left": 2, "asked": 3, "claim_no": "C1"}
    with pytest.raises(Refusal) as caught:
        check_terms(old, story.quote({1: 1}), NOW)
    assert caught.value.code is Code.QUOTE_CHANGED


# --- P23 to P25: coupons and points ----------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", Fault)
def test_p23_a_coupon_stays_used_after_the_cancel(fault: Fault) -> None:
    """Whoever is at fault; and what becomes of one that had expired is declared, and told before anything moves."""
    made = order(
        line(1, 10_000, 2),
        groups=[group(fee=3_000, discount=3_000, coupon="S1")],
        benefits=[goods_coupon("A1", 1, 1_000), basket_coupon("B1", {1: 500})],
    )
    story = Story.of(made, expiries={"B1": NOW - timedelta(days=7)})
    assert story.cancel({1: 1}, fault).coupons == ()
    quoted = {freed.coupon_no: freed.returning for freed in story.quote({1: 1}, fault).coupons}
    expired = Returning.FORFEIT if fault is Fault.CUSTOMER else Returning.EXTEND
    assert quoted == {"A1": Returning.RESTORE, "B1": expired, "S1": Returning.RESTORE}
    assert {freed.coupon_no: freed.returning for freed in story.cancel({1: 1}, fault).coupons} == quoted


def test_p24_points_are_not_returned_or_returned_twice_or_kept_after_a_refund() -> None:
    """Points spent go back like any payment, points earned go with their units, and an undone claim moves neither."""
    means = [payment("1", 20_000), payment("2", 10_000, Means.MILEAGE)]
    made = order(line(1, 10_000, 3, points=100), payments=means)
    story = Story.of(made)
    story.cancel({1: 1}, decided=False)
    story.undo("C1")
    pieces = [story.cancel({1: 1}) for _ in range(3)]
    assert [points.amount for costs in pieces for points in costs.points] == [33, 34, 33]
    assert sum(leg.amount for costs in pieces for leg in costs.legs if leg.means is Means.MILEAGE) == 10_000
    assert Story.of(made, policy=with_refund(earned_points="keep")).cancel({1: 3}).points == ()


def freed(costs: Costs) -> list[str]:
    return [coupon.coupon_no for coupon in costs.coupons]


def test_p25_a_coupon_becomes_reusable_through_an_edit() -> None:
    """Only a claim that stands frees a coupon, once; a change of option or an undone claim frees none."""
    coupon: Benefit = basket_coupon("B1", {1: 4_000}, minimum=30_000)
    story = Story.of(order(line(1, 10_000, 4), benefits=[coupon]))
    story.state = replace(story.state, claims=(option_claim("O1", {1: 4}, decided=True, final=True),))
    assert freed(story.cancel({1: 2}, decided=False)) == ["B1"]
    story.undo("C1")
    assert [freed(story.cancel({1: units})) for units in (1, 1, 1, 1)] == [[], ["B1"], [], []]


# --- P30, P41: after a partial refund, and to which instrument -------------------------------------------------------


def test_p30_cancelling_after_a_partial_refund_throws() -> None:
    """Whatever was cancelled before, by whom and however far it has come, what is left can be cancelled."""
    coupon = basket_coupon("B1", {1: 3_333, 2: 777}, minimum=40_000)
    made = order(
        line(1, 9_999, 4),
        line(2, 2_500, 3, group="G2"),
        groups=[group(fee=3_000, free_from=39_000), group("G2", fee=2_500, paid=2_500)],
        benefits=[coupon, goods_coupon("A1", 2, 101)],
        payments=[payment("1", 30_000), payment("2", 15_785, Means.GIFT_CARD)],
    )
    pieces = [{1: 1}, {2: 2}, {1: 2}, {2: 1}]
    for stopped in range(len(pieces) + 1):
        story = Story.of(made)
        for number, wanted in enumerate(pieces[:stopped]):
            story.cancel(wanted, Fault.SELLER if number % 2 else Fault.CUSTOMER)
        check_cancel(story.state, select(story.units_left()), Actor.MEMBER, POLICY)
        story.cancel(story.units_left())
        assert left_on(story) == [0] * len(story.state.order.payments)


def test_p41_a_split_tender_is_refunded_to_the_wrong_instrument() -> None:
    """The shop names how, the quote says to which payment how much, and exactly that is carried out."""
    means = [payment("1", 4_000, Means.MILEAGE), payment("2", 6_000)]
    by_policy = {
        Allocation.EXTERNAL_FIRST: [("2", 5_000)],
        Allocation.PROPORTIONAL: [("2", 3_000), ("1", 2_000)],
        Allocation.SEQUENCE: [("1", 4_000), ("2", 1_000)],
    }
    others = [of for of in Means if of is not Means.MILEAGE]
    for allocation, expected in by_policy.items():
        sequence = [Means.MILEAGE, *others] if allocation is Allocation.SEQUENCE else []
        story = Story.of(
            order(line(1, 5_000, 2), payments=means), policy=with_refund(allocation=allocation, sequence=sequence)
        )
        quoted = story.quote({1: 1})
        assert [(leg.payment_no, leg.amount) for leg in quoted.legs] == expected
        assert story.cancel({1: 1}).legs == quoted.legs
        story.cancel({1: 1})
        assert left_on(story) == [0, 0]


# --- P37: what counts as unpaid --------------------------------------------------------------------------------------


def test_p37_a_refunded_order_is_cancelled_as_unpaid() -> None:
    """An order is unpaid while money is awaited, whatever went back of it; and a cancel goes by paid less refunded."""
    story = Story.of(order(line(1, 10_000, 3)))
    story.return_outside({"1": 30_000})
    assert cancelled(story, {1: 1}) == [0]
    assert [row.rule for row in story.standing_costs()[0].rows] == [Rule.UNITS, Rule.RETURNED_OUTSIDE]
    partly = Story.of(order(line(1, 10_000, 3)))
    partly.return_outside({"1": 12_000})
    assert cancelled(partly, {1: 1}, {1: 1}, {1: 1}) == [10_000, 8_000, 0]
    assert not any(row.rule is Rule.WAITING_PAYMENT for costs in partly.standing_costs() for row in costs.rows)
    awaiting = [payment("1", 4_000), payment("2", 6_000, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING)]
    unpaid = Story.of(order(line(1, 10_000), payments=awaiting))
    unpaid.return_outside({"1": 4_000})
    costs = unpaid.cancel({1: 1})
    assert (costs.refund, costs.closed) == (0, ("2",))
