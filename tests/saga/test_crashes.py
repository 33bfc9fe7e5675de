"""The worker killed between any two steps of a claim, and within each: the claim ends, and everything happened once.

P8: the gateway has refunded, and our own record of it is lost. P12: store credit is given back twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from tests.support.gate import Way
from tests.support.late import fails_at_gateway, followed
from tests.support.once import happened_once
from tests.support.orders import line, order, payment
from tests.support.places import CHANGES, PLACES, Place
from tests.support.stage import Claim, Stage


@pytest.fixture(scope="module")
async def killed(stage: Stage) -> Mapping[str, Claim]:
    """Claims that each stood at its place when their worker was killed, with a new worker since."""
    claims = await stage.play([*PLACES, *CHANGES])
    assert [name for name, claim in claims.items() if not await stage.stands(claim)] == []
    stage.worker.kill()
    await stage.let_go()
    await stage.work()
    return claims


@pytest.mark.parametrize("place", [*PLACES, *CHANGES], ids=lambda place: place.name)
async def test_worker_killed(place: Place, stage: Stage, killed: Mapping[str, Claim]) -> None:
    claim = killed[place.name]
    async with asyncio.timeout(30):
        assert (await claim.answer).claim_no == claim.asked.claim_no
    assert (await stage.house.outcome(claim.asked.workflow_id))["status"] == place.ends
    # A mail that went out when its worker died, before that was written, goes out again.
    await happened_once(stage.house, claim, mails=2 if place.name == "mail-sent-not-written" else 1)


async def test_worker_killed_while_a_reopened_claim_is_refunded_anew(stage: Stage) -> None:
    """P6: the refund had failed after it was told; its next refund acts, and the answer is lost with the worker."""
    house = stage.house
    order_no = await house.feed(order(line(1, 10_000, 2), payments=[payment("1", 20_000)]))
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    await fails_at_gateway(house, asked.claim_no)
    await followed(house, asked.claim_no)
    parking = await house.parking(asked.claim_no)
    stage.gate.hold(f"{order_no}-1", Way.BACK)
    await house.resolve(asked.workflow_id, parking["parking_no"], "retry")
    await house.eventually(lambda: _reached(stage, f"{order_no}-1"))
    stage.worker.kill()
    await stage.let_go()
    await stage.work()
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert [one["amount"] for one in await house.refunds(order_no)] == [10_000]
    told = "SELECT notice_id FROM notices WHERE claim_no = :no AND channel = 'inbox' ORDER BY created_at"
    told_of = [row["notice_id"].removeprefix(f"{asked.claim_no}-") for row in await house.rows(told, no=asked.claim_no)]
    assert told_of == ["completed-inbox", "refund_failed-2-inbox", "completed-2-inbox"]
    assert await house.balanced()


async def _reached(stage: Stage, payment_ref: str) -> bool:
    return stage.gate.reached(payment_ref, Way.BACK)
