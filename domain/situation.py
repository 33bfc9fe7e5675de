"""An order in the moment of a claim, with everything that the rules of money ask looked up once.

The work grows with the lines and the coupons' shares, not with their product.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from domain.allocation import share_of_ranges
from domain.costs import CostRow, FreedCoupon, Selection
from domain.orders import Benefit, Fault, Held, Line, OrderState, Promotion
from domain.policy import Policy
from domain.units import held_by_line, take

GOODS_COUPONS = frozenset({Promotion.GOODS, Promotion.DOUBLE})
"""Coupons of one line, whose shares lower the amount that thresholds and minimums are tested with."""


@dataclass(frozen=True, slots=True)
class LineUnits:
    """A line's units as this claim finds and leaves them.

    `taken` are those that this claim takes; `gone` those taken now or before; `left` counts the others.
    `uncounted` are the units gone at the customer's fault: the only ones that no longer count as bought.
    """

    line: Line
    taken: tuple[Held, ...]
    gone: tuple[Held, ...]
    left: int
    uncounted: tuple[Held, ...]

    @property
    def taken_quantity(self) -> int:
        return sum(held.quantity for held in self.taken)

    def taken_share(self, amount: int) -> int:
        return share_of_ranges(amount, self.taken, self.line.quantity)

    def left_share(self, amount: int) -> int:
        return amount - share_of_ranges(amount, self.gone, self.line.quantity)

    def counted_goods(self) -> int:
        return self.line.price * (self.line.quantity - sum(held.quantity for held in self.uncounted))

    def counted_share(self, amount: int) -> int:
        return amount - share_of_ranges(amount, self.uncounted, self.line.quantity)


@dataclass(frozen=True, slots=True)
class Situation:
    """An order and its units, once what is cancelled is taken. `at` decides which coupons and mileage had expired."""

    state: OrderState
    policy: Policy
    fault: Fault
    at: datetime
    lines: Mapping[int, LineUnits]
    goods_shares: Mapping[int, Sequence[int]]
    freed_before: frozenset[str]
    taken_back_before: frozenset[str]

    def with_gifts(self, leaving: Sequence[Selection]) -> Situation:
        """The same with the gifts taken that leave too; each leaves with all of its units that are left."""
        taken = held_by_line(take(self.state, leaving))
        gone = {
            line_no: replace(self.lines[line_no], taken=held, gone=self.lines[line_no].gone + held, left=0)
            for line_no, held in taken.items()
        }
        return replace(self, lines={**self.lines, **gone}) if gone else self

    def bought_after(self, line_nos: Iterable[int]) -> int:
        """The amount tested once this claim stands: list price of the units that count as bought, less goods coupons.

        docs/money.md: the amount that is tested.
        """
        return sum(self._bought_after(line_no) for line_no in line_nos)

    def bought_before(self, line_nos: Iterable[int]) -> int:
        """The same amount as the claims before left it."""
        kept = {
            line_no: replace(self.lines[line_no], uncounted=self._uncounted_before(line_no)) for line_no in line_nos
        }
        return replace(self, lines=kept).bought_after(kept)

    def _uncounted_before(self, line_no: int) -> tuple[Held, ...]:
        units = self.lines[line_no]
        return tuple(held for held in units.uncounted if held not in units.taken)

    def bought_at_purchase(self, line_nos: Iterable[int]) -> int:
        """The same amount as it was when the order was placed."""
        return sum(
            self.lines[line_no].line.price * self.lines[line_no].line.quantity - sum(self.goods_shares.get(line_no, ()))
            for line_no in line_nos
        )

    def _bought_after(self, line_no: int) -> int:
        units = self.lines[line_no]
        return units.counted_goods() - sum(units.counted_share(share) for share in self.goods_shares.get(line_no, ()))


@dataclass(frozen=True, slots=True)
class Settled:
    """What one stage adds to the result."""

    rows: tuple[CostRow, ...] = ()
    coupons: tuple[FreedCoupon, ...] = ()

    @classmethod
    def together(cls, stages: Iterable[Settled]) -> Settled:
        kept = tuple(stages)
        return cls(
            tuple(chain.from_iterable(stage.rows for stage in kept)),
            tuple(chain.from_iterable(stage.coupons for stage in kept)),
        )


def survey(state: OrderState, selection: Sequence[Selection], fault: Fault, at: datetime, policy: Policy) -> Situation:
    """Looks up what the stages ask line by line. `ValueError` when the selection names units that aren't there."""
    taken = held_by_line(take(state, selection))
    gone = held_by_line(held for claim in state.cancels for held in claim.held)
    lost = held_by_line(held for claim in state.cancels if claim.fault is Fault.CUSTOMER for held in claim.held)
    lines = {}
    for line in state.order.lines:
        now = taken.get(line.line_no, ())
        lines[line.line_no] = LineUnits(
            line=line,
            taken=now,
            gone=gone.get(line.line_no, ()) + now,
            left=state.units_left(line) - sum(held.quantity for held in now),
            uncounted=lost.get(line.line_no, ()) + (now if fault is Fault.CUSTOMER else ()),
        )
    return Situation(
        state=state,
        policy=policy,
        fault=fault,
        at=at,
        lines=lines,
        goods_shares=_goods_shares(state.order.benefits),
        freed_before=frozenset(chain.from_iterable(claim.coupons_freed for claim in state.cancels)),
        taken_back_before=frozenset(chain.from_iterable(claim.coupons_taken_back for claim in state.cancels)),
    )


def _goods_shares(benefits: Iterable[Benefit]) -> dict[int, list[int]]:
    shares: dict[int, list[int]] = {}
    for benefit in benefits:
        if benefit.promotion in GOODS_COUPONS:
            for line_no, amount in benefit.shares.items():
                shares.setdefault(line_no, []).append(amount)
    return shares
