"""What operators do: list claims, answer a parking, set a claim going again. Every command is audited."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.callers import CallerRoute, TheCaller, allow
from api.documented import ANY, COMMANDS
from api.envelope import Envelope, ok
from api.parts import Parts, TheParts
from api.schemas.fields import Number, YesNo
from api.schemas.operators import (
    EventView,
    OperatorClaim,
    OperatorClaims,
    ParkingView,
    ResolveAsked,
    ResumeAsked,
    Timeline,
)
from api.temporal import Temporal, never_sent
from api.tokens import Role
from domain.claims import Action, ClaimKind, ClaimStatus
from domain.refusals import Code, Refusal
from domain.seals import seal
from store import claim_details, claims, commands, operator_list
from store.claims import FoundClaim
from store.commands import CommandRecord
from store.operator_list import ListedClaim
from workflows import attributes, budgets
from workflows.cancel_order import CancelOrderWorkflow
from workflows.change_option import ChangeOptionWorkflow
from workflows.failures import refusal_in
from workflows.messages import CancelOrder, ChangeOption, CommandResult, OperatorCommand

router = APIRouter(prefix="/v1/ops", route_class=CallerRoute, tags=["operators"])

_CHANNEL = "api"


@dataclass(frozen=True, slots=True)
class Console:
    """What the operators' calls work with, besides the database. `patience` in seconds."""

    temporal: Temporal
    task_queue: str
    service_secret: bytes
    patience: float


def console_of(request: Request) -> Console:
    console: Console = request.app.state.console
    return console


TheConsole = Annotated[Console, Depends(console_of)]
ClaimNo = Annotated[Number, Path(alias="claimNo")]


@router.get("/claims", summary="Claims, those that wait for a person among them", responses=ANY)
@allow(Role.OPERATE, Role.VIEW)
async def list_claims(
    parts: TheParts,
    needs_operator: Annotated[YesNo | None, Query(alias="needsOperator")] = None,
    status: Annotated[ClaimStatus | None, Query(alias="claimStatCd")] = None,
    order_no: Annotated[Number | None, Query(alias="ordNo")] = None,
    claim_no: Annotated[Number | None, Query(alias="claimNo")] = None,
    size: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[Number | None, Query(description="`next` of the page before.")] = None,
) -> Envelope[OperatorClaims]:
    """By descending claim number, each with its open parkings and a link to its workflow."""
    async with parts.database.reading() as conn:
        found = await operator_list.list_claims(
            conn,
            needs_operator=None if needs_operator is None else needs_operator == "Y",
            status=status,
            order_no=order_no,
            claim_no=claim_no,
            after=after,
            limit=size + 1,
        )
    shown = found[:size]
    return ok(
        OperatorClaims(
            claims=[_view(claim, parts) for claim in shown],
            next=shown[-1].claim_no if len(found) > size else None,
        )
    )


@router.get("/claims/{claimNo}/timeline", summary="What happened to a claim, and who did it", responses=ANY)
@allow(Role.OPERATE, Role.VIEW)
async def timeline(claim_no: ClaimNo, parts: TheParts) -> Envelope[Timeline]:
    """The claim's event log: every attempt, answer, pivot, parking, command and notice, with its time and actor."""
    claim = await _claim(parts, claim_no)
    async with parts.database.reading() as conn:
        events = await claim_details.claim_timeline(conn, claim_no)
    return ok(
        Timeline(
            claim_no=claim_no,
            order_no=claim.order_no,
            events=[
                EventView(at=one.at, actor=one.actor, event=one.event, step=one.step, facts=dict(one.facts))
                for one in events
            ],
        )
    )


