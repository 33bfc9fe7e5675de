"""What every side must do: refunds and charges that are made once, found again, and refused in words that we know.

With `CLAIMS_TEST_STRIPE_KEY` set these tests run against Stripe's test mode too.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.orders import Means
from gateways.payments.port import (
    Absent,
    ChargeRecord,
    Conflict,
    Done,
    Found,
    Misconfigured,
    NoSuchPayment,
    PaymentSnapshot,
    RefundRecord,
    RefundStatus,
    Rejected,
    Undetermined,
    Unknown,
)
from gateways.payments.stripe import StripeGateway
from gateways.payments.stripe import gateway as gateway_module
from tests.gateways.stripe.conftest import DECLINED_CARD, Side, adapter, charge_of, refund_of
from tests.support.sandbox import SandboxProcess


async def test_a_whole_payment_goes_back(side: Side) -> None:
    payment = await side.pay(10_000)
    asked = refund_of(payment, 10_000)
    outcome = await side.gateway.refund(asked)
    ((ref, *rest),) = await side.refunds(payment)
    assert outcome == Done(ref)
    assert rest == [10_000, "succeeded", asked.reference]
    assert await side.gateway.read(payment) == PaymentSnapshot(
        0, (RefundRecord(ref, 10_000, RefundStatus.SUCCEEDED, asked.reference),), captured=10_000
    )


async def test_two_parts_leave_the_rest(side: Side) -> None:
    payment = await side.pay(10_000)
    first, second = refund_of(payment, 3_000), refund_of(payment, 2_000)
    outcomes = [await side.gateway.refund(first), await side.gateway.refund(second)]
    ledger = await side.refunds(payment)
    assert outcomes == [Done(ref) for ref, *_ in ledger]
    assert [amount for _, amount, *_ in ledger] == [3_000, 2_000]
    read = await side.gateway.read(payment)
    assert isinstance(read, PaymentSnapshot)
    assert read.balance == 5_000
    assert [one.reference for one in read.refunds] == [first.reference, second.reference]
    assert await side.gateway.find(payment, second.reference, 2_000) == Found(ledger[1][0])


async def test_the_same_key_again_is_the_same_refund(side: Side) -> None:
    payment = await side.pay(10_000)
    asked = refund_of(payment, 3_000)
    first = await side.gateway.refund(asked)
    assert isinstance(first, Done)
    assert await side.gateway.refund(asked) == first
    assert len(await side.refunds(payment)) == 1


async def test_the_same_key_for_another_amount_is_unknown(side: Side) -> None:
    payment = await side.pay(10_000)
    asked = refund_of(payment, 3_000)
    await side.gateway.refund(asked)
    outcome = await side.gateway.refund(replace(asked, amount=3_001))
    # The refund of the first request is there: to call this one "not done" would have it done twice.
    assert outcome == Unknown("idempotency_error", answered=True)
    assert len(await side.refunds(payment)) == 1
    assert await side.gateway.find(payment, asked.reference, 3_001) == Undetermined("amount_differs")


async def test_more_than_is_left_is_a_conflict(side: Side) -> None:
    payment = await side.pay(10_000)
    await side.gateway.refund(refund_of(payment, 3_000))
    outcome = await side.gateway.refund(refund_of(payment, 7_001))
    assert isinstance(outcome, Conflict)
    assert len(await side.refunds(payment)) == 1


async def test_when_nothing_is_left_it_is_a_conflict_too(side: Side) -> None:
    payment = await side.pay(10_000)
    await side.gateway.refund(refund_of(payment, 10_000))
    assert await side.gateway.refund(refund_of(payment, 1_000)) == Conflict("charge_already_refunded")


async def test_a_payment_is_also_named_by_its_charge(side: Side) -> None:
    taken = charge_of(await side.store_card(), 5_000)
    payment = await side.gateway.charge(taken)
    assert isinstance(payment, Done)
    asked = refund_of(payment.ref, 1_000)
    await side.gateway.refund(asked)
    charge = await side.charge_of(payment.ref)
    assert charge.startswith(("ch_", "py_"))
    again = refund_of(charge, 500)
    outcome = await side.gateway.refund(again)
    assert isinstance(outcome, Done)
    assert await side.gateway.find(charge, again.reference, 500) == Found(outcome.ref)
    read = await side.gateway.read(charge)
    assert read == await side.gateway.read(payment.ref)
    assert isinstance(read, PaymentSnapshot)
    assert read.balance == 3_500


async def test_absent_only_by_stripes_own_word(side: Side) -> None:
    payment = await side.pay(10_000)
    assert await side.gateway.find(payment, "leg", 1) == Absent()
    for unheard_of in ("pi_unheard_of", "ch_unheard_of"):
        assert await side.gateway.read(unheard_of) == NoSuchPayment()
        assert await side.gateway.find(unheard_of, "leg", 1) == Absent()
        assert await side.gateway.refund(refund_of(unheard_of, 100)) == Rejected("resource_missing")


async def test_a_stored_card_is_charged_once_and_found_again(side: Side) -> None:
    asked = charge_of(await side.store_card(), 5_000)
    assert await side.gateway.find_charge(asked.reference, 5_000) == Absent()
    taken = await side.gateway.charge(asked)
    assert isinstance(taken, Done)
    assert await side.gateway.charge(asked) == taken
    assert await side.gateway.find_charge(asked.reference, 5_000) == Found(taken.ref)
    assert await side.gateway.list_charges(asked.reference) == (ChargeRecord(taken.ref, 5_000),)
    assert await side.gateway.find_charge(asked.reference, 5_001) == Undetermined("amount_differs")
    # It is a payment like any other.
    assert isinstance(await side.gateway.refund(refund_of(taken.ref, 2_000)), Done)
    assert await side.gateway.find_charge(asked.reference, 5_000) == Found(taken.ref)


async def test_a_declined_card_is_rejected(side: Side) -> None:
    asked = charge_of(await side.store_card(DECLINED_CARD), 5_000)
    assert await side.gateway.charge(asked) == Rejected("card_declined")
    assert await side.gateway.find_charge(asked.reference, 5_000) == Absent()


async def test_a_token_that_stripe_does_not_know_is_rejected(side: Side) -> None:
    asked = charge_of("cus_unheard_of:pm_unheard_of", 5_000)
    assert await side.gateway.charge(asked) == Rejected("resource_missing")


@pytest.mark.parametrize("token", ["", "pm_1", "cus_1:", ":pm_1"])
async def test_a_token_names_customer_and_card(gateway: StripeGateway, token: str) -> None:
    assert await gateway.charge(charge_of(token, 5_000)) == Rejected("token_malformed")


async def test_only_cards_are_charged(gateway: StripeGateway) -> None:
    asked = charge_of("cus_1:pm_1", 5_000, means=Means.SIMPLE_PAY)
    assert await gateway.charge(asked) == Misconfigured("means_unsupported")


async def test_a_wrong_key_is_ours_to_mend(world: SandboxProcess) -> None:
    stranger = adapter(f"{world.url}/stripe", secret="sk_test_wrong")
    try:
        assert await stranger.refund(refund_of("pi_1", 100)) == Misconfigured("invalid_request_error")
        assert await stranger.read("pi_1") == Undetermined("invalid_request_error")
    finally:
        await stranger.aclose()


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_nothing_is_sent_without_a_key(stand_in: Side, key: str) -> None:
    payment = await stand_in.pay(10_000)
    asked = replace(refund_of(payment, 100), key=key)
    assert await stand_in.gateway.refund(asked) == Misconfigured("key_invalid")
    taken = replace(charge_of(await stand_in.store_card(), 100), key=key)
    assert await stand_in.gateway.charge(taken) == Misconfigured("key_invalid")
    assert await stand_in.gateway.find_charge(taken.reference, 100) == Absent()
    assert await stand_in.refunds(payment) == []


async def test_more_refunds_than_one_page_are_read(stand_in: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "LARGEST_PAGE", 2)
    payment = await stand_in.pay(10_000)
    first = refund_of(payment, 7)
    await stand_in.gateway.refund(first)
    for _ in range(4):
        await stand_in.gateway.refund(refund_of(payment, 1))
    assert isinstance(await stand_in.gateway.find(payment, first.reference, 7), Found)
    read = await stand_in.gateway.read(payment)
    assert isinstance(read, PaymentSnapshot)
    assert (read.balance, [one.amount for one in read.refunds]) == (9_989, [7, 1, 1, 1, 1])
    assert len({one.refund_ref for one in read.refunds}) == 5
