"""An activity that was given up for dead, and goes on: it neither sends nor writes, wherever it was held."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.charge_protocol import ChargeKind, ChargeResult
from activities.errors import FailureType
from activities.refunds import LookUpState
from domain.claims import ChargeState
from gateways.payments.sandbox import SandboxGateway
from tests.charges.machinery import HeldProtocol, Machinery
from tests.charges.world import AMOUNT, World
from tests.refunds.machinery import SEND_WINDOW

LATER = SEND_WINDOW.total_seconds() + 1


class Lost:
    """A run of `charge` that stops at a place and is believed dead. Ends when it was let go on."""

    def __init__(self, engine: AsyncEngine, gateway: SandboxGateway, place: str, claim_no: str) -> None:
        self._protocol = HeldProtocol(engine, {"sandbox": gateway}, place)
        self._machinery = Machinery(engine, {"sandbox": gateway}, protocol=self._protocol)
        self._claim_no = claim_no

    async def held(self) -> None:
        self._running = asyncio.create_task(self._machinery.charge(self._claim_no))
        await self._protocol.place.reached.wait()

    async def go_on(self, *, later_by: float = 0) -> ChargeResult:
        """Let it go on, so many seconds later by its own clock."""
        self._protocol.skew = later_by
        self._protocol.place.let_go()
        return await self._running

    @property
    def calls(self) -> int:
        return self._protocol.calls


@pytest.mark.parametrize("place", ["after_read", "before_arm"])
@pytest.mark.parametrize("undone", [False, True])
async def test_before_it_arms_the_claim_turns_back(
    engine: AsyncEngine, gateway: SandboxGateway, world: World, place: str, undone: bool
) -> None:
    claim_no = await world.claim()
    lost = Lost(engine, gateway, place, claim_no)
    await lost.held()
    # Turned back is enough: the undo itself may take its time.
    assert await world.turn_back(claim_no, free=undone)
    written = await world.events(claim_no)
    assert (await lost.go_on()).kind is ChargeKind.FENCED
    assert lost.calls == 0
    assert await world.events(claim_no) == written
    assert world.amounts(claim_no) == []


async def test_armed_and_late_it_does_not_send(
    engine: AsyncEngine, gateway: SandboxGateway, machinery: Machinery, world: World
) -> None:
    claim_no = await world.claim()
    lost = Lost(engine, gateway, "after_arm", claim_no)
    await lost.held()
    assert not await world.turn_back(claim_no)
    await world.age(claim_no)
    assert (await machinery.look_up(claim_no)).state is LookUpState.ABSENT
    assert (await world.row(claim_no)).ever_unknown
    assert await world.turn_back(claim_no)
    assert (await lost.go_on(later_by=LATER)).kind is ChargeKind.FENCED
    assert lost.calls == 0
    assert world.amounts(claim_no) == []


async def test_armed_and_late_by_itself_it_says_that_nothing_was_sent(
    engine: AsyncEngine, gateway: SandboxGateway, world: World
) -> None:
    claim_no = await world.claim()
    lost = Lost(engine, gateway, "after_arm", claim_no)
    await lost.held()
    with pytest.raises(ApplicationError) as failure:
        await lost.go_on(later_by=LATER)
    assert failure.value.type == FailureType.GATEWAY_DOWN
    assert (await world.row(claim_no)).state == ChargeState.PLANNED
    assert world.amounts(claim_no) == []


async def test_answered_while_another_found_the_charge(
    engine: AsyncEngine, gateway: SandboxGateway, machinery: Machinery, world: World
) -> None:
    claim_no = await world.claim()
    lost = Lost(engine, gateway, "after_call", claim_no)
    await lost.held()
    assert (await machinery.charge(claim_no)).kind is ChargeKind.TAKEN
    assert (await lost.go_on()).kind is ChargeKind.TAKEN
    assert world.amounts(claim_no) == [AMOUNT]
    assert (await world.events(claim_no)).count("charge.taken") == 1


async def test_an_answer_to_an_older_try_changes_nothing(
    engine: AsyncEngine, gateway: SandboxGateway, machinery: Machinery, world: World
) -> None:
    """Refused was the first try; the second one is under way when that is told."""
    claim_no = await world.claim()
    world.gateway.fault("refuse")
    lost = Lost(engine, gateway, "after_call", claim_no)
    await lost.held()
    await world.age(claim_no)
    assert (await machinery.charge(claim_no)).kind is ChargeKind.TAKEN
    assert (await lost.go_on()).kind is ChargeKind.TAKEN
    assert world.amounts(claim_no) == [AMOUNT]