@router.post("/claims/{claimNo}/resolve", summary="Answer a parking", responses=COMMANDS)
@allow(Role.OPERATE)
async def resolve(
    claim_no: ClaimNo, body: ResolveAsked, caller: TheCaller, parts: TheParts, console: TheConsole
) -> Envelope[OperatorClaim]:
    """Carry out an action on a parked step; answers with the claim's state. 2010 when it does not fit (any more)."""
    if body.action is Action.SETTLE and not body.evidence:
        raise Refusal(Code.REQUIRED, "evidence.missing", field="evidence")
    claim = await _claim(parts, claim_no)
    actor = caller.subject or ""
    command = OperatorCommand(
        parking_no=body.parking_no,
        action=body.action.value,
        reason=body.reason,
        actor=actor,
        evidence=body.evidence,
        channel=_CHANNEL,
        seal=seal(
            console.service_secret, claim_no, body.parking_no, body.action.value, body.reason, body.evidence, actor
        ),
    )
    request_ref = uuid.uuid4().hex
    try:
        await _send(console, claim, command, request_ref)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise _not_confirmed(error) from error
        reason = "command.final" if await _is_over(parts, claim) else "command.no_workflow"
        refused = Refusal(Code.COMMAND_UNFIT, reason, claim_no=claim_no)
        await _record(
            parts, claim, body.action.value, actor, body.reason, request_ref, parking_no=body.parking_no,
            evidence=body.evidence, refusal=refused.reason,
        )  # fmt: skip
        raise refused from error
    return ok(await _state(parts, claim))


@router.post("/claims/{claimNo}/resume", summary="Set a claim going again from the ledger", responses=COMMANDS)
@allow(Role.OPERATE)
async def resume(
    claim_no: ClaimNo, body: ResumeAsked, caller: TheCaller, parts: TheParts, console: TheConsole
) -> Envelope[OperatorClaim]:
    """Start the claim's workflow again, after it was terminated, reset or forgotten; never beside a running one."""
    claim = await _claim(parts, claim_no)
    actor, request_ref = caller.subject or "", uuid.uuid4().hex
    try:
        if await _is_over(parts, claim):
            raise Refusal(Code.COMMAND_UNFIT, "command.final", claim_no=claim_no)
        run_id = await _start_again(console, claim, actor)
    except Refusal as refusal:
        if refusal.code is Code.COMMAND_UNFIT:
            await _record(parts, claim, "resume", actor, body.reason, request_ref, refusal=refusal.reason)
        raise
    await _record(parts, claim, "resume", actor, body.reason, request_ref, run_id=run_id)
    return ok(await _state(parts, claim))


# --- Temporal ---------------------------------------------------------------------------------------------------------


async def _send(console: Console, claim: FoundClaim, command: OperatorCommand, request_ref: str) -> None:
    """Send the command to the claim's workflow. Raises RPCError, COMMAND_UNFIT as the ledger decides, UNCONFIRMED."""
    client = await console.temporal.client()
    handle = client.get_workflow_handle(claim.workflow_id)
    try:
        async with asyncio.timeout(console.patience):
            await handle.execute_update("resolve", command, id=request_ref, result_type=CommandResult)
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
        raise Refusal(Code.UNCONFIRMED, "command.unconfirmed", claim_no=claim.claim_no) from error
    except WorkflowUpdateFailedError as error:
        known = refusal_in(error.cause)
        reason = known.reason if known else "command.unfit"
        raise Refusal(Code.COMMAND_UNFIT, reason, claim_no=claim.claim_no, parking_no=command.parking_no) from error


async def _start_again(console: Console, claim: FoundClaim, actor: str) -> str | None:
    """The new run's id. Raises COMMAND_UNFIT when the claim runs, UNAVAILABLE or UNCONFIRMED."""
    client = await console.temporal.client()
    try:
        async with asyncio.timeout(console.patience):
            return await _start(client, console.task_queue, claim, actor)
    except WorkflowAlreadyStartedError as error:
        raise Refusal(Code.COMMAND_UNFIT, "command.running", claim_no=claim.claim_no) from error
    except RPCError as error:
        raise _not_confirmed(error) from error
    except TimeoutError as error:
        raise Refusal(Code.UNCONFIRMED, "command.unconfirmed", claim_no=claim.claim_no) from error


