"""What the shop's systems bring: items, members, coupons, orders, and the status of order lines.

Every put replaces and may be repeated. It runs under the row's lock and books what it changes of a stock, a balance or
a coupon as a movement of kind ``feed``, so that the movements always tell how a number came to be. Amounts are integer
minor units; times are aware UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, exists, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.feeding import check_order
from domain.moving import check_move, check_restated
from domain.orders import Item, Line, LineStatus, Means, Order, OrderState, Promotion
from domain.refusals import Code, Refusal
from store import fence
from store.orders import load_state
from store.rows import dump_rows, insert_rows
from store.tables import (
    claims,
    coupon_movements,
    coupons,
    credit_movements,
    items,
    members,
    order_benefit_shares,
    order_benefits,
    order_groups,
    order_lines,
    order_payments,
    orders,
    stock_movements,
)

FEED = "feed"


@dataclass(frozen=True, slots=True)
class FedMember:
    """A member with the balances of own credits. A stub, named by an order and not fed yet, has no name."""

    member_no: str
    name: str | None
    email: str | None
    phone: str | None
    mileage: int
    deposit: int


@dataclass(frozen=True, slots=True)
class FedCoupon:
    """A coupon; `used_order_no` is None while it is unused. A stub has no name and no expiry."""

    coupon_no: str
    member_no: str | None
    promotion: Promotion
    name: str | None
    expires_at: datetime | None
    used_order_no: str | None


@dataclass(frozen=True, slots=True)
class FedOrder:
    """An order and who placed it. `password_hash` is set for a guest's order only."""

    order: Order
    buyer_name: str
    email: str | None
    phone: str | None
    medium: str
    password_hash: str | None


# --- items, members, coupons ---------------------------------------------------------------------------------------


async def put_item(conn: AsyncConnection, item: Item) -> None:
    """Write the item; its stock becomes `item.stock`, and the difference is booked."""
    key = {"goods_no": item.goods_no, "variant_no": item.variant_no}
    told = {
        "goods_name": item.goods_name,
        "variant_name": item.variant_name,
        "options": [list(option) for option in item.options],
        "price": item.price,
        "sale_status": item.sale_status,
        "sale_method": item.sale_method,
    }
    this = (items.c.goods_no == item.goods_no, items.c.variant_no == item.variant_no)
    stock = (await _lock_or_insert(conn, items, key, {**told, "stock": 0})).stock
    await conn.execute(update(items).where(*this).values(**told, stock=item.stock))
    if item.stock != stock:
        await conn.execute(
            insert(stock_movements).values(**key, movement_key=_new_key(), kind=FEED, quantity=item.stock - stock)
        )


async def put_member(conn: AsyncConnection, member: FedMember) -> None:
    """Write the member; the balances become those given, and the differences are booked."""
    this = members.c.member_no == member.member_no
    before = await _lock_or_insert(conn, members, {"member_no": member.member_no}, {})
    await conn.execute(
        update(members)
        .where(this)
        .values(
            name=member.name,
            email=member.email,
            phone=member.phone,
            mileage=member.mileage,
            deposit=member.deposit,
            stub=False,
        )
    )
    differences = {
        Means.MILEAGE: member.mileage - before.mileage,
        Means.DEPOSIT: member.deposit - before.deposit,
    }
    booked = [
        {"movement_key": _new_key(), "kind": FEED, "means": means, "member_no": member.member_no, "amount": amount}
        for means, amount in differences.items()
        if amount
    ]
    if booked:
        await conn.execute(insert(credit_movements).values(booked))


async def put_coupon(conn: AsyncConnection, coupon: FedCoupon) -> None:
    """Write the coupon, and book what changes of its use and expiry.

    Raises DUPLICATE when it would be used by an order again of which a claim has given it back: the sender is behind.
    """
    this = coupons.c.coupon_no == coupon.coupon_no
    before = await _lock_or_insert(conn, coupons, {"coupon_no": coupon.coupon_no}, {"stub": True})
    if coupon.used_order_no is not None and coupon.used_order_no != before.used_order_no:
        await _refuse_given_back(conn, coupon.coupon_no, coupon.used_order_no)
    await conn.execute(
        update(coupons)
        .where(this)
        .values(
            member_no=coupon.member_no,
            promotion=coupon.promotion,
            name=coupon.name,
            expires_at=coupon.expires_at,
            used_order_no=coupon.used_order_no,
            stub=False,
        )
    )
    if before.stub or (before.used_order_no, before.expires_at) != (coupon.used_order_no, coupon.expires_at):
        await conn.execute(
            insert(coupon_movements).values(
                movement_key=_new_key(),
                kind=FEED,
                coupon_no=coupon.coupon_no,
                order_no=coupon.used_order_no or before.used_order_no,
                facts={
                    "used_order_no": coupon.used_order_no,
                    "used_order_no_before": before.used_order_no,
                    "expires_at": coupon.expires_at.isoformat() if coupon.expires_at else None,
                },
            )
        )


