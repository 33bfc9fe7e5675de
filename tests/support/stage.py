"""Claims stopped each at its own place, with a worker that can be killed there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from activities.claims import OpenCancel
from activities.options import OpenChange
from store.feed_shop import put_item
from tests.support.gate import Gate, gate_before
from tests.support.house import House, open_house
from tests.support.orders import item
from tests.support.places import NEW, STOCK, UNITS, Place
from tests.support.sandbox import SandboxProcess
from tests.support.stops import Stops, stops_in
from tests.support.worker_process import WorkerProcess
from worker import SWEEPER
from workflows.attributes import CANCEL_WORKFLOW, CHANGE_WORKFLOW
from workflows.messages import Accepted, CancelOrder, Changed, ChangeOption

HURRIED: Mapping[str, Any] = {
    "workflow_sandbox": True,
    "database_pool": 90,
    # Longer than a claim stands at a stop: a stop is a lock.
    "lock_timeout_ms": 30_000,
    "statement_timeout_ms": 31_000,
    "gateway_read_timeout": 10,
    "gateway_send_window": 0.5,
    "sandbox_settling": 3,
    "gateway_attempts": 5,
    "gateway_first_retry": 0.1,
    "gateway_longest_retry": 0.5,
    "notice_attempts": 3,
    "poll_first": 0.1,
    # The sweeper comes when a test calls it.
    "sweep_every": 86_400,
}


@dataclass
class Claim:
    """A claim on its way to a place. `answer`: of the customer's call, which may still be waiting."""

    name: str
    place: Place
    asked: OpenCancel | OpenChange
    answer: asyncio.Task[Accepted | Changed]
    stop: int | None

    @property
    def payment(self) -> str:
        return f"{self.asked.order_no}-1"


@dataclass
class Stage:
    house: House
    stops: Stops
    gate: Gate
    worker: WorkerProcess
    rounds: int = 0

    async def play(self, places: Sequence[Place]) -> dict[str, Claim]:
        """A claim for each place, by the place's name, once all of them stand there at the same time."""
        self.rounds += 1
        standing: dict[str, Claim] = {}
        for brief in (False, True):
            begun = [await self._begin(place) for place in places if place.brief is brief]
            for claim in begun:
                await self.house.eventually(lambda claim=claim: self.stands(claim))  # type: ignore[misc]
                standing[claim.place.name] = claim
        return standing

    async def stands(self, claim: Claim) -> bool:
        place = claim.place
        if claim.stop is not None and not await self.stops.reached(claim.stop):
            return False
        if place.after is not None and not await self.stops.committed(claim.asked.claim_no, place.after):
            return False
        if place.way is not None:
            return self.gate.reached(claim.payment, place.way)
        if place.fault == "late":
            faults = (await self.house.gateway.get("/faults")).raise_for_status().json()["faults"]
            return not any(fault["pgTid"] == claim.payment for fault in faults)
        return True

    async def let_go(self) -> None:
        """Let everybody go on, and wait until every transaction that stood somewhere has ended."""
        self.gate.let_go()
        await self.stops.let_go()
        await self.house.eventually(self.stops.deserted)

    async def resume(self, claim: Claim) -> None:
        """As `claims resume` does it."""
        claim_no = claim.asked.claim_no
        await self.house.temporal.start_workflow(
            CHANGE_WORKFLOW if claim.place.changes else CANCEL_WORKFLOW,
            ChangeOption(claim_no=claim_no) if claim.place.changes else CancelOrder(claim_no=claim_no),
            id=claim.asked.workflow_id,
            task_queue=self.house.settings.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        )

    async def work(self) -> None:
        """Start the worker, and wait until it works."""
        self.worker.start()
        await self.house.eventually(self.worker.started)

    async def _begin(self, place: Place) -> Claim:
        name = f"{place.name}-{self.rounds}"
        order_no = await self.house.feed(place.of(name), stock=STOCK, email=f"{name}@example.test")
        asked, call = await self._change(name, order_no) if place.changes else self._cancel(order_no)
        stop = None if place.stop is None else await self.stops.set(asked.claim_no, place.stop)
        if place.fault is not None:
            late = place.fault == "late"
            await self.house.fault(
                place.fault, 1 if late else 100, payment=f"{order_no}-1", delay_ms=2_000 if late else None
            )
        if place.way is not None:
            self.gate.hold(f"{order_no}-1", place.way)
        return Claim(name, place, asked, asyncio.create_task(call), stop)

    def _cancel(self, order_no: str) -> tuple[OpenCancel, Coroutine[Any, Any, Accepted]]:
        asked = self.house.asked(order_no, {1: UNITS})
        return asked, self.house.cancel(asked)

    async def _change(self, name: str, order_no: str) -> tuple[OpenChange, Coroutine[Any, Any, Changed]]:
        goods_no = f"{name}-2"
        async with self.house.engine.begin() as conn:
            await put_item(conn, item(NEW, goods_no=goods_no, price=30_000, stock=STOCK))
        asked = self.house.asked_change(order_no, 2, NEW, goods_no=goods_no)
        return asked, self.house.change(asked)


@asynccontextmanager
async def open_stage(
    database_url: str, temporal: Client, sandbox: SandboxProcess, task_queue: str, folder: Path
) -> AsyncIterator[Stage]:
    """A stage with its worker working. The worker reaches the gateway through the gate, the tests reach it directly."""
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(open_house(database_url, temporal, sandbox, task_queue, **HURRIED))
        stops = await stack.enter_async_context(stops_in(database_url))
        gate = await stack.enter_async_context(gate_before(sandbox.url))
        worker = WorkerProcess(folder, _settings(house, gate))
        stack.callback(worker.kill)
        stage = Stage(house, stops, gate, worker)
        await stage.work()
        # The worker's own; the server outlives this stage.
        stack.push_async_callback(temporal.get_schedule_handle(SWEEPER).delete)
        yield stage


def _settings(house: House, gate: Gate) -> Mapping[str, object]:
    return {
        **HURRIED,
        "database_url": house.settings.database_url,
        "temporal_address": house.temporal.service_client.config.target_host,
        "task_queue": house.settings.task_queue,
        "sandbox_url": gate.url,
        "smtp_url": house.settings.smtp_url,
    }
