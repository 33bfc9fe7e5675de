"""Where the matrix is played: real Postgres, Temporal and stand-ins, a gate before these, and a worker process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import Client

from tests.matrix.rows import GATEWAYS
from tests.matrix.stands import StandIn
from tests.support.gate import Gate, gate_before
from tests.support.house import House, open_house
from tests.support.sandbox import SandboxProcess
from tests.support.stops import Stops, stops_in
from tests.support.worker_process import WorkerProcess
from worker import SWEEPER


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, all in seconds.

    `delay`: of an answer that the gateway gives after it has acted; `late`: until it acts at all, which is longer than
    that, and less than it has by its settling time.
    """

    read_timeout: float
    settling: float
    delay: float
    late: float

    def of(self, kind: str) -> int | None:
        """The milliseconds of a fault that has any."""
        seconds = {"delay": self.delay, "late": self.late}.get(kind)
        return None if seconds is None else int(seconds * 1000)


CALM = Pace(read_timeout=2, settling=5, delay=3, late=3)
"""Both a delayed answer and a late act come after the call was given up."""
KILLING = Pace(read_timeout=120, settling=9, delay=0.5, late=6)
"""No call is given up before its worker is killed, and those that act late do so when it is dead."""
HASTY = Pace(read_timeout=2.5, settling=5, delay=3, late=3)
"""For a few claims at a time, killed or not."""

COMMON: Mapping[str, Any] = {
    # As in production: half the time of the worker, and no first task that takes too long on a busy machine.
    "workflow_sandbox": False,
    "database_pool": 120,
    # Longer than a claim stands at a stop: a stop is a lock.
    "lock_timeout_ms": 60_000,
    "statement_timeout_ms": 61_000,
    "gateway_send_window": 1,
    # One is lost with the worker, one looks too early, one meets a burnt key, one comes too soon after another.
    "gateway_attempts": 7,
    "gateway_first_retry": 0.1,
    "gateway_longest_retry": 0.5,
    "notice_attempts": 3,
    "poll_first": 0.2,
    "poll_longest": 1,
    "busy_patience": 60,
    "sweep_every": 86_400,
    "graceful_shutdown": 5,
}


@dataclass
class Ground:
    """`pace` is that of the worker's present life."""

    house: House
    stops: Stops
    gate: Gate
    stands: Mapping[str, StandIn]
    folder: Path
    pace: Pace = CALM
    worker: WorkerProcess | None = None
    lives: int = 0

    async def work(self, pace: Pace) -> None:
        """Have a worker work at this pace; one that does already goes on."""
        if self.worker is not None and pace == self.pace:
            return
        self.kill()
        self.pace = pace
        self.lives += 1
        folder = self.folder / f"life-{self.lives}"
        folder.mkdir()
        self.worker = WorkerProcess(folder, self._settings(pace))
        self.worker.start()
        await self.house.eventually(self.worker.started, timeout=90)

    def kill(self) -> None:
        """SIGKILL for the worker, if one works."""
        if self.worker is not None:
            self.worker.kill()
            self.worker = None

    async def mend(self) -> None:
        """Take every fault away, at every gateway."""
        for stand in self.stands.values():
            await stand.mend()

    def _settings(self, pace: Pace) -> Mapping[str, object]:
        return {
            **COMMON,
            "gateway_read_timeout": pace.read_timeout,
            "sandbox_settling": pace.settling,
            "database_url": self.house.settings.database_url,
            "temporal_address": self.house.temporal.service_client.config.target_host,
            "task_queue": self.house.settings.task_queue,
            "sandbox_url": self.gate.url,
            "smtp_url": self.house.settings.smtp_url,
        }


@asynccontextmanager
async def open_ground(
    database_url: str, temporal: Client, sandbox: SandboxProcess, task_queue: str, folder: Path
) -> AsyncIterator[Ground]:
    """A ground without a worker. It reaches the gateways through the gate; whoever looks at their ledgers doesn't."""
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(
            open_house(database_url, temporal, sandbox, task_queue, database_pool=30, lock_timeout_ms=60_000,
                       statement_timeout_ms=61_000)
        )  # fmt: skip
        stops = await stack.enter_async_context(stops_in(database_url))
        gate = await stack.enter_async_context(gate_before(sandbox.url))
        stands = {name: StandIn(house.gateway, name) for name in GATEWAYS}
        ground = Ground(house, stops, gate, stands, folder)
        stack.callback(ground.kill)
        yield ground
        if ground.lives:
            # The worker's own; the server outlives this ground.
            await temporal.get_schedule_handle(SWEEPER).delete()
