"""What the sweeper keeps of orders that don't add up: each sum with both sides, until it comes out again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities import audit
from activities.audit import AuditActivities
from activities.refunds import RefundActivities
from store.findings import OpenFinding, open_findings
from tests.store import shop

ORDER_NO = shop.WITH_COUPON_AND_MILEAGE.order_no


@pytest.fixture
async def brought(engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """A database in which one order has a claim that is complete; empty afterwards."""
    async with engine.begin() as conn:
        await shop.bring(conn, shop.WITH_COUPON_AND_MILEAGE)
        claim_no, _ = await shop.open_cancel(conn, ORDER_NO, {1: 2, 2: 1})
        await shop.complete(conn, claim_no)
    yield engine
    async with engine.begin() as conn:
        await conn.execute(text("TRUNCATE orders, items, members, coupons, claims, findings CASCADE"))


async def _sweep(engine: AsyncEngine) -> int:
    # This look asks neither Temporal nor a gateway.
    activities = AuditActivities(
        engine, cast("Client", None), cast("RefundActivities", None), quiet=timedelta(minutes=10)
    )
    found: int = await ActivityEnvironment().run(activities.find_unbalanced_orders)
    return found


async def _findings(engine: AsyncEngine) -> list[OpenFinding]:
    async with engine.connect() as conn:
        return await open_findings(conn)


async def _change(engine: AsyncEngine, statement: str) -> None:
    async with engine.begin() as conn:
        await conn.execute(text(statement))


async def test_a_sum_is_a_finding_until_it_comes_out_again(brought: AsyncEngine) -> None:
    assert await _sweep(brought) == 0
    await _change(brought, "UPDATE order_payments SET refunding = refunding - 1 WHERE payment_no = '2'")
    assert await _sweep(brought) == 1
    [finding] = await _findings(brought)
    assert (finding.finding_key, finding.order_no) == (f"conservation/{ORDER_NO}", ORDER_NO)
    assert finding.detail == {
        "differences": [
            {
                "rule": "payment_refunding",
                "claim_no": None,
                "subject": "2",
                "currency": "KRW",
                "expected": 2_000,
                "found": 1_999,
                "difference": -1,
            }
        ]
    }
    await _change(brought, "UPDATE order_payments SET refunding = refunding + 1 WHERE payment_no = '2'")
    assert await _sweep(brought) == 0
    assert await _findings(brought) == []


async def test_a_look_that_could_not_list_everything_clears_nothing(
    brought: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _change(brought, "UPDATE order_payments SET refunding = refunding - 1")
    assert await _sweep(brought) == 1
    monkeypatch.setattr(audit, "_DIFFERENCES_AT_ONCE", 0)
    assert await _sweep(brought) == 1
