"""Waiting for a condition while the event loop goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(condition: Callable[[], T | Awaitable[T]], *, within: float = 15) -> T:
    """Ask until the answer is truthy and return it. Raises TimeoutError after `within` seconds."""
    async with asyncio.timeout(within):
        while True:
            answer = condition()
            told = await answer if isinstance(answer, Awaitable) else answer
            if told:
                return told
            await asyncio.sleep(0.01)
