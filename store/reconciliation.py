"""What our ledger says of a gateway's payments, as it is compared with what the gateway shows, and the days compared.

A day is a date by the shop's clock; amounts are integer minor units of the payment's currency; times are aware.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, case, exists, func, or_, select, true, union, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import AttemptState, ExternalState, LegState, SettledBy
from domain.orders import PaymentStatus
from domain.reconciliation import OurLeg, OurPayment
from store.tables import claims, external_refunds, order_payments, orders, reconciliations, refund_attempts, refund_legs


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


# --- which payments to compare ---------------------------------------------------------------------------------------

MOST_HELD = 1000
"""Of a gateway that lists nothing, so many payments that still hold money are read: those of the newest orders."""

_CLOSED_LATELY = timedelta(days=30)


Spans = Sequence[tuple[datetime, datetime]]


async def touched(conn: AsyncConnection, gateway: str, spans: Spans, *, after: str, limit: int) -> list[str]:
    """References behind `after` of payments of which something of ours moved in one of the spans, in their order.

    Also those that a claim has closed unpaid within a month: money may come in for them.
    """
    refs = _touched(gateway, spans).subquery()
    (ref,) = refs.c
    return list((await conn.execute(select(ref).where(ref > after).order_by(ref).limit(limit))).scalars())


async def untouched(conn: AsyncConnection, gateway: str, refs: Collection[str], spans: Spans) -> list[str]:
    """Those of the references that payments of ours have and that `touched` does not tell, in their order."""
    found = await conn.execute(
        select(order_payments.c.gateway_ref)
        .where(
            order_payments.c.gateway == gateway,
            order_payments.c.gateway_ref.in_(sorted(set(refs))),
            order_payments.c.gateway_ref.not_in(_touched(gateway, spans)),
        )
        .distinct()
        .order_by(order_payments.c.gateway_ref)
    )
    return list(found.scalars())


def _touched(gateway: str, spans: Spans) -> CompoundSelect[Any]:
    def moved(column: ColumnElement[datetime]) -> ColumnElement[bool]:
        return or_(*(and_(column >= since, column < until) for since, until in spans))

    return union(
        select(refund_legs.c.gateway_ref).where(refund_legs.c.gateway == gateway, moved(refund_legs.c.moved_at)),
        select(external_refunds.c.payment_ref).where(
            external_refunds.c.gateway == gateway, moved(external_refunds.c.moved_at)
        ),
        select(order_payments.c.gateway_ref)
        .join(claims, claims.c.claim_no == order_payments.c.closed_by)
        .where(
            order_payments.c.gateway == gateway,
            order_payments.c.status == PaymentStatus.WAITING,
            claims.c.opened_at > func.clock_timestamp() - _CLOSED_LATELY,
            order_payments.c.gateway_ref.is_not(None),
        ),
    )


async def holding(conn: AsyncConnection, gateway: str, *, after: str, limit: int) -> list[str]:
    """References behind `after` of the payments that still hold money, in their order; of the newest `MOST_HELD`."""
    newest = _holding(gateway).order_by(orders.c.ordered_at.desc()).limit(MOST_HELD).subquery()
    ref = newest.c.gateway_ref
    return list((await conn.execute(select(ref).where(ref > after).order_by(ref).limit(limit))).scalars())


async def too_many_holding(conn: AsyncConnection, gateway: str) -> bool:
    """Whether `holding` leaves some out."""
    found = await conn.execute(select(func.count()).select_from(_holding(gateway).limit(MOST_HELD + 1).subquery()))
    return int(found.scalar_one()) > MOST_HELD


def _holding(gateway: str) -> Select[Any]:
    return (
        select(order_payments.c.gateway_ref)
        .join(orders, orders.c.order_no == order_payments.c.order_no)
        .where(
            order_payments.c.gateway == gateway,
            order_payments.c.gateway_ref.is_not(None),
            order_payments.c.status == PaymentStatus.PAID,
            order_payments.c.refunding < order_payments.c.amount,
        )
    )


# --- the days ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ComparedDay:
    """How far the comparison of a merchant's day is. `code`: why it did not come to its end."""

    gateway: str
    day: date
    started_at: datetime
    ended_at: datetime | None
    run_ref: str
    compared: int
    unread: int
    differing: int
    limited: bool
    code: str | None

    @property
    def done(self) -> bool:
        """Whether everything of it was compared."""
        return self.ended_at is not None and self.code is None and self.unread == 0


async def begin(conn: AsyncConnection, gateway: str, day: date, run_ref: str) -> None:
    """A comparison of this day begins, also where there was one before."""
    anew = {
        "started_at": func.clock_timestamp(), "ended_at": None, "run_ref": run_ref, "compared": 0, "unread": 0,
        "differing": 0, "limited": False, "code": None,
    }  # fmt: skip
    await conn.execute(
        insert(reconciliations)
        .values(gateway=gateway, day=day, **anew)
        .on_conflict_do_update(index_elements=["gateway", "day"], set_=anew)
    )


async def end(
    conn: AsyncConnection,
    gateway: str,
    day: date,
    *,
    compared: int,
    unread: int,
    differing: int,
    limited: bool,
    code: str | None,
) -> None:
    """It has ended, whatever came of it."""
    await conn.execute(
        update(reconciliations)
        .where(reconciliations.c.gateway == gateway, reconciliations.c.day == day)
        .values(
            ended_at=func.clock_timestamp(),
            compared=compared,
            unread=unread,
            differing=differing,
            limited=limited,
            code=code,
        )
    )


async def days(
    conn: AsyncConnection, *, since: date, until: date | None = None, gateway: str | None = None, limit: int = 1000
) -> list[ComparedDay]:
    """From `since` to `until`, both included, the newest first."""
    found = await conn.execute(
        select(reconciliations)
        .where(
            reconciliations.c.day >= since,
            reconciliations.c.day <= until if until else true(),
            reconciliations.c.gateway == gateway if gateway else true(),
        )
        .order_by(reconciliations.c.day.desc(), reconciliations.c.gateway)
        .limit(limit)
    )
    return [ComparedDay(**row._mapping) for row in found]
