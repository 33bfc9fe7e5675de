"""Who may cancel or change what, when; and which of several reasons is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.claims import Actor
from domain.costs import Costs
from domain.eligibility import Gates, Possible, cancellable, changeable, check_cancel, check_payable, only_whole
from domain.orders import Held, LineStatus, Means, Order, OrderState, PaymentStatus, PriorClaim
from domain.refusals import Code, Refusal
from tests.support.orders import POLICY, fresh, held_claim, line, option_claim, order, payment, select

CUSTOMERS = (Actor.MEMBER, Actor.GUEST)


def state_of(made: Order, *claims: PriorClaim) -> OrderState:
    return replace(fresh(made), claims=claims)


def refused(state: OrderState, wanted: dict[int, int], actor: Actor = Actor.MEMBER) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check_cancel(state, select(wanted), actor, POLICY)
    return caught.value


def why(possible: Possible) -> tuple[str, str]:
    assert possible.units == 0
    assert possible.why_not is not None
    return possible.why_not.code, possible.why_not.reason


def one(status: LineStatus = LineStatus.PLACED, quantity: int = 3) -> Order:
    return order(line(1, 1_000, quantity, status=status), line(2, 500))


# --- when and by whom ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", Actor)
def test_everybody_cancels_a_placed_line(actor: Actor) -> None:
    state = state_of(one())
    check_cancel(state, select({1: 2}), actor, POLICY)
    assert cancellable(state, state.order.lines[0], actor, POLICY) == Possible(3)


@pytest.mark.parametrize("status", [LineStatus.SHIP_INSTRUCTED, LineStatus.SHIP_WAITING])
def test_the_back_office_also_cancels_until_it_is_shipped(status: LineStatus) -> None:
    state = state_of(one(status))
    check_cancel(state, select({1: 1}), Actor.BACK_OFFICE, POLICY)
    for actor in CUSTOMERS:
        refusal = refused(state, {1: 1}, actor)
        assert (refusal.code, refusal.reason) == (Code.NOT_CANCELLABLE, "line.status")
        assert refusal.facts == {"line_no": 1, "status": status.value}


@pytest.mark.parametrize("actor", Actor)
@pytest.mark.parametrize(
    "status", [LineStatus.SHIPPED, LineStatus.DELIVERED, LineStatus.COLLECTED, LineStatus.RETURNED]
)
def test_nobody_cancels_what_was_shipped(status: LineStatus, actor: Actor) -> None:
    assert refused(state_of(one(status)), {1: 1}, actor).reason == "line.status"


def unpaid(*, first: LineStatus = LineStatus.AWAITING_DEPOSIT) -> Order:
    payments = [payment("1", 3_000), payment("2", 500, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING)]
    return replace(one(first), payments=tuple(payments))


@pytest.mark.parametrize("actor", Actor)
def test_an_order_that_waits_for_money_is_cancelled_only_whole(actor: Actor) -> None:
    state = state_of(unpaid())
    refusal = refused(state, {1: 3}, actor)
    assert (refusal.code, refusal.reason, refusal.facts) == (Code.WHOLE_ONLY, "order.unpaid", {"payment_no": "2"})
    check_cancel(state, select({1: 3, 2: 1}), actor, POLICY)


def test_one_line_that_was_shipped_holds_an_order_that_waits_for_money() -> None:
    refusal = refused(state_of(unpaid(first=LineStatus.SHIPPED)), {2: 1})
    assert (refusal.code, refusal.reason) == (Code.WHOLE_ONLY, "order.whole_blocked")
    assert refusal.facts == {"payment_no": "2", "line_no": 1}


def test_a_waiting_payment_that_a_claim_has_closed_holds_nothing() -> None:
    closed = tuple(replace(of, closed=of.status is PaymentStatus.WAITING) for of in unpaid().payments)
    check_cancel(state_of(replace(unpaid(), payments=closed)), select({1: 1}), Actor.MEMBER, POLICY)


# --- units -----------------------------------------------------------------------------------------------------------


def test_units_held_by_an_undecided_claim_name_it() -> None:
    refusal = refused(state_of(one(), held_claim("C1", {1: 3}, decided=False)), {1: 1})
    assert (refusal.code, refusal.reason) == (Code.NOT_CANCELLABLE, "units.held")
    assert refusal.facts == {"line_no": 1, "left": 0, "claim_no": "C1"}


def test_units_cancelled_for_good_name_their_claim() -> None:
    cancelled = state_of(one(LineStatus.CANCELLED), held_claim("C1", {1: 3}))
    refusal = refused(cancelled, {1: 1})
    assert (refusal.reason, refusal.facts["claim_no"]) == ("units.gone", "C1")


def test_fewer_units_left_than_asked_for_says_how_many() -> None:
    refusal = refused(state_of(one(), held_claim("C1", {1: 1})), {1: 3})
    assert (refusal.code, refusal.reason) == (Code.NOT_CANCELLABLE, "units.not_enough")
    assert refusal.facts == {"line_no": 1, "left": 2, "asked": 3, "claim_no": "C1"}


def test_more_units_than_were_ever_ordered() -> None:
    refusal = refused(state_of(one()), {1: 10**18})
    assert (refusal.reason, refusal.facts["left"], refusal.facts["claim_no"]) == ("units.not_enough", 3, None)


def test_the_undecided_one_of_two_claims_is_named() -> None:
    undecided, decided = held_claim("C1", {1: 2}, decided=False), replace(held_claim("C2", {}), held=(Held(1, 3, 1),))
    for claims in ((undecided, decided), (decided, undecided)):
        refusal = refused(state_of(one(), *claims), {1: 1})
        assert (refusal.reason, refusal.facts["claim_no"]) == ("units.held", "C1")


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({}, "selection.empty"),
        ({9: 1}, "line.unknown"),
        ({1: 0}, "quantity.not_positive"),
        ({1: -1}, "quantity.not_positive"),
    ],
)
def test_selections_that_make_no_sense(wanted: dict[int, int], reason: str) -> None:
    refusal = refused(state_of(one(LineStatus.SHIPPED)), wanted)
    assert (refusal.code, refusal.reason) == (Code.BAD_VALUE, reason)


def test_a_line_named_twice() -> None:
    with pytest.raises(Refusal) as caught:
        check_cancel(state_of(one()), [*select({1: 1}), *select({1: 1})], Actor.MEMBER, POLICY)
    assert (caught.value.code, caught.value.reason) == (Code.BAD_VALUE, "line.repeated")


# --- one undecided claim ---------------------------------------------------------------------------------------------


def test_free_units_wait_for_an_undecided_claim() -> None:
    state = state_of(one(), held_claim("C1", {1: 1}, decided=False))
    refusal = refused(state, {2: 1})
    assert (refusal.code, refusal.reason) == (Code.OTHER_CLAIM_UNDECIDED, "claim.undecided")
    assert refusal.facts == {"claim_no": "C1"}
    assert why(cancellable(state, state.order.lines[1], Actor.MEMBER, POLICY)) == ("2005", "claim.undecided")


def test_a_decided_claim_blocks_nothing() -> None:
    check_cancel(state_of(one(), held_claim("C1", {1: 1}, final=False)), select({1: 2, 2: 1}), Actor.MEMBER, POLICY)


def test_a_line_being_changed_is_not_cancelled_but_the_others_are() -> None:
    state = state_of(one(), option_claim("C1", {1: 3}))
    refusal = refused(state, {1: 1})
    assert (refusal.code, refusal.reason) == (Code.NOT_CANCELLABLE, "line.changing")
    assert refusal.facts == {"line_no": 1, "claim_no": "C1"}
    check_cancel(state, select({2: 1}), Actor.MEMBER, POLICY)


def test_a_line_whose_change_is_through_can_be_cancelled() -> None:
    check_cancel(state_of(one(), option_claim("C1", {1: 3}, decided=True)), select({1: 3}), Actor.MEMBER, POLICY)


# --- whole or nothing ------------------------------------------------------------------------------------------------


def indivisible(*, first: LineStatus = LineStatus.PLACED) -> Order:
    return replace(one(first), payments=(payment("1", 3_000), payment("2", 500, partial=False)))


def test_a_payment_that_cannot_be_returned_in_part_allows_only_the_whole() -> None:
    state = state_of(indivisible())
    assert only_whole(state)
    refusal = refused(state, {1: 3})
    assert (refusal.code, refusal.reason, refusal.facts) == (Code.WHOLE_ONLY, "order.whole_only", {"payment_no": "2"})
    assert refused(state, {1: 2, 2: 1}).code is Code.WHOLE_ONLY
    check_cancel(state, select({1: 3, 2: 1}), Actor.MEMBER, POLICY)
    assert [cancellable(state, of, Actor.MEMBER, POLICY).units for of in state.order.lines] == [3, 1]


def test_then_one_line_that_cannot_be_cancelled_means_that_nothing_can() -> None:
    state = state_of(indivisible(first=LineStatus.SHIPPED))
    refusal = refused(state, {2: 1})
    assert (refusal.code, refusal.reason) == (Code.WHOLE_ONLY, "order.whole_blocked")
    assert refusal.facts == {"payment_no": "2", "line_no": 1}
    assert why(cancellable(state, state.order.lines[1], Actor.MEMBER, POLICY)) == ("2006", "order.whole_blocked")
    assert refused(state, {1: 3, 2: 1}).reason == "line.status"


def test_an_order_whose_payments_can_all_be_returned_in_part_is_free() -> None:
    assert not only_whole(state_of(one()))


# --- which reason comes first ----------------------------------------------------------------------------------------


def test_units_before_an_undecided_claim_before_the_whole() -> None:
    undecided = held_claim("C1", {1: 3}, decided=False)
    assert refused(state_of(indivisible(), undecided), {1: 1, 2: 1}).code is Code.NOT_CANCELLABLE
    assert refused(state_of(indivisible(), undecided), {2: 1}).code is Code.OTHER_CLAIM_UNDECIDED


# --- option change ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", Actor)
@pytest.mark.parametrize("status", LineStatus)
def test_only_a_placed_line_changes(status: LineStatus, actor: Actor) -> None:
    state = state_of(one(status))
    possible = changeable(state, state.order.lines[0], actor, POLICY)
    if status is LineStatus.PLACED:
        assert possible == Possible(3)
    else:
        assert why(possible) == ("2001", "line.status")


def test_all_units_left_change() -> None:
    state = state_of(one(), held_claim("C1", {1: 2}))
    assert changeable(state, state.order.lines[0], Actor.MEMBER, POLICY) == Possible(1)


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (held_claim("C1", {1: 1}, decided=False, final=False), "line.held"),
        (held_claim("C1", {1: 1}, decided=True, final=False), "line.held"),
        (option_claim("C1", {1: 3}), "line.changing"),
        (option_claim("C1", {1: 3}, decided=True), "line.changing"),
        (held_claim("C1", {1: 3}), "units.gone"),
    ],
)
def test_a_line_with_units_in_a_claim_that_is_not_final_does_not_change(claim: PriorClaim, reason: str) -> None:
    state = state_of(one(), claim)
    possible = changeable(state, state.order.lines[0], Actor.MEMBER, POLICY)
    assert why(possible) == ("2001", reason)
    assert possible.why_not is not None
    assert possible.why_not.facts["claim_no"] == "C1"
    assert changeable(state, state.order.lines[1], Actor.MEMBER, POLICY) == Possible(1)


# --- payable ---------------------------------------------------------------------------------------------------------


def not_payable(costs: Costs, *, payment: int | None = None, quoted: bool = False, account: bool = False) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check_payable(costs, payment=payment, quoted=quoted, account=account)
    return caught.value


EXTRA = Costs("KRW", (), (), (), 0, 700, needs_account=False)
ACCOUNT = Costs("KRW", (), (), (), 700, 0, needs_account=True)
ORDINARY = Costs("KRW", (), (), (), 1_000, 0, needs_account=False)


def test_an_extra_payment_needs_a_quote_and_exactly_its_amount() -> None:
    missing = not_payable(EXTRA, quoted=True)
    assert (missing.code, missing.reason, missing.facts) == (
        Code.PAYMENT_NEEDED,
        "payment.extra",
        {"extra": 700, "currency": "KRW"},
    )
    unquoted = not_payable(EXTRA, payment=700)
    assert (unquoted.code, unquoted.reason) == (Code.PAYMENT_NEEDED, "payment.needs_quote")
    for amount in (699, 701, 0):
        other = not_payable(EXTRA, payment=amount, quoted=True)
        assert (other.code, other.reason, other.facts["offered"]) == (Code.BAD_VALUE, "payment.other_amount", amount)
    check_payable(EXTRA, payment=700, quoted=True, account=False)


def test_a_payment_that_nobody_asked_for_is_refused() -> None:
    refusal = not_payable(ORDINARY, payment=1, quoted=True)
    assert (refusal.code, refusal.reason) == (Code.BAD_VALUE, "payment.not_needed")


def test_a_refund_to_a_virtual_account_needs_an_account() -> None:
    refusal = not_payable(ACCOUNT)
    assert (refusal.code, refusal.reason) == (Code.PAYMENT_NEEDED, "payment.account")
    check_payable(ACCOUNT, payment=None, quoted=False, account=True)


def test_any_other_claim_is_payable() -> None:
    check_payable(ORDINARY, payment=None, quoted=False, account=False)


def test_gates_answer_for_every_line_alike() -> None:
    state = state_of(one(), held_claim("C1", {1: 1}))
    gates = Gates(state, Actor.MEMBER, POLICY)
    assert [gates.cancellable(of) for of in state.order.lines] == [Possible(2), Possible(1)]
