"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """`alone`: requests one after the other. `rounds_at`: width to rounds of so many requests at once.

    `burst` claims are finished at once, `bursts` times. `sizes`: claims timed of one line, and of `many_lines`.
    `quotes`: how often an order of each of `growing` lines is quoted.
    """

    alone: int
    rounds_at: tuple[tuple[int, int], ...]
    burst: int
    bursts: int
    sizes: int
    quotes: int
    many_lines: int = 500
    growing: tuple[int, ...] = (1, 125, 250, 500)


FULL = Sizes(alone=30, rounds_at=((10, 6), (50, 4)), burst=50, bursts=4, sizes=7, quotes=25)
QUICK = Sizes(alone=6, rounds_at=((10, 1), (50, 1)), burst=50, bursts=1, sizes=1, quotes=5)
SMOKE = Sizes(alone=1, rounds_at=((2, 1),), burst=2, bursts=1, sizes=1, quotes=1, many_lines=3, growing=(1, 5, 10))
"""For a test: every measure once."""
