"""A parking's number is used once, and one command answers it: over double clicks, resets and resumes alike."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.claims import OpenCancel
from domain.claims import Action
from tests.support.house import House
from tests.support.orders import line, order
from tests.support.runs import completed_tasks, reset
from workflows.messages import OperatorCommand

ACCEPTED = "accepted"
ANSWERED = "2010 parking.answered"


@dataclass(frozen=True, slots=True)
class Desk:
    """An operator before one claim."""

    house: House
    asked: OpenCancel

    @property
    def workflow_id(self) -> str:
        return self.asked.workflow_id

    async def retry(self, parking_no: int, *, ref: str | None = None) -> str:
        return await self.command(Action.RETRY, parking_no, ref=ref)

    async def command(self, action: Action, parking_no: int, *, ref: str | None = None) -> str:
        """Command it, under an update id of its own unless `ref` repeats one; answers what came of it."""
        evidence = "bank transfer 7" if action is Action.SETTLE else None
        command = OperatorCommand(
            parking_no=parking_no, action=action.value, reason="test", actor="Lee", evidence=evidence
        )
        try:
            async with asyncio.timeout(30):
                await self.house.handle(self.workflow_id).execute_update("resolve", command, id=ref or uuid.uuid4().hex)
        except WorkflowUpdateFailedError as failed:
            cause = failed.cause
            assert isinstance(cause, ApplicationError)
            return f"{cause.type} {cause.details[0]['reason']}"
        return ACCEPTED

    async def parked(self, *, after: int = 0) -> int:
        """The number of the claim's open parking, once there is one with a number above `after`."""

        async def ask() -> int | None:
            found: int | None = await self.house.value(
                "SELECT parking_no FROM parkings WHERE claim_no = :no AND closed_at IS NULL AND parking_no > :after",
                no=self.asked.claim_no,
                after=after,
            )
            return found

        found = await self.house.eventually(ask)
        assert found is not None
        return found

    async def tasks(self) -> list[int]:
        """The tasks that the newest run has completed, once it rests."""

        async def ask() -> list[int]:
            tasks = await completed_tasks(self.house.temporal, self.workflow_id)
            described = await self.house.handle(self.workflow_id).describe()
            return [] if described.raw_description.HasField("pending_workflow_task") else tasks

        return await self.house.eventually(ask)

    async def audit(self) -> list[tuple[int, str]]:
        """Each command kept, with its parking and what came of it, in order."""
        kept = await self.house.rows(
            "SELECT parking_no, accepted, refusal FROM operator_commands WHERE claim_no = :no ORDER BY command_id",
            no=self.asked.claim_no,
        )
        return [(one["parking_no"], ACCEPTED if one["accepted"] else f"2010 {one['refusal']}") for one in kept]

    async def completes(self) -> None:
        """The claim completes, with one refund of all tries."""
        await self.ends("COMPLETED", refunds=1)

    async def ends(self, status: str, *, refunds: int, run_id: str | None = None) -> None:
        """The run, the newest by default, ends so, with so many refunds at the gateway and no parking open."""
        handle = self.house.temporal.get_workflow_handle(self.workflow_id, run_id=run_id)
        async with asyncio.timeout(30):
            ended: Mapping[str, Any] = await handle.result()
        assert ended["status"] == status
        assert await self.house.status(self.asked.claim_no) == status
        given = await self.house.refunds(self.asked.order_no)
        assert [one["amount"] for one in given] == [10_000] * refunds
        assert not await self.house.rows(
            "SELECT 1 FROM parkings WHERE claim_no = :no AND closed_at IS NULL", no=self.asked.claim_no
        )


@pytest.fixture
async def desk(house: House) -> Desk:
    """Before a claim that is about to be parked: its gateway cuts every connection."""
    asked = await ask(house)
    await house.fault("down")
    await house.cancel(asked)
    return Desk(house, asked)


async def ask(house: House) -> OpenCancel:
    """A request to cancel a part of an order, so that a second refund would be possible."""
    return house.asked(await house.feed(order(line(1, 10_000, 3))), {1: 1})


async def test_double_click(desk: Desk) -> None:
    number = await desk.parked()
    clicks = await asyncio.gather(desk.retry(number), desk.retry(number))
    assert sorted(clicks) == [ANSWERED, ACCEPTED]
    again = await desk.parked(after=number)
    assert await desk.retry(number) == ANSWERED
    await desk.house.mend()
    assert await desk.retry(again) == ACCEPTED
    await desk.completes()
    assert sorted(await desk.audit()) == [(number, ANSWERED), (number, ANSWERED), (number, ACCEPTED), (again, ACCEPTED)]


