"""Everything that can go wrong on the way to the stand-in and back, and what is concluded from it."""

from __future__ import annotations

import asyncio

import pytest

from gateways.payments.port import (
    Absent,
    Done,
    Found,
    NewKey,
    NotSent,
    Outcome,
    PaymentSnapshot,
    Pending,
    RefundStatus,
    Rejected,
    Retry,
    Undetermined,
    Unknown,
)
from tests.gateways.stripe.conftest import StandIn, adapter, charge_of, refund_of
from tests.support.ports import free_port
from tests.support.sandbox import SandboxProcess


@pytest.mark.parametrize(
    ("fault", "outcome", "done"),
    [
        ("lose_request", Unknown("RemoteProtocolError", answered=False), False),
        ("lose_answer", Unknown("RemoteProtocolError", answered=False), True),
        ("error_before", Unknown("api_error", answered=True), False),
        ("error_after", Unknown("api_error", answered=True), True),
        ("html_before", Unknown("http_502", answered=True), False),
        ("html_after", Unknown("http_502", answered=True), True),
    ],
)
async def test_an_unknown_refund_is_found_or_not(stand_in: StandIn, fault: str, outcome: Outcome, done: bool) -> None:
    payment = await stand_in.pay(10_000)
    stand_in.control.fault(fault, payment)
    asked = refund_of(payment, 3_000)
    assert await stand_in.gateway.refund(asked) == outcome
    found = await stand_in.gateway.find(payment, asked.reference, 3_000)
    ledger = await stand_in.refunds(payment)
    assert found == (Found(ledger[0][0]) if done else Absent())
    assert len(ledger) == done


@pytest.mark.parametrize("fault", ["lose_answer", "error_after", "html_after"])
async def test_an_unknown_charge_is_found(stand_in: StandIn, fault: str) -> None:
    token = await stand_in.store_card()
    stand_in.control.fault(fault, token.partition(":")[0])
    asked = charge_of(token, 5_000)
    assert isinstance(await stand_in.gateway.charge(asked), Unknown)
    found = await stand_in.gateway.find_charge(asked.reference, 5_000)
    assert isinstance(found, Found)
    assert stand_in.control.balance(found.ref) == 5_000


async def test_an_error_is_repeated_under_its_key_and_a_new_key_goes_through(stand_in: StandIn) -> None:
    payment = await stand_in.pay(10_000)
    stand_in.control.fault("error_before", payment)
    asked = refund_of(payment, 3_000)
    for _ in range(2):
        assert await stand_in.gateway.refund(asked) == Unknown("api_error", answered=True)
    assert isinstance(await stand_in.gateway.refund(refund_of(payment, 3_000)), Done)
    assert len(await stand_in.refunds(payment)) == 1


async def test_a_key_still_at_work_is_asked_again_with_the_same_key(stand_in: StandIn) -> None:
    payment = await stand_in.pay(10_000)
    stand_in.control.fault("late", payment, delayMs=60_000)
    asked = refund_of(payment, 3_000)
    first = asyncio.create_task(stand_in.gateway.refund(asked))
    while stand_in.control.faults():
        await asyncio.sleep(0)
    assert await stand_in.gateway.refund(asked) == Retry("idempotency_key_in_use")
    stand_in.control.advance(61_000)
    assert isinstance(await first, Done)
    assert await stand_in.gateway.refund(asked) == await first
    assert len(await stand_in.refunds(payment)) == 1


async def test_no_answer_in_time_is_perhaps_sent(world: SandboxProcess, stand_in: StandIn) -> None:
    payment = await stand_in.pay(10_000)
    stand_in.control.fault("delay", payment, delayMs=60_000)
    hasty = adapter(f"{world.url}/stripe", read_timeout=0.2)
    try:
        assert await hasty.refund(refund_of(payment, 3_000)) == Unknown("ReadTimeout", answered=False)
    finally:
        await hasty.aclose()
    assert len(await stand_in.refunds(payment)) == 1


async def test_no_connection_is_not_sent() -> None:
    nobody = adapter(f"http://127.0.0.1:{free_port()}")
    try:
        assert await nobody.refund(refund_of("pi_1", 100)) == NotSent("ConnectError")
        assert await nobody.charge(charge_of("cus_1:pm_1", 100)) == NotSent("ConnectError")
        assert await nobody.read("pi_1") == Undetermined("ConnectError")
        assert await nobody.find_charge("X", 1) == Undetermined("ConnectError")
    finally:
        await nobody.aclose()


