"""The status of an order's lines, as the warehouse moves them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.moving import check_move
from domain.orders import LineStatus
from domain.refusals import Code, Refusal
from store import fence
from store.orders import load_state
from store.rows import dump_rows
from store.tables import order_lines


async def move_line(
    conn: AsyncConnection, order_no: str, line_no: int, status: LineStatus, quantity: int | None
) -> int:
    """Move the units left of a line forward to `status`, and answer how many they are.

    `quantity` is how many the sender believes are left. Raises NOT_FOUND for an order or line that is not known, and
    what `domain.moving.check_move` raises. Moving to the status that the line has changes nothing.
    """
    if not await fence.lock_order(conn, order_no):
        raise Refusal(Code.NOT_FOUND, "order.unknown", order_no=order_no)
    await lock_lines(conn, order_no, {line_no: status})
    state = await load_state(conn, order_no)
    line = state.order.line(line_no) if state else None
    if state is None or line is None:
        raise Refusal(Code.NOT_FOUND, "line.unknown", order_no=order_no, line_no=line_no)
    check_move(state, line, status, quantity)
    await set_statuses(conn, order_no, {line_no: status})
    return state.units_left(line)


async def lock_lines(conn: AsyncConnection, order_no: str, line_nos: Iterable[int]) -> None:
    """Lock them in the order of their numbers, so that two movers never wait for each other."""
    await conn.execute(
        select(order_lines.c.line_no)
        .where(order_lines.c.order_no == order_no, order_lines.c.line_no.in_(sorted(line_nos)))
        .order_by(order_lines.c.line_no)
        .with_for_update()
    )


async def set_statuses(conn: AsyncConnection, order_no: str, statuses: Mapping[int, LineStatus]) -> None:
    """Set the status of each line named, in one statement. The caller has checked the moves and holds the locks."""
    if not statuses:
        return
    await conn.execute(
        text(
            """
            UPDATE order_lines AS line SET status = given.status
            FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given(line_no integer, status text)
            WHERE line.order_no = :order_no AND line.line_no = given.line_no
            """
        ),
        {
            "order_no": order_no,
            "rows": dump_rows({"line_no": line_no, "status": status} for line_no, status in statuses.items()),
        },
    )
