"""The claims of one order, in short. Amounts are integer minor units of its currency; times are aware UTC."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import ClaimKind, ClaimStatus
from store.tables import claim_lines, claims


@dataclass(frozen=True, slots=True)
class ClaimSummary:
    claim_no: str
    order_no: str
    kind: ClaimKind
    status: ClaimStatus
    refund: int
    extra: int
    opened_at: datetime
    closed_at: datetime | None
    line_nos: tuple[int, ...]


async def claims_of_order(conn: AsyncConnection, order_no: str) -> list[ClaimSummary]:
    """Every claim of the order, rejected ones too, oldest first."""
    lines: dict[str, list[int]] = defaultdict(list)
    for row in await conn.execute(
        select(claim_lines.c.claim_no, claim_lines.c.line_no)
        .where(claim_lines.c.order_no == order_no)
        .order_by(claim_lines.c.line_no)
    ):
        lines[row.claim_no].append(row.line_no)
    found = await conn.execute(
        select(
            claims.c.claim_no,
            claims.c.order_no,
            claims.c.kind,
            claims.c.status,
            claims.c.refund,
            claims.c.extra,
            claims.c.opened_at,
            claims.c.closed_at,
        )
        .where(claims.c.order_no == order_no)
        .order_by(claims.c.opened_at, claims.c.claim_no)
    )
    return [
        ClaimSummary(
            **{
                **row._mapping,
                "kind": ClaimKind(row.kind),
                "status": ClaimStatus(row.status),
                "line_nos": tuple(lines[row.claim_no]),
            }
        )
        for row in found
    ]
