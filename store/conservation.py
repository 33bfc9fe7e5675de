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

PAGE = 10 * BATCH
"""Orders that a page goes through: what somebody waits for, and a transaction has time for."""


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


@dataclass(frozen=True, slots=True)
class DifferencesPage:
    """`next_after` is where the next page goes on; None when all orders have been gone through."""

    differences: tuple[Difference, ...]
    next_after: str | None


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

    All orders are gone through so many at a time that no statement takes long.
    """
    if order_no is not None:
        return _differences(await conn.execute(_ASKED.where(order_differences.c.order_no == order_no).limit(limit)))
    found: list[Difference] = []
    after: str | None = ""
    while after is not None and len(found) < limit:
        rows, after = await _of_batch(conn, after, limit - len(found))
        found += rows
    return found


async def page_of_differences(conn: AsyncConnection, after: str = "", *, limit: int = 100) -> DifferencesPage:
    """What doesn't add up of the orders that follow `after`, by number: at most `limit` rows of at most `PAGE` orders.

    An order's rows are on one page, unless it alone has more than `limit`: then ask for it by its number.
    """
    found: list[Difference] = []
    upto = after
    for _ in range(PAGE // BATCH):
        rows, following = await _of_batch(conn, upto, limit + 1 - len(found))
        found += rows
        if len(found) > limit:
            whole = [one for one in found if one.order_no != found[limit].order_no] or found[:limit]
            return DifferencesPage(tuple(whole), whole[-1].order_no)
        if following is None:
            return DifferencesPage(tuple(found), None)
        upto = following
    return DifferencesPage(tuple(found), upto)


async def _of_batch(conn: AsyncConnection, after: str, limit: int) -> tuple[list[Difference], str | None]:
    """Of the next `BATCH` orders; and the last of them, None when no order follows it."""
    batch = select(orders.c.order_no).where(orders.c.order_no > after).order_by(orders.c.order_no).limit(BATCH)
    numbers = batch.subquery().c.order_no
    last, count = (await conn.execute(select(func.max(numbers), func.count(numbers)))).one()
    if last is None:
        return [], None
    within = _ASKED.where(order_differences.c.order_no > after, order_differences.c.order_no <= last)
    return _differences(await conn.execute(within.limit(limit))), last if count == BATCH else None


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
