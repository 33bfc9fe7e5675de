"""The refund legs of a claim or an order, as they are shown; how they move is `store.refunds`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import LegState, PayoutState, SettledBy
from domain.orders import Means
from store.tables import claims, payouts, private_parts, refund_legs


@dataclass(frozen=True, slots=True)
class RefundLeg:
    """What goes back to one payment, and how far it is.

    `tax_free` and `vat` are the parts that the gateway is told, None when it was told none at purchase. `valid_days`
    is for mileage that had expired. `account_shown`: bank and last digits of the account that it goes to; `payout`: how
    far its newest payout by hand is; both None where there is none. `late`: of money that came in after the claim, no
    part of what it was quoted.
    """

    leg_id: str
    claim_no: str
    payment_no: str
    means: Means
    gateway: str | None
    amount: int
    tax_free: int | None
    vat: int | None
    valid_days: int | None
    late: bool
    state: LegState
    settled_by: SettledBy | None
    refund_ref: str | None
    evidence: str | None
    code: str | None
    moved_at: datetime
    settled_at: datetime | None
    account_shown: str | None
    payout: PayoutState | None


async def legs_of_claim(conn: AsyncConnection, claim_no: str) -> tuple[RefundLeg, ...]:
    """In the order in which they were planned."""
    return await _legs(conn, refund_legs.c.claim_no == claim_no)


async def legs_of_order(conn: AsyncConnection, order_no: str) -> tuple[RefundLeg, ...]:
    """Those of all its claims, by claim number."""
    return await _legs(conn, refund_legs.c.order_no == order_no)


async def _legs(conn: AsyncConnection, which: ColumnElement[bool]) -> tuple[RefundLeg, ...]:
    newest_payout = (
        select(payouts.c.state)
        .where(payouts.c.leg_id == refund_legs.c.leg_id)
        .order_by(payouts.c.n.desc())
        .limit(1)
        .scalar_subquery()
    )
    found = await conn.execute(
        select(
            refund_legs.c.leg_id,
            refund_legs.c.claim_no,
            refund_legs.c.payment_no,
            refund_legs.c.means,
            refund_legs.c.gateway,
            refund_legs.c.amount,
            refund_legs.c.tax_free,
            refund_legs.c.vat,
            refund_legs.c.valid_days,
            refund_legs.c.late,
            refund_legs.c.state,
            refund_legs.c.settled_by,
            refund_legs.c.refund_ref,
            refund_legs.c.evidence,
            refund_legs.c.code,
            refund_legs.c.moved_at,
            refund_legs.c.settled_at,
            private_parts.c.account_shown,
            newest_payout.label("payout"),
        )
        .join(claims, claims.c.claim_no == refund_legs.c.claim_no)
        .outerjoin(
            private_parts,
            and_(
                refund_legs.c.means == Means.VIRTUAL_ACCOUNT,
                private_parts.c.private_id == func.coalesce(refund_legs.c.account_id, claims.c.private_id),
            ),
        )
        .where(which)
        .order_by(refund_legs.c.claim_no, refund_legs.c.position)
    )
    return tuple(
        RefundLeg(
            **{
                **row._mapping,
                "means": Means(row.means),
                "state": LegState(row.state),
                "settled_by": SettledBy(row.settled_by) if row.settled_by else None,
                "payout": PayoutState(row.payout) if row.payout else None,
            }
        )
        for row in found
    )
