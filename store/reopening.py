"""Reopening a claim: money that it gave back has not arrived, or more is to be given back. docs/saga.md: reopening.

Every function runs in the caller's transaction, under the order's lock (`store.fence.enter`). A claim is reopened in
the transaction that writes why. It is carried on by a run of its workflow, which begins anew if none is under way
(`workflows.reopening.carry_on`).
"""

from __future__ import annotations

from sqlalchemy import Text, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import FAILED_LATER, Direction, LegState, Step
from store import claims, notices
from store.claims import OpenClaim
from store.fence import ClaimHead
from store.refunds import AttemptOutcome
from store.tables import claims as claims_table
from store.tables import refund_legs

REOPENED = "claim.reopened"
"""The event of a claim that was final and is so no longer."""


async def refund_failed(conn: AsyncConnection, head: ClaimHead, leg_id: str, refund_ref: str) -> bool:
    """The refund `refund_ref`, by which the gateway had settled the leg, has failed: the leg is refused again.

    Its next refund waits for a person, and is sent under a new key after another look. The claim's rows are not touched
    beyond that: follow it up with `reopen`, in the same transaction. False, and nothing is written, when the leg is not
    settled by this refund (any more): so it is for a second call.
    """
    if head.direction is not Direction.FORWARD:
        return False
    asked = {"leg_id": leg_id, "claim_no": head.claim_no, "refund_ref": refund_ref, "code": FAILED_LATER}
    row = (await conn.execute(_FAIL, {**asked, "outcome": AttemptOutcome.FAILED_LATER.value})).one_or_none()
    if row is None:
        return False
    await claims.record(
        conn,
        head,
        "refund.failed_later",
        actor="gateway",
        step=Step.REFUND,
        leg_id=leg_id,
        payment_no=row.payment_no,
        refund_ref=refund_ref,
        amount=row.amount,
    )
    return True


async def reopen(conn: AsyncConnection, head: ClaimHead, cause: str) -> bool:
    """Have the claim go forward again, if it was final: `cause`, a slug, says why in its timeline.

    The answer is whether its customer was told anything about the money, and so must be told that this has changed.
    Then the claim's next round begins, in which every event can be told anew; what was to be told of the former one,
    and was not sent yet, is not sent any more. Call it once for each cause, when a leg is open that was not before.
    """
    final = head.status.final
    if head.direction is not Direction.FORWARD:
        raise ValueError(f"claim {head.claim_no} was undone: nothing of it can be reopened")
    told = final or await notices.money_told(conn, head.claim_no)
    if told:
        await notices.overtake(conn, head.claim_no)
        await conn.execute(_NEXT_ROUND, {"claim_no": head.claim_no})
    if final:
        await conn.execute(_REOPEN, {"claim_no": head.claim_no})
        await claims.record(conn, head, REOPENED, step=Step.COMPLETE, cause=cause)
    else:
        await conn.execute(_RUN_REFUND, {"claim_no": head.claim_no})
        await claims.restate(conn, head.claim_no)
    return told


async def failed_on(conn: AsyncConnection, gateway: str, payment_ref: str) -> list[OpenClaim]:
    """The claims that wait because a refund of this payment had succeeded and failed later."""
    rows = await conn.execute(
        select(claims_table.c.claim_no, claims_table.c.order_no, claims_table.c.workflow_id)
        .join(refund_legs, refund_legs.c.claim_no == claims_table.c.claim_no)
        .where(
            refund_legs.c.gateway == gateway,
            refund_legs.c.gateway_ref == payment_ref,
            refund_legs.c.state == LegState.REFUSED,
            refund_legs.c.code == FAILED_LATER,
        )
        .order_by(claims_table.c.claim_no)
    )
    return [OpenClaim(row.claim_no, row.order_no, row.workflow_id) for row in rows]


_FAIL = text(
    """
    WITH failed AS (
        UPDATE refund_legs
        SET state = 'REFUSED', settled_by = NULL, settled_at = NULL, refund_ref = NULL, evidence = NULL,
            code = :code, moved_at = clock_timestamp()
        WHERE leg_id = :leg_id AND claim_no = :claim_no AND state = 'SETTLED' AND settled_by = 'GATEWAY'
          AND refund_ref = :refund_ref
        RETURNING leg_id, payment_no, amount
    ), attempt AS (
        UPDATE refund_attempts AS newest SET outcome = :outcome, moved_at = clock_timestamp()
        FROM failed
        WHERE newest.leg_id = failed.leg_id
          AND newest.try_no = (SELECT max(try_no) FROM refund_attempts WHERE leg_id = failed.leg_id)
    )
    SELECT payment_no, amount FROM failed
    """
).bindparams(*(bindparam(name, type_=Text) for name in ("leg_id", "claim_no", "refund_ref", "code", "outcome")))

_NEXT_ROUND = text("UPDATE claims SET round = round + 1 WHERE claim_no = :claim_no")

_RUN_REFUND = text(
    """
    UPDATE claim_steps SET status = 'RUNNING', note = NULL, at = clock_timestamp()
    WHERE claim_no = :claim_no AND step = 'refund' AND status IN ('DONE', 'SKIPPED')
    """
)

_REOPEN = text(
    """
    WITH opened AS (
        UPDATE claims SET closed_at = NULL WHERE claim_no = :claim_no
    )
    UPDATE claim_steps
    SET status = CASE step WHEN 'refund' THEN 'RUNNING' ELSE 'WAITING' END, note = NULL, at = clock_timestamp()
    WHERE claim_no = :claim_no AND step IN ('refund', 'complete', 'notify')
    """
)
