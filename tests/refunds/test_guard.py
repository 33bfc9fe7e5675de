"""The guard amount: what a payment should still hold, and what it means when it does not."""

from __future__ import annotations

from activities.refund_protocol import RefundKind
from domain.claims import AttemptState, LegState
from tests.refunds.machinery import Machinery
from tests.refunds.world import World, claim_of


async def test_refunds_of_one_payment_follow_each_other(machinery: Machinery, world: World) -> None:
    paid = await world.paid(10_000)
    for amount, guard in ((3_000, 10_000), (4_000, 7_000), (3_000, 3_000)):
        leg_id = await world.leg(paid, amount)
        assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
        assert (await world.newest(leg_id)).guard == guard
    assert sum(world.returned(paid)) == 10_000


async def test_money_that_somebody_else_moved_is_a_conflict(machinery: Machinery, world: World) -> None:
    paid = await world.paid(10_000)
    leg_id = await world.leg(paid, 3_000)
    world.gateway.refund(paid.pg_tid, 500, reference="dashboard").raise_for_status()
    result = await machinery.refund(leg_id)
    assert (result.kind, result.code) == (RefundKind.CONFLICT, "balance_mismatch")
    assert await world.state(leg_id) is LegState.PLANNED
    assert await world.attempts(leg_id) == [(1, 1, AttemptState.ANSWERED)]
    assert await world.turn_back(leg_id)
    assert world.returned(paid) == [500]


async def test_once_mended_a_conflict_is_tried_again_under_a_new_key(machinery: Machinery, world: World) -> None:
    paid = await world.paid(10_000)
    leg_id = await world.leg(paid, 3_000)
    stray = world.gateway.refund(paid.pg_tid, 500, reference="dashboard").json()["refundId"]
    assert (await machinery.refund(leg_id)).kind is RefundKind.CONFLICT
    assert (await machinery.refund(leg_id)).kind is RefundKind.CONFLICT
    world.gateway.http.post(f"/refunds/{stray}/settle", json={"status": "failed"}).raise_for_status()
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert (await world.newest(leg_id)).key == f"refund-{leg_id}-3"
    assert world.returned(paid) == [3_000]


async def test_a_guard_that_fails_because_ours_is_there_adopts_it(machinery: Machinery, world: World) -> None:
    paid = await world.paid(10_000)
    leg_id = await world.leg(paid, 3_000)
    # Under another key, as if the first had been forgotten: only the guard stands between us and a second refund.
    ours = world.gateway.refund(paid.pg_tid, 3_000, key="forgotten", reference=leg_id).json()["refundId"]
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert (await world.leg_row(leg_id)).refund_ref == ours
    assert world.returned(paid) == [3_000]


async def test_what_was_paid_by_hand_is_still_at_the_gateway(machinery: Machinery, world: World) -> None:
    paid = await world.paid(10_000)
    by_hand = await world.leg(paid, 2_000)
    await world.settle_by_hand(by_hand)
    leg_id = await world.leg(paid, 3_000)
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert (await world.newest(leg_id)).guard == 10_000
    assert (await machinery.refund(by_hand)).kind is RefundKind.ACCEPTED
    assert world.returned(paid) == [3_000]


async def test_a_pending_refund_beside_it_that_has_failed_is_read_first(machinery: Machinery, world: World) -> None:
    paid = await world.paid(10_000)
    pending = await world.leg(paid, 3_000)
    world.gateway.fault("pending", paid.pg_tid)
    assert (await machinery.refund(pending)).kind is RefundKind.PENDING
    world.end_pending(paid, "failed")
    leg_id = await world.leg(paid, 4_000)
    result = await machinery.refund(leg_id)
    assert (result.kind, result.holder) == (RefundKind.BUSY, claim_of(pending))
    # Nobody else moved money, and our ledger knows it now.
    assert await world.state(pending) is LegState.PLANNED
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert (await machinery.refund(pending)).kind is RefundKind.ACCEPTED
    assert sorted(world.returned(paid)) == [3_000, 4_000]


async def test_a_pending_refund_beside_it_holds_its_amount(machinery: Machinery, world: World) -> None:
    paid = await world.paid(10_000)
    pending = await world.leg(paid, 3_000)
    world.gateway.fault("pending", paid.pg_tid)
    await machinery.refund(pending)
    leg_id = await world.leg(paid, 4_000)
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert (await world.newest(leg_id)).guard == 7_000
