"""A claim's workflow terminated, and one reset, at every step: the claim ends all the same, and all happened once."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping

import pytest

from tests.support.house import House
from tests.support.once import happened_once
from tests.support.places import CHANGES, OPENING, PLACES, Place, mixed, partly, two_cards
from tests.support.runs import completed_tasks, reset
from tests.support.stage import Claim, Stage
from workflows.sweep import SweepWorkflow

MAILS = 2
"""A mail may go out a second time under its id when its first sender was given up while it went on."""

EVERYWHERE = [*PLACES, *CHANGES]
OPENED = [place for place in PLACES if place.name not in OPENING]
"""Where a workflow has completed a task that it can be reset to. A change does all but its notices in its first one."""


@pytest.fixture(scope="module")
async def terminated(stage: Stage) -> tuple[Mapping[str, Claim], set[str]]:
    """Claims whose workflow was terminated at their place, resumed since; and the places that the sweeper had found.

    Their worker lives: the steps that they stood in go on and end, when their workflow is gone, beside the resumed one.
    """
    claims = await stage.play(EVERYWHERE)
    for claim in claims.values():
        await stage.house.handle(claim.asked.workflow_id).terminate("test")
    found = await sweep(stage.house)
    await stage.let_go()
    for claim in claims.values():
        if await opened(stage.house, claim):
            await stage.resume(claim)
    return claims, {name for name, claim in claims.items() if claim.asked.claim_no in found}


@pytest.mark.parametrize("place", EVERYWHERE, ids=lambda place: place.name)
async def test_workflow_terminated(
    place: Place, stage: Stage, terminated: tuple[Mapping[str, Claim], set[str]]
) -> None:
    claims, found = terminated
    claim = claims[place.name]
    await asyncio.gather(claim.answer, return_exceptions=True)
    if not await opened(stage.house, claim):
        assert place.name in OPENING
        assert await stage.house.refunds(claim.asked.order_no) == []
        return
    assert (place.name in found) is (place.name not in OPENING)
    assert (await stage.house.outcome(claim.asked.workflow_id))["status"] == place.ends
    await happened_once(stage.house, claim, mails=MAILS)


async def test_sweeper_forgets_what_was_resumed(stage: Stage, terminated: tuple[Mapping[str, Claim], set[str]]) -> None:
    for claim in terminated[0].values():
        if await opened(stage.house, claim):
            await stage.house.outcome(claim.asked.workflow_id)
    assert await sweep(stage.house) == set()


@pytest.fixture(scope="module")
async def reset_there(stage: Stage) -> Mapping[str, Claim]:
    """Claims whose workflow was reset at their place to its newest task. Their steps go on beside those of the new run.

    One that is being opened has no task yet that it could be reset to.
    """
    claims = await stage.play(OPENED)
    for claim in claims.values():
        newest = (await completed_tasks(stage.house.temporal, claim.asked.workflow_id))[-1]
        await reset(stage.house.temporal, claim.asked.workflow_id, newest)
    await stage.let_go()
    return claims


@pytest.mark.parametrize("place", OPENED, ids=lambda place: place.name)
async def test_workflow_reset(place: Place, stage: Stage, reset_there: Mapping[str, Claim]) -> None:
    claim = reset_there[place.name]
    await asyncio.gather(claim.answer, return_exceptions=True)
    assert (await stage.house.outcome(claim.asked.workflow_id))["status"] == place.ends
    await happened_once(stage.house, claim, mails=MAILS)


@pytest.mark.parametrize(
    "place",
    [
        Place("reset-when-completed", of=partly),
        Place("reset-when-completed-mixed", of=mixed),
        Place("reset-when-completed-two-cards", of=two_cards),
        Place("reset-when-rejected", fault="refuse", ends="REJECTED"),
        Place("reset-when-changed", changes=True),
    ],
    ids=lambda place: place.name,
)
async def test_reset_to_every_task_when_all_is_over(place: Place, stage: Stage) -> None:
    claim = (await stage.play([place]))[place.name]
    workflow_id = claim.asked.workflow_id
    await claim.answer
    await stage.house.outcome(workflow_id)
    first = (await stage.house.handle(workflow_id).describe()).run_id
    tasks = await completed_tasks(stage.house.temporal, workflow_id, first)
    assert tasks
    for task in tasks:
        run = await reset(stage.house.temporal, workflow_id, task, first)
        ended = await stage.house.temporal.get_workflow_handle(workflow_id, run_id=run).result()
        assert ended["status"] == place.ends
    await happened_once(stage.house, claim)


async def opened(house: House, claim: Claim) -> bool:
    return bool(await house.rows("SELECT 1 FROM claims WHERE claim_no = :no", no=claim.asked.claim_no))


async def sweep(house: House) -> set[str]:
    """Have the sweeper look, and answer the claims that by its open findings nobody carries on."""
    swept = await house.temporal.execute_workflow(
        SweepWorkflow.run, id=f"sweep-{uuid.uuid4()}", task_queue=house.settings.task_queue
    )
    found = await house.rows(
        "SELECT claim_no FROM findings WHERE kind = 'no_workflow' AND cleared_at IS NULL AND claim_no LIKE 'C-%'"
    )
    assert swept.without_workflow == len(found)
    return {one["claim_no"] for one in found}
