"""Credits of our own given back, with their expiry, and earned points taken back: each once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.orders import Means, Order
from domain.policy import EarnedPoints, ExpiredMileage, Policy
from store import claims, own_credits, points
from store.claim_details import PointsBack, load_claim
from store.feed_shop import FedMember, put_member
from store.points import PointsTaken
from store.tables import credit_movements, members
from tests.store import shop
from tests.support import orders as made

EARNED = made.order(made.line(1, 10_000, 3, points=100), payments=(made.payment("1", 30_000),))
LATER = datetime(2099, 1, 1, tzinfo=UTC)
DAYS = made.POLICY.refund.mileage_days


def _refunding(**changes: object) -> Policy:
    return made.POLICY.model_copy(update={"refund": made.POLICY.refund.model_copy(update=changes)})


async def _opened(conn: AsyncConnection, order: Order, wanted: dict[int, int], *, mileage: int = 0) -> str:
    await shop.bring(conn, order)
    if order.member_no:
        await put_member(conn, FedMember(order.member_no, "Kim", None, None, mileage, 0))
    claim_no, _ = await shop.open_cancel(conn, order.order_no, wanted)
    await shop.decide(conn, claim_no)
    return claim_no


async def _take_back(conn: AsyncConnection, claim_no: str) -> PointsTaken | None:
    head = await shop.head_of(conn, claim_no)
    await own_credits.lock_member(conn, head)
    return await points.take_back(conn, head)


async def _member(conn: AsyncConnection) -> Any:
    return (await conn.execute(select(members).where(members.c.member_no == "M1"))).one()


async def _told(conn: AsyncConnection, claim_no: str) -> PointsBack | None:
    details = await load_claim(conn, claim_no)
    assert details is not None
    return details.points


# --- points -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mileage", "taken", "owed"), [(500, 67, 0), (67, 67, 0), (20, 20, 47), (0, 0, 67)], ids=str)
async def test_points_of_two_units_of_three(conn: AsyncConnection, mileage: int, taken: int, owed: int) -> None:
    claim_no = await _opened(conn, EARNED, {1: 2}, mileage=mileage)
    assert (await claims.standing(conn, claim_no)).points == 67
    assert await _told(conn, claim_no) == PointsBack(67, None, None)

    assert await _take_back(conn, claim_no) == PointsTaken(taken, owed)
    assert await _take_back(conn, claim_no) is None, "a second time"

    member = await _member(conn)
    assert (member.mileage, member.points_owed) == (mileage - taken, owed)
    assert (await claims.standing(conn, claim_no)).points == 0
    assert await _told(conn, claim_no) == PointsBack(67, taken, owed)


async def test_points_of_every_piece_add_up(conn: AsyncConnection) -> None:
    claim_no = await _opened(conn, EARNED, {1: 2}, mileage=500)
    rest, _ = await shop.open_cancel(conn, EARNED.order_no, {1: 1})
    assert [await _take_back(conn, one) for one in (claim_no, rest)] == [PointsTaken(67, 0), PointsTaken(33, 0)]


async def test_points_are_kept_when_the_shop_says_so(conn: AsyncConnection) -> None:
    await shop.bring(conn, EARNED)
    policy = _refunding(earned_points=EarnedPoints.KEEP)
    claim_no, _ = await shop.open_cancel(conn, EARNED.order_no, {1: 3}, policy=policy)
    assert (await claims.standing(conn, claim_no)).points == 0
    assert await _take_back(conn, claim_no) is None


async def test_a_guest_has_no_points_to_give_back(conn: AsyncConnection) -> None:
    await shop.bring(conn, replace(EARNED, member_no=None, lines=(made.line(1, 10_000, 3),)))
    await conn.execute(text("UPDATE order_lines SET earned_points = 100"))
    claim_no, costs = await shop.open_cancel(conn, EARNED.order_no, {1: 3})
    assert costs.points == ()
    assert (await claims.standing(conn, claim_no)).points == 0


# --- expiry -----------------------------------------------------------------------------------------------------------


async def _comes_back(conn: AsyncConnection, expires_at: datetime | None, policy: Policy) -> datetime | None:
    """Mileage paid with `expires_at`, cancelled at `NOW`: the expiry with which it comes back."""
    paid = made.payment("1", 5_000, Means.MILEAGE, expires=expires_at)
    order = made.order(made.line(1, 5_000), payments=(paid,))
    await shop.bring(conn, order)
    claim_no, _ = await shop.open_cancel(conn, order.order_no, {1: 1}, policy=policy)
    await shop.decide(conn, claim_no)
    head = await shop.head_of(conn, claim_no)
    assert [await own_credits.give_back(conn, head) for _ in range(2)] == [1, 0]
    assert (await _member(conn)).mileage == 5_000
    found: datetime | None = (await conn.execute(select(credit_movements.c.expires_at))).scalar_one()
    return found


@pytest.mark.parametrize("expires_at", [None, LATER])
async def test_mileage_that_lasts_keeps_its_expiry(conn: AsyncConnection, expires_at: datetime | None) -> None:
    assert await _comes_back(conn, expires_at, made.POLICY) == expires_at


async def test_mileage_that_had_expired_comes_back_for_some_days(conn: AsyncConnection) -> None:
    now: datetime = (await conn.execute(text("SELECT now()"))).scalar_one()
    back = await _comes_back(conn, made.NOW - timedelta(days=1), made.POLICY)
    assert back == now + timedelta(days=DAYS)


async def test_mileage_comes_back_expired_when_the_shop_says_so(conn: AsyncConnection) -> None:
    expired = made.NOW - timedelta(days=1)
    policy = _refunding(expired_mileage=ExpiredMileage.KEEP_EXPIRY)
    assert await _comes_back(conn, expired, policy) == expired
