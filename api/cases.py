"""Findings: what the sweeper and the comparison with the gateways found wrong, listed and closed.

And that comparison: how far it is, and having a day compared now. docs/reconciliation.md.
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query
from pydantic import StringConstraints
from temporalio.service import RPCError

from api.callers import CallerRoute, TheCaller, allow
from api.commanding import CHANNEL, TheConsole, not_confirmed
from api.documented import ANY, COMMANDS
from api.envelope import Envelope, ok
from api.parts import Parts, TheParts
from api.schemas.cases import (
    Case,
    Cases,
    CloseAsked,
    Closed,
    ReconcileAsked,
    ReconciledDay,
    ReconciledDays,
    Reconciling,
)
from api.schemas.fields import Number
from api.tokens import Role
from domain.findings import FindingKind
from domain.refusals import Code, Refusal
from store import findings, reconciliation
from store.findings import Closing
from workflows.messages import Reconcile
from workflows.reconcile import ReconcileWorkflow

router = APIRouter(prefix="/v1/ops", route_class=CallerRoute, tags=["operators"])

Key = Annotated[str, StringConstraints(min_length=1, max_length=600)]


@router.get("/findings", summary="What is wrong and waits for a person", responses=ANY)
@allow(Role.OPERATE, Role.VIEW)
async def list_findings(
    parts: TheParts,
    kind: Annotated[FindingKind | None, Query()] = None,
    order_no: Annotated[Number | None, Query(alias="ordNo")] = None,
    claim_no: Annotated[Number | None, Query(alias="claimNo")] = None,
    size: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[Key | None, Query(description="`next` of the page before.")] = None,
) -> Envelope[Cases]:
    """By their keys. One that is gone at the next look is not listed any more."""
    async with parts.database.reading() as conn:
        found = await findings.list_findings(
            conn, kind=kind, order_no=order_no, claim_no=claim_no, after=after, limit=size + 1
        )
    shown = found[:size]
    return ok(
        Cases(
            cases=[Case.of(finding) for finding in shown],
            next=shown[-1].finding_key if len(found) > size else None,
        )
    )


@router.post("/findings/{findingKey:path}/close", summary="Close a finding", responses=COMMANDS)
@allow(Role.OPERATE)
async def close_finding(
    finding_key: Annotated[Key, Path(alias="findingKey")], body: CloseAsked, caller: TheCaller, parts: TheParts
) -> Envelope[Closed]:
    """Audited. It does not come back for the same facts, but does for new ones; 2010 for one that goes by itself."""
    async with parts.database.writing() as conn:
        closing = await findings.close(
            conn, finding_key, actor=caller.subject or "", channel=CHANNEL, reason=body.reason
        )
    match closing:
        case Closing.UNKNOWN:
            raise Refusal(Code.NOT_FOUND, "finding.unknown")
        case Closing.CLEARS_ITSELF:
            raise Refusal(Code.COMMAND_UNFIT, "finding.clears_itself")
        case Closing.CLOSED:
            return ok(Closed(finding_key=finding_key))


@router.get("/reconciliations", summary="The days compared with the gateways", responses=ANY)
@allow(Role.OPERATE, Role.VIEW)
async def list_reconciliations(
    parts: TheParts,
    day: Annotated[date | None, Query(description="Only this day; by default those of the last month.")] = None,
    gateway: Annotated[str | None, Query(max_length=32)] = None,
) -> Envelope[ReconciledDays]:
    """The newest first; one that has no row was not compared."""
    today = _today(parts)
    async with parts.database.reading() as conn:
        found = await reconciliation.days(
            conn, since=day or today - timedelta(days=31), until=day or today, gateway=gateway
        )
    return ok(ReconciledDays(days=[ReconciledDay.of(row) for row in found]))


@router.post("/reconciliations", summary="Compare a day with the gateways now", responses=COMMANDS)
@allow(Role.OPERATE)
async def reconcile(
    body: ReconcileAsked, caller: TheCaller, parts: TheParts, console: TheConsole
) -> Envelope[Reconciling]:
    """Begins it and does not wait for its end. It sends nothing to a gateway, and is harmless to repeat."""
    merchants = sorted(parts.settings.effective_merchants)
    day = body.day or _today(parts)
    if body.gateway is not None and body.gateway not in merchants:
        raise Refusal(Code.NOT_FOUND, "gateway.unknown", field="gateway", gateway=body.gateway)
    workflow_id = f"reconcile-by-hand-{uuid.uuid4().hex}"
    client = await console.temporal.client()
    try:
        async with asyncio.timeout(console.patience):
            await client.start_workflow(
                ReconcileWorkflow.run,
                Reconcile(gateway=body.gateway, day=day),
                id=workflow_id,
                task_queue=console.task_queue,
                static_summary=f"Compare {body.gateway or 'all merchants'}, {day}, by {caller.subject}",
            )
    except RPCError as error:
        raise not_confirmed(error) from error
    except TimeoutError as error:
        raise Refusal(Code.UNCONFIRMED, "command.unconfirmed") from error
    gateways = merchants if body.gateway is None else [body.gateway]
    return ok(Reconciling(day=day, gateways=gateways, workflow_id=workflow_id))


def _today(parts: Parts) -> date:
    return datetime.now(ZoneInfo(parts.settings.timezone)).date()
