"""An activity that was given up for dead, and goes on after its claim was undone or settled by hand.

It neither sends nor writes, wherever it was held. docs/saga.md tells why: the fence, and writes that insist on what was
read.
"""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.errors import FailureType
from activities.refund_protocol import RefundKind, RefundResult
from activities.refunds import LookUpState
from domain.claims import AttemptState, ClaimStatus, LegState, SettledBy
from gateways.payments.sandbox import SandboxGateway
from tests.refunds.machinery import SEND_WINDOW, HeldProtocol, Machinery
from tests.refunds.world import World

LATER = SEND_WINDOW.total_seconds() + 1


class Lost:
    """A run of `refund` that stops at a place and is believed dead. Ends when it was let go on."""

    def __init__(self, engine: AsyncEngine, gateway: SandboxGateway, place: str, leg_id: str) -> None:
        self._protocol = HeldProtocol(engine, {"sandbox": gateway}, place)
        self._machinery = Machinery(engine, {"sandbox": gateway}, protocol=self._protocol)
        self._leg_id = leg_id

    async def held(self) -> None:
        self._running = asyncio.create_task(self._machinery.refund(self._leg_id))
        await self._protocol.place.reached.wait()

    async def go_on(self, *, later_by: float = 0) -> RefundResult:
        """Let it go on, so many seconds later by its own clock."""
        self._protocol.skew = later_by
        self._protocol.place.let_go()
        return await self._running

    @property
    def calls(self) -> int:
        return self._protocol.calls


