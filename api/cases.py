"""Findings: what the sweeper and the comparison with the gateways found wrong, listed and closed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import StringConstraints

from api.callers import CallerRoute, TheCaller, allow
from api.commanding import CHANNEL
from api.documented import ANY, COMMANDS
from api.envelope import Envelope, ok
from api.parts import TheParts
from api.schemas.cases import Case, Cases, CloseAsked, Closed
from api.schemas.fields import Number
from api.tokens import Role
from domain.refusals import Code, Refusal
from store import findings
from store.findings import Closing, FindingKind

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
