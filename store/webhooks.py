"""What gateways tell unasked: each delivery kept once, until it was followed; and whom the payment it names concerns.

A delivery is a hint to read, never a fact: nothing here moves money or a claim.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import Select, delete, exists, func, or_, select, tuple_, union, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import AttemptState, LegState
from store.tables import claims, order_payments, refund_attempts, refund_legs, webhook_deliveries


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a gateway. `delivery_id` is the same for every repeat; the rest is what it says it is about."""

    gateway: str
    delivery_id: str
    event: str
    payment_ref: str | None = None
    refund_ref: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class WaitingLeg:
    """A refund leg that waits for its gateway, and the workflow that carries it."""

    leg_id: str
    workflow_id: str


async def keep(conn: AsyncConnection, delivery: Delivery) -> bool:
    """Keep a delivery; False when it is a repeat of one that is kept, which then changes nothing."""
    kept = await conn.execute(
        insert(webhook_deliveries)
        .values(asdict(delivery))
        .on_conflict_do_nothing()
        .returning(webhook_deliveries.c.delivery_id)
    )
    return kept.one_or_none() is not None


async def followed(conn: AsyncConnection, delivery: Delivery) -> None:
    """What follows from it was begun, and will be carried on; harmless to repeat."""
    await conn.execute(
        update(webhook_deliveries)
        .where(
            webhook_deliveries.c.gateway == delivery.gateway,
            webhook_deliveries.c.delivery_id == delivery.delivery_id,
            webhook_deliveries.c.followed_at.is_(None),
        )
        .values(followed_at=func.clock_timestamp())
    )


async def not_followed(conn: AsyncConnection, *, older_than: timedelta, limit: int) -> list[Delivery]:
    """Deliveries that were kept a while ago and not followed yet, oldest first."""
    rows = await conn.execute(
        select(*(webhook_deliveries.c[name] for name in Delivery.__dataclass_fields__))
        .where(
            webhook_deliveries.c.followed_at.is_(None),
            webhook_deliveries.c.received_at < func.clock_timestamp() - older_than,
        )
        .order_by(webhook_deliveries.c.received_at, webhook_deliveries.c.delivery_id)
        .limit(limit)
    )
    return [Delivery(**row._mapping) for row in rows]


async def forget(conn: AsyncConnection, keep_for: timedelta, *, limit: int = 5000) -> int:
    """Delete deliveries that were followed longer ago than `keep_for`; answers how many.

    One that a gateway repeats after that is a new hint, and costs another read.
    """
    old = (
        select(webhook_deliveries.c.gateway, webhook_deliveries.c.delivery_id)
        .where(webhook_deliveries.c.followed_at < func.now() - keep_for)
        .order_by(webhook_deliveries.c.followed_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    named = tuple_(webhook_deliveries.c.gateway, webhook_deliveries.c.delivery_id)
    return (await conn.execute(delete(webhook_deliveries).where(named.in_(old)))).rowcount


async def payments_named(conn: AsyncConnection, delivery: Delivery) -> list[str]:
    """Our payments at the delivery's gateway that it is about, by the gateway's names; none: of nothing we know.

    A delivery may name the payment, or only the refund, our refund leg, or the number that our order has.
    """
    # Each of these is found by an index: where nothing is signed, a delivery may come from anybody.
    found: list[Select[tuple[str]]] = []
    paid = select(order_payments.c.gateway_ref).where(order_payments.c.gateway == delivery.gateway)
    leg = select(refund_legs.c.gateway_ref).where(refund_legs.c.gateway == delivery.gateway)
    if delivery.payment_ref is not None:
        found.append(paid.where(order_payments.c.gateway_ref == delivery.payment_ref))
    if delivery.refund_ref is not None:
        found.append(leg.where(refund_legs.c.refund_ref == delivery.refund_ref))
    if delivery.reference is not None:
        found.append(leg.where(refund_legs.c.leg_id == delivery.reference))
        found.append(paid.where(order_payments.c.order_no == delivery.reference))
    if not found:
        return []
    named = union(*found).subquery()
    rows = await conn.execute(
        select(named.c.gateway_ref).where(named.c.gateway_ref.is_not(None)).order_by("gateway_ref")
    )
    return [row.gateway_ref for row in rows]


async def waiting_legs(conn: AsyncConnection, gateway: str, payment_ref: str) -> list[WaitingLeg]:
    """The legs of a payment whose refund is pending there, or whose request has had no answer yet."""
    sent = exists().where(
        refund_attempts.c.leg_id == refund_legs.c.leg_id, refund_attempts.c.state == AttemptState.SENT
    )
    rows = await conn.execute(
        select(refund_legs.c.leg_id, claims.c.workflow_id)
        .join(claims, claims.c.claim_no == refund_legs.c.claim_no)
        .where(
            refund_legs.c.gateway == gateway,
            refund_legs.c.gateway_ref == payment_ref,
            or_(refund_legs.c.state == LegState.PENDING, sent),
        )
        .order_by(refund_legs.c.leg_id)
    )
    return [WaitingLeg(row.leg_id, row.workflow_id) for row in rows]
