"""What operators do: list claims, answer a parking, set a claim going again. Every command is audited."""

from __future__ import annotations

import asyncio
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Query
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from api.callers import CallerRoute, TheCaller, allow
from api.commanding import (
    ClaimNo,
    Console,
    TheConsole,
    claim_named,
    command,
    is_over,
    keep_account,
    not_confirmed,
    record,
    state_of,
    view_of,
)
from api.documented import ANY, COMMANDS
from api.envelope import Envelope, ok
from api.parts import TheParts
from api.schemas.fields import Number, YesNo
from api.schemas.operators import (
    EventView,
    OperatorClaim,
    OperatorClaims,
    ResolveAsked,
    ResumeAsked,
    Timeline,
)
from api.tokens import Role
from domain.claims import Action, ClaimKind, ClaimStatus
from domain.refusals import Code, Refusal
from store import claim_details, operator_list
from store.claims import FoundClaim
from workflows import attributes, budgets
from workflows.cancel_order import CancelOrderWorkflow
from workflows.change_option import ChangeOptionWorkflow
from workflows.messages import CancelOrder, ChangeOption

router = APIRouter(prefix="/v1/ops", route_class=CallerRoute, tags=["operators"])


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
            claims=[view_of(claim, parts) for claim in shown],
            next=shown[-1].claim_no if len(found) > size else None,
        )
    )


@router.get("/claims/{claimNo}/timeline", summary="What happened to a claim, and who did it", responses=ANY)
@allow(Role.OPERATE, Role.VIEW)
async def timeline(claim_no: ClaimNo, parts: TheParts) -> Envelope[Timeline]:
    """The claim's event log: every attempt, answer, pivot, parking, command and notice, with its time and actor."""
    claim = await claim_named(parts, claim_no)
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
    account = _account(body)
    claim = await claim_named(parts, claim_no)
    account_id = None if account is None else await keep_account(parts, account)
    await command(
        parts,
        console,
        claim,
        caller.subject or "",
        parking_no=body.parking_no,
        action=body.action,
        reason=body.reason,
        evidence=body.evidence,
        account_id=account_id,
    )
    return ok(await state_of(parts, claim))


def _account(body: ResolveAsked) -> dict[str, str] | None:
    """The refund account that comes with the command. Raises what is wrong with it."""
    account = body.account()
    if body.action is Action.PROVIDE_ACCOUNT and account is None:
        raise Refusal(Code.REQUIRED, "account.missing", field="rfdActnNo")
    if account is not None and body.action is not Action.PROVIDE_ACCOUNT:
        raise Refusal(Code.BAD_VALUE, "account.unneeded", field="rfdActnNo")
    return account


@router.post("/claims/{claimNo}/resume", summary="Set a claim going again from the ledger", responses=COMMANDS)
@allow(Role.OPERATE)
async def resume(
    claim_no: ClaimNo, body: ResumeAsked, caller: TheCaller, parts: TheParts, console: TheConsole
) -> Envelope[OperatorClaim]:
    """Start the claim's workflow again, after it was terminated, reset or forgotten; never beside a running one."""
    claim = await claim_named(parts, claim_no)
    actor, request_ref = caller.subject or "", uuid.uuid4().hex
    try:
        if await is_over(parts, claim):
            raise Refusal(Code.COMMAND_UNFIT, "command.final", claim_no=claim_no)
        run_id = await _start_again(console, claim, actor)
    except Refusal as refusal:
        if refusal.code is Code.COMMAND_UNFIT:
            await record(parts, claim, "resume", actor, body.reason, request_ref, refusal=refusal.reason)
        raise
    await record(parts, claim, "resume", actor, body.reason, request_ref, run_id=run_id)
    return ok(await state_of(parts, claim))


# --- Temporal ---------------------------------------------------------------------------------------------------------


async def _start_again(console: Console, claim: FoundClaim, actor: str) -> str | None:
    """The new run's id. Raises COMMAND_UNFIT when the claim runs, UNAVAILABLE or UNCONFIRMED."""
    client = await console.temporal.client()
    try:
        async with asyncio.timeout(console.patience):
            return await _start(client, console.task_queue, claim, actor)
    except WorkflowAlreadyStartedError as error:
        raise Refusal(Code.COMMAND_UNFIT, "command.running", claim_no=claim.claim_no) from error
    except RPCError as error:
        raise not_confirmed(error) from error
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
