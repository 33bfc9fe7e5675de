"""How long a caller of `cancelFO` waits, beside an update-with-start that does nothing; taken in turns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter
from typing import TypeVar

from bench import beside
from bench.ground import Ground
from bench.shop import Order

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Accepting:
    """Median milliseconds until the answer, `width` requests at once."""

    width: int
    claims: float
    nothing: float


async def measure(ground: Ground, width: int, rounds: int) -> Accepting:
    """Each round: so many cancels at once, and when their claims are over, so many of nothing."""
    orders = iter(await ground.shop.orders(width * rounds))
    claims: list[float] = []
    nothing: list[float] = []
    for _ in range(rounds):
        claims += await _cancels(ground, [next(orders) for _ in range(width)])
        nothing += await _nothings(ground, width)
    return Accepting(width, median(claims) * 1000, median(nothing) * 1000)


async def _cancels(ground: Ground, orders: Sequence[Order]) -> list[float]:
    took = await asyncio.gather(*(_timed(partial(ground.shop.cancel, order)) for order in orders))
    await asyncio.gather(*(ground.shop.completed(order) for order in orders))
    return [seconds for seconds, _ in took]


async def _nothings(ground: Ground, count: int) -> list[float]:
    took = await asyncio.gather(*(_timed(lambda: beside.start_nothing(ground.temporal)) for _ in range(count)))
    await asyncio.gather(*(handle.result() for _, handle in took))
    return [seconds for seconds, _ in took]


async def _timed(call: Callable[[], Awaitable[T]]) -> tuple[float, T]:
    began = perf_counter()
    result = await call()
    return perf_counter() - began, result
