"""What our ledger says of a gateway's payment, as it is compared with what the gateway shows."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import case, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import AttemptState, ExternalState, LegState, SettledBy
from domain.orders import PaymentStatus
from domain.reconciliation import OurLeg, OurPayment
from store.tables import external_refunds, order_payments, orders, refund_attempts, refund_legs


@dataclass(frozen=True, slots=True)
class BookedPayment:
    """A payment of an order. Amounts in `payment` are integer minor units of `currency` (ISO 4217)."""

    order_no: str
    payment_no: str
    currency: str
    payment: OurPayment


async def payments_by_ref(conn: AsyncConnection, gateway: str, payment_ref: str) -> tuple[BookedPayment, ...]:
    """The payments that were fed, or taken, under this reference of the gateway's: one, or none of ours."""
    rows = await conn.execute(
        select(
            order_payments.c.order_no,
            order_payments.c.payment_no,
            func.coalesce(order_payments.c.captured_late, order_payments.c.amount).label("amount"),
            order_payments.c.status,
            order_payments.c.closed_by,
            orders.c.currency,
        )
        .join(orders, orders.c.order_no == order_payments.c.order_no)
        .where(order_payments.c.gateway == gateway, order_payments.c.gateway_ref == payment_ref)
        .order_by(order_payments.c.order_no, order_payments.c.payment_no)
    )
    return tuple(
        [
            BookedPayment(
                row.order_no,
                row.payment_no,
                row.currency,
                OurPayment(
                    amount=row.amount,
                    paid=row.status == PaymentStatus.PAID,
                    closed_by=row.closed_by,
                    legs=await _legs(conn, row.order_no, row.payment_no),
                    outside=await _outside(conn, gateway, payment_ref, row.order_no),
                ),
            )
            for row in rows.all()
        ]
    )


_EVIDENCE = func.btrim(refund_legs.c.evidence)


async def _outside(conn: AsyncConnection, gateway: str, payment_ref: str, order_no: str) -> frozenset[str]:
    found = await conn.execute(
        select(external_refunds.c.refund_ref).where(
            external_refunds.c.gateway == gateway,
            external_refunds.c.payment_ref == payment_ref,
            external_refunds.c.order_no == order_no,
            external_refunds.c.state == ExternalState.COUNTED,
        )
    )
    return frozenset(found.scalars())


async def _legs(conn: AsyncConnection, order_no: str, payment_no: str) -> tuple[OurLeg, ...]:
    sent = exists().where(
        refund_attempts.c.leg_id == refund_legs.c.leg_id, refund_attempts.c.state == AttemptState.SENT
    )
    rows = await conn.execute(
        select(
            refund_legs.c.leg_id,
            refund_legs.c.claim_no,
            refund_legs.c.amount,
            refund_legs.c.state,
            refund_legs.c.settled_by,
            func.coalesce(
                refund_legs.c.refund_ref, case((refund_legs.c.settled_by == SettledBy.HAND, _EVIDENCE))
            ).label("refund_ref"),
            sent.label("sent"),
        )
        .where(refund_legs.c.order_no == order_no, refund_legs.c.payment_no == payment_no, refund_legs.c.external)
        .order_by(refund_legs.c.leg_id)
    )
    return tuple(
        OurLeg(
            leg_id=row.leg_id,
            claim_no=row.claim_no,
            amount=row.amount,
            state=LegState(row.state),
            settled_by=None if row.settled_by is None else SettledBy(row.settled_by),
            refund_ref=row.refund_ref,
            under_way=row.sent or row.state == LegState.PENDING,
        )
        for row in rows
    )
