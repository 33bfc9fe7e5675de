"""Option changes of a line: looked up for who asks for one again, and what the swap writes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import ClaimKind
from domain.orders import LineStatus
from store.tables import claim_lines, claims, order_lines


@dataclass(frozen=True, slots=True)
class Change:
    """`done`: the line was changed by it; it can't be undone any more."""

    claim_no: str
    line_no: int
    goods_no: str
    new_variant_no: str
    done: bool
    refusal_code: str | None
    refusal_reason: str | None


async def latest_done(conn: AsyncConnection, order_no: str, line_no: int) -> Change | None:
    """The change that gave the line the variant that it has; None when it has that of its purchase."""
    asked = (
        _CHANGES.where(claim_lines.c.order_no == order_no, claim_lines.c.line_no == line_no, claims.c.decided)
        .order_by(claims.c.decided_at.desc())
        .limit(1)
    )
    row = (await conn.execute(asked)).one_or_none()
    return Change(*row) if row else None


async def find(conn: AsyncConnection, claim_no: str) -> Change | None:
    row = (await conn.execute(_CHANGES.where(claims.c.claim_no == claim_no))).one_or_none()
    return Change(*row) if row else None


_CHANGES = (
    select(
        claims.c.claim_no,
        claim_lines.c.line_no,
        claim_lines.c.goods_no,
        claim_lines.c.new_variant_no,
        claims.c.decided,
        claims.c.refusal_code,
        claims.c.refusal_reason,
    )
    .join(claim_lines, claim_lines.c.claim_no == claims.c.claim_no)
    .where(claims.c.kind == ClaimKind.OPTION_CHANGE)
)


async def release_hold(conn: AsyncConnection, claim_no: str) -> None:
    """An option change that is over holds its line no longer."""
    await conn.execute(update(claim_lines).where(claim_lines.c.claim_no == claim_no).values(live=False))


async def line_is_changeable(conn: AsyncConnection, order_no: str, line_no: int) -> bool:
    """Whether the line still stands where an option change may move it: nothing of it is on its way."""
    found = await conn.execute(
        select(order_lines.c.status).where(order_lines.c.order_no == order_no, order_lines.c.line_no == line_no)
    )
    return LineStatus(found.scalar_one()) is LineStatus.PLACED


async def swap_variant(conn: AsyncConnection, order_no: str, line_no: int, variant_no: str, variant_name: str) -> None:
    """Make the units left of a line another variant of the same goods."""
    await conn.execute(
        update(order_lines)
        .where(order_lines.c.order_no == order_no, order_lines.c.line_no == line_no)
        .values(variant_no=variant_no, variant_name=variant_name)
    )
