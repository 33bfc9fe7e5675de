"""What the service is measured beside, on the same servers: a workflow that does nothing, and seven bare steps.

``python -m bench.bare`` is their worker, a process like the service's own and set up like it.
"""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta

from sqlalchemy import text
from temporalio import activity, workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

import bootstrap
from settings import Settings, load
from store.database import Engine

TASK_QUEUE = "bench-bare"
STEPS = 7
"""Open, refund, credits and coupons, stock, complete, e-mail, AlimTalk: a claim, with one regular activity a step."""

TABLE = "CREATE TABLE IF NOT EXISTS bench_steps (workflow_id text, step integer, PRIMARY KEY (workflow_id, step))"


@workflow.defn
class NothingWorkflow:
    """Ends when it has answered its update: what starting and asking a workflow costs by itself."""

    def __init__(self) -> None:
        self._answered = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._answered and workflow.all_handlers_finished())

    @workflow.update
    async def accepted(self) -> str:
        self._answered = True
        return "accepted"


class Steps:
    """One row in one transaction per step: a database step without any of the service's work."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn
    async def step(self, number: int) -> None:
        async with self._engine.begin() as conn:
            await conn.execute(
                text("INSERT INTO bench_steps VALUES (:workflow_id, :step) ON CONFLICT DO NOTHING"),
                {"workflow_id": activity.info().workflow_id, "step": number},
            )


@workflow.defn
class StepsWorkflow:
    """Seven regular activities, one after the other."""

    @workflow.run
    async def run(self) -> None:
        for number in range(STEPS):
            await workflow.execute_activity_method(Steps.step, number, start_to_close_timeout=timedelta(seconds=10))


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    engine = bootstrap.engine(settings)
    async with engine.begin() as conn:
        await conn.execute(text(TABLE))
    async with Worker(
        await bootstrap.temporal_client(settings),
        task_queue=TASK_QUEUE,
        workflows=[NothingWorkflow, StepsWorkflow],
        activities=[Steps(engine).step],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_workflow_tasks=100,
        max_concurrent_activities=settings.database_pool,
    ):
        await stop.wait()
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(serve(load()))
