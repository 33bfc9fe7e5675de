"""Giving coupons back as the claim planned: once per claim and coupon, under the coupons' locks.

docs/money.md: coupons that come back.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.policy import Returning
from store.fence import ClaimHead
from store.rows import dump_rows
from store.tables import claim_coupons, coupons

LONGEST_NO = 64
"""Characters of a coupon's number, as the feed takes them."""

_HASHED = 12


def reissued_no(coupon_no: str, claim_no: str) -> str:
    """The number of the coupon that a claim gives for `coupon_no`: always the same, at most `LONGEST_NO` characters."""
    whole = f"{coupon_no}-{claim_no}"
    if len(whole) <= LONGEST_NO:
        return whole
    return f"{whole[: LONGEST_NO - _HASHED - 1]}-{hashlib.sha256(whole.encode()).hexdigest()[:_HASHED]}"


async def give_back(conn: AsyncConnection, head: ClaimHead) -> None:
    """Give back the coupons that the claim planned to return, themselves or new ones. A repeat changes nothing.

    One that had expired gets the days planned, but never fewer than it still has by now; one that expired since the
    quote gets a day. A coupon that another order has used meanwhile is left alone. Raises IntegrityError when the
    number of a new one is taken.
    """
    planned = (
        await conn.execute(
            select(coupons.c.coupon_no, claim_coupons.c.returning)
            .join(claim_coupons, claim_coupons.c.coupon_no == coupons.c.coupon_no)
            .where(claim_coupons.c.claim_no == head.claim_no, claim_coupons.c.restored)
            .order_by(coupons.c.coupon_no)
            .with_for_update(of=coupons)
        )
    ).all()
    reissued = [row.coupon_no for row in planned if row.returning == Returning.REISSUE]
    if len(reissued) < len(planned):
        await conn.execute(_RESTORE, {"claim_no": head.claim_no, "order_no": head.order_no})
    if reissued:
        await _reissue(conn, head, reissued)


_RESTORE = text(
    """
    WITH moved AS (
        INSERT INTO coupon_movements (movement_key, kind, coupon_no, claim_no, order_no, facts)
        SELECT 'restore/' || claim_no || '/' || coupon_no, 'restore', coupon_no, claim_no, :order_no,
               jsonb_build_object('cause', cause)
        FROM claim_coupons
        WHERE claim_no = :claim_no AND "returning" IN ('restore', 'extend')
        ON CONFLICT (movement_key) DO NOTHING
        RETURNING coupon_no
    )
    UPDATE coupons AS coupon
    SET used_order_no = NULL,
        expires_at = CASE
            WHEN coupon.expires_at IS NULL THEN NULL
            WHEN planned.valid_days IS NOT NULL
                THEN greatest(coupon.expires_at, now() + make_interval(days => planned.valid_days))
            WHEN coupon.expires_at < now()
                THEN now() + interval '24 hours'
            ELSE coupon.expires_at
        END
    FROM moved
    JOIN claim_coupons AS planned ON planned.claim_no = :claim_no AND planned.coupon_no = moved.coupon_no
    WHERE coupon.coupon_no = moved.coupon_no
      AND (coupon.used_order_no = :order_no OR coupon.used_order_no IS NULL)
    """
)


async def _reissue(conn: AsyncConnection, head: ClaimHead, coupon_nos: list[str]) -> None:
    """New coupons of the same kind for the same member; those that they are given for stay used by the order."""
    given: list[dict[str, Any]] = [
        {"coupon_no": coupon_no, "new_no": reissued_no(coupon_no, head.claim_no)} for coupon_no in coupon_nos
    ]
    await conn.execute(_REISSUE, {"claim_no": head.claim_no, "order_no": head.order_no, "given": dump_rows(given)})


_REISSUE = text(
    """
    WITH moved AS (
        INSERT INTO coupon_movements (movement_key, kind, coupon_no, claim_no, order_no, facts)
        SELECT 'reissue/' || planned.claim_no || '/' || planned.coupon_no, 'reissue', planned.coupon_no,
               planned.claim_no, :order_no,
               jsonb_strip_nulls(jsonb_build_object(
                   'cause', planned.cause,
                   'new_coupon_no', CASE WHEN coalesce(coupon.used_order_no, :order_no) = :order_no
                                         THEN given.new_no END))
        FROM claim_coupons AS planned
        JOIN jsonb_to_recordset(CAST(:given AS jsonb)) AS given(coupon_no text, new_no text)
            ON given.coupon_no = planned.coupon_no
        JOIN coupons AS coupon ON coupon.coupon_no = planned.coupon_no
        WHERE planned.claim_no = :claim_no
        ON CONFLICT (movement_key) DO NOTHING
        RETURNING coupon_no, facts ->> 'new_coupon_no' AS new_no
    ), kept AS (
        -- One that the shop has not fed as used yet is used from here on: the new one takes its place.
        UPDATE coupons AS coupon SET used_order_no = :order_no
        FROM moved WHERE coupon.coupon_no = moved.coupon_no AND moved.new_no IS NOT NULL
        RETURNING coupon.coupon_no, coupon.member_no, coupon.promotion, coupon.name, coupon.expires_at, moved.new_no
    )
    INSERT INTO coupons (coupon_no, member_no, promotion, name, expires_at, reissue_of)
    SELECT kept.new_no, kept.member_no, kept.promotion, kept.name,
           CASE WHEN kept.expires_at IS NOT NULL
                THEN greatest(kept.expires_at, now() + make_interval(days => planned.valid_days)) END,
           kept.coupon_no
    FROM kept
    JOIN claim_coupons AS planned ON planned.claim_no = :claim_no AND planned.coupon_no = kept.coupon_no
    """
)