async def test_command_repeated_under_its_own_id_is_one_command(desk: Desk) -> None:
    number = await desk.parked()
    clicks = await asyncio.gather(*(desk.retry(number, ref="click") for _ in range(3)))
    assert clicks == [ACCEPTED] * 3
    assert await desk.audit() == [(number, ACCEPTED)]
    await desk.parked(after=number)
    await desk.house.mend()


async def test_number_that_is_not_the_claims(desk: Desk) -> None:
    number = await desk.parked()
    assert await desk.retry(number + 1_000) == "2010 parking.unknown"
    assert await desk.audit() == [(number + 1_000, "2010 parking.unknown")]
    assert await desk.parked() == number


async def test_resumed_claim_parks_under_a_new_number(desk: Desk) -> None:
    old = await desk.parked()
    await desk.house.handle(desk.workflow_id).terminate("test")
    await desk.house.resume(desk.asked.claim_no, desk.workflow_id)
    new = await desk.parked(after=old)
    assert await desk.retry(old) == ANSWERED
    await desk.house.mend()
    assert await desk.retry(new) == ACCEPTED
    await desk.completes()
    assert await desk.audit() == [(old, ANSWERED), (new, ACCEPTED)]


async def test_reset_to_before_the_parking_parks_under_a_new_number(desk: Desk) -> None:
    old = await desk.parked()
    await reset(desk.house.temporal, desk.workflow_id, (await desk.tasks())[0])
    new = await desk.parked(after=old)
    assert await desk.retry(old) == ANSWERED
    await desk.house.mend()
    assert await desk.retry(new) == ACCEPTED
    await desk.completes()
    assert await desk.audit() == [(old, ANSWERED), (new, ACCEPTED)]


async def test_reset_while_parked_still_takes_the_command(desk: Desk) -> None:
    number = await desk.parked()
    await reset(desk.house.temporal, desk.workflow_id, (await desk.tasks())[-1])
    await desk.house.mend()
    assert await desk.retry(number) == ACCEPTED
    await desk.completes()
    assert await desk.audit() == [(number, ACCEPTED)]


@pytest.mark.parametrize(
    ("action", "status", "refunds"),
    [(Action.RETRY, "COMPLETED", 1), (Action.SETTLE, "COMPLETED", 0), (Action.ABORT, "REJECTED", 0)],
)
async def test_reset_to_every_task_after_a_command(house: House, action: Action, status: str, refunds: int) -> None:
    """A reset tells the new run the old command again, whose parking it took already: the run goes on by the ledger.

    The gateway can't be reached at all, so that nothing was sent, and every command is safe.
    """
    desk = Desk(house, await ask(house))
    house.sandbox.kill()
    await house.cancel(desk.asked)
    number = await desk.parked()
    house.sandbox.start()
    assert await desk.command(action, number, ref="click") == ACCEPTED
    await desk.ends(status, refunds=refunds)
    run_id = (await desk.house.handle(desk.workflow_id).describe()).run_id
    for task in await completed_tasks(desk.house.temporal, desk.workflow_id, run_id):
        new = await reset(desk.house.temporal, desk.workflow_id, task, run_id)
        await desk.ends(status, refunds=refunds, run_id=new)
    audit = await desk.audit()
    assert audit[0] == (number, ACCEPTED)
    assert len(audit) > 1
    assert set(audit[1:]) == {(number, ANSWERED)}


async def test_old_command_sent_again_after_a_reset_is_refused(desk: Desk) -> None:
    first = await desk.parked()
    before = (await desk.tasks())[-1]
    assert await desk.retry(first, ref="click") == ACCEPTED
    second = await desk.parked(after=first)
    await reset(desk.house.temporal, desk.workflow_id, before)
    third = await desk.parked(after=second)
    assert await desk.retry(first, ref="click") == ANSWERED
    assert await desk.retry(second) == ANSWERED
    await desk.house.mend()
    assert await desk.retry(third) == ACCEPTED
    await desk.completes()
    audit = await desk.audit()
    assert [one for one in audit if one[1] == ACCEPTED] == [(first, ACCEPTED), (third, ACCEPTED)]
    assert (first, ANSWERED) in audit
    assert (second, ANSWERED) in audit
