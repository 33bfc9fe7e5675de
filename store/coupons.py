"""Giving coupons back: once per claim and coupon, under the coupons' locks."""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from store.fence import ClaimHead
from store.tables import claim_coupons, coupons


async def restore(conn: AsyncConnection, head: ClaimHead) -> None:
    """Give back the coupons that the claim planned to restore. A repeat finds its movements and changes nothing.

    One that had expired at the seller's fault is valid for the days planned; one that expired since the quote gets a
    day. docs/money.md: coupons that come back. A coupon that another order has used meanwhile is left alone.
    """
    planned = select(claim_coupons.c.coupon_no).where(
        claim_coupons.c.claim_no == head.claim_no, claim_coupons.c.restored
    )
    await conn.execute(
        select(coupons.c.coupon_no)
        .where(coupons.c.coupon_no.in_(planned))
        .order_by(coupons.c.coupon_no)
        .with_for_update()
    )
    await conn.execute(
        text(
            """
            WITH moved AS (
                INSERT INTO coupon_movements (movement_key, kind, coupon_no, claim_no, order_no, facts)
                SELECT 'restore/' || claim_no || '/' || coupon_no, 'restore', coupon_no, claim_no, :order_no,
                       jsonb_build_object('cause', cause)
                FROM claim_coupons
                WHERE claim_no = :claim_no AND restored
                ON CONFLICT (movement_key) DO NOTHING
                RETURNING coupon_no
            )
            UPDATE coupons AS coupon
            SET used_order_no = NULL,
                expires_at = CASE
                    WHEN planned.valid_days IS NOT NULL THEN now() + make_interval(days => planned.valid_days)
                    WHEN coupon.expires_at < now()
                        THEN now() + interval '24 hours'
                    ELSE coupon.expires_at
                END
            FROM moved
            JOIN claim_coupons AS planned ON planned.claim_no = :claim_no AND planned.coupon_no = moved.coupon_no
            WHERE coupon.coupon_no = moved.coupon_no
              AND (coupon.used_order_no = :order_no OR coupon.used_order_no IS NULL)
            """
        ),
        {"claim_no": head.claim_no, "order_no": head.order_no},
    )
