"""SIGKILL: of the process that charges, between any two of its steps; and of the gateway, in the middle of a call."""

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

from activities.charge_protocol import ChargeKind
from activities.errors import FailureType
from activities.refunds import LookUpState
from domain.claims import ChargeState
from tests.charges.machinery import Machinery
from tests.charges.runner import PLACES
from tests.charges.world import AMOUNT, World
from tests.refunds.machinery import sandbox_gateway
from tests.refunds.waiting import until
from tests.sandbox.caller import Caller
from tests.support.sandbox import ROOT, SandboxProcess


@asynccontextmanager
async def charging(
    database_url: str, sandbox: SandboxProcess, claim_no: str, place: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of its own that charges and stays at the place; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.charges.runner",
        database_url,
        sandbox.url,
        claim_no,
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
async def test_killed_anywhere_it_charges_once(
    module_database_url: str, sandbox: SandboxProcess, machinery: Machinery, world: World, place: str
) -> None:
    claim_no = await world.claim()
    async with charging(module_database_url, sandbox, claim_no, place) as process:
        assert await says(process) == f"at {place}"
    assert process.returncode == -signal.SIGKILL
    assert world.amounts(claim_no) == ([AMOUNT] if place in ("after_call", "after_write") else [])
    assert (await machinery.charge_stubbornly(claim_no)).kind is ChargeKind.TAKEN
    assert (await world.row(claim_no)).state == ChargeState.TAKEN
    assert world.amounts(claim_no) == [AMOUNT]


@pytest.mark.parametrize("fault", ["delay", "late"])
async def test_killed_while_the_gateway_works_it_charges_once(
    module_database_url: str, sandbox: SandboxProcess, machinery: Machinery, world: World, fault: str
) -> None:
    claim_no = await world.claim()
    world.gateway.fault(fault, delay_ms=1_500)
    async with charging(module_database_url, sandbox, claim_no, "nowhere"):
        await until(lambda: not world.gateway.faults(), within=30)
    assert not await world.turn_back(claim_no)
    assert (await machinery.charge_stubbornly(claim_no)).kind is ChargeKind.TAKEN
    assert world.amounts(claim_no) == [AMOUNT]


async def test_without_a_kill_the_runner_charges(
    module_database_url: str, sandbox: SandboxProcess, world: World
) -> None:
    claim_no = await world.claim()
    async with charging(module_database_url, sandbox, claim_no, "nowhere") as process:
        assert await says(process) == "done TAKEN"
    assert world.amounts(claim_no) == [AMOUNT]


@pytest.mark.parametrize("fault", ["delay", "late"])
async def test_a_gateway_killed_in_the_middle_of_a_call_is_asked_when_it_is_back(
    engine: AsyncEngine, tmp_path: Path, fault: str
) -> None:
    with SandboxProcess(tmp_path / "data") as own, Caller(own.url) as caller:
        world = World(engine, caller)
        claim_no = await world.claim()
        caller.fault(fault, delay_ms=1_500)
        gateway = sandbox_gateway(own.url)
        machinery = Machinery(engine, {"sandbox": gateway})
        running = asyncio.create_task(machinery.charge(claim_no))
        await until(lambda: not caller.faults())
        own.kill()
        with pytest.raises(ApplicationError) as failure:
            await running
        assert failure.value.type == FailureType.OUTCOME_UNKNOWN
        assert (await machinery.look_up(claim_no)).state is LookUpState.UNREACHABLE
        assert not await world.turn_back(claim_no)
        own.start()
        assert (await machinery.charge_stubbornly(claim_no)).kind is ChargeKind.TAKEN
        assert world.amounts(claim_no) == [AMOUNT]
        await gateway.aclose()
