"""One run: everything measured once, in one stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench import accept, finishing, footprint, growth
from bench.accept import Accepting
from bench.finishing import Finishing
from bench.footprint import Footprint
from bench.ground import prepared
from bench.growth import Growth
from bench.sizes import Sizes
from deploy.local.keeper import Report


@dataclass(frozen=True, slots=True)
class Measured:
    """`one_line` and `many_lines`: a claim over an order of that size. `growing`: quotes, by rising number of lines."""

    accepting: Sequence[Accepting]
    finishing: Finishing
    one_line: Footprint
    many_lines: Footprint
    growing: Sequence[Growth]


async def run(sizes: Sizes, report: Report) -> Measured:
    """Start a stack, measure, stop it. `report` is told how far it is. Raises StackError."""
    async with prepared(report) as ground:
        report("bench", "feeding the shop")
        await ground.shop.open(max(sizes.many_lines, *sizes.growing))
        report("bench", "warming up")
        await accept.measure(ground, min(10, sizes.burst), 1)
        await finishing.measure(ground, min(10, sizes.burst), 1)
        report("bench", "accepting, alone")
        accepting = [await accept.measure(ground, 1, sizes.alone)]
        for width, rounds in sizes.rounds_at:
            report("bench", f"accepting, {width} at once")
            accepting.append(await accept.measure(ground, width, rounds))
        report("bench", f"finishing, {sizes.burst} at once")
        finished = await finishing.measure(ground, sizes.burst, sizes.bursts)
        report("bench", f"claims of 1 and {sizes.many_lines} lines")
        one, many = await footprint.measure(ground, (1, sizes.many_lines), sizes.sizes)
        report("bench", f"quotes of {', '.join(map(str, sizes.growing))} lines")
        growing = await growth.measure(ground, sizes.growing, sizes.quotes)
        return Measured(accepting, finished, one, many, growing)
