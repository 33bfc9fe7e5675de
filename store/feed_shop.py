"""The items, members and coupons that the shop's systems bring.

Every put replaces and may be repeated. It runs under the row's lock and books what it changes of a stock, a balance or
a coupon as a movement of kind ``feed``, so that the movements always tell how a number came to be. Amounts are integer
minor units; times are aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Table, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.orders import Item, Means, Promotion
from domain.refusals import Code, Refusal
from store.tables import coupon_movements, coupons, credit_movements, items, members, stock_movements

FEED = "feed"


@dataclass(frozen=True, slots=True)
class FedMember:
    """A member with the balances of own credits. A stub, named by an order and not fed yet, has no name.

    `points_owed` is never fed: it counts earned points that a claim was to take back and the balance lacked.
    """

    member_no: str
    name: str | None
    email: str | None
    phone: str | None
    mileage: int
    deposit: int
    points_owed: int = 0


@dataclass(frozen=True, slots=True)
class FedCoupon:
    """A coupon; `used_order_no` is None while it is unused. A stub has no name and no expiry."""

    coupon_no: str
    member_no: str | None
    promotion: Promotion
    name: str | None
    expires_at: datetime | None
    used_order_no: str | None


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
    """Write the member; the balances become those given, and the differences are booked. Points owed stay owed."""
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


async def get_member(conn: AsyncConnection, member_no: str) -> FedMember | None:
    row = (await conn.execute(_columns_of(members, FedMember).where(members.c.member_no == member_no))).one_or_none()
    return FedMember(**row._mapping) if row else None


async def get_coupon(conn: AsyncConnection, coupon_no: str) -> FedCoupon | None:
    row = (await conn.execute(_columns_of(coupons, FedCoupon).where(coupons.c.coupon_no == coupon_no))).one_or_none()
    if row is None:
        return None
    return FedCoupon(**{**row._mapping, "promotion": Promotion(row.promotion)})


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


def _columns_of(table: Any, shape: type) -> Any:
    return select(*(table.c[field.name] for field in fields(shape)))


def _new_key() -> Any:
    """A feed's movement is no effect of a claim: nothing ever has to find it again."""
    return func.concat("feed/", func.gen_random_uuid())
