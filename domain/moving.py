"""How the shop may move a line: forward only, and never without knowing how many units are left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from domain.orders import FORWARD, Line, LineStatus, OrderState
from domain.refusals import Code, Refusal


def check_move(state: OrderState, line: Line, status: LineStatus, quantity: int | None) -> None:
    """Return when the units left of `line` may move to `status`; `quantity` is how many the sender believes are left.

    Raises NOT_CANCELLABLE when none is left, REQUIRED when units are held or cancelled and no quantity is given,
    BAD_VALUE for a wrong quantity (the right one is the fact `left`), for a step back, and for `CANCELLED`, which only
    claims set. The status that the line has is no step back: a repeat is harmless.
    """
    left = state.units_left(line)
    if left == 0:
        raise Refusal(Code.NOT_CANCELLABLE, "move.none_left", line_no=line.line_no, left=0)
    if quantity is None and left < line.quantity:
        raise Refusal(Code.REQUIRED, "move.quantity_needed", line_no=line.line_no, left=left, field="qty")
    if quantity is not None and quantity != left:
        raise Refusal(Code.BAD_VALUE, "move.quantity_wrong", line_no=line.line_no, left=left, field="qty")
    _check_forward(line, status)


def check_restated(state: OrderState, lines: Sequence[Line]) -> dict[int, LineStatus]:
    """Which lines an order with claims, fed again, moves forward: their new status by line number.

    Raises DUPLICATE when `lines` differ from the order's in anything but the status, or move a line with held or
    cancelled units; BAD_VALUE for a step back.
    """
    standing = {line.line_no: line for line in state.order.lines}
    if set(standing) != {line.line_no for line in lines}:
        raise Refusal(Code.DUPLICATE, "order.has_claims", order_no=state.order.order_no, part="lines")
    moved: dict[int, LineStatus] = {}
    for line in lines:
        stands = standing[line.line_no]
        if replace(line, status=stands.status) != stands:
            raise Refusal(
                Code.DUPLICATE, "order.has_claims", order_no=state.order.order_no, part="lines", line_no=line.line_no
            )
        if line.status is stands.status:
            continue
        if state.units_gone(line.line_no):
            raise Refusal(Code.DUPLICATE, "move.units_gone", line_no=line.line_no, left=state.units_left(stands))
        _check_forward(stands, line.status)
        moved[line.line_no] = line.status
    return moved


def _check_forward(line: Line, status: LineStatus) -> None:
    if status is LineStatus.CANCELLED:
        raise Refusal(Code.BAD_VALUE, "move.cancelled", line_no=line.line_no)
    if line.status is LineStatus.CANCELLED or FORWARD.index(status) < FORWARD.index(line.status):
        raise Refusal(
            Code.BAD_VALUE, "move.backward", line_no=line.line_no, status=line.status.value, asked=status.value
        )
