"""How a refund is spread over the means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.allocation import spread
from domain.costs import PlannedLeg
from domain.orders import Means, PaymentStatus
from tests.support.orders import Story, line, order, payment

EVERY_MEANS = [
    payment("1", 1_000, Means.MILEAGE),
    payment("2", 1_000, Means.DEPOSIT),
    payment("3", 1_000, Means.GIFT_CARD),
    payment("4", 1_000, Means.CARD),
    payment("5", 1_000, Means.SIMPLE_PAY),
]


def test_external_means_first_in_their_order_then_gift_card_deposit_mileage() -> None:
    assert [leg.payment_no for leg in spread(5_000, EVERY_MEANS)] == ["4", "5", "3", "2", "1"]


def test_each_payment_up_to_what_is_left_on_it() -> None:
    used = [replace(EVERY_MEANS[3], refunding=700), *EVERY_MEANS[:1]]
    assert spread(400, used) == (PlannedLeg("4", Means.CARD, 300), PlannedLeg("1", Means.MILEAGE, 100))


def test_no_leg_is_zero() -> None:
    assert spread(0, EVERY_MEANS) == ()
    empty = [replace(EVERY_MEANS[3], refunding=1_000), EVERY_MEANS[4]]
    assert [leg.payment_no for leg in spread(1_000, empty)] == ["5"]


def test_waiting_payments_give_nothing_back() -> None:
    waiting = payment("1", 1_000, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING)
    assert [leg.payment_no for leg in spread(500, [waiting, payment("2", 500)])] == ["2"]


def test_more_than_the_payments_hold_is_a_defect() -> None:
    with pytest.raises(ValueError, match="more than the payments hold"):
        spread(1_001, [payment("1", 1_000)])


@pytest.mark.parametrize(("quantity", "needed"), [(1, False), (2, True)])
def test_an_account_is_needed_only_when_a_virtual_account_is_touched(quantity: int, needed: bool) -> None:
    paid = [payment("1", 1_000), payment("2", 1_000, Means.VIRTUAL_ACCOUNT)]
    costs = Story.of(order(line(1, 1_000, 2), payments=paid)).quote({1: quantity})
    assert costs.needs_account is needed