async def test_a_dead_stripe_is_perhaps_sent_each_time(stand_in: StandIn) -> None:
    payment = await stand_in.pay(10_000)
    stand_in.control.fault("down")
    try:
        assert await stand_in.gateway.refund(refund_of(payment, 1)) == Unknown("RemoteProtocolError", answered=False)
        assert await stand_in.gateway.find(payment, "leg", 1) == Undetermined("RemoteProtocolError")
    finally:
        stand_in.control.reset()
    assert await stand_in.refunds(payment) == []


@pytest.mark.parametrize("fault", ["error_before", "lose_answer", "html_before"])
async def test_a_look_up_that_fails_concludes_nothing(stand_in: StandIn, fault: str) -> None:
    payment = await stand_in.pay(10_000)
    asked = refund_of(payment, 3_000)
    await stand_in.gateway.refund(asked)
    stand_in.control.fault(fault, payment, on="read")
    assert isinstance(await stand_in.gateway.find(payment, asked.reference, 3_000), Undetermined)
    assert isinstance(await stand_in.gateway.find(payment, asked.reference, 3_000), Found)


@pytest.mark.parametrize(
    ("code", "status", "outcome"),
    [
        ("charge_disputed", 400, Rejected("charge_disputed")),
        ("balance_insufficient", 400, NewKey("balance_insufficient")),
        ("lock_timeout", 429, Retry("lock_timeout")),
        ("never_heard_of", 400, Unknown("never_heard_of", answered=True)),
    ],
)
async def test_refusals_by_code(stand_in: StandIn, code: str, status: int, outcome: Outcome) -> None:
    payment = await stand_in.pay(10_000)
    stand_in.control.fault("refuse", payment, code=code, status=status)
    assert await stand_in.gateway.refund(refund_of(payment, 3_000)) == outcome
    assert await stand_in.refunds(payment) == []


@pytest.mark.parametrize("end", ["succeeded", "failed"])
async def test_a_pending_refund_ends_either_way(stand_in: StandIn, end: str) -> None:
    payment = await stand_in.pay(10_000)
    stand_in.control.fault("pending", payment)
    asked = refund_of(payment, 3_000)
    outcome = await stand_in.gateway.refund(asked)
    assert isinstance(outcome, Pending)
    assert await stand_in.gateway.find(payment, asked.reference, 3_000) == Found(outcome.ref, pending=True)
    # A replay tells of the time when it was pending.
    assert await stand_in.gateway.refund(asked) == outcome
    stand_in.control.settle(outcome.ref, end)
    found = await stand_in.gateway.find(payment, asked.reference, 3_000)
    assert found == (Found(outcome.ref) if end == "succeeded" else Absent(failed=True))


async def test_a_refund_that_fails_late_is_as_good_as_absent(stand_in: StandIn) -> None:
    payment = await stand_in.pay(10_000)
    asked = refund_of(payment, 3_000)
    outcome = await stand_in.gateway.refund(asked)
    assert isinstance(outcome, Done)
    stand_in.control.settle(outcome.ref, "failed")
    assert await stand_in.gateway.find(payment, asked.reference, 3_000) == Absent(failed=True)
    read = await stand_in.gateway.read(payment)
    assert isinstance(read, PaymentSnapshot)
    assert (read.balance, [one.status for one in read.refunds]) == (10_000, [RefundStatus.FAILED])


async def test_a_refund_from_the_dashboard_is_read_as_nobodys(stand_in: StandIn) -> None:
    payment = await stand_in.pay(10_000)
    stand_in.control.call("POST", f"/payments/{payment}/refunds", {"amount": 4_000, "reason": "by hand"})
    read = await stand_in.gateway.read(payment)
    assert isinstance(read, PaymentSnapshot)
    assert (read.balance, [one.amount for one in read.refunds]) == (6_000, [4_000])
    assert await stand_in.gateway.find(payment, "leg", 4_000) == Absent()


async def test_twenty_parts_at_once_never_exceed_the_payment(stand_in: StandIn) -> None:
    payment = await stand_in.pay(10_000)
    outcomes = await asyncio.gather(*(stand_in.gateway.refund(refund_of(payment, 1_500)) for _ in range(20)))
    assert sum(isinstance(one, Done) for one in outcomes) == 6
    assert stand_in.control.balance(payment) == 1_000
