"""The sweeper itself, hit by what it looks for."""

from __future__ import annotations

import asyncio
import uuid

from sqlalchemy import text

from tests.support.house import House
from tests.support.stage import Stage
from workflows.sweep import SweepWorkflow


async def test_sweep_whose_worker_was_killed_goes_on_soon(stage: Stage) -> None:
    """As long as one sweep lasts no other one begins, so a lost worker must not make everybody blind for minutes."""
    house = stage.house
    async with house.engine.begin() as conn:
        await conn.execute(text("LOCK TABLE findings"))
        sweep = await house.temporal.start_workflow(
            SweepWorkflow.run, id=f"sweep-{uuid.uuid4()}", task_queue=house.settings.task_queue
        )
        await house.eventually(lambda: waits_for_findings(house))
        stage.worker.kill()
    await stage.work()
    async with asyncio.timeout(30):
        swept = await sweep.result()
    assert swept.without_workflow == 0


async def waits_for_findings(house: House) -> bool:
    return bool(
        await house.value("SELECT count(*) FROM pg_locks WHERE relation = 'findings'::regclass AND NOT granted")
    )
