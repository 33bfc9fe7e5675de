"""The orders that the shop's systems bring. Amounts are integer minor units of the order's currency."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.feeding import check_order
from domain.moving import check_restated
from domain.orders import Order, OrderState, Payment
from domain.refusals import Code, Refusal
from store import fence
from store.line_moves import lock_lines, set_statuses
from store.order_parts import delete_parts, write_parts
from store.orders import load_state
from store.tables import claims, members, orders


@dataclass(frozen=True, slots=True)
class FedOrder:
    """An order and who placed it. `password_hash` is set for a guest's order only."""

    order: Order
    buyer_name: str
    email: str | None
    phone: str | None
    medium: str
    password_hash: str | None


async def put_order(conn: AsyncConnection, fed: FedOrder) -> None:
    """Write the order as a whole; the same again changes nothing.

    Once the order has claims, only the status of lines without held or cancelled units may move forward, and everything
    else must be as it stands. Raises NOT_FOUND for an item that is not known, DUPLICATE for what an order with claims
    does not allow, and BAD_VALUE for what `domain.feeding.check_order` refuses. A member or coupon not known yet
    becomes a stub.
    """
    given = _in_line_order(fed)
    order_no = given.order.order_no
    if not await fence.lock_order(conn, order_no):
        check_order(given.order)
        await _add_stub_member(conn, given.order.member_no)
        if await _insert_head(conn, given):
            await write_parts(conn, given.order)
            return
        # Somebody else has just brought it: go on as for any other that is there.
        await fence.lock_order(conn, order_no)
    state = await load_state(conn, order_no)
    stored = await get_order(conn, order_no)
    if state is None or stored is None:
        raise RuntimeError(f"order {order_no} is gone although it is locked")
    if given == stored:
        return
    if await _has_claims(conn, order_no):
        await _move_forward(conn, given, stored, state)
    else:
        check_order(given.order)
        await _replace(conn, given)


async def get_order(conn: AsyncConnection, order_no: str) -> FedOrder | None:
    """The order as it stands, in the shape that was fed; see `with_buyer`."""
    state = await load_state(conn, order_no)
    if state is None:
        return None
    return await with_buyer(conn, state.order)


async def with_buyer(conn: AsyncConnection, order: Order) -> FedOrder:
    """The order in the shape that was fed, so that the same fed again is equal to it.

    What claims did to its payments is no part of that: refunds planned, waiting payments closed, extra payments taken.
    """
    head = (await conn.execute(select(orders).where(orders.c.order_no == order.order_no))).one()
    return FedOrder(
        order=replace(order, payments=_fed_payments(order)),
        buyer_name=head.buyer_name,
        email=head.email,
        phone=head.phone,
        medium=head.medium,
        password_hash=head.password_hash,
    )


def _fed_payments(order: Order) -> tuple[Payment, ...]:
    return tuple(
        replace(payment, refunding=0, refunding_tax_free=0, closed=False)
        for payment in order.payments
        if not payment.extra
    )


def _in_line_order(fed: FedOrder) -> FedOrder:
    """Lines are kept by number, whatever order they were sent in."""
    return replace(fed, order=replace(fed.order, lines=tuple(sorted(fed.order.lines, key=lambda line: line.line_no))))


async def _has_claims(conn: AsyncConnection, order_no: str) -> bool:
    return bool((await conn.execute(select(exists().where(claims.c.order_no == order_no)))).scalar_one())


async def _move_forward(conn: AsyncConnection, given: FedOrder, stored: FedOrder, state: OrderState) -> None:
    frozen = replace(given, order=replace(given.order, lines=stored.order.lines))
    if frozen != stored:
        raise Refusal(
            Code.DUPLICATE, "order.has_claims", order_no=stored.order.order_no, part=_first_difference(frozen, stored)
        )
    moved = check_restated(state, given.order.lines)
    await lock_lines(conn, stored.order.order_no, moved)
    await set_statuses(conn, stored.order.order_no, moved)


def _first_difference(given: FedOrder, stored: FedOrder) -> str:
    """The name of the first part that differs: ``payments``, ``buyer_name`` …"""
    pairs: tuple[tuple[Any, Any], ...] = ((given.order, stored.order), (given, stored))
    return next(
        field.name
        for one, other in pairs
        for field in fields(one)
        if getattr(one, field.name) != getattr(other, field.name)
    )


async def _replace(conn: AsyncConnection, given: FedOrder) -> None:
    order_no = given.order.order_no
    await delete_parts(conn, order_no)
    await _add_stub_member(conn, given.order.member_no)
    await conn.execute(update(orders).where(orders.c.order_no == order_no).values(**_head(given)))
    await write_parts(conn, given.order)


async def _insert_head(conn: AsyncConnection, given: FedOrder) -> bool:
    written = await conn.execute(
        insert(orders)
        .values(order_no=given.order.order_no, **_head(given))
        .on_conflict_do_nothing()
        .returning(orders.c.order_no)
    )
    return written.scalar_one_or_none() is not None


def _head(given: FedOrder) -> dict[str, Any]:
    return {
        "member_no": given.order.member_no,
        "password_hash": given.password_hash,
        "buyer_name": given.buyer_name,
        "email": given.email,
        "phone": given.phone,
        "medium": given.medium,
        "currency": given.order.currency,
        "ordered_at": given.order.ordered_at,
    }


async def _add_stub_member(conn: AsyncConnection, member_no: str | None) -> None:
    if member_no is not None:
        await conn.execute(insert(members).values(member_no=member_no, stub=True).on_conflict_do_nothing())
