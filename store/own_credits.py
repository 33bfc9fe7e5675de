"""Giving back credits of our own: mileage, deposit and gift cards, once per refund leg."""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from store.fence import ClaimHead
from store.tables import members


async def lock_member(conn: AsyncConnection, head: ClaimHead) -> None:
    """Lock the balances of the order's member, if it has one, before anything of them is moved."""
    if head.member_no is not None:
        await conn.execute(select(members.c.member_no).where(members.c.member_no == head.member_no).with_for_update())


async def give_back(conn: AsyncConnection, head: ClaimHead) -> int:
    """Settle the claim's own legs: book each, and raise the member's balances. Answers how many were settled.

    A repeat changes nothing. A gift card's balance is kept by its issuer, so its movement carries the payment's
    reference alone. Mileage comes back with the expiry that it was paid with, or, when it had expired, with the days
    planned. Run it under `lock_member`.
    """
    settled = await conn.execute(
        text(
            """
            WITH settled AS (
                UPDATE refund_legs
                SET state = 'SETTLED', settled_by = 'OURS', settled_at = clock_timestamp(), moved_at = clock_timestamp()
                WHERE claim_no = :claim_no AND NOT external AND state = 'PLANNED'
                RETURNING leg_id, order_no, payment_no, means, amount, gateway_ref, valid_days
            ), moved AS (
                INSERT INTO credit_movements
                    (movement_key, kind, means, member_no, reference, amount, claim_no, order_no, leg_id, expires_at)
                SELECT 'refund/' || settled.leg_id, 'refund', settled.means,
                       CASE WHEN settled.means = 'gift_card' THEN NULL ELSE CAST(:member_no AS text) END,
                       settled.gateway_ref, settled.amount, :claim_no, settled.order_no, settled.leg_id,
                       coalesce(now() + make_interval(days => settled.valid_days), payment.expires_at)
                FROM settled
                JOIN order_payments AS payment
                    ON payment.order_no = settled.order_no AND payment.payment_no = settled.payment_no
                RETURNING means, amount
            ), raised AS (
                UPDATE members
                SET mileage = mileage + (SELECT coalesce(sum(amount), 0) FROM moved WHERE means = 'mileage'),
                    deposit = deposit + (SELECT coalesce(sum(amount), 0) FROM moved WHERE means = 'deposit')
                WHERE member_no = :member_no
            )
            SELECT count(*) FROM moved
            """
        ),
        {"claim_no": head.claim_no, "member_no": head.member_no},
    )
    return int(settled.scalar_one())
