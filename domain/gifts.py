"""Which gifts leave with the goods of a claim. docs/money.md: gifts."""

from __future__ import annotations

from collections.abc import Sequence

from domain.costs import CostKind, CostRow, Rule, Selection
from domain.orders import Fault, Line, LineStatus, OrderState
from domain.situation import Situation

_GONE_OUT = frozenset({LineStatus.SHIPPED, LineStatus.DELIVERED, LineStatus.COLLECTED, LineStatus.RETURNED})


def goods_only(state: OrderState, selection: Sequence[Selection]) -> tuple[Selection, ...]:
    """The selection without gifts: whether one leaves is decided by what else does, never by choosing it."""
    gifts = {line.line_no for line in state.order.lines if line.gift}
    return tuple(wanted for wanted in selection if wanted.line_no not in gifts)


def leaving(situation: Situation) -> tuple[CostRow, ...]:
    """A row of amount 0 for each gift that leaves: all of its units that are left.

    It leaves with the line that it comes with, once nothing of that is left; when the order falls below the amount
    that it was given for; and with the last of the goods. One that has been shipped stays.
    """
    rows = []
    goods = [line_no for line_no, units in situation.lines.items() if not units.line.gift]
    nothing_left = not any(situation.lines[line_no].left for line_no in goods)
    bought = situation.bought_after(goods)
    for line_no, units in sorted(situation.lines.items()):
        line = units.line
        if not line.gift or not units.left or line.status in _GONE_OUT:
            continue
        if nothing_left or _condition_gone(situation, line, bought):
            inputs = {"bought": bought}
            if line.gift_minimum is not None:
                inputs["minimum"] = line.gift_minimum
            if line.gift_of is not None:
                inputs["gift_of"] = line.gift_of
            rows.append(CostRow(CostKind.GOODS, Rule.GIFT, 0, line_no=line_no, quantity=units.left, inputs=inputs))
    return tuple(rows)


def _condition_gone(situation: Situation, gift: Line, bought: int) -> bool:
    if gift.gift_of is not None:
        return not situation.lines[gift.gift_of].left
    # As with coupons, nothing falls below an amount at the seller's fault: the units taken go on counting as bought.
    return situation.fault is Fault.CUSTOMER and bought < (gift.gift_minimum or 0)
