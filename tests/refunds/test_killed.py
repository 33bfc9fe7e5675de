"""SIGKILL: of the process that refunds, between any two of its steps; and of the gateway, in the middle of a call."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.errors import FailureType
from activities.refund_protocol import RefundKind
from activities.refunds import LookUpState
from domain.claims import LegState
from tests.refunds.machinery import Machinery, sandbox_gateway
from tests.refunds.runner import PLACES
from tests.refunds.waiting import until
from tests.refunds.world import World
from tests.sandbox.caller import Caller
from tests.support.sandbox import ROOT, SandboxProcess


@asynccontextmanager
async def refunding(
    database_url: str, sandbox: SandboxProcess, leg_id: str, place: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of its own that refunds the leg and stays at the place; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.refunds.runner",
        database_url,
        sandbox.url,
        leg_id,
        place,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def says(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        return (await process.stdout.readline()).decode().strip()


@pytest.mark.parametrize("place", PLACES)
async def test_killed_anywhere_it_refunds_once(
    module_database_url: str, sandbox: SandboxProcess, machinery: Machinery, world: World, place: str
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    async with refunding(module_database_url, sandbox, leg_id, place) as process:
        assert await says(process) == f"at {place}"
    assert process.returncode == -signal.SIGKILL
    assert world.returned(paid) == ([3_000] if place in ("after_call", "after_write") else [])
    assert (await machinery.refund_stubbornly(leg_id)).kind is RefundKind.ACCEPTED
    assert await world.state(leg_id) is LegState.SETTLED
    assert world.returned(paid) == [3_000]


@pytest.mark.parametrize("fault", ["delay", "late"])
async def test_killed_while_the_gateway_works_it_refunds_once(
    module_database_url: str, sandbox: SandboxProcess, machinery: Machinery, world: World, fault: str
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault(fault, paid.pg_tid, delay_ms=1_500)
    async with refunding(module_database_url, sandbox, leg_id, "nowhere"):
        await until(lambda: not world.gateway.faults(), within=30)
    assert not await world.turn_back(leg_id)
    assert (await machinery.refund_stubbornly(leg_id)).kind is RefundKind.ACCEPTED
    assert world.returned(paid) == [3_000]


async def test_without_a_kill_the_runner_refunds(
    module_database_url: str, sandbox: SandboxProcess, world: World
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    async with refunding(module_database_url, sandbox, leg_id, "nowhere") as process:
        assert await says(process) == "done ACCEPTED"
    assert world.returned(paid) == [3_000]


@pytest.mark.parametrize("fault", ["delay", "late"])
async def test_a_gateway_killed_in_the_middle_of_a_call_is_asked_when_it_is_back(
    engine: AsyncEngine, tmp_path: Path, fault: str
) -> None:
    with SandboxProcess(tmp_path / "data") as own, Caller(own.url) as caller:
        world = World(engine, caller)
        paid = await world.paid()
        leg_id = await world.leg(paid, 3_000)
        caller.fault(fault, paid.pg_tid, delay_ms=1_500)
        gateway = sandbox_gateway(own.url)
        machinery = Machinery(engine, {"sandbox": gateway})
        running = asyncio.create_task(machinery.refund(leg_id))
        await until(lambda: not caller.faults())
        own.kill()
        with pytest.raises(ApplicationError) as failure:
            await running
        assert failure.value.type == FailureType.OUTCOME_UNKNOWN
        assert (await machinery.look_up(leg_id)).state is LookUpState.UNREACHABLE
        assert not await world.turn_back(leg_id)
        own.start()
        assert (await machinery.refund_stubbornly(leg_id)).kind is RefundKind.ACCEPTED
        assert world.returned(paid) == [3_000]
        await gateway.aclose()
