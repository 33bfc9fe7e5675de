"""The operators' list of claims: where each stands and what it waits for. Times are aware UTC.

It is several statements and must be one picture: read it in a repeatable-read transaction
(`store.database.Database.reading`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import ClaimKind, ClaimStatus, Step, StepStatus
from store.parkings import OpenParking, find_open
from store.tables import claim_steps, claims, parkings


@dataclass(frozen=True, slots=True)
class ListedClaim:
    """A claim in the operators' list. `step` is the first that isn't done; None when all are. `since`: last moved."""

    claim_no: str
    order_no: str
    kind: ClaimKind
    status: ClaimStatus
    workflow_id: str
    step: Step | None
    since: datetime
    parkings: tuple[OpenParking, ...]


async def list_claims(
    conn: AsyncConnection,
    *,
    needs_operator: bool | None = None,
    status: ClaimStatus | None = None,
    order_no: str | None = None,
    claim_no: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> list[ListedClaim]:
    """Claims by descending number, each with its open parkings; with `after`, a claim's number, those below it.

    `needs_operator` True: only those with an open parking; False: only those without; None: both.
    """
    parked = exists().where(parkings.c.claim_no == claims.c.claim_no, parkings.c.closed_at.is_(None))
    open_step = (
        select(claim_steps.c.step)
        .where(
            claim_steps.c.claim_no == claims.c.claim_no,
            claim_steps.c.status.not_in((StepStatus.DONE, StepStatus.SKIPPED, StepStatus.UNDONE)),
        )
        .order_by(claim_steps.c.position)
        .limit(1)
        .scalar_subquery()
    )
    wanted = [
        true() if needs_operator is None else parked if needs_operator else ~parked,
        claims.c.status == status if status else true(),
        claims.c.order_no == order_no if order_no else true(),
        claims.c.claim_no == claim_no if claim_no else true(),
        claims.c.claim_no < after if after else true(),
    ]
    rows = (
        await conn.execute(
            select(
                claims.c.claim_no,
                claims.c.order_no,
                claims.c.kind,
                claims.c.status,
                claims.c.workflow_id,
                open_step.label("step"),
                claims.c.moved_at,
            )
            .where(*wanted)
            .order_by(claims.c.claim_no.desc())
            .limit(limit)
        )
    ).all()
    waiting: dict[str, list[OpenParking]] = defaultdict(list)
    for parking in await find_open(conn, [row.claim_no for row in rows]):
        waiting[parking.claim_no].append(parking)
    return [
        ListedClaim(
            claim_no=row.claim_no,
            order_no=row.order_no,
            kind=ClaimKind(row.kind),
            status=ClaimStatus(row.status),
            workflow_id=row.workflow_id,
            step=Step(row.step) if row.step else None,
            since=row.moved_at,
            parkings=tuple(waiting[row.claim_no]),
        )
        for row in rows
    ]
