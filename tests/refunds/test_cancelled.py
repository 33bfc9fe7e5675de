"""A cancel that comes while a refund runs: it waits for the answer, and the answer is written."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.refund_protocol import RefundKind
from activities.refunds import RefundLeg
from domain.claims import LegState
from gateways.payments.sandbox import SandboxGateway
from tests.refunds.machinery import HeldProtocol, Machinery
from tests.refunds.waiting import until
from tests.refunds.world import World


async def test_it_waits_for_the_answer_and_writes_it(machinery: Machinery, world: World) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("delay", paid.pg_tid, delay_ms=400)
    worker = ActivityEnvironment()
    running = asyncio.create_task(worker.run(machinery.activities.refund, RefundLeg(leg_id=leg_id)))
    await until(lambda: world.returned(paid))
    worker.cancel()
    # The answer stands: it says what really happened.
    assert (await running).kind is RefundKind.ACCEPTED
    assert await world.state(leg_id) is LegState.SETTLED


async def test_before_anything_was_sent_nothing_is(engine: AsyncEngine, gateway: SandboxGateway, world: World) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    held = HeldProtocol(engine, {"sandbox": gateway}, "after_read")
    worker = ActivityEnvironment()
    machinery = Machinery(engine, {"sandbox": gateway}, protocol=held)
    running = asyncio.create_task(worker.run(machinery.activities.refund, RefundLeg(leg_id=leg_id)))
    await held.place.reached.wait()
    worker.cancel()
    await asyncio.sleep(0)
    held.place.let_go()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await world.attempts(leg_id) == []
    assert world.returned(paid) == []


async def test_it_tells_the_server_that_it_lives(machinery: Machinery, world: World) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("delay", paid.pg_tid, delay_ms=400)
    worker = ActivityEnvironment()
    beats: list[object] = []
    worker.on_heartbeat = lambda *details: beats.append(details)
    await worker.run(machinery.activities.refund, RefundLeg(leg_id=leg_id))
    # One every 50 ms here, for at least 400 ms.
    assert len(beats) >= 4
    beaten = len(beats)
    await machinery.look_up(leg_id)
    assert len(beats) == beaten
