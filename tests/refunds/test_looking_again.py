"""What the sweeper is told of refunds: undone claims once unknown, and attempts that nobody waits for."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from domain.claims import AttemptState
from domain.findings import FindingKind
from store import refunds
from store.refunds import Suspect
from store.tables import findings, refund_attempts
from tests.refunds.machinery import Machinery
from tests.refunds.world import Paid, World


async def undone_after_unknown(machinery: Machinery, world: World) -> tuple[Paid, str]:
    """A claim that was undone after its refund had been unknown, and was looked up as absent."""
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("error_before", paid.pg_tid)
    with pytest.raises(ApplicationError):
        await machinery.refund(leg_id)
    await world.age(leg_id)
    await machinery.look_up(leg_id)
    assert await world.turn_back(leg_id)
    return paid, leg_id


async def suspects(engine: AsyncEngine, leg_id: str) -> list[Suspect]:
    async with engine.connect() as conn:
        return [one for one in await refunds.to_look_at_again(conn, 50) if one.leg_id == leg_id]


async def late_findings(engine: AsyncEngine, leg_id: str) -> list[dict[str, str]]:
    found = select(findings.c.detail).where(findings.c.finding_key == f"{FindingKind.LATE_REFUND}/{leg_id}")
    async with engine.connect() as conn:
        return list((await conn.execute(found)).scalars())


async def test_it_is_looked_at_after_an_hour_and_after_a_day(
    engine: AsyncEngine, machinery: Machinery, world: World
) -> None:
    _, leg_id = await undone_after_unknown(machinery, world)
    assert await suspects(engine, leg_id) == []
    await world.age_claim(leg_id, hours=1)
    (suspect,) = await suspects(engine, leg_id)
    assert await machinery.activities.look_again(suspect) is None
    assert await suspects(engine, leg_id) == []
    await world.age_claim(leg_id, hours=23)
    (suspect,) = await suspects(engine, leg_id)
    assert await machinery.activities.look_again(suspect) is None
    await world.age_claim(leg_id, hours=1_000)
    assert await suspects(engine, leg_id) == []
    assert await late_findings(engine, leg_id) == []


async def test_a_refund_found_then_is_kept_for_a_person(
    engine: AsyncEngine, machinery: Machinery, world: World
) -> None:
    paid, leg_id = await undone_after_unknown(machinery, world)
    await world.age_claim(leg_id, hours=2)
    (suspect,) = await suspects(engine, leg_id)
    late = world.gateway.refund(paid.pg_tid, 3_000, key=f"refund-{leg_id}-1", reference=leg_id).json()["refundId"]
    assert await machinery.activities.look_again(suspect) == late
    assert await late_findings(engine, leg_id) == [{"refund_ref": late}]
    # Money and order are a person's to bring together: nothing is written on the claim but that it was seen.
    assert (await world.events(leg_id))[-1] == refunds.LOOKED_AGAIN


async def test_a_gateway_that_does_not_tell_is_asked_next_time(
    engine: AsyncEngine, machinery: Machinery, world: World
) -> None:
    _, leg_id = await undone_after_unknown(machinery, world)
    await world.age_claim(leg_id, hours=2)
    world.gateway.fault("down")
    (suspect,) = await suspects(engine, leg_id)
    assert await machinery.activities.look_again(suspect) is None
    assert await suspects(engine, leg_id) == [suspect]


async def test_a_refund_whose_outcome_was_always_known_is_not_looked_at(
    engine: AsyncEngine, machinery: Machinery, world: World
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("refuse", paid.pg_tid)
    await machinery.refund(leg_id)
    assert await world.turn_back(leg_id)
    await world.age_claim(leg_id, hours=48)
    assert await suspects(engine, leg_id) == []


async def test_an_attempt_still_sent_of_a_final_claim_is_listed(
    engine: AsyncEngine, machinery: Machinery, world: World
) -> None:
    _, leg_id = await undone_after_unknown(machinery, world)

    async def listed() -> bool:
        async with engine.connect() as conn:
            return leg_id in {one.leg_id for one in await refunds.sent_of_final(conn)}

    assert not await listed()
    # No path of the protocol leads here; the list is there for the day when one does.
    async with engine.begin() as conn:
        await conn.execute(
            update(refund_attempts).where(refund_attempts.c.leg_id == leg_id).values(state=AttemptState.SENT)
        )
    assert await listed()
