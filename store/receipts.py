"""Cash receipts that were issued by themselves: what is to be cancelled of them, and what came of it.

A row per refund leg, written before the call. Every function that writes runs under the order's lock (`store.fence`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Interval, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import ReceiptState
from store import claims
from store.claims import OpenClaim
from store.fence import ClaimHead
from store.tables import LAST_STEP_OPEN


@dataclass(frozen=True, slots=True)
class DueReceipt:
    """A settled leg whose amount is to be cancelled of its payment's receipt. Minor units of the order's currency.

    `since`: when a cancel of this receipt was first sent; None: never. `done`: so many cancels of just this amount are
    done. `sent`: one of this very leg may be.
    """

    leg_id: str
    claim_no: str
    order_no: str
    payment_no: str
    gateway: str
    receipt_ref: str
    amount: int
    key_no: int
    sent: bool
    since: datetime | None
    done: int

    @property
    def key(self) -> str:
        return f"receipt-{self.leg_id}-{self.key_no}"


async def due(conn: AsyncConnection, claim_no: str) -> list[DueReceipt]:
    """What is neither done nor given up of the claim, whoever has settled the refund."""
    return [DueReceipt(**row._mapping) for row in await conn.execute(_DUE, {"claim_no": claim_no})]


_DUE = text(
    """
    SELECT leg.leg_id, leg.claim_no, leg.order_no, leg.payment_no, leg.gateway, paid.receipt_ref, leg.amount,
           coalesce(cancel.key_no, 1) AS key_no, cancel.leg_id IS NOT NULL AS sent, of_receipt.since,
           coalesce(of_receipt.done, 0) AS done
    FROM refund_legs AS leg
    JOIN order_payments AS paid ON paid.order_no = leg.order_no AND paid.payment_no = leg.payment_no
    LEFT JOIN receipt_cancels AS cancel ON cancel.leg_id = leg.leg_id
    CROSS JOIN LATERAL (
        SELECT min(armed_at) AS since, count(*) FILTER (WHERE state = 'DONE' AND amount = leg.amount) AS done
        FROM receipt_cancels WHERE order_no = leg.order_no AND payment_no = leg.payment_no
    ) AS of_receipt
    WHERE leg.claim_no = :claim_no AND leg.external AND leg.state = 'SETTLED' AND paid.receipt_ref IS NOT NULL
      AND (cancel.leg_id IS NULL OR cancel.state = 'SENT')
    ORDER BY leg.position
    """
)


async def left_over(conn: AsyncConnection, *, older_than: timedelta) -> list[OpenClaim]:
    """Claims that are over but for a receipt: it is due, the refund is settled, the customer told. Oldest first."""
    rows = await conn.execute(_LEFT_OVER, {"older_than": older_than})
    return [OpenClaim(row.claim_no, row.order_no, row.workflow_id) for row in rows]


_LEFT_OVER = text(
    f"""
    SELECT claim.claim_no, claim.order_no, claim.workflow_id
    FROM claims AS claim
    WHERE claim.closed_at < clock_timestamp() - :older_than
      AND claim.claim_no IN (
          SELECT leg.claim_no
          FROM order_payments AS paid
          JOIN refund_legs AS leg USING (order_no, payment_no)
          LEFT JOIN receipt_cancels AS cancel USING (leg_id)
          WHERE paid.receipt_ref IS NOT NULL AND leg.external AND leg.state = 'SETTLED'
            AND (cancel.leg_id IS NULL OR cancel.state = 'SENT'))
      AND NOT EXISTS (SELECT FROM claim_steps WHERE claim_steps.claim_no = claim.claim_no AND {LAST_STEP_OPEN})
    ORDER BY claim.closed_at
    """  # noqa: S608 (a constant)
).bindparams(bindparam("older_than", type_=Interval))


async def arm(conn: AsyncConnection, receipt: DueReceipt) -> bool:
    """Write that it is about to be sent. False while another cancel of this receipt is sent, its outcome not known."""
    busy = await conn.execute(_BUSY, {"order": receipt.order_no, "payment": receipt.payment_no, "leg": receipt.leg_id})
    if busy.first() is not None:
        return False
    await conn.execute(
        _ARM,
        {
            "leg_id": receipt.leg_id,
            "claim_no": receipt.claim_no,
            "order_no": receipt.order_no,
            "payment_no": receipt.payment_no,
            "amount": receipt.amount,
        },
    )
    return True


_BUSY = text(
    """
    SELECT FROM receipt_cancels
    WHERE order_no = :order AND payment_no = :payment AND state = 'SENT' AND leg_id <> :leg
    """
)
_ARM = text(
    """
    INSERT INTO receipt_cancels (leg_id, claim_no, order_no, payment_no, amount, state)
    VALUES (:leg_id, :claim_no, :order_no, :payment_no, :amount, 'SENT')
    ON CONFLICT (leg_id) DO NOTHING
    """
)


async def end(
    conn: AsyncConnection, head: ClaimHead, receipt: DueReceipt, state: ReceiptState, code: str | None
) -> None:
    """It is done, or failed for good. Nothing happens to one that has ended already."""
    written = await conn.execute(
        _END,
        {
            "leg_id": receipt.leg_id,
            "claim_no": receipt.claim_no,
            "order_no": receipt.order_no,
            "payment_no": receipt.payment_no,
            "amount": receipt.amount,
            "state": state.value,
            "code": code,
        },
    )
    if written.first() is not None:
        event = "receipt.cancelled" if state is ReceiptState.DONE else "receipt.not_cancelled"
        await claims.add_event(
            conn, head.claim_no, head.order_no, event, leg_id=receipt.leg_id, amount=receipt.amount, code=code
        )


_END = text(
    """
    INSERT INTO receipt_cancels AS cancel (leg_id, claim_no, order_no, payment_no, amount, state, code)
    VALUES (:leg_id, :claim_no, :order_no, :payment_no, :amount, :state, :code)
    ON CONFLICT (leg_id) DO UPDATE SET state = excluded.state, code = excluded.code, moved_at = clock_timestamp()
    WHERE cancel.state = 'SENT'
    RETURNING leg_id
    """
)


async def not_done_yet(conn: AsyncConnection, receipt: DueReceipt, code: str, *, new_key: bool) -> None:
    """How a try ended that did not end it. `new_key`: the gateway may repeat its error for ever under the old one."""
    await conn.execute(
        _NOT_YET, {"leg_id": receipt.leg_id, "key_no": receipt.key_no, "code": code, "more": 1 if new_key else 0}
    )


_NOT_YET = text(
    """
    UPDATE receipt_cancels SET code = :code, key_no = key_no + :more, moved_at = clock_timestamp()
    WHERE leg_id = :leg_id AND state = 'SENT' AND key_no = :key_no
    """
)
