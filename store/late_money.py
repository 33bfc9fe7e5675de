"""Money that moves past any claim: refunds made in a gateway's own console, and payments that come in after the cancel.

docs/money.md tells what both do to an order. Every function runs in the caller's transaction, takes the order's lock,
and can be repeated. Amounts are integer minor units of the order's currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import AttemptState, ExternalState, LegState, SettledBy
from domain.orders import Means
from store.fence import lock_order
from store.tables import external_refunds, order_payments, refund_attempts, refund_legs


@dataclass(frozen=True, slots=True)
class ExternalRefund:
    """A refund that no claim asked for. `leg_id` is the leg that it turned out to be of, if it did."""

    payment_no: str
    means: Means
    gateway: str
    refund_ref: str
    amount: int
    state: ExternalState
    leg_id: str | None
    found_at: datetime
    moved_at: datetime


async def book_foreign_refund(
    conn: AsyncConnection, order_no: str, payment_no: str, refund_ref: str, amount: int
) -> bool:
    """A read of the gateway shows a succeeded refund of the payment that no claim asked for: so much less is left.

    True when it counts from here on; False when that was known, when it is a leg's own, and while a request of ours to
    this payment has no answer, for then nobody knows whose it is: compare again. One that a person has settled a leg by
    hand with is kept as that, and counts as the leg. Raises LookupError when there is no such payment at a gateway.
    """
    await lock_order(conn, order_no)
    payment = (
        await conn.execute(
            select(order_payments.c.gateway, order_payments.c.gateway_ref).where(
                order_payments.c.order_no == order_no,
                order_payments.c.payment_no == payment_no,
                order_payments.c.gateway.is_not(None),
                order_payments.c.gateway_ref.is_not(None),
            )
        )
    ).one_or_none()
    if payment is None:
        raise LookupError(f"{order_no} has no payment {payment_no} at a gateway")
    if await _may_be_ours(conn, order_no, payment_no, refund_ref):
        return False
    by_hand = await _settled_by_hand(conn, order_no, payment_no, refund_ref)
    state = ExternalState.COUNTED if by_hand is None else ExternalState.SETTLES_LEG
    booked = await conn.execute(
        insert(external_refunds)
        .values(
            gateway=payment.gateway,
            payment_ref=payment.gateway_ref,
            refund_ref=refund_ref,
            order_no=order_no,
            payment_no=payment_no,
            amount=amount,
            state=state,
            leg_id=by_hand,
        )
        .on_conflict_do_update(
            index_elements=["gateway", "payment_ref", "refund_ref"],
            set_={"state": state, "leg_id": by_hand, "amount": amount, "moved_at": func.clock_timestamp()},
            where=external_refunds.c.state == ExternalState.FAILED,
        )
        .returning(external_refunds.c.refund_ref)
    )
    return booked.one_or_none() is not None and state is ExternalState.COUNTED


async def forget_foreign_refund(conn: AsyncConnection, order_no: str, payment_no: str, refund_ref: str) -> bool:
    """The refund has failed at the gateway after all: it counts no longer, and the audit keeps it.

    True when it had counted until now. What a claim returned less because of it is owed to the customer from here on:
    the sum `returned_outside` of the order doesn't come out, and a person sees it.
    """
    await lock_order(conn, order_no)
    forgotten = await conn.execute(
        update(external_refunds)
        .where(
            external_refunds.c.order_no == order_no,
            external_refunds.c.payment_no == payment_no,
            external_refunds.c.refund_ref == refund_ref,
            external_refunds.c.state == ExternalState.COUNTED,
        )
        .values(state=ExternalState.FAILED, moved_at=func.clock_timestamp())
        .returning(external_refunds.c.refund_ref)
    )
    return forgotten.one_or_none() is not None


async def external_of_order(conn: AsyncConnection, order_no: str) -> tuple[ExternalRefund, ...]:
    """Every refund of the order that no claim asked for, oldest first; also those that came to nothing."""
    found = await conn.execute(
        select(
            external_refunds.c.payment_no,
            order_payments.c.means,
            external_refunds.c.gateway,
            external_refunds.c.refund_ref,
            external_refunds.c.amount,
            external_refunds.c.state,
            external_refunds.c.leg_id,
            external_refunds.c.found_at,
            external_refunds.c.moved_at,
        )
        .join_from(
            external_refunds,
            order_payments,
            (order_payments.c.order_no == external_refunds.c.order_no)
            & (order_payments.c.payment_no == external_refunds.c.payment_no),
        )
        .where(external_refunds.c.order_no == order_no)
        .order_by(external_refunds.c.found_at, external_refunds.c.refund_ref)
    )
    return tuple(
        ExternalRefund(**{**row._mapping, "means": Means(row.means), "state": ExternalState(row.state)})
        for row in found
    )


async def _may_be_ours(conn: AsyncConnection, order_no: str, payment_no: str, refund_ref: str) -> bool:
    sent = exists().where(
        refund_attempts.c.order_no == order_no,
        refund_attempts.c.payment_no == payment_no,
        refund_attempts.c.state == AttemptState.SENT,
    )
    own = exists().where(
        refund_legs.c.order_no == order_no,
        refund_legs.c.payment_no == payment_no,
        refund_legs.c.refund_ref == refund_ref,
    )
    return bool((await conn.execute(select(sent | own))).scalar_one())


async def _settled_by_hand(conn: AsyncConnection, order_no: str, payment_no: str, refund_ref: str) -> str | None:
    """The leg that a person has settled with this very refund."""
    found = await conn.execute(
        select(refund_legs.c.leg_id).where(
            refund_legs.c.order_no == order_no,
            refund_legs.c.payment_no == payment_no,
            refund_legs.c.state == LegState.SETTLED,
            refund_legs.c.settled_by == SettledBy.HAND,
            func.btrim(refund_legs.c.evidence) == refund_ref,
        )
    )
    return found.scalars().first()
