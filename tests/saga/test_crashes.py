"""The worker killed between any two steps of a claim, and within each: the claim ends, and everything happened once.

P8: the gateway has refunded, and our own record of it is lost. P12: store credit is given back twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from tests.support.once import happened_once
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