async def _lock_or_insert(conn: AsyncConnection, table: Table, key: Mapping[str, Any], first: Mapping[str, Any]) -> Any:
    """The row of `key` as it stands, locked; when there is none yet, one with the values of `first`."""
    asked = select(table).where(*(table.c[name] == value for name, value in key.items())).with_for_update()
    row = (await conn.execute(asked)).one_or_none()
    if row is None:
        await conn.execute(insert(table).values(**key, **first).on_conflict_do_nothing())
        row = (await conn.execute(asked)).one()
    return row


async def _refuse_given_back(conn: AsyncConnection, coupon_no: str, order_no: str) -> None:
    claim_no = (
        await conn.execute(
            select(coupon_movements.c.claim_no)
            .where(
                coupon_movements.c.coupon_no == coupon_no,
                coupon_movements.c.order_no == order_no,
                coupon_movements.c.kind != FEED,
            )
            .order_by(coupon_movements.c.movement_id.desc())
            .limit(1)
        )
    ).scalar_one_or_none()
    if claim_no is not None:
        raise Refusal(Code.DUPLICATE, "coupon.given_back", coupon_no=coupon_no, order_no=order_no, claim_no=claim_no)


async def get_member(conn: AsyncConnection, member_no: str) -> FedMember | None:
    row = (await conn.execute(_columns_of(members, FedMember).where(members.c.member_no == member_no))).one_or_none()
    return FedMember(**row._mapping) if row else None


async def get_coupon(conn: AsyncConnection, coupon_no: str) -> FedCoupon | None:
    row = (await conn.execute(_columns_of(coupons, FedCoupon).where(coupons.c.coupon_no == coupon_no))).one_or_none()
    if row is None:
        return None
    return FedCoupon(**{**row._mapping, "promotion": Promotion(row.promotion)})


# --- orders --------------------------------------------------------------------------------------------------------


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
            await _write_parts(conn, given.order)
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
    """The order as it stands; the plans of refunds on its payments are not part of what was fed."""
    state = await load_state(conn, order_no)
    if state is None:
        return None
    return await with_buyer(conn, state.order)


