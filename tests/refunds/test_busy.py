"""One attempt at a time on a payment, whoever asks."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.refund_protocol import RefundKind, RefundResult
from gateways.payments.sandbox import SandboxGateway
from tests.refunds.machinery import HeldProtocol, Machinery
from tests.refunds.world import World, claim_of


async def test_a_payment_with_an_unknown_outcome_is_busy_for_others(machinery: Machinery, world: World) -> None:
    paid = await world.paid()
    holder = await world.leg(paid, 3_000, decided=True)
    waiting = await world.leg(paid, 4_000)
    world.gateway.fault("error_before", paid.pg_tid)
    with pytest.raises(ApplicationError):
        await machinery.refund(holder)
    result = await machinery.refund(waiting)
    assert (result.kind, result.holder) == (RefundKind.BUSY, claim_of(holder))
    assert await world.attempts(waiting) == []
    assert world.returned(paid) == []

    await world.age(holder)
    assert (await machinery.refund(holder)).kind is RefundKind.ACCEPTED
    assert (await machinery.refund(waiting)).kind is RefundKind.ACCEPTED
    assert sorted(world.returned(paid)) == [3_000, 4_000]


async def test_two_claims_at_once_take_turns(machinery: Machinery, world: World) -> None:
    """P3: refunds of one payment that are made at once exceed what was captured."""
    paid = await world.paid()
    legs = [await world.leg(paid, amount, decided=True) for amount in (1_000, 2_000, 3_000)]
    world.gateway.fault("delay", paid.pg_tid, times=3, delay_ms=100)

    async def patiently(leg_id: str) -> RefundResult:
        while (result := await machinery.refund(leg_id)).kind is RefundKind.BUSY:
            await asyncio.sleep(0.05)
        return result

    results = await asyncio.gather(*map(patiently, legs))
    assert {result.kind for result in results} == {RefundKind.ACCEPTED}
    assert sorted(world.returned(paid)) == [1_000, 2_000, 3_000]


async def test_two_runs_of_one_leg_send_once(
    engine: AsyncEngine, gateway: SandboxGateway, machinery: Machinery, world: World
) -> None:
    """P38: two workers refund the same. One that was given up still waits for its answer: the next one only looks."""
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    held = HeldProtocol(engine, {"sandbox": gateway}, "after_call")
    first = asyncio.create_task(Machinery(engine, {"sandbox": gateway}, protocol=held).refund(leg_id))
    await held.place.reached.wait()
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    held.place.let_go()
    assert (await first).kind is RefundKind.ACCEPTED
    assert world.returned(paid) == [3_000]
    assert (await world.events(leg_id)).count("refund.done") == 1
