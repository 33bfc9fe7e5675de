"""Amounts in Stripe's units: currencies with no, two and three decimals, and those where Stripe differs from ISO."""

from __future__ import annotations

import pytest

from domain.currencies import UnknownCurrency
from gateways.payments.port import Done, Found, PaymentSnapshot, Rejected
from gateways.payments.stripe.amounts import Inexpressible, from_stripe, to_stripe
from tests.gateways.stripe.conftest import StandIn, charge_of, refund_of


@pytest.mark.parametrize(
    ("currency", "ours", "told"),
    [
        ("KRW", 10_500, 10_500),
        ("JPY", 500, 500),
        ("VND", 25_000, 25_000),
        ("USD", 1_050, 1_050),
        ("EUR", 1, 1),
        ("HUF", 1_045, 1_045),
        ("TWD", 80_045, 80_045),
        ("KWD", 5_120, 5_120),
        ("BHD", 1_000, 1_000),
        ("TND", 10, 10),
        ("ISK", 5, 500),
        ("UGX", 5, 500),
        ("MGA", 500, 5),
    ],
)
def test_there_and_back(currency: str, ours: int, told: int) -> None:
    assert to_stripe(ours, currency) == told
    assert from_stripe(told, currency.lower()) == ours


@pytest.mark.parametrize(("currency", "ours"), [("KWD", 5_124), ("OMR", 1), ("MGA", 501)])
def test_what_stripe_cannot_be_told(currency: str, ours: int) -> None:
    with pytest.raises(Inexpressible):
        to_stripe(ours, currency)


def test_what_stripe_tells_finer_than_we_count() -> None:
    assert from_stripe(5_124, "kwd") == 5_124
    with pytest.raises(Inexpressible):
        from_stripe(4_010, "isk")


def test_no_currency_at_all() -> None:
    for convert in (to_stripe, from_stripe):
        with pytest.raises(UnknownCurrency):
            convert(1, "XXX")


@pytest.mark.parametrize(("currency", "paid", "part"), [("USD", 10_50, 3_33), ("KWD", 10_500, 5_120), ("JPY", 500, 1)])
async def test_refunds_over_the_wire(stand_in: StandIn, currency: str, paid: int, part: int) -> None:
    payment = stand_in.control.pay(paid, currency=currency)
    asked = refund_of(payment, part, currency=currency)
    outcome = await stand_in.gateway.refund(asked)
    assert isinstance(outcome, Done)
    assert await stand_in.gateway.find(payment, asked.reference, part) == Found(outcome.ref)
    read = await stand_in.gateway.read(payment)
    assert isinstance(read, PaymentSnapshot)
    assert (read.balance, stand_in.control.balance(payment)) == (paid - part, paid - part)


async def test_charges_over_the_wire(stand_in: StandIn) -> None:
    asked = charge_of(await stand_in.store_card(), 19_99, currency="USD")
    taken = await stand_in.gateway.charge(asked)
    assert isinstance(taken, Done)
    assert stand_in.control.ledger(taken.ref)["currency"] == "USD"
    assert await stand_in.gateway.find_charge(asked.reference, 19_99) == Found(taken.ref)


async def test_an_amount_that_cannot_be_told_is_rejected_unsent(stand_in: StandIn) -> None:
    payment = stand_in.control.pay(10_500, currency="KWD")
    assert await stand_in.gateway.refund(refund_of(payment, 5_124, currency="KWD")) == Rejected("amount_inexpressible")
    token = await stand_in.store_card()
    assert await stand_in.gateway.charge(charge_of(token, 5_124, currency="KWD")) == Rejected("amount_inexpressible")
    assert await stand_in.refunds(payment) == []
