"""Keeps one child running until it is told to stop it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from deploy.local.child import Child, RunningChild, describe_exit
from deploy.local.errors import ChildFailed

RESTART_AFTER = 0.3
"""Seconds between a child's death and its next start."""
DEATHS = 10
DEATHS_WITHIN = 60.0
"""So many deaths of one child within so many seconds are too many."""
PROBE_EVERY = 0.05

Report = Callable[[str, str], None]
"""Is told what happens: the name of a child, and what happened to it in a few words."""


class Keeper:
    """One child and its running instance. `give_up` is called, once, with the reason why it can't be kept running."""

    def __init__(
        self,
        child: Child,
        start: Callable[[Child], Awaitable[RunningChild]],
        report: Report,
        give_up: Callable[[BaseException], None],
    ) -> None:
        self.child = child
        self.running: RunningChild | None = None
        self.ready = asyncio.Event()
        self._start = start
        self._report = report
        self._give_up = give_up
        self._deaths: deque[float] = deque(maxlen=DEATHS)
        self._task = asyncio.create_task(self._keep(), name=f"keep {child.name}")
        self._task.add_done_callback(self._hand_over)

    @property
    def pid(self) -> int | None:
        """The process id of the running instance; None between a death and the next start."""
        return self.running.pid if self.running is not None and self.running.alive else None

    async def stop(self, forced: asyncio.Event) -> None:
        """Stop the child: its own signal, then SIGKILL when its grace is over or `forced` is set."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if self.running is None or not self.running.alive:
            return
        self._tell("stopping")
        self.running.signal(self.child.stop_signal)
        ended = asyncio.create_task(self.running.wait())
        hurry = asyncio.create_task(forced.wait())
        await asyncio.wait([ended, hurry], timeout=self.child.grace, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if self.running.alive:
            self._tell("killed, it did not stop in time")
            self.running.kill_group()
        await ended

    async def _keep(self) -> None:
        while True:
            self._note_death(await self._live_once())
            await asyncio.sleep(RESTART_AFTER)

    def _hand_over(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._give_up(error)

    async def _live_once(self) -> int:
        """Start an instance, say when it is ready, and return its exit code when it has died."""
        self.running = running = await self._start(self.child)
        death = asyncio.create_task(running.wait())
        readiness = asyncio.create_task(self._until_ready(running))
        try:
            await asyncio.wait([death, readiness], return_when=asyncio.FIRST_COMPLETED)
            if readiness.done():
                readiness.result()
            return await death
        finally:
            readiness.cancel()
            death.cancel()
            self.ready.clear()

    async def _until_ready(self, running: RunningChild) -> None:
        try:
            async with asyncio.timeout(self.child.patience):
                while not await self.child.ready(running.started):
                    await asyncio.sleep(PROBE_EVERY)
        except TimeoutError:
            what = f"was not ready after {self.child.patience:.0f} s"
            raise ChildFailed(self.child.name, what, running.last_words()) from None
        self.ready.set()
        self._tell("ready")

    def _note_death(self, code: int) -> None:
        now = asyncio.get_running_loop().time()
        self._deaths.append(now)
        if len(self._deaths) == DEATHS and now - self._deaths[0] < DEATHS_WITHIN:
            last_words = self.running.last_words() if self.running is not None else ""
            what = f"died {DEATHS} times within a minute, the last time with {describe_exit(code)}"
            raise ChildFailed(self.child.name, what, last_words)
        self._tell(f"died with {describe_exit(code)}, starting it again")

    def _tell(self, what: str) -> None:
        self._report(self.child.name, what)
