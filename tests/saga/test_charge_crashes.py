"""Claims that are charged, at every place of that: their worker killed, their workflow terminated, or reset there.

The customer is charged once all the same, and the claim ends as it must.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from activities.claims import OpenCancel
from domain.orders import Means
from tests.support.extra import EXTRA, asked_with_extra, charged, cheap_piece, give, taken
from tests.support.gate import Way
from tests.support.places import STOCK, event
from tests.support.runs import completed_tasks, reset
from tests.support.stage import Stage
from tests.support.stops import Stop


@dataclass(frozen=True, slots=True)
class At:
    """`stop`: in the database. `way`: at the gate before the gateway. `fault`: what its first request suffers.

    `killed`: how the claim ends when its worker is killed there, if not as `ends` says.
    """

    name: str
    stop: Stop | None = None
    way: Way | None = None
    fault: str | None = None
    means: Means = Means.CARD
    ends: str = "COMPLETED"
    killed: str | None = None


SENT = {"state": "SENT"}

PLACES = (
    # Nobody knows of the refusal then: it is looked up, not there, and tried again, which is not refused any more.
    At("refusal-not-committed", event("charge.refused"), fault="refuse", ends="REJECTED", killed="COMPLETED"),
    At("refused-unheard", event("charge.refused", committing=True), fault="refuse", ends="REJECTED"),
    At("turning-back-not-committed", event("claim.turned_back"), fault="refuse", ends="REJECTED"),
    At("undoing-not-committed", event("claim.rejected"), fault="refuse", ends="REJECTED"),
    At("try-not-committed", Stop("extra_payments", SENT)),
    At("try-armed-not-sent", Stop("extra_payments", SENT, committing=True)),
    At("request-on-its-way", way=Way.THERE),
    At("gateway-acted", way=Way.BACK),
    At("answer-not-committed", event("charge.taken")),
    At("pivot-passed-unheard", event("charge.taken", committing=True)),
    At("nothing-of-ours-given", event("stock.returned")),
    At("balance-not-taken", event("charge.taken"), means=Means.MILEAGE),
    At("balance-taken-unheard", event("charge.taken", committing=True), means=Means.MILEAGE),
)


@dataclass
class Claim:
    place: At
    asked: OpenCancel
    answer: asyncio.Task[Any]
    stop: int | None
    goods_no: str


async def play(stage: Stage, word: str) -> dict[str, Claim]:
    """A claim for each place, once all of them stand there at the same time."""
    claims = {}
    for place in PLACES:
        name = f"{word}-{place.name}"
        order_no = await stage.house.feed(cheap_piece(name), stock=STOCK)
        await give(stage.house, order_no, 0 if place.means.external else EXTRA)
        asked = await asked_with_extra(stage.house, order_no, place.means)
        stop = None if place.stop is None else await stage.stops.set(asked.claim_no, place.stop)
        if place.way is not None:
            stage.gate.hold(f"X-{asked.claim_no}", place.way)
        if place.fault is not None:
            # Suffered by the next charge, whosever it is: so this one comes to its place before another one begins.
            await stage.house.fault(place.fault)
        claim = Claim(place, asked, asyncio.create_task(stage.house.cancel(asked)), stop, f"{name}-1")
        await stage.house.eventually(lambda claim=claim: stands(stage, claim))  # type: ignore[misc]
        claims[place.name] = claim
    return claims


async def stands(stage: Stage, claim: Claim) -> bool:
    if claim.stop is not None:
        return await stage.stops.reached(claim.stop)
    assert claim.place.way is not None
    return stage.gate.reached(f"X-{claim.asked.claim_no}", claim.place.way)


async def charged_once(stage: Stage, claim: Claim, ends: str) -> None:
    """By the gateway's ledger and by ours; an undone claim not at all."""
    house, claim_no = stage.house, claim.asked.claim_no
    async with asyncio.timeout(60):
        assert (await house.outcome(claim.asked.workflow_id))["status"] == ends
    assert await house.status(claim_no) == ends
    completed = ends == "COMPLETED"
    paid = await taken(house, claim_no)
    assert [one["amount"] for one in paid] == ([EXTRA] if completed else [])
    at_gateway = [one["pgTid"] for one in await charged(house, claim_no)]
    assert at_gateway == [one["gateway_ref"] for one in paid if one["gateway"] is not None]
    moved = await house.value("SELECT coalesce(sum(amount), 0) FROM credit_movements WHERE claim_no = :no", no=claim_no)
    assert moved == (-EXTRA if completed and not claim.place.means.external else 0)
    told = await house.rows("SELECT event FROM claim_events WHERE claim_no = :no", no=claim_no)
    events = [one["event"] for one in told]
    once = ("charge.taken", "claim.decided", "claim.completed") if completed else ("charge.refused", "claim.rejected")
    assert {one: events.count(one) for one in once} == dict.fromkeys(once, 1)
    assert await house.stock(claim.goods_no) == STOCK + (1 if completed else 0)
    assert (
        await house.value("SELECT difference FROM order_conservation WHERE order_no = :no", no=claim.asked.order_no)
        == 0
    )
    assert not await house.rows("SELECT 1 FROM extra_payments WHERE claim_no = :no AND state = 'SENT'", no=claim_no)


@pytest.fixture(scope="module")
async def killed(stage: Stage) -> Mapping[str, Claim]:
    """Claims that each stood at its place when their worker was killed, with a new worker since."""
    claims = await play(stage, "killed")
    assert [name for name, claim in claims.items() if not await stands(stage, claim)] == []
    stage.worker.kill()
    await stage.let_go()
    await stage.work()
    return claims


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
async def test_worker_killed(place: At, stage: Stage, killed: Mapping[str, Claim]) -> None:
    claim = killed[place.name]
    async with asyncio.timeout(30):
        assert (await claim.answer).extra == EXTRA
    await charged_once(stage, claim, place.killed or place.ends)


@pytest.fixture(scope="module")
async def terminated(stage: Stage) -> Mapping[str, Claim]:
    """Claims whose workflow was terminated at their place, resumed since. The steps that they stood in go on beside."""
    claims = await play(stage, "terminated")
    for claim in claims.values():
        await stage.house.handle(claim.asked.workflow_id).terminate("test")
    await stage.let_go()
    for claim in claims.values():
        await stage.house.resume(claim.asked.claim_no, claim.asked.workflow_id)
    return claims


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
async def test_workflow_terminated(place: At, stage: Stage, terminated: Mapping[str, Claim]) -> None:
    claim = terminated[place.name]
    await asyncio.gather(claim.answer, return_exceptions=True)
    await charged_once(stage, claim, place.ends)


@pytest.fixture(scope="module")
async def reset_there(stage: Stage) -> Mapping[str, Claim]:
    """Claims whose workflow was reset at their place to its newest task. Their steps go on beside the new run's."""
    claims = await play(stage, "reset")
    for claim in claims.values():
        newest = (await completed_tasks(stage.house.temporal, claim.asked.workflow_id))[-1]
        await reset(stage.house.temporal, claim.asked.workflow_id, newest)
    await stage.let_go()
    return claims


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
async def test_workflow_reset(place: At, stage: Stage, reset_there: Mapping[str, Claim]) -> None:
    claim = reset_there[place.name]
    await asyncio.gather(claim.answer, return_exceptions=True)
    await charged_once(stage, claim, place.ends)