@pytest.mark.parametrize("undone", [False, True])
async def test_before_it_arms_the_claim_turns_back(
    engine: AsyncEngine, gateway: SandboxGateway, world: World, undone: bool
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    lost = Lost(engine, gateway, "before_arm", leg_id)
    await lost.held()
    # Turned back is enough: the undo itself may take its time.
    assert await world.turn_back(leg_id, free=undone)
    written = await world.events(leg_id)
    assert (await lost.go_on()).kind is RefundKind.FENCED
    assert lost.calls == 0
    assert await world.attempts(leg_id) == []
    assert await world.events(leg_id) == written
    assert world.returned(paid) == []


async def test_before_it_arms_the_leg_is_settled_by_hand(
    engine: AsyncEngine, gateway: SandboxGateway, world: World
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    lost = Lost(engine, gateway, "before_arm", leg_id)
    await lost.held()
    await world.settle_by_hand(leg_id)
    assert (await lost.go_on()).kind is RefundKind.ACCEPTED
    assert lost.calls == 0
    assert (await world.leg_row(leg_id)).settled_by == SettledBy.HAND
    assert world.returned(paid) == []


async def test_between_arming_and_sending_the_claim_is_undone(
    engine: AsyncEngine, gateway: SandboxGateway, machinery: Machinery, world: World
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    lost = Lost(engine, gateway, "after_arm", leg_id)
    await lost.held()
    assert not await world.turn_back(leg_id)
    await world.age(leg_id)
    assert (await machinery.look_up(leg_id)).state is LookUpState.ABSENT
    # Nobody was there to say so when it became unknown; the look-up does, so that the sweeper will look again.
    assert (await world.newest(leg_id)).ever_unknown
    assert await world.turn_back(leg_id)
    written = await world.events(leg_id)
    assert (await lost.go_on(later_by=LATER)).kind is RefundKind.FENCED
    assert lost.calls == 0
    assert await world.events(leg_id) == written
    assert (await world.claim(leg_id)).status == ClaimStatus.REJECTED
    assert world.returned(paid) == []


async def test_between_arming_and_sending_another_run_goes_ahead(
    engine: AsyncEngine, gateway: SandboxGateway, world: World
) -> None:
    """The row's deadline is the other try's by then: only the lost run's own clock tells it that its own has passed."""
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    lost = Lost(engine, gateway, "after_arm", leg_id)
    await lost.held()
    await world.age(leg_id)
    other = Lost(engine, gateway, "after_call", leg_id)
    await other.held()
    # It finds the other's refund at the gateway, which a look-up may adopt at any time.
    assert (await lost.go_on(later_by=LATER)).kind is RefundKind.ACCEPTED
    assert lost.calls == 0
    assert (await other.go_on()).kind is RefundKind.ACCEPTED
    assert await world.attempts(leg_id) == [(1, 2, AttemptState.ANSWERED)]
    assert (await world.events(leg_id)).count("refund.done") == 1
    assert world.returned(paid) == [3_000]


async def test_a_run_too_slow_to_send_frees_the_payment(
    engine: AsyncEngine, gateway: SandboxGateway, machinery: Machinery, world: World
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    slow = Lost(engine, gateway, "after_arm", leg_id)
    await slow.held()
    with pytest.raises(ApplicationError) as failure:
        await slow.go_on(later_by=LATER)
    assert failure.value.type == FailureType.GATEWAY_DOWN
    assert slow.calls == 0
    assert await world.attempts(leg_id) == [(1, 1, AttemptState.ABSENT)]
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert world.returned(paid) == [3_000]


async def test_before_it_writes_its_success_another_has_written_it(
    engine: AsyncEngine, gateway: SandboxGateway, machinery: Machinery, world: World
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    lost = Lost(engine, gateway, "after_call", leg_id)
    await lost.held()
    assert not await world.turn_back(leg_id)
    assert (await machinery.look_up(leg_id)).state is LookUpState.ACCEPTED
    assert not await world.turn_back(leg_id)
    written = await world.events(leg_id)
    assert (await lost.go_on()).kind is RefundKind.ACCEPTED
    assert await world.events(leg_id) == written
    assert world.returned(paid) == [3_000]


async def test_before_it_writes_a_refusal_the_claim_is_undone(
    engine: AsyncEngine, gateway: SandboxGateway, machinery: Machinery, world: World
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("refuse", paid.pg_tid)
    lost = Lost(engine, gateway, "after_call", leg_id)
    await lost.held()
    await world.age(leg_id)
    assert (await machinery.look_up(leg_id)).state is LookUpState.ABSENT
    assert await world.turn_back(leg_id)
    written = await world.events(leg_id)
    assert (await lost.go_on()).kind is RefundKind.FENCED
    assert await world.state(leg_id) is LegState.VOID
    assert await world.events(leg_id) == written
    assert (await world.claim(leg_id)).status == ClaimStatus.REJECTED


async def test_before_it_writes_a_refusal_the_leg_is_settled_by_hand(
    engine: AsyncEngine, gateway: SandboxGateway, machinery: Machinery, world: World
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("refuse", paid.pg_tid)
    lost = Lost(engine, gateway, "after_call", leg_id)
    await lost.held()
    await world.age(leg_id)
    await machinery.look_up(leg_id)
    await world.settle_by_hand(leg_id)
    assert (await lost.go_on()).kind is RefundKind.ACCEPTED
    assert (await world.leg_row(leg_id)).settled_by == SettledBy.HAND
    assert world.returned(paid) == []


async def test_before_it_writes_an_error_another_try_is_under_way(
    engine: AsyncEngine, gateway: SandboxGateway, world: World
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("refuse", paid.pg_tid)
    lost = Lost(engine, gateway, "after_call", leg_id)
    await lost.held()
    await world.age(leg_id)
    other = Lost(engine, gateway, "after_arm", leg_id)
    await other.held()
    # The refusal was an answer to a try that is over; nothing is known yet of the one under way.
    with pytest.raises(ApplicationError) as failure:
        await lost.go_on()
    assert failure.value.type == FailureType.OUTCOME_UNKNOWN
    assert (await other.go_on()).kind is RefundKind.ACCEPTED
    assert await world.state(leg_id) is LegState.SETTLED
    assert world.returned(paid) == [3_000]


async def test_a_lost_poll_writes_nothing_over_a_leg_that_has_moved(machinery: Machinery, world: World) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("pending", paid.pg_tid)
    await machinery.refund(leg_id)
    await asyncio.gather(machinery.poll(leg_id), machinery.poll(leg_id))
    world.end_pending(paid, "succeeded")
    await asyncio.gather(machinery.poll(leg_id), machinery.poll(leg_id))
    assert (await world.events(leg_id)).count("refund.done") == 1
