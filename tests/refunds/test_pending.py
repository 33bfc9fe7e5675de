"""A refund that is accepted now and ends later, either way."""

from __future__ import annotations

import pytest
from temporalio.exceptions import ApplicationError

from activities.refund_protocol import Poll, RefundKind
from activities.refunds import LookUpState
from domain.claims import AttemptState, ClaimStatus, LegState
from tests.refunds.machinery import Machinery
from tests.refunds.world import Paid, World


async def pending_leg(machinery: Machinery, world: World) -> tuple[Paid, str]:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("pending", paid.pg_tid)
    assert (await machinery.refund(leg_id)).kind is RefundKind.PENDING
    return paid, leg_id


async def test_a_pending_refund_is_the_pivot(machinery: Machinery, world: World) -> None:
    _, leg_id = await pending_leg(machinery, world)
    claim = await world.claim(leg_id)
    assert (claim.decided, claim.status) == (True, ClaimStatus.REFUND_PENDING)
    assert not await world.turn_back(leg_id)
    assert (await machinery.refund(leg_id)).kind is RefundKind.PENDING
    assert (await machinery.look_up(leg_id)).state is LookUpState.PENDING
    assert (await machinery.poll(leg_id)).state is Poll.PENDING


async def test_it_settles(machinery: Machinery, world: World) -> None:
    paid, leg_id = await pending_leg(machinery, world)
    world.end_pending(paid, "succeeded")
    assert (await machinery.poll(leg_id)).state is Poll.SETTLED
    assert await world.state(leg_id) is LegState.SETTLED
    assert (await world.claim(leg_id)).status == ClaimStatus.REFUNDING
    assert (await machinery.poll(leg_id)).state is Poll.SETTLED
    assert world.returned(paid) == [3_000]


async def test_it_fails_and_is_refunded_anew_under_another_key(machinery: Machinery, world: World) -> None:
    paid, leg_id = await pending_leg(machinery, world)
    world.end_pending(paid, "failed")
    assert (await machinery.poll(leg_id)).state is Poll.FAILED
    assert await world.state(leg_id) is LegState.PLANNED
    assert (await machinery.poll(leg_id)).state is Poll.FAILED
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert [one["key"] for one in world.refunds(paid)] == [f"refund-{leg_id}-1", f"refund-{leg_id}-2"]
    assert world.returned(paid) == [3_000]
    assert await world.attempts(leg_id) == [(1, 1, AttemptState.ABSENT), (2, 2, AttemptState.ANSWERED)]


async def test_a_gateway_that_does_not_tell_ends_nothing(machinery: Machinery, world: World) -> None:
    _, leg_id = await pending_leg(machinery, world)
    world.gateway.fault("down")
    assert (await machinery.poll(leg_id)).state is Poll.NO_ANSWER
    assert await world.state(leg_id) is LegState.PENDING


async def test_a_lost_answer_may_be_found_pending(machinery: Machinery, world: World) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    # Accepted, and nobody was told: what a look-up after a crash between call and answer meets.
    world.gateway.fault("pending", paid.pg_tid)
    world.gateway.refund(paid.pg_tid, 3_000, key=f"refund-{leg_id}-1", reference=leg_id, balance=10_000)
    world.gateway.fault("down")
    with pytest.raises(ApplicationError):
        await machinery.refund(leg_id)
    world.gateway.http.delete("/faults")
    assert (await machinery.look_up(leg_id)).state is LookUpState.PENDING
    assert (await world.claim(leg_id)).decided
    assert world.returned(paid) == [3_000]