async def _start(client: Client, task_queue: str, claim: FoundClaim, actor: str) -> str | None:
    workflow: Any
    workflow, argument = (
        (CancelOrderWorkflow.run, CancelOrder(claim_no=claim.claim_no))
        if claim.kind is ClaimKind.CANCEL
        else (ChangeOptionWorkflow.run, ChangeOption(claim_no=claim.claim_no))
    )
    handle = await client.start_workflow(
        workflow,
        argument,
        id=claim.workflow_id,
        task_queue=task_queue,
        task_timeout=budgets.WORKFLOW_TASK,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        search_attributes=attributes.at_start(claim.kind, claim.order_no, claim.claim_no),
        static_summary=f"Resume claim {claim.claim_no}, by {actor}",
    )
    return handle.result_run_id


def _not_confirmed(error: RPCError) -> Refusal:
    if never_sent(error):
        return Refusal(Code.UNAVAILABLE, "temporal.away")
    return Refusal(Code.UNCONFIRMED, "command.unconfirmed")


# --- the ledger -------------------------------------------------------------------------------------------------------


async def _claim(parts: Parts, claim_no: str) -> FoundClaim:
    async with parts.database.reading() as conn:
        claim = await claims.find(conn, claim_no)
    if claim is None:
        raise Refusal(Code.NOT_FOUND, "claim.unknown", claim_no=claim_no)
    return claim


async def _is_over(parts: Parts, claim: FoundClaim) -> bool:
    async with parts.database.reading() as conn:
        return await claims.is_over(conn, claim.claim_no)


async def _state(parts: Parts, claim: FoundClaim) -> OperatorClaim:
    async with parts.database.reading() as conn:
        listed = await operator_list.list_claims(conn, claim_no=claim.claim_no, limit=1)
    return _view(listed[0], parts)


async def _record(
    parts: Parts,
    claim: FoundClaim,
    command: str,
    actor: str,
    reason: str,
    request_ref: str,
    *,
    parking_no: int | None = None,
    evidence: str | None = None,
    run_id: str | None = None,
    refusal: str | None = None,
) -> None:
    """Audit a command that no workflow audits: a resume, or one that found no workflow."""
    row = CommandRecord(
        claim_no=claim.claim_no,
        order_no=claim.order_no,
        parking_no=parking_no,
        command=command,
        actor=actor,
        verified=True,
        channel=_CHANNEL,
        reason=reason,
        evidence=evidence,
        request_ref=request_ref,
        workflow_id=claim.workflow_id,
        run_id=run_id,
        before=claim.status.value,
        after=claim.status.value,
        accepted=refusal is None,
        refusal=refusal,
    )
    async with parts.database.writing() as conn:
        await commands.record(conn, row)


def _view(claim: ListedClaim, parts: Parts) -> OperatorClaim:
    parkings = sorted(claim.parkings, key=lambda parking: parking.parking_no)
    first = parkings[0] if parkings else None
    settings = parts.settings
    return OperatorClaim(
        claim_no=claim.claim_no,
        order_no=claim.order_no,
        status=claim.status.value,
        step=first.step.value if first else claim.step.value if claim.step else None,
        stuck_reason=first.cause.value if first else None,
        since=first.parked_at if first else claim.since,
        parking_no=first.parking_no if first else None,
        actions=[action.value for action in first.actions] if first else [],
        parkings=[
            ParkingView(
                parking_no=parking.parking_no,
                step=parking.step.value,
                part=parking.part,
                stuck_reason=parking.cause.value,
                detail=parking.detail,
                outcome_unknown=parking.outcome_unknown,
                actions=[action.value for action in parking.actions],
                since=parking.parked_at,
            )
            for parking in parkings
        ],
        workflow_id=claim.workflow_id,
        workflow_url=(
            f"{settings.effective_temporal_ui_url}/namespaces/{settings.temporal_namespace}"
            f"/workflows/{quote(claim.workflow_id, safe='')}"
        ),
    )
