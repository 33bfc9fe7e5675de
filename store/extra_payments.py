"""What claims cost beyond their refunds, of a claim or an order, as it is shown; how it is charged is `store.charges`.

Amounts are integer minor units of the order's currency; times are aware UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import ChargeState
from domain.orders import Means
from store.tables import extra_payments


@dataclass(frozen=True, slots=True)
class ExtraPayment:
    """`gateway` is None for a balance of the member's own. `payment_no` is the payment that it became once taken."""

    claim_no: str
    means: Means
    gateway: str | None
    stored_no: str | None
    amount: int
    state: ChargeState
    payment_no: str | None
    gateway_ref: str | None
    code: str | None
    moved_at: datetime


async def extra_of_claim(conn: AsyncConnection, claim_no: str) -> ExtraPayment | None:
    """What the claim charges; None when it costs nothing beyond its refund."""
    found = await _extra(conn, extra_payments.c.claim_no == claim_no)
    return found[0] if found else None


async def extra_of_order(conn: AsyncConnection, order_no: str) -> tuple[ExtraPayment, ...]:
    """Those of all its claims, by claim number."""
    return await _extra(conn, extra_payments.c.order_no == order_no)


async def _extra(conn: AsyncConnection, which: ColumnElement[bool]) -> tuple[ExtraPayment, ...]:
    columns = (extra_payments.c[name] for name in ExtraPayment.__dataclass_fields__)
    found = await conn.execute(select(*columns).where(which).order_by(extra_payments.c.claim_no))
    return tuple(
        ExtraPayment(**{**row._mapping, "means": Means(row.means), "state": ChargeState(row.state)}) for row in found
    )
