"""Giving back credits of our own: mileage, deposit and gift cards, once per refund leg."""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from store.fence import ClaimHead
from store.tables import members


async def give_back(conn: AsyncConnection, head: ClaimHead) -> None:
    """Settle the claim's own legs: book each, and raise the member's balances. A repeat changes nothing.

    A gift card's balance is kept by its issuer, so its movement carries the payment's reference alone.
    """
    if head.member_no is not None:
        await conn.execute(select(members.c.member_no).where(members.c.member_no == head.member_no).with_for_update())
    await conn.execute(
        text(
            """
            WITH settled AS (
                UPDATE refund_legs
                SET state = 'SETTLED', settled_by = 'OURS', settled_at = clock_timestamp(), moved_at = clock_timestamp()
                WHERE claim_no = :claim_no AND NOT external AND state = 'PLANNED'
                RETURNING leg_id, means, amount, gateway_ref
            ), moved AS (
                INSERT INTO credit_movements
                    (movement_key, kind, means, member_no, reference, amount, claim_no, order_no, leg_id)
                SELECT 'refund/' || leg_id, 'refund', means,
                       CASE WHEN means = 'gift_card' THEN NULL ELSE CAST(:member_no AS text) END,
                       gateway_ref, amount, :claim_no, :order_no, leg_id
                FROM settled
                RETURNING means, amount
            )
            UPDATE members
            SET mileage = mileage + (SELECT coalesce(sum(amount), 0) FROM moved WHERE means = 'mileage'),
                deposit = deposit + (SELECT coalesce(sum(amount), 0) FROM moved WHERE means = 'deposit')
            WHERE member_no = :member_no
            """
        ),
        {"claim_no": head.claim_no, "order_no": head.order_no, "member_no": head.member_no},
    )
