"""The audit of operators' commands, accepted and refused alike. Append-only."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import operator_commands


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """One row of the audit. `command`: a parking's action, resume or cancel; `verified`: a login proved the actor."""

    claim_no: str
    order_no: str | None
    parking_no: int | None
    command: str
    actor: str
    verified: bool
    channel: str
    reason: str
    evidence: str | None
    request_ref: str
    workflow_id: str | None
    run_id: str | None
    before: str | None
    after: str | None
    accepted: bool
    refusal: str | None


async def record(conn: AsyncConnection, row: CommandRecord) -> None:
    """Append the command. Raises IntegrityError for a second accepted command of one parking."""
    await conn.execute(
        insert(operator_commands).values(
            claim_no=row.claim_no,
            order_no=row.order_no,
            parking_no=row.parking_no,
            command=row.command,
            actor=row.actor,
            actor_verified=row.verified,
            channel=row.channel,
            reason=row.reason,
            evidence=row.evidence,
            request_ref=row.request_ref,
            workflow_id=row.workflow_id,
            run_id=row.run_id,
            before=row.before,
            after=row.after,
            accepted=row.accepted,
            refusal=row.refusal,
        )
    )


async def accepted_before(conn: AsyncConnection, parking_no: int, request_ref: str, run_id: str) -> str | None:
    """The action accepted for this parking by this very request of this very run, whose answer was lost; else None."""
    found = await conn.execute(
        select(operator_commands.c.command).where(
            operator_commands.c.parking_no == parking_no,
            operator_commands.c.accepted,
            operator_commands.c.request_ref == request_ref,
            operator_commands.c.run_id == run_id,
        )
    )
    return found.scalar_one_or_none()
