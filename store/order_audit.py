"""The audit of an order: every movement of its money, stock, coupons and credits, with the claim that made it.

It is several statements and must be one picture: read it in a repeatable-read transaction
(`store.database.Database.reading`). Amounts are integer minor units of the order's currency; times are aware UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.orders import Means, Payment
from store.conservation import OrderBooks, books_of
from store.orders import load_payments
from store.refund_legs import RefundLeg, legs_of_order
from store.tables import coupon_movements, credit_movements, stock_movements


@dataclass(frozen=True, slots=True)
class StockMovement:
    """`quantity` is signed: added to stock."""

    kind: str
    claim_no: str | None
    line_no: int | None
    goods_no: str
    variant_no: str
    quantity: int
    at: datetime


@dataclass(frozen=True, slots=True)
class CouponMovement:
    kind: str
    claim_no: str | None
    coupon_no: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CreditMovement:
    """`amount` is signed: added to a balance of mileage, deposit or a gift card."""

    kind: str
    claim_no: str | None
    leg_id: str | None
    means: Means
    member_no: str | None
    reference: str | None
    amount: int
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderAudit:
    """Every movement of the order, oldest first; a refund leg is a movement of money once it is settled."""

    books: OrderBooks
    payments: tuple[Payment, ...]
    legs: tuple[RefundLeg, ...]
    stock: tuple[StockMovement, ...]
    coupons: tuple[CouponMovement, ...]
    credits: tuple[CreditMovement, ...]


async def load_audit(conn: AsyncConnection, order_no: str) -> OrderAudit | None:
    """Every movement of the order and its books; None when there is no such order."""
    books = await books_of(conn, order_no)
    if books is None:
        return None
    return OrderAudit(
        books=books,
        payments=await load_payments(conn, order_no),
        legs=await legs_of_order(conn, order_no),
        stock=await _stock_movements(conn, order_no),
        coupons=await _coupon_movements(conn, order_no),
        credits=await _credit_movements(conn, order_no),
    )


async def _stock_movements(conn: AsyncConnection, order_no: str) -> tuple[StockMovement, ...]:
    found = await conn.execute(_movements(stock_movements, StockMovement, order_no))
    return tuple(StockMovement(**row._mapping) for row in found)


async def _coupon_movements(conn: AsyncConnection, order_no: str) -> tuple[CouponMovement, ...]:
    found = await conn.execute(_movements(coupon_movements, CouponMovement, order_no))
    return tuple(CouponMovement(**row._mapping) for row in found)


async def _credit_movements(conn: AsyncConnection, order_no: str) -> tuple[CreditMovement, ...]:
    found = await conn.execute(_movements(credit_movements, CreditMovement, order_no))
    return tuple(CreditMovement(**{**row._mapping, "means": Means(row.means)}) for row in found)


def _movements(movements: Any, shape: type, order_no: str) -> Select[Any]:
    names = shape.__dataclass_fields__  # type: ignore[attr-defined]
    return (
        select(*(movements.c[name] for name in names))
        .where(movements.c.order_no == order_no)
        .order_by(movements.c.movement_id)
    )
