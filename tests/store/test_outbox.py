"""Events for the shop's systems: written with what they tell, in an order that no reader falls out of."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.claims import SettledBy, Step, StuckReason
from domain.events import ClaimEvent, EventType
from store import by_hand, claims, outbox, parkings
from tests.store import shop
from tests.support import orders as made

ONE_LINE = made.order(made.line(1, 10_000, 2), payments=(made.payment("1", 20_000),))


@pytest.fixture
async def outbox_of(engine: AsyncEngine) -> AsyncEngine:
    """An empty outbox."""
    async with engine.begin() as conn:
        await conn.execute(text("TRUNCATE claim_outbox, outbox_delays"))
        await conn.execute(text("UPDATE outbox_numbers SET last = 0"))
    return engine


async def brought(engine: AsyncEngine, order_no: str) -> str:
    """A claim of its own on one unit, opened."""
    async with engine.begin() as conn:
        await shop.bring(conn, replace(ONE_LINE, order_no=order_no))
    async with engine.begin() as conn:
        return (await shop.open_cancel(conn, order_no, {1: 1}))[0]


async def tell(conn: AsyncConnection, claim_no: str, order_no: str) -> None:
    await claims.add_event(conn, claim_no, order_no, "coupons.returned")


async def seen(engine: AsyncEngine, after: int = 0) -> list[ClaimEvent]:
    async with engine.begin() as conn:
        await outbox.number(conn)
    async with engine.connect() as conn:
        return await outbox.read(conn, after=after, limit=100)


async def test_an_event_carries_what_its_transaction_did(outbox_of: AsyncEngine) -> None:
    """P45: what was refunded, of which lines, on which means; what became of coupons and stock."""
    order_no = shop.WITH_COUPON_AND_MILEAGE.order_no
    async with outbox_of.begin() as conn:
        await shop.bring(conn, shop.WITH_COUPON_AND_MILEAGE)
    async with outbox_of.begin() as conn:
        claim_no, costs = await shop.open_cancel(conn, order_no, {1: 2, 2: 1})
    async with outbox_of.begin() as conn:
        await shop.complete(conn, claim_no)
        await claims.add_event(conn, claim_no, order_no, "claim.completed")
    told = await seen(outbox_of)
    assert [one.sequence for one in told] == list(range(1, len(told) + 1))
    assert Counter(one.type for one in told) == {
        EventType.CLAIM_OPENED: 1,
        EventType.REFUND_SETTLED: 2,
        EventType.CLAIM_COMPLETED: 1,
    }
    opened, last = told[0].payload, told[-1].payload
    assert (opened["status"], last["status"]) == ("ACCEPTED", "COMPLETED")
    assert [(one["line_no"], one["quantity"], one["restocked"]) for one in opened["lines"]] == [(1, 2, 0), (2, 1, 0)]
    assert [one["restocked"] for one in last["lines"]] == [2, 1]
    assert [(one["coupon_no"], one["result"]) for one in last["coupons"]] == [("B1", "restored")]
    assert opened["coupons"][0]["result"] == "due"
    settled = [one.payload["about"] for one in told if one.type is EventType.REFUND_SETTLED]
    assert {(one["payment_no"], one["means"], one["amount"], one["settled_by"]) for one in settled} == {
        ("1", "card", 20_000, SettledBy.GATEWAY),
        ("2", "mileage", 2_000, SettledBy.OURS),
    }
    assert last["refund"] == costs.refund == sum(one["amount"] for one in settled)


async def test_a_refund_paid_by_hand_is_told_like_any_other(outbox_of: AsyncEngine) -> None:
    """P46: one type of event for a refund, whoever made it."""
    claim_no = await brought(outbox_of, "OUT-HAND")
    async with outbox_of.begin() as conn:
        await shop.head_of(conn, claim_no)
        parking_no = await parkings.park(
            conn,
            claim_no=claim_no,
            order_no="OUT-HAND",
            step=Step.REFUND,
            part=f"{claim_no}-1",
            cause=StuckReason.PSP_DECLINED,
            detail="refused",
            outcome_unknown=False,
            actions=[],
        )
        await claims.restate(conn, claim_no)
    async with outbox_of.begin() as conn:
        await shop.head_of(conn, claim_no)
        await by_hand.settle(conn, f"{claim_no}-1", "bank transfer 7")
    _, stuck, settled = await seen(outbox_of)
    assert stuck.type is EventType.CLAIM_NEEDS_OPERATOR
    assert (stuck.payload["status"], stuck.payload["about"]["parking_no"]) == ("NEEDS_OPERATOR", parking_no)
    assert settled.type is EventType.REFUND_SETTLED
    assert (settled.payload["about"]["settled_by"], settled.payload["about"]["was"]) == ("HAND", "PLANNED")


async def test_nothing_is_told_that_was_rolled_back(outbox_of: AsyncEngine) -> None:
    claim_no = await brought(outbox_of, "OUT-BACK")
    async with outbox_of.connect() as conn:
        await tell(conn, claim_no, "OUT-BACK")
        await conn.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        await conn.rollback()
    assert [one.type for one in await seen(outbox_of)] == [EventType.CLAIM_OPENED]


async def test_a_reader_misses_no_event_that_commits_late(outbox_of: AsyncEngine) -> None:
    """Written first and committed last: it gets its number when it is there, above those that were read before."""
    early, late = await brought(outbox_of, "OUT-EARLY"), await brought(outbox_of, "OUT-LATE")
    last = (await seen(outbox_of))[-1].event_no
    async with outbox_of.connect() as slow:
        await tell(slow, late, "OUT-LATE")
        await slow.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))  # its row is written, and has its identity
        async with outbox_of.begin() as conn:
            await tell(conn, early, "OUT-EARLY")
        (first,) = await seen(outbox_of, last)
        assert first.claim_no == early
        await slow.commit()
    (second,) = await seen(outbox_of, first.event_no)
    assert (second.claim_no, second.event_no) == (late, first.event_no + 1)


async def test_two_readers_give_each_number_once(outbox_of: AsyncEngine) -> None:
    claim_no = await brought(outbox_of, "OUT-TWO")
    async with outbox_of.connect() as one, outbox_of.connect() as other:
        await outbox.number(one)
        waiting = asyncio.create_task(outbox.number(other))
        async with outbox_of.begin() as conn:
            await tell(conn, claim_no, "OUT-TWO")
        await one.commit()
        await waiting
        await other.commit()
    assert [one.event_no for one in await seen(outbox_of)] == [1, 2]


async def test_a_claim_that_is_held_back_holds_back_no_other(outbox_of: AsyncEngine) -> None:
    held, other = await brought(outbox_of, "OUT-HELD"), await brought(outbox_of, "OUT-OTHER")
    async with outbox_of.begin() as conn:
        await tell(conn, held, "OUT-HELD")
    await seen(outbox_of)
    async with outbox_of.begin() as conn:
        first, second = await outbox.due(conn, 10)
        assert [(one.claim_no, one.sequence) for one in (first, second)] == [(held, 1), (other, 1)]
        for _ in range(3):
            await outbox.not_delivered(conn, first, "503", first=timedelta(hours=1), longest=timedelta(hours=2))
        assert await outbox.due(conn, 10) == [second]
        kept = await outbox.held_back(conn, tries=3)
        assert kept is not None
        assert (kept.claims, kept.code) == (1, "503")
        assert await outbox.held_back(conn, tries=4) is None
        waits = (await conn.execute(text("SELECT next_at - clock_timestamp() FROM outbox_delays"))).scalar_one()
        assert timedelta(hours=1, minutes=59) < waits < timedelta(hours=2)
        await outbox.delivered(conn, first)
        assert [(one.claim_no, one.sequence) for one in await outbox.due(conn, 10)] == [(other, 1), (held, 2)]
