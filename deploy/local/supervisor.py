"""Keeps the processes of the stack running: started in order, started again when they die, stopped in reverse."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.child import Child, RunningChild
from deploy.local.errors import Interrupted
from deploy.local.keeper import PROBE_EVERY, Keeper, Report


class Supervisor:
    """Runs children while its ``async with`` block runs.

    A child that can't be kept running, and `interrupt`, end the block: whatever it awaits is cancelled, every child is
    stopped, newest first, and ChildFailed or Interrupted comes out of the block.
    """

    def __init__(self, logs: Path, cwd: Path, report: Report, inherit: Sequence[int] = ()) -> None:
        """Children write to ``logs/NAME.log``, run in `cwd`, and keep the file descriptors `inherit` open."""
        self._logs = logs
        self._cwd = cwd
        self._report = report
        self._inherit = tuple(inherit)
        self._keepers: dict[str, Keeper] = {}
        self._reason: BaseException | None = None
        self._stopping = False
        self._forced = asyncio.Event()
        self._block: asyncio.Task[object] | None = None

    async def __aenter__(self) -> Self:
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._block = asyncio.current_task()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        await self._stop()
        if self._reason is None:
            return
        if self._block is not None:
            self._block.uncancel()
        if kind is None or kind is asyncio.CancelledError:
            raise self._reason

    async def start(self, child: Child) -> None:
        """Start `child` and return once it is ready. From then on it is started again whenever it dies."""
        self._report(child.name, "starting")
        keeper = Keeper(child, self._start_process, self._report, self._end)
        self._keepers[child.name] = keeper
        await keeper.ready.wait()

    def pid(self, name: str) -> int | None:
        """The process id of the child's running instance; None between its death and its next start."""
        return self._keepers[name].pid

    def pids(self) -> dict[str, int]:
        """Process ids of the children that run now, by name, in the order of their start."""
        return {name: keeper.pid for name, keeper in self._keepers.items() if keeper.pid is not None}

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send the child a signal, as an accident would. It is started again when it dies of it."""
        running = self._keepers[name].running
        if running is not None:
            running.signal(number)

    async def wait_restarted(self, name: str, dead: int) -> int:
        """The process id of the child's next instance after process `dead`, once that is ready."""
        keeper = self._keepers[name]
        while not keeper.ready.is_set() or keeper.pid is None or keeper.pid == dead:
            await asyncio.sleep(PROBE_EVERY)
        return keeper.pid

    def interrupt(self) -> None:
        """Stop everything; asked again meanwhile: at once, by SIGKILL. May be a signal handler of the event loop."""
        if self._stopping or self._reason is not None:
            self._forced.set()
        else:
            self._end(Interrupted("stopped on demand"))

    async def _start_process(self, child: Child) -> RunningChild:
        return await RunningChild.start(child, self._logs, self._cwd, self._inherit)

    def _end(self, reason: BaseException) -> None:
        if self._stopping or self._reason is not None:
            return
        self._reason = reason
        if self._block is not None:
            self._block.cancel()

    async def _stop(self) -> None:
        """Stop all, newest first. A cancel that comes meanwhile waits: no child may be left behind."""
        stopping = asyncio.create_task(self._stop_all())
        cancelled = False
        while not stopping.done():
            try:
                await asyncio.shield(stopping)
            except asyncio.CancelledError:
                cancelled = True
        stopping.result()
        if cancelled:
            raise asyncio.CancelledError

    async def _stop_all(self) -> None:
        for keeper in reversed(self._keepers.values()):
            await keeper.stop(self._forced)