async def with_buyer(conn: AsyncConnection, order: Order) -> FedOrder:
    head = (await conn.execute(select(orders).where(orders.c.order_no == order.order_no))).one()
    return FedOrder(
        order=replace(order, payments=tuple(replace(payment, refunding=0) for payment in order.payments)),
        buyer_name=head.buyer_name,
        email=head.email,
        phone=head.phone,
        medium=head.medium,
        password_hash=head.password_hash,
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
    await _lock_lines(conn, stored.order.order_no, moved)
    await _set_statuses(conn, stored.order.order_no, moved)


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
    for table in (order_benefit_shares, order_benefits, order_payments, order_lines, order_groups):
        await conn.execute(delete(table).where(table.c.order_no == order_no))
    await _add_stub_member(conn, given.order.member_no)
    await conn.execute(update(orders).where(orders.c.order_no == order_no).values(**_head(given)))
    await _write_parts(conn, given.order)


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


async def _write_parts(conn: AsyncConnection, order: Order) -> None:
    """Groups, lines, benefits and payments: one statement for each kind. Coupons are locked before items."""
    await _add_stub_coupons(conn, order)
    await _know_items(conn, order.lines)
    await insert_rows(conn, order_groups, _group_rows(order))
    await insert_rows(conn, order_lines, _line_rows(order))
    await insert_rows(conn, order_benefits, _benefit_rows(order))
    await insert_rows(conn, order_benefit_shares, _share_rows(order))
    await insert_rows(conn, order_payments, _payment_rows(order))


async def _add_stub_member(conn: AsyncConnection, member_no: str | None) -> None:
    if member_no is not None:
        await conn.execute(insert(members).values(member_no=member_no, stub=True).on_conflict_do_nothing())


async def _add_stub_coupons(conn: AsyncConnection, order: Order) -> None:
    """A coupon not fed yet becomes a stub, used by this order and without expiry until it is fed."""
    used = {benefit.coupon_no: benefit.promotion for benefit in order.benefits}
    shipping = {group.coupon_no: Promotion.FREE_SHIPPING for group in order.groups if group.coupon_no}
    promotions = used | shipping
    if not promotions:
        return
    await conn.execute(
        insert(coupons)
        .values(
            [
                {
                    "coupon_no": coupon_no,
                    "member_no": order.member_no,
                    "promotion": promotions[coupon_no],
                    "used_order_no": order.order_no,
                    "stub": True,
                }
                for coupon_no in sorted(promotions)
            ]
        )
        .on_conflict_do_nothing()
    )
    await conn.execute(
        select(coupons.c.coupon_no)
        .where(coupons.c.coupon_no.in_(sorted(promotions)))
        .order_by(coupons.c.coupon_no)
        .with_for_update(read=True, key_share=True)
    )


async def _know_items(conn: AsyncConnection, lines: Iterable[Line]) -> None:
    wanted = sorted({(line.goods_no, line.variant_no) for line in lines})
    found = await conn.execute(
        select(items.c.goods_no, items.c.variant_no)
        .where(tuple_(items.c.goods_no, items.c.variant_no).in_(wanted))
        .order_by(items.c.goods_no, items.c.variant_no)
        .with_for_update(read=True, key_share=True)
    )
    unknown = sorted(set(wanted) - {(row.goods_no, row.variant_no) for row in found})
    if unknown:
        goods_no, variant_no = unknown[0]
        raise Refusal(Code.NOT_FOUND, "item.unknown", goods_no=goods_no, variant_no=variant_no)


def _group_rows(order: Order) -> list[Mapping[str, Any]]:
    return [
        {
            "order_no": order.order_no,
            "group_no": group.group_no,
            "position": position,
            "policy_no": group.policy_no,
            "free_from": group.free_from,
            "fee": group.fee,
            "fee_discount": group.fee_discount,
            "fee_paid": group.fee_paid,
            "coupon_no": group.coupon_no,
        }
        for position, group in enumerate(order.groups, start=1)
    ]


def _line_rows(order: Order) -> list[Mapping[str, Any]]:
    return [
        {
            "order_no": order.order_no,
            "line_no": line.line_no,
            "goods_no": line.goods_no,
            "goods_name": line.goods_name,
            "variant_no": line.variant_no,
            "variant_name": line.variant_name,
            "quantity": line.quantity,
            "price": line.price,
            "group_no": line.group_no,
            "status": line.status,
            "tax_free": line.tax_free,
        }
        for line in order.lines
    ]


def _benefit_rows(order: Order) -> list[Mapping[str, Any]]:
    return [
        {
            "order_no": order.order_no,
            "coupon_no": benefit.coupon_no,
            "position": position,
            "promotion": benefit.promotion,
            "amount": benefit.amount,
            "minimum": benefit.minimum,
        }
        for position, benefit in enumerate(order.benefits, start=1)
    ]


def _share_rows(order: Order) -> list[Mapping[str, Any]]:
    return [
        {"order_no": order.order_no, "coupon_no": benefit.coupon_no, "line_no": line_no, "amount": amount}
        for benefit in order.benefits
        for line_no, amount in benefit.shares.items()
    ]


def _payment_rows(order: Order) -> list[Mapping[str, Any]]:
    return [
        {
            "order_no": order.order_no,
            "payment_no": payment.payment_no,
            "position": position,
            "means": payment.means,
            "amount": payment.amount,
            "status": payment.status,
            "gateway": payment.gateway,
            "gateway_ref": payment.gateway_ref,
            "partial_cancel": payment.partial_cancel,
        }
        for position, payment in enumerate(order.payments, start=1)
    ]


# --- the warehouse -------------------------------------------------------------------------------------------------


async def move_line(
    conn: AsyncConnection, order_no: str, line_no: int, status: LineStatus, quantity: int | None
) -> int:
    """Move the units left of a line forward to `status`, and answer how many they are.

    `quantity` is how many the sender believes are left. Raises NOT_FOUND for an order or line that is not known, and
    what `domain.moving.check_move` raises. Moving to the status that the line has changes nothing.
    """
    if not await fence.lock_order(conn, order_no):
        raise Refusal(Code.NOT_FOUND, "order.unknown", order_no=order_no)
    await _lock_lines(conn, order_no, {line_no: status})
    state = await load_state(conn, order_no)
    line = state.order.line(line_no) if state else None
    if state is None or line is None:
        raise Refusal(Code.NOT_FOUND, "line.unknown", order_no=order_no, line_no=line_no)
    check_move(state, line, status, quantity)
    await _set_statuses(conn, order_no, {line_no: status})
    return state.units_left(line)


async def _lock_lines(conn: AsyncConnection, order_no: str, line_nos: Iterable[int]) -> None:
    await conn.execute(
        select(order_lines.c.line_no)
        .where(order_lines.c.order_no == order_no, order_lines.c.line_no.in_(sorted(line_nos)))
        .order_by(order_lines.c.line_no)
        .with_for_update()
    )


async def _set_statuses(conn: AsyncConnection, order_no: str, statuses: Mapping[int, LineStatus]) -> None:
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


def _columns_of(table: Any, shape: type) -> Any:
    return select(*(table.c[field.name] for field in fields(shape)))


def _new_key() -> Any:
    """A feed's movement is no effect of a claim: nothing ever has to find it again."""
    return func.concat("feed/", func.gen_random_uuid())
