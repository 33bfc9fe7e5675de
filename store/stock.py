"""Moving stock for claims: restocking what is cancelled, reserving and releasing the variants of option changes.

Each movement has a unique key, written with the change of the stock itself. Items are locked in the order of their
numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.fence import ClaimHead
from store.tables import claim_lines, items, stock_movements


@dataclass(frozen=True, slots=True)
class ChangedLine:
    """The line of an option change: `quantity` units move from `variant_no` to `new_variant_no` of the same goods."""

    order_no: str
    line_no: int
    goods_no: str
    variant_no: str
    new_variant_no: str
    first: int
    quantity: int


async def restock(conn: AsyncConnection, head: ClaimHead) -> None:
    """Put the claim's units back into the stock of the variants it was opened with. A repeat changes nothing."""
    held = (
        select(claim_lines.c.goods_no, claim_lines.c.variant_no)
        .where(claim_lines.c.claim_no == head.claim_no)
        .subquery()
    )
    await conn.execute(
        select(items.c.goods_no)
        .where(
            select(held.c.goods_no)
            .where(and_(held.c.goods_no == items.c.goods_no, held.c.variant_no == items.c.variant_no))
            .exists()
        )
        .order_by(items.c.goods_no, items.c.variant_no)
        .with_for_update()
    )
    await conn.execute(
        text(
            """
            WITH moved AS (
                INSERT INTO stock_movements
                    (movement_key, kind, goods_no, variant_no, quantity, claim_no, order_no, line_no)
                SELECT 'restock/' || claim_no || '/' || line_no, 'restock', goods_no, variant_no, quantity,
                       claim_no, order_no, line_no
                FROM claim_lines WHERE claim_no = :claim_no
                ON CONFLICT (movement_key) DO NOTHING
                RETURNING goods_no, variant_no, quantity
            )
            UPDATE items AS item SET stock = item.stock + back.quantity
            FROM (SELECT goods_no, variant_no, sum(quantity) AS quantity
                  FROM moved GROUP BY goods_no, variant_no) AS back
            WHERE item.goods_no = back.goods_no AND item.variant_no = back.variant_no
            """
        ),
        {"claim_no": head.claim_no},
    )


async def changed_line(conn: AsyncConnection, claim_no: str) -> ChangedLine:
    row = (
        await conn.execute(
            select(
                claim_lines.c.order_no,
                claim_lines.c.line_no,
                claim_lines.c.goods_no,
                claim_lines.c.variant_no,
                claim_lines.c.new_variant_no,
                claim_lines.c.first,
                claim_lines.c.quantity,
            ).where(claim_lines.c.claim_no == claim_no)
        )
    ).one()
    return ChangedLine(**row._mapping)


async def move(
    conn: AsyncConnection, kind: str, claim_no: str, line: ChangedLine, variant_no: str, quantity: int
) -> None:
    """Add `quantity` (signed) to a variant's stock, booked as `kind`. Raises IntegrityError below zero, or twice."""
    await conn.execute(
        update(items)
        .where(items.c.goods_no == line.goods_no, items.c.variant_no == variant_no)
        .values(stock=items.c.stock + quantity)
    )
    await conn.execute(
        insert(stock_movements).values(
            movement_key=f"{kind}/{claim_no}/{line.line_no}",
            kind=kind,
            goods_no=line.goods_no,
            variant_no=variant_no,
            quantity=quantity,
            claim_no=claim_no,
            order_no=line.order_no,
            line_no=line.line_no,
        )
    )
