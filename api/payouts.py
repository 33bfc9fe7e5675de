"""Refunds paid out by hand: given out, closed with their result, listed. docs/saga.md: parked claims.

A payout changes no money by itself. Its success settles the refund as the action settle does, by the same command; its
failure leaves the refund parked. Each of these calls is audited, one that shows an account in clear every time.
"""

from __future__ import annotations

import uuid
from typing import Annotated

from cryptography.exceptions import InvalidTag
from fastapi import APIRouter, Path, Query

from api.callers import CallerRoute, TheCaller, allow
from api.codes import MANUAL_REFUND_RESULT
from api.commanding import ClaimNo, TheConsole, claim_named, command, keep_account, record, state_of
from api.documented import ANY, COMMANDS
from api.envelope import Envelope, ok
from api.parts import Parts, TheParts
from api.schemas.fields import Number
from api.schemas.operators import (
    OperatorClaim,
    PayoutAccount,
    PayoutAsked,
    PayoutResultAsked,
    Payouts,
    PayoutView,
    WhyAsked,
)
from api.tokens import Role
from domain.claims import Action, Direction, LegState, PayoutState
from domain.refusals import Code, Refusal
from store import by_hand, parkings, payouts, private
from store.claims import FoundClaim
from store.database import Connection
from store.fence import ClaimHead, enter
from store.payouts import Payout
from store.private import BANK_PART, HOLDER_PART, NUMBER_PART

router = APIRouter(prefix="/v1/ops", route_class=CallerRoute, tags=["operators"])

PayoutNo = Annotated[Number, Path(alias="payoutNo")]


@router.get("/payouts", summary="Refunds that are paid out by hand", responses=ANY)
@allow(Role.OPERATE, Role.VIEW)
async def list_payouts(
    parts: TheParts,
    result: Annotated[PayoutState | None, MANUAL_REFUND_RESULT, Query(alias="manlRfdRsltCd")] = None,
    size: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[Number | None, Query(description="`next` of the page before.")] = None,
) -> Envelope[Payouts]:
    """By number; accounts by their last digits."""
    async with parts.database.reading() as conn:
        found = await payouts.listed(conn, state=result, after=after, limit=size + 1)
    shown = found[:size]
    return ok(
        Payouts(
            payouts=[PayoutView.of(payout) for payout in shown],
            next=shown[-1].payout_no if len(found) > size else None,
        )
    )


@router.post("/claims/{claimNo}/payouts", summary="Have a parked refund paid out by hand", responses=COMMANDS)
@allow(Role.OPERATE)
async def open_payout(claim_no: ClaimNo, body: PayoutAsked, caller: TheCaller, parts: TheParts) -> Envelope[PayoutView]:
    """To the account sent with it, else to the refund's own. Until its result is told, the refund is sent nowhere."""
    claim = await claim_named(parts, claim_no)
    actor = caller.subject or ""
    account = body.account()
    account_id = None if account is None else await keep_account(parts, account)
    try:
        async with parts.database.writing() as conn:
            head, leg_id = await _parked_leg(conn, claim_no, body.parking_no)
            account_id = account_id or await payouts.account_of(conn, leg_id)
            if account_id is None:
                raise Refusal(Code.REQUIRED, "payout.no_account", field="rfdActnNo")
            number = await payouts.open_payout(conn, head, leg_id, account_id, actor=actor, reason=body.reason)
            opened = await _found(conn, claim_no, number)
    except Refusal as refusal:
        await _audit(parts, claim, "payout", actor, body.reason, refusal=refusal)
        raise
    await _audit(parts, claim, "payout", actor, body.reason, evidence=opened.payout_no)
    return ok(PayoutView.of(opened))


@router.post("/claims/{claimNo}/payouts/{payoutNo}/result", summary="Tell what came of a payout", responses=COMMANDS)
@allow(Role.OPERATE)
async def close_payout(
    claim_no: ClaimNo,
    payout_no: PayoutNo,
    body: PayoutResultAsked,
    caller: TheCaller,
    parts: TheParts,
    console: TheConsole,
) -> Envelope[OperatorClaim]:
    """20, with evidence, settles the refund by hand; 30, with a reason, leaves it parked: another payout may follow."""
    claim = await claim_named(parts, claim_no)
    actor = caller.subject or ""
    if body.result is PayoutState.SUCCESS:
        if not body.evidence:
            raise Refusal(Code.REQUIRED, "evidence.missing", field="evidence")
        parking_no = await _parking_of(parts, claim_no, payout_no)
        reason = body.reason or f"paid out by hand: {payout_no}"
        await command(
            parts, console, claim, actor,
            parking_no=parking_no, action=Action.SETTLE, reason=reason, evidence=body.evidence,
        )  # fmt: skip
    elif body.result is PayoutState.FAILURE:
        if not body.reason:
            raise Refusal(Code.REQUIRED, "payout.no_reason", field="reason")
        await _close_failed(parts, claim, payout_no, actor, body.reason)
    else:
        raise Refusal(Code.BAD_VALUE, "payout.result", field="manlRfdRsltCd")
    return ok(await state_of(parts, claim))


