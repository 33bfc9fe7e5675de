"""The audit of an order: every movement of its money, stock, coupons and credits, with the claim that made it.

And how its claims were told.

It is several statements and must be one picture: read it in a repeatable-read transaction
(`store.database.Database.reading`). Amounts are integer minor units of the order's currency; times are aware UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import Channel, NoticeEvent, NoticeState
from domain.notices import Route, RouteState, SentBy
from domain.orders import Means, Payment
from store.conservation import Difference, OrderBooks, books_of, differences
from store.extra_payments import ExtraPayment, extra_of_order
from store.late_money import ExternalRefund, external_of_order
from store.orders import load_payments
from store.refund_legs import RefundLeg, legs_of_order
from store.tables import coupon_movements, credit_movements, notice_routes, notices, stock_movements


@dataclass(frozen=True, slots=True)
class StockMovement:
    """`quantity` is signed: added to stock."""

    kind: str
    claim_no: str | None
    line_no: int | None
    goods_no: str
    variant_no: str
    quantity: int
    at: datetime


@dataclass(frozen=True, slots=True)
class CouponMovement:
    """`new_coupon_no` is what the member got for one that was reissued."""

    kind: str
    claim_no: str | None
    coupon_no: str
    new_coupon_no: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class CreditMovement:
    """`amount` is signed: added to a balance of mileage, deposit or a gift card.

    `expires_at` is of mileage that came back. `owed` is what the balance lacked when earned points were taken from it.
    """

    kind: str
    claim_no: str | None
    leg_id: str | None
    means: Means
    member_no: str | None
    reference: str | None
    amount: int
    expires_at: datetime | None
    owed: int
    at: datetime


@dataclass(frozen=True, slots=True)
class NoticeWay:
    """A way that a notice took: by which `provider`, and how far it has led. `sent_by` says who chose it."""

    route: Route
    sent_by: SentBy
    provider: str
    state: RouteState
    code: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class ToldNotice:
    """A notice and the ways that it took, in turn. An inbox has none: what is written there is told."""

    notice_id: str
    claim_no: str
    event: NoticeEvent
    channel: Channel
    state: NoticeState
    code: str | None
    at: datetime
    ways: tuple[NoticeWay, ...]


@dataclass(frozen=True, slots=True)
class OrderAudit:
    """Every movement of the order, oldest first.

    A refund leg is a movement of money once it is settled, an extra payment once it is taken. `differences` is all that
    doesn't add up, the first hundred of it.
    """

    books: OrderBooks
    differences: tuple[Difference, ...]
    payments: tuple[Payment, ...]
    legs: tuple[RefundLeg, ...]
    external: tuple[ExternalRefund, ...]
    extra: tuple[ExtraPayment, ...]
    stock: tuple[StockMovement, ...]
    coupons: tuple[CouponMovement, ...]
    credits: tuple[CreditMovement, ...]
    notices: tuple[ToldNotice, ...]


async def load_audit(conn: AsyncConnection, order_no: str) -> OrderAudit | None:
    """Every movement of the order and its books; None when there is no such order."""
    books = await books_of(conn, order_no)
    if books is None:
        return None
    return OrderAudit(
        books=books,
        differences=tuple(await differences(conn, order_no)),
        payments=await load_payments(conn, order_no),
        legs=await legs_of_order(conn, order_no),
        external=await external_of_order(conn, order_no),
        extra=await extra_of_order(conn, order_no),
        stock=await _stock_movements(conn, order_no),
        coupons=await _coupon_movements(conn, order_no),
        credits=await _credit_movements(conn, order_no),
        notices=await _told_notices(conn, order_no),
    )


async def _stock_movements(conn: AsyncConnection, order_no: str) -> tuple[StockMovement, ...]:
    found = await conn.execute(_movements(stock_movements, StockMovement, order_no))
    return tuple(StockMovement(**row._mapping) for row in found)


async def _coupon_movements(conn: AsyncConnection, order_no: str) -> tuple[CouponMovement, ...]:
    moved = coupon_movements.c
    found = await conn.execute(
        select(
            moved.kind,
            moved.claim_no,
            moved.coupon_no,
            moved.facts["new_coupon_no"].astext.label("new_coupon_no"),
            moved.at,
        )
        .where(moved.order_no == order_no)
        .order_by(moved.movement_id)
    )
    return tuple(CouponMovement(**row._mapping) for row in found)


async def _credit_movements(conn: AsyncConnection, order_no: str) -> tuple[CreditMovement, ...]:
    found = await conn.execute(_movements(credit_movements, CreditMovement, order_no))
    return tuple(CreditMovement(**{**row._mapping, "means": Means(row.means)}) for row in found)


_NOTICE = attrgetter("notice_id")


async def _told_notices(conn: AsyncConnection, order_no: str) -> tuple[ToldNotice, ...]:
    ways = notice_routes.c
    found = await conn.execute(
        select(
            *(notices.c[name] for name in ("notice_id", "claim_no", "event", "channel", "state", "code")),
            notices.c.moved_at,
            *(ways[name].label(f"way_{name}") for name in ("route", "sent_by", "provider", "state", "code", "at")),
        )
        .outerjoin(notice_routes, ways.notice_id == notices.c.notice_id)
        .where(notices.c.order_no == order_no)
        .order_by(notices.c.created_at, notices.c.notice_id, ways.no)
    )
    return tuple(_told(tuple(rows)) for _, rows in groupby(found.all(), _NOTICE))


def _told(rows: Sequence[Any]) -> ToldNotice:
    """A notice of its rows, one for each of its ways, or one without any."""
    of = rows[0]
    return ToldNotice(
        notice_id=of.notice_id,
        claim_no=of.claim_no,
        event=NoticeEvent(of.event),
        channel=Channel(of.channel),
        state=NoticeState(of.state),
        code=of.code,
        at=of.moved_at,
        ways=tuple(
            NoticeWay(
                route=Route(row.way_route),
                sent_by=SentBy(row.way_sent_by),
                provider=row.way_provider,
                state=RouteState(row.way_state),
                code=row.way_code,
                at=row.way_at,
            )
            for row in rows
            if row.way_route is not None
        ),
    )


def _movements(movements: Any, shape: type, order_no: str) -> Select[Any]:
    names = shape.__dataclass_fields__  # type: ignore[attr-defined]
    return (
        select(*(movements.c[name] for name in names))
        .where(movements.c.order_no == order_no)
        .order_by(movements.c.movement_id)
    )
