"""Undoing a claim: turning it back, once and for good, and freeing what its opening held. docs/saga.md: the fence.

Every function runs in the caller's transaction, under the order's lock (`store.fence`).
"""

from __future__ import annotations

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import AttemptState, ChargeState, Direction, LegState, Step, StepStatus
from store.claims import add_event, close
from store.fence import ClaimHead
from store.opening import reopen_waiting, reserve_payments
from store.payouts import untreated_of_claim
from store.tables import claim_lines, claim_steps, claims, extra_payments, refund_attempts, refund_legs


async def outcome_unknown(conn: AsyncConnection, claim_no: str) -> bool:
    """True while a refund or charge of the claim is sent, and its outcome not known: it can't be undone, nor go on."""
    refund = exists().where(refund_attempts.c.claim_no == claim_no, refund_attempts.c.state == AttemptState.SENT)
    charge = exists().where(extra_payments.c.claim_no == claim_no, extra_payments.c.state == ChargeState.SENT)
    return bool((await conn.execute(select(or_(refund, charge)))).scalar_one())


async def turn_back(conn: AsyncConnection, head: ClaimHead, code: str, reason: str) -> bool:
    """Turn the claim to undoing, once and for good. False when it is past the pivot, or money may be on its way.

    Money may be: an outcome is unknown, or a refund is being paid out by hand.
    `code` and `reason` say why, as the caller will read it. Nothing turns back to forward.
    """
    if head.decided or await outcome_unknown(conn, head.claim_no) or await untreated_of_claim(conn, head.claim_no):
        return False
    await conn.execute(
        update(claims)
        .where(claims.c.claim_no == head.claim_no)
        .values(direction=Direction.UNDOING, refusal_code=code, refusal_reason=reason)
    )
    await add_event(conn, head.claim_no, head.order_no, "claim.turned_back", code=code, reason=reason)
    return True


async def free(conn: AsyncConnection, head: ClaimHead) -> None:
    """Undo the opening: free the units, void legs and charge, await payments again, and close the claim as rejected."""
    await conn.execute(update(claim_lines).where(claim_lines.c.claim_no == head.claim_no).values(live=False))
    await reserve_payments(conn, head.claim_no, sign=-1)
    await reopen_waiting(conn, head.claim_no, head.order_no)
    await conn.execute(
        update(extra_payments)
        .where(extra_payments.c.claim_no == head.claim_no)
        .values(state=ChargeState.VOID, moved_at=func.clock_timestamp())
    )
    await conn.execute(
        update(refund_legs)
        .where(refund_legs.c.claim_no == head.claim_no)
        .values(state=LegState.VOID, settled_by=None, moved_at=func.clock_timestamp())
    )
    await conn.execute(
        update(claim_steps)
        .where(
            claim_steps.c.claim_no == head.claim_no,
            claim_steps.c.status != StepStatus.SKIPPED,
            claim_steps.c.step != Step.NOTIFY,
        )
        .values(status=StepStatus.UNDONE, note=None, at=func.clock_timestamp())
    )
    await add_event(conn, head.claim_no, head.order_no, "claim.rejected", code=head.refusal_code)
    await close(conn, head.claim_no)
