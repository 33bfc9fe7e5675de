"""One run: everything measured once, in one stack."""

from __future__ import annotations

from rich.table import Table

from bench import accept, finishing, footprint, table
from bench.ground import prepared
from bench.sizes import MANY_LINES, Sizes
from deploy.local.keeper import Report


async def run(sizes: Sizes, report: Report) -> Table:
    """Start a stack, measure, stop it. `report` is told how far it is. Raises StackError."""
    async with prepared(report) as ground:
        report("bench", "feeding the shop")
        await ground.shop.open(MANY_LINES)
        report("bench", "warming up")
        await accept.measure(ground, 10, 1)
        await finishing.measure(ground, min(10, sizes.burst), 1)
        report("bench", "accepting, alone")
        accepting = [await accept.measure(ground, 1, sizes.alone)]
        for width, rounds in sizes.rounds_at:
            report("bench", f"accepting, {width} at once")
            accepting.append(await accept.measure(ground, width, rounds))
        report("bench", f"finishing, {sizes.burst} at once")
        finished = await finishing.measure(ground, sizes.burst, sizes.bursts)
        report("bench", f"claims of 1 and {MANY_LINES} lines")
        one, many = await footprint.measure(ground, (1, MANY_LINES), sizes.sizes)
        return table.make(accepting, finished, one, many)
