"""The books by hand, where the property tests only compare their sides."""

from __future__ import annotations

from dataclasses import replace

from domain.claims import LegState
from domain.conservation import Books, Leg, books
from domain.orders import Fault, Means, PaymentStatus
from tests.support.orders import Story, basket_coupon, fresh, group, line, order, payment

ORDER = order(
    line(1, 10_000, 3),
    line(2, 5_000, group="G2"),
    groups=[group("G1", fee=3_000, free_from=30_000), group("G2", fee=2_500, paid=2_500)],
    benefits=[basket_coupon("B1", {1: 3_000})],
)


def test_before_any_claim() -> None:
    assert Story.of(ORDER).books() == Books(paid=34_500, extra_paid=0, refunded=0, due=0, bought=32_000, fees=2_500)


def test_after_a_partial_cancel_that_charges_a_fee() -> None:
    story = Story.of(ORDER)
    story.cancel({1: 1})
    assert story.books() == Books(paid=34_500, extra_paid=0, refunded=6_000, due=0, bought=23_000, fees=5_500)


def test_a_refund_on_its_way_is_due() -> None:
    story = Story.of(ORDER)
    story.cancel({1: 1}, Fault.SELLER, legs=LegState.PENDING, decided=False)
    assert story.books() == Books(paid=34_500, extra_paid=0, refunded=0, due=9_000, bought=23_000, fees=2_500)


def test_a_refused_leg_of_a_claim_that_stands_is_still_due_and_a_void_one_is_not() -> None:
    state = fresh(ORDER)
    assert books(state, [Leg("1", 700, LegState.REFUSED), Leg("1", 900, LegState.VOID)]).due == 700


def test_what_the_customer_still_owes_is_less_than_nothing_due() -> None:
    waiting = payment("2", 1_000, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING)
    made = order(line(1, 4_000), payments=[payment("1", 3_000, Means.MILEAGE), waiting])
    assert books(fresh(made), []) == Books(paid=3_000, extra_paid=0, refunded=0, due=-1_000, bought=4_000, fees=0)


def test_money_returned_without_a_claim_does_not_add_up() -> None:
    assert books(fresh(ORDER), [Leg("1", 1, LegState.SETTLED)]).difference == -1


def test_a_fee_that_no_claim_took_off_a_refund_does_not_add_up() -> None:
    story = Story.of(ORDER)
    story.cancel({1: 1})
    claim = replace(story.state.claims[0], fees_charged={})
    story.state = replace(story.state, claims=(claim,))
    assert story.books().difference == 3_000
