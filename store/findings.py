"""What the sweeper found wrong, kept until it is no longer so. Nothing here is mended silently: a person reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import exists, func, select, text, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import FINAL, ClaimStatus
from domain.findings import CLOSED_BY_HAND, HAPPENED, FindingKind
from store.claims import OpenClaim
from store.conservation import Difference
from store.tables import LAST_STEP_OPEN, claim_steps, claims, finding_closings, findings, parkings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with `subject`, an order, a claim or a refund leg; `detail` without personal data."""

    kind: FindingKind
    subject: str
    order_no: str | None
    claim_no: str | None
    detail: dict[str, Any]

    @property
    def key(self) -> str:
        return f"{self.kind.value}/{self.subject}"


@dataclass(frozen=True, slots=True)
class OpenFinding:
    """A finding that is not cleared yet: `kind` is a slug, `detail` JSON values without personal data."""

    finding_key: str
    kind: str
    order_no: str | None
    claim_no: str | None
    detail: Mapping[str, Any]
    found_at: datetime
    seen_at: datetime


def unbalanced(order_no: str, wrong: Iterable[Difference]) -> Finding:
    """The finding about an order: each sum that does not come out, with both sides."""
    rows = [
        {
            "rule": one.rule.value,
            "claim_no": one.claim_no,
            "subject": one.subject,
            "currency": one.currency,
            "expected": one.expected,
            "found": one.found,
            "difference": one.difference,
        }
        for one in wrong
    ]
    return Finding(FindingKind.CONSERVATION, order_no, order_no, None, {"differences": rows})


async def report(conn: AsyncConnection, kind: FindingKind, found: Sequence[Finding], *, complete: bool = True) -> int:
    """Keep what was found; with `complete`, clear earlier findings that are gone. Answers how many are open."""
    await keep(conn, found)
    if complete:
        await conn.execute(
            update(findings)
            .where(
                findings.c.kind == kind,
                findings.c.cleared_at.is_(None),
                findings.c.finding_key.not_in([one.key for one in found]),
            )
            .values(cleared_at=func.clock_timestamp())
        )
    still_open = select(func.count()).where(findings.c.kind == kind, findings.c.cleared_at.is_(None))
    return int((await conn.execute(still_open)).scalar_one())


async def keep(conn: AsyncConnection, found: Sequence[Finding]) -> None:
    """Keep what was found, beside what is kept already."""
    if found:
        rows = [
            {**{name: value for name, value in asdict(one).items() if name != "subject"}, "finding_key": one.key}
            for one in found
        ]
        written = insert(findings).values(rows)
        await conn.execute(
            written.on_conflict_do_update(
                index_elements=[findings.c.finding_key],
                set_={
                    "detail": written.excluded.detail,
                    "seen_at": func.clock_timestamp(),
                    "cleared_at": text(_CLEARED_IF_CLOSED),
                },
            )
        )


async def clear(conn: AsyncConnection, finding_key: str) -> None:
    """What this finding tells is not so any more."""
    await conn.execute(
        update(findings)
        .where(findings.c.finding_key == finding_key, findings.c.cleared_at.is_(None))
        .values(cleared_at=func.clock_timestamp())
    )


_CLEARED_IF_CLOSED = """
CASE WHEN EXISTS (
    SELECT FROM finding_closings AS closing
    WHERE closing.finding_key = excluded.finding_key AND closing.detail = excluded.detail
) THEN coalesce(findings.cleared_at, clock_timestamp()) END
"""
"""What a person has closed does not come back for the same facts."""


async def report_about(
    conn: AsyncConnection, gateway: str, payment_ref: str, found: Sequence[Finding], *, complete: bool = True
) -> int:
    """Keep what comparing a payment has found; with `complete`, clear its earlier cases that are gone.

    Answers how many cases of the payment are open.
    """
    await keep(conn, found)
    about = findings.c.detail.contains({"gateway": gateway, "payment_ref": payment_ref})
    if complete:
        await conn.execute(
            update(findings)
            .where(
                about,
                findings.c.kind.not_in(sorted(HAPPENED)),
                findings.c.cleared_at.is_(None),
                findings.c.finding_key.not_in([one.key for one in found]),
            )
            .values(cleared_at=func.clock_timestamp())
        )
    still_open = select(func.count()).where(about, findings.c.cleared_at.is_(None))
    return int((await conn.execute(still_open)).scalar_one())


