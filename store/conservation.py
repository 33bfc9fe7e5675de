"""The books of orders as the database reckons them, and the orders whose books are off.

Amounts are integer minor units of the order's currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import column, func, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.conservation import Books
from store.tables import orders

order_conservation = table(
    "order_conservation",
    *(
        column(name)
        for name in (
            "order_no",
            "currency",
            "paid",
            "extra_paid",
            "refunded",
            "due",
            "bought",
            "fees",
            "difference",
        )
    ),
)
"""A view: see store/migrations."""

BATCH = 5000
"""Orders whose books are reckoned in one statement: half a second's worth."""


@dataclass(frozen=True, slots=True)
class OrderBooks:
    """The books of an order as the database reckons them; `books.difference` is 0, or something is wrong."""

    order_no: str
    currency: str
    books: Books


async def books_of(conn: AsyncConnection, order_no: str) -> OrderBooks | None:
    """The books of one order, as the database reckons them; None when there is no such order."""
    asked = select(order_conservation).where(order_conservation.c.order_no == order_no)
    row = (await conn.execute(asked)).one_or_none()
    return _order_books(row) if row else None


async def unbalanced(conn: AsyncConnection, limit: int = 100) -> list[OrderBooks]:
    """Orders whose money does not add up: at most `limit`, by number.

    Goes through all orders, so many at a time that no statement takes long: some 0.1 ms an order.
    """
    found: list[OrderBooks] = []
    after = ""
    while len(found) < limit:
        batch = select(orders.c.order_no).where(orders.c.order_no > after).order_by(orders.c.order_no).limit(BATCH)
        last = (await conn.execute(select(func.max(batch.subquery().c.order_no)))).scalar_one()
        if last is None:
            break
        rows = await conn.execute(
            select(order_conservation)
            .where(
                order_conservation.c.order_no > after,
                order_conservation.c.order_no <= last,
                order_conservation.c.difference != 0,
            )
            .order_by(order_conservation.c.order_no)
            .limit(limit - len(found))
        )
        found += [_order_books(row) for row in rows]
        after = last
    return found


def _order_books(row: Any) -> OrderBooks:
    books = Books(
        paid=row.paid,
        extra_paid=row.extra_paid,
        refunded=row.refunded,
        due=row.due,
        bought=row.bought,
        fees=row.fees,
    )
    return OrderBooks(row.order_no, row.currency, books)
