"""How a quote grows with the lines of its order: time, and statements, which must not grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from bench.ground import Ground
from bench.shop import Order
from bench.statements import Count, counted


@dataclass(frozen=True, slots=True)
class Growth:
    """The quote of an order of `lines` lines with gifts, coupons and points.

    `quote_ms`: milliseconds of the fastest one, which tells what it costs and not what else the machine did meanwhile.
    `claim_sql` is what the claim that cancels the order whole sends.
    """

    lines: int
    quote_ms: float
    quote_sql: Count
    claim_sql: Count


async def measure(ground: Ground, sizes: Sequence[int], repeats: int) -> list[Growth]:
    """One order of each size, quoted `repeats` times, the sizes in turns; then looked at closely, and cancelled."""
    orders = {lines: await ground.shop.rich_order(lines) for lines in sizes}
    times: dict[int, list[float]] = {lines: [] for lines in sizes}
    for _ in range(repeats):
        for lines, order in orders.items():
            began = perf_counter()
            await ground.shop.quote(order)
            times[lines].append(perf_counter() - began)
    return [await _look_closely(ground, lines, order, times[lines]) for lines, order in orders.items()]


async def _look_closely(ground: Ground, lines: int, order: Order, times: Sequence[float]) -> Growth:
    url = str(ground.settings.database_url)
    async with counted(url, ground.postgres_log) as quote_sql:
        quoted = await ground.shop.quote(order)
    async with counted(url, ground.postgres_log) as claim_sql:
        await ground.shop.cancel(quoted)
        await ground.shop.completed(quoted)
    return Growth(lines, min(times) * 1000, quote_sql, claim_sql)