async def open_findings(conn: AsyncConnection, *, limit: int = 100) -> list[OpenFinding]:
    """At most `limit`, oldest first."""
    found = await conn.execute(
        select(*(findings.c[name] for name in OpenFinding.__dataclass_fields__))
        .where(findings.c.cleared_at.is_(None))
        .order_by(findings.c.found_at, findings.c.finding_key)
        .limit(limit)
    )
    return [OpenFinding(**row._mapping) for row in found]


async def list_findings(
    conn: AsyncConnection,
    *,
    kind: FindingKind | None = None,
    order_no: str | None = None,
    claim_no: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> list[OpenFinding]:
    """Open findings by their keys; with `after`, a key, those behind it."""
    wanted = [
        findings.c.kind == kind if kind else true(),
        findings.c.order_no == order_no if order_no else true(),
        findings.c.claim_no == claim_no if claim_no else true(),
        findings.c.finding_key > after if after else true(),
    ]
    found = await conn.execute(
        select(*(findings.c[name] for name in OpenFinding.__dataclass_fields__))
        .where(findings.c.cleared_at.is_(None), *wanted)
        .order_by(findings.c.finding_key)
        .limit(limit)
    )
    return [OpenFinding(**row._mapping) for row in found]


class Closing(StrEnum):
    """What came of closing a finding. CLEARS_ITSELF: its cause is to be mended, then it goes by itself."""

    CLOSED = "CLOSED"
    UNKNOWN = "UNKNOWN"
    CLEARS_ITSELF = "CLEARS_ITSELF"


async def close(conn: AsyncConnection, finding_key: str, *, actor: str, channel: str, reason: str) -> Closing:
    """Close an open finding, audited: it does not come back for the same facts. UNKNOWN when none is open."""
    row = (
        await conn.execute(
            select(findings.c.kind, findings.c.detail)
            .where(findings.c.finding_key == finding_key, findings.c.cleared_at.is_(None))
            .with_for_update()
        )
    ).one_or_none()
    if row is None:
        return Closing.UNKNOWN
    if row.kind not in CLOSED_BY_HAND:
        return Closing.CLEARS_ITSELF
    await conn.execute(
        insert(finding_closings).values(
            finding_key=finding_key, detail=row.detail, actor=actor, channel=channel, reason=reason
        )
    )
    await conn.execute(
        update(findings).where(findings.c.finding_key == finding_key).values(cleared_at=func.clock_timestamp())
    )
    return Closing.CLOSED


async def unfinished_claims(conn: AsyncConnection, *, older_than: timedelta) -> list[OpenClaim]:
    """Claims that are not over and were opened a while ago, so that their workflow's start is settled.

    A final one is among them until its customer was told, or that was given up: its workflow has work till then.
    """
    rows = await conn.execute(
        select(claims.c.claim_no, claims.c.order_no, claims.c.workflow_id)
        .where(
            claims.c.claim_no.in_(select(claim_steps.c.claim_no).where(text(LAST_STEP_OPEN))),
            claims.c.opened_at < func.clock_timestamp() - older_than,
        )
        .order_by(claims.c.opened_at)
    )
    return [OpenClaim(row.claim_no, row.order_no, row.workflow_id) for row in rows]


async def quiet_claims(conn: AsyncConnection, quiet: timedelta) -> list[OpenClaim]:
    """Claims that should move and have not for `quiet`: not final, parked or pending."""
    waiting = sorted(FINAL | {ClaimStatus.REFUND_PENDING})
    parked = exists().where(parkings.c.claim_no == claims.c.claim_no, parkings.c.closed_at.is_(None))
    rows = await conn.execute(
        select(claims.c.claim_no, claims.c.order_no, claims.c.workflow_id)
        .where(
            claims.c.status.not_in([status.value for status in waiting]),
            ~parked,
            claims.c.moved_at < func.clock_timestamp() - quiet,
        )
        .order_by(claims.c.moved_at)
    )
    return [OpenClaim(row.claim_no, row.order_no, row.workflow_id) for row in rows]