@router.post("/claims/{claimNo}/payouts/{payoutNo}/account", summary="Where a payout goes to", responses=COMMANDS)
@allow(Role.OPERATE)
async def show_account(
    claim_no: ClaimNo, payout_no: PayoutNo, body: WhyAsked, caller: TheCaller, parts: TheParts
) -> Envelope[PayoutAccount]:
    """The account in clear, for whoever makes the transfer. Kept in the audit, whoever asks and however often."""
    claim = await claim_named(parts, claim_no)
    async with parts.database.reading() as conn:
        payout = await _found(conn, claim_no, payout_no)
        try:
            account = await private.opened(conn, payout.account_id, parts.vault)
        except InvalidTag:
            account = {}
    if not account:
        raise Refusal(Code.COMMAND_UNFIT, "account.unknown", payout_no=payout_no)
    # Before it is shown: an account that was seen without a trace would be worse than one that was not seen.
    await _audit(parts, claim, "payout_account", caller.subject or "", body.reason, evidence=payout_no)
    return ok(
        PayoutAccount(
            payout_no=payout_no,
            amount=payout.amount,
            currency=payout.currency,
            bank_code=account[BANK_PART],
            account_no=account[NUMBER_PART],
            account_holder=account[HOLDER_PART],
        )
    )


async def _parked_leg(conn: Connection, claim_no: str, parking_no: int) -> tuple[ClaimHead, str]:
    """The refund that stands still there, under its order's lock. Raises COMMAND_UNFIT when it can't be paid now."""
    head = await enter(conn, claim_no, Direction.FORWARD)
    parking = await parkings.find(conn, claim_no, parking_no)
    if head is None or parking is None or not parking.open or not await by_hand.is_external(conn, parking.part):
        raise Refusal(Code.COMMAND_UNFIT, "payout.not_parked", claim_no=claim_no, parking_no=parking_no)
    leg_id = parking.part
    if await by_hand.leg_state(conn, leg_id) not in (LegState.PLANNED, LegState.REFUSED):
        raise Refusal(Code.COMMAND_UNFIT, "payout.not_parked", claim_no=claim_no, parking_no=parking_no)
    if await by_hand.attempt_sent(conn, leg_id):
        raise Refusal(Code.COMMAND_UNFIT, "payout.outcome_unknown", claim_no=claim_no, parking_no=parking_no)
    if await payouts.untreated(conn, leg_id) is not None:
        raise Refusal(Code.COMMAND_UNFIT, "payout.untreated", claim_no=claim_no, parking_no=parking_no)
    return head, leg_id


async def _parking_of(parts: Parts, claim_no: str, payout_no: str) -> int:
    """Where the refund that an untreated payout is of stands still."""
    async with parts.database.reading() as conn:
        payout = await _untreated(conn, claim_no, payout_no)
        waiting = await parkings.find_open(conn, [claim_no])
    found = next((parking.parking_no for parking in waiting if parking.part == payout.leg_id), None)
    if found is None:
        raise Refusal(Code.COMMAND_UNFIT, "payout.not_parked", claim_no=claim_no)
    return found


async def _close_failed(parts: Parts, claim: FoundClaim, payout_no: str, actor: str, why: str) -> None:
    try:
        async with parts.database.writing() as conn:
            head = await enter(conn, claim.claim_no, None)
            payout = await _untreated(conn, claim.claim_no, payout_no)
            if head is not None:
                await payouts.close_failed(conn, head, payout, actor=actor, why=why)
    except Refusal as refusal:
        await _audit(parts, claim, "payout_failed", actor, why, evidence=payout_no, refusal=refusal)
        raise
    await _audit(parts, claim, "payout_failed", actor, why, evidence=payout_no)


async def _untreated(conn: Connection, claim_no: str, payout_no: str) -> Payout:
    payout = await _found(conn, claim_no, payout_no)
    if payout.state is not PayoutState.UNTREATED:
        raise Refusal(Code.COMMAND_UNFIT, "payout.closed", payout_no=payout_no)
    return payout


async def _found(conn: Connection, claim_no: str, payout_no: str) -> Payout:
    payout = await payouts.find(conn, claim_no, payout_no)
    if payout is None:
        raise Refusal(Code.NOT_FOUND, "payout.unknown", payout_no=payout_no)
    return payout


async def _audit(
    parts: Parts,
    claim: FoundClaim,
    what: str,
    actor: str,
    reason: str,
    *,
    evidence: str | None = None,
    refusal: Refusal | None = None,
) -> None:
    await record(
        parts, claim, what, actor, reason, uuid.uuid4().hex, evidence=evidence,
        refusal=None if refusal is None else refusal.reason,
    )  # fmt: skip
