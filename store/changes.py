"""Option changes of a line, looked up for who asks for one again."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import ClaimKind
from store.tables import claim_lines, claims


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
