"""Giving a claim a command: sent to its workflow, carried out by the ledger, audited whatever comes of it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Path, Request
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from api.parts import Parts
from api.schemas.fields import Number
from api.schemas.operators import OperatorClaim, ParkingView
from api.temporal import Temporal, never_sent
from domain.claims import Action
from domain.refusals import Code, Refusal
from domain.seals import seal
from store import claims, commands, operator_list, private, receipts
from store.claims import FoundClaim
from store.commands import CommandRecord
from store.operator_list import ListedClaim
from workflows.failures import refusal_in
from workflows.messages import CommandResult, OperatorCommand

CHANNEL = "api"


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


async def command(
    parts: Parts,
    console: Console,
    claim: FoundClaim,
    actor: str,
    *,
    parking_no: int,
    action: Action,
    reason: str,
    evidence: str | None = None,
    account_id: int | None = None,
) -> None:
    """Answer a parking. Raises COMMAND_UNFIT when it does not fit (any more), UNAVAILABLE, UNCONFIRMED."""
    secret = console.service_secret
    sent = OperatorCommand(
        parking_no=parking_no,
        action=action.value,
        reason=reason,
        actor=actor,
        evidence=evidence,
        channel=CHANNEL,
        account_id=account_id,
        seal=seal(secret, claim.claim_no, parking_no, action.value, reason, evidence, actor, account_id),
    )
    request_ref = uuid.uuid4().hex
    try:
        await _send(console, claim, sent, request_ref)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise not_confirmed(error) from error
        reason_why = "command.final" if await is_over(parts, claim) else "command.no_workflow"
        refused = Refusal(Code.COMMAND_UNFIT, reason_why, claim_no=claim.claim_no)
        await record(
            parts, claim, action.value, actor, reason, request_ref, parking_no=parking_no,
            evidence=evidence, refusal=refused.reason,
        )  # fmt: skip
        raise refused from error


async def keep_account(parts: Parts, account: Mapping[str, str]) -> int:
    """Keep a refund account, encrypted, and answer where: before any command speaks of it."""
    async with parts.database.writing() as conn:
        return await private.keep(conn, parts.vault.seal(account), account_shown=private.shown(account))


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


def not_confirmed(error: RPCError) -> Refusal:
    if never_sent(error):
        return Refusal(Code.UNAVAILABLE, "temporal.away")
    return Refusal(Code.UNCONFIRMED, "command.unconfirmed")


# --- the ledger -------------------------------------------------------------------------------------------------------


async def claim_named(parts: Parts, claim_no: str) -> FoundClaim:
    async with parts.database.reading() as conn:
        claim = await claims.find(conn, claim_no)
    if claim is None:
        raise Refusal(Code.NOT_FOUND, "claim.unknown", claim_no=claim_no)
    return claim


async def is_over(parts: Parts, claim: FoundClaim) -> bool:
    async with parts.database.reading() as conn:
        return await claims.is_over(conn, claim.claim_no) and not await receipts.due(conn, claim.claim_no)


async def state_of(parts: Parts, claim: FoundClaim) -> OperatorClaim:
    async with parts.database.reading() as conn:
        listed = await operator_list.list_claims(conn, claim_no=claim.claim_no, limit=1)
    return view_of(listed[0], parts)


async def record(
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
        channel=CHANNEL,
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


def view_of(claim: ListedClaim, parts: Parts) -> OperatorClaim:
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
                account=parking.account_shown,
                payout_no=parking.payout_no,
            )
            for parking in parkings
        ],
        workflow_id=claim.workflow_id,
        workflow_url=(
            f"{settings.effective_temporal_ui_url}/namespaces/{settings.temporal_namespace}"
            f"/workflows/{quote(claim.workflow_id, safe='')}"
        ),
    )
