"""How many claims are finished per second, beside bare workflows of seven regular activities; taken in turns."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter

from bench import beside, cpu
from bench.ground import Ground
from bench.shop import Order


@dataclass(frozen=True, slots=True)
class Burst:
    """`per_second`: finished per second (median of the bursts); `cpu_ms`: milliseconds of CPU for each, by process."""

    per_second: float
    cpu_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Finishing:
    claims: Burst
    steps: Burst


async def measure(ground: Ground, burst: int, bursts: int) -> Finishing:
    """`bursts` times `burst` of each at once, in turns; from the first request until the last has ended."""
    claims, steps = _Tally(ground, burst), _Tally(ground, burst)
    for _ in range(bursts):
        orders = await ground.shop.orders(burst)
        await claims.take([partial(_claim, ground, order) for order in orders])
        await steps.take([partial(beside.run_steps, ground.temporal)] * burst)
    return Finishing(claims.result(), steps.result())


async def _claim(ground: Ground, order: Order) -> None:
    await ground.shop.cancel(order)
    await ground.shop.completed(order)


class _Tally:
    """Times bursts and sums the CPU that they take."""

    def __init__(self, ground: Ground, burst: int) -> None:
        self._ground = ground
        self._burst = burst
        self._rates: list[float] = []
        self._cpu: Counter[str] = Counter()

    async def take(self, runs: list[Callable[[], Awaitable[None]]]) -> None:
        pids = self._ground.supervisor.pids()
        before, began = cpu.used(pids), perf_counter()
        await asyncio.gather(*(run() for run in runs))
        self._rates.append(self._burst / (perf_counter() - began))
        self._cpu.update(cpu.between(before, cpu.used(pids)))

    def result(self) -> Burst:
        finished = self._burst * len(self._rates)
        return Burst(median(self._rates), {name: 1000 * seconds / finished for name, seconds in self._cpu.items()})
