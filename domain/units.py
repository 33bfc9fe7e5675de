"""Which units of a line are taken, by number.

Units of a line are counted from 1. A claim takes the lowest numbers that no standing claim holds, so that any path of
partial cancels passes through the same units and adds up to the same amounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from domain.costs import Selection
from domain.orders import Held, OrderState


def held_by_line(held: Iterable[Held]) -> dict[int, tuple[Held, ...]]:
    """The ranges of each line, in the order of their units."""
    ranges: dict[int, list[Held]] = {}
    for one in held:
        ranges.setdefault(one.line_no, []).append(one)
    return {line_no: tuple(sorted(of_line, key=lambda one: one.first)) for line_no, of_line in ranges.items()}


def take(state: OrderState, selection: Sequence[Selection]) -> tuple[Held, ...]:
    """The units that a claim of `selection` would hold: of each line the lowest free ones, lines by number.

    One range per line as long as the units gone are the lowest ones, which they are while an order has at most one
    claim that can be undone. The selection must name known lines, each once, with at most the units left: see
    `domain.eligibility.check_cancel`. Raises `ValueError` when it does not.
    """
    gone = held_by_line(held for claim in state.cancels for held in claim.held)
    taken: list[Held] = []
    for wanted in sorted(selection, key=lambda one: one.line_no):
        taken.extend(_lowest_free(state, wanted, gone))
    return tuple(taken)


def _lowest_free(state: OrderState, wanted: Selection, gone: Mapping[int, tuple[Held, ...]]) -> list[Held]:
    line = state.order.line(wanted.line_no)
    if line is None or wanted.quantity > state.units_left(line):
        raise ValueError(f"line {wanted.line_no} has not {wanted.quantity} units left")
    free: list[Held] = []
    rest, first = wanted.quantity, 1
    for held in (*gone.get(line.line_no, ()), Held(line.line_no, line.quantity + 1, 0)):
        gap = min(held.first - first, rest)
        if gap > 0:
            free.append(Held(line.line_no, first, gap))
            rest -= gap
        first = held.first + held.quantity
    return free
