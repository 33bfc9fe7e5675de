"""The books of orders as the database reckons them, and whatever of an order doesn't add up.

Both are views: see store/migrations. Amounts are integer minor units of the order's currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, column, func, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.conservation import Books
from domain.differences import Sum
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

order_differences = table(
    "order_differences",
    *(column(name) for name in ("order_no", "claim_no", "subject", "rule", "expected", "found", "difference")),
)

BATCH = 500
"""Orders that are reckoned in one statement: some quarter of a second's worth, when all have claims."""


@dataclass(frozen=True, slots=True)
class OrderBooks:
    """The books of an order as the database reckons them; `books.difference` is 0, or something is wrong."""

    order_no: str
    currency: str
    books: Books


@dataclass(frozen=True, slots=True)
class Difference:
    """A sum of an order that is not what it should be.

    `subject` is the number of what the sum is of: the order, a claim, a payment, a refund leg, a line or a coupon.
    `expected` follows from what was planned and decided, `found` from what was done; both count `rule.measure`. Of a
    sum with a limit, `expected` is the limit.
    """

    order_no: str
    currency: str
    claim_no: str | None
    subject: str
    rule: Sum
    expected: int
    found: int

    @property
    def difference(self) -> int:
        """By how much it doesn't add up; never 0."""
        return self.found - self.expected


async def books_of(conn: AsyncConnection, order_no: str) -> OrderBooks | None:
    """The books of one order, as the database reckons them; None when there is no such order."""
    asked = select(order_conservation).where(order_conservation.c.order_no == order_no)
    row = (await conn.execute(asked)).one_or_none()
    if row is None:
        return None
    books = Books(
        paid=row.paid,
        extra_paid=row.extra_paid,
        refunded=row.refunded,
        due=row.due,
        bought=row.bought,
        fees=row.fees,
    )
    return OrderBooks(row.order_no, row.currency, books)


async def differences(conn: AsyncConnection, order_no: str | None = None, limit: int = 100) -> list[Difference]:
    """What doesn't add up, of one order or of all: nothing when all is well, else at most `limit`, by order number.

    All orders are gone through so many at a time that no statement takes long: some 0.5 ms for one with claims.
    """
    if order_no is not None:
        return _differences(await conn.execute(_ASKED.where(order_differences.c.order_no == order_no).limit(limit)))
    found: list[Difference] = []
    after = ""
    while len(found) < limit:
        batch = select(orders.c.order_no).where(orders.c.order_no > after).order_by(orders.c.order_no).limit(BATCH)
        last = (await conn.execute(select(func.max(batch.subquery().c.order_no)))).scalar_one()
        if last is None:
            break
        within = _ASKED.where(order_differences.c.order_no > after, order_differences.c.order_no <= last)
        found += _differences(await conn.execute(within.limit(limit - len(found))))
        after = last
    return found


def _asked() -> Select[Any]:
    seen = order_differences.c
    return (
        select(seen.order_no, orders.c.currency, seen.claim_no, seen.subject, seen.rule, seen.expected, seen.found)
        .join(orders, orders.c.order_no == seen.order_no)
        .order_by(seen.order_no, seen.claim_no.nulls_first(), seen.rule, seen.subject)
    )


_ASKED = _asked()


def _differences(rows: Any) -> list[Difference]:
    return [Difference(**{**row._mapping, "rule": Sum(row.rule)}) for row in rows]
