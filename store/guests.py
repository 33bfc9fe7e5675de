"""Guests at the door: whose order it is, and how often a password was wrong lately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from store.tables import guest_failures, orders


@dataclass(frozen=True, slots=True)
class OrderOwner:
    """Exactly one of the two is set: a member's number, or the hash of a guest's order password."""

    member_no: str | None
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class Failures:
    """Wrong passwords of one subject within the window; the oldest of them leaves it in `seconds_left`."""

    count: int
    seconds_left: float


async def owner(conn: AsyncConnection, order_no: str) -> OrderOwner | None:
    found = await conn.execute(select(orders.c.member_no, orders.c.password_hash).where(orders.c.order_no == order_no))
    row = found.one_or_none()
    return OrderOwner(row.member_no, row.password_hash) if row else None


async def recent_failures(conn: AsyncConnection, subjects: Sequence[str], window: float) -> dict[str, Failures]:
    """Per subject with failures in the last `window` seconds, how many; by the database's clock."""
    left = func.extract("epoch", func.min(guest_failures.c.at) - _window_start(window))
    found = await conn.execute(
        select(guest_failures.c.subject, func.count(), left)
        .where(guest_failures.c.subject.in_(subjects), guest_failures.c.at > _window_start(window))
        .group_by(guest_failures.c.subject)
    )
    return {subject: Failures(count, float(seconds)) for subject, count, seconds in found}


async def record_failure(conn: AsyncConnection, subjects: Sequence[str], window: float) -> None:
    """Count one failure for each subject, and forget those that no window looks at any more."""
    await conn.execute(delete(guest_failures).where(guest_failures.c.at <= _window_start(window)))
    await conn.execute(insert(guest_failures).values([{"subject": subject} for subject in subjects]))


def _window_start(window: float) -> ColumnElement[datetime]:
    return func.now() - func.make_interval(0, 0, 0, 0, 0, 0, window, type_=INTERVAL)
