"""What one claim costs, and what many lines make of it: statements, history, time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from temporalio.api.enums.v1 import EventType

from bench.ground import Ground
from bench.shop import Order
from bench.statements import Count, counted


@dataclass(frozen=True, slots=True)
class Footprint:
    """Of one claim over an order of `lines` lines. Times: median milliseconds; `history_bytes` as the server counts."""

    lines: int
    quote_ms: float
    claim_ms: float
    quote_sql: Count
    claim_sql: Count
    workflow_tasks: int
    history_events: int
    history_bytes: int


async def measure(ground: Ground, sizes: tuple[int, ...], repeats: int) -> list[Footprint]:
    """For each number of lines: one claim looked at closely, and `repeats` timed, the sizes in turns."""
    times: dict[int, list[tuple[float, float]]] = {lines: [] for lines in sizes}
    for _ in range(repeats):
        for lines in sizes:
            times[lines].append(await _times(ground, lines))
    return [await _look_closely(ground, lines, times[lines]) for lines in sizes]


async def _times(ground: Ground, lines: int) -> tuple[float, float]:
    """Seconds of a quote, and of a claim from `cancelFO` until it is completed."""
    [order] = await ground.shop.orders(1, lines=lines)
    return (
        await _seconds(lambda: ground.shop.quote(order)),
        await _seconds(lambda: _cancel(ground, order)),
    )


async def _look_closely(ground: Ground, lines: int, times: list[tuple[float, float]]) -> Footprint:
    [order] = await ground.shop.orders(1, lines=lines)
    url = str(ground.settings.database_url)
    async with counted(url, ground.postgres_log) as quote_sql:
        await ground.shop.quote(order)
    async with counted(url, ground.postgres_log) as claim_sql:
        await _cancel(ground, order)
    claim = ground.shop.claim(order)
    told = (await claim.describe()).raw_description.workflow_execution_info
    history = await claim.fetch_history()
    return Footprint(
        lines=lines,
        quote_ms=median(quote for quote, _ in times) * 1000,
        claim_ms=median(claimed for _, claimed in times) * 1000,
        quote_sql=quote_sql,
        claim_sql=claim_sql,
        workflow_tasks=sum(
            event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED for event in history.events
        ),
        history_events=told.history_length,
        history_bytes=told.history_size_bytes,
    )


async def _cancel(ground: Ground, order: Order) -> None:
    await ground.shop.cancel(order)
    await ground.shop.completed(order)


async def _seconds(call: Callable[[], Awaitable[object]]) -> float:
    began = perf_counter()
    await call()
    return perf_counter() - began
