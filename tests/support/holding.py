"""A worker whose activities can be held: before they begin, or when they are done and nobody knows it yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput
from temporalio.worker import Interceptor as WorkerInterceptor

from tests.support.house import House, working


class When(StrEnum):
    BEFORE = "before"
    AFTER = "after"


@dataclass
class Hold:
    """The first activity of this type in this workflow stops there until it is let go."""

    workflow_id: str
    activity_type: str
    when: When
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """The activity that was held has ended."""

    def fits(self, when: When) -> bool:
        info = activity.info()
        names = (info.workflow_id, info.activity_type)
        return not self.reached.is_set() and self.when is when and names == (self.workflow_id, self.activity_type)


class Holder(ClientInterceptor, WorkerInterceptor):
    """Goes into the client that the worker is built with."""

    def __init__(self) -> None:
        self.holds: list[Hold] = []

    @contextmanager
    def hold(self, workflow_id: str, activity_type: str, when: When) -> Iterator[Hold]:
        held = Hold(workflow_id, activity_type, when)
        self.holds.append(held)
        try:
            yield held
        finally:
            held.go.set()

    async def stop(self, when: When) -> list[Hold]:
        held = [hold for hold in self.holds if hold.fits(when)]
        for hold in held:
            hold.reached.set()
            await hold.go.wait()
        return held

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Holding(next, self)


class _Holding(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, holder: Holder) -> None:  # noqa: A002
        super().__init__(next)
        self._holder = holder

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        held = await self._holder.stop(When.BEFORE)
        try:
            answer = await super().execute_activity(input)
            held += await self._holder.stop(When.AFTER)
            return answer
        finally:
            for hold in held:
                hold.over.set()


@asynccontextmanager
async def holding(house: House) -> AsyncIterator[tuple[House, Holder]]:
    """The house with a worker of its own, on a queue of its own, whose activities can be held."""
    holder = Holder()
    config = house.temporal.config()
    config["interceptors"] = [holder]
    async with AsyncExitStack() as stack:
        settings = house.settings.model_copy(update={"task_queue": f"{house.settings.task_queue}-held"})
        held = replace(house, settings=settings, temporal=Client(**config))
        await stack.enter_async_context(working(held))
        yield held, holder
