"""Work that a cancel must not cut: a call to the outside whose answer is wanted, whatever becomes of the activity."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from temporalio import activity

T = TypeVar("T")

HEARTBEAT = 2.0
"""Seconds between heartbeats; a third of the heartbeat time-out that workflows set."""


class Stop:
    """Tells work that its activity was cancelled: it begins nothing new, and ends what it has begun."""

    def __init__(self) -> None:
        self._asked = False

    def ask(self) -> None:
        self._asked = True

    def check(self) -> None:
        """Raises asyncio.CancelledError once a cancel has come. Called where stopping leaves nothing half done."""
        if self._asked:
            raise asyncio.CancelledError


async def undisturbed(work: Callable[[Stop], Awaitable[T]], *, heartbeat: float) -> T:
    """Run `work` to its end, with a heartbeat every so many seconds; a cancel only asks it to stop, and waits.

    When work ends with an answer after a cancel, the answer stands: it says what really happened.
    """
    stop = Stop()
    async with beating(heartbeat):
        working = asyncio.ensure_future(work(stop))
        while not working.done():
            try:
                await asyncio.wait([working])
            except asyncio.CancelledError:
                stop.ask()
        return working.result()


@asynccontextmanager
async def beating(every: float) -> AsyncIterator[None]:
    """Send a heartbeat every so many seconds while the block runs: a worker that is lost in it is noticed."""
    beat = asyncio.create_task(_beat(every))
    try:
        yield
    finally:
        beat.cancel()


async def _beat(every: float) -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(every)
