"""Refunds that succeed, and fail days later: at the gateway, in our ledger, and for the claim's workflow."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import bootstrap
from activities.notices import NoticePlanner
from activities.reconciliation import Reopened
from activities.reopening import refund_failed_later
from gateways.notices.texts import NoticeTexts
from store.fence import enter
from tests.support.carrying_on import CarryOn
from tests.support.house import House, working


@asynccontextmanager
async def carrying_on(house: House) -> AsyncIterator[None]:
    """A worker of the house that also knows `CarryOn`."""
    known = bootstrap.WORKFLOWS
    bootstrap.WORKFLOWS = (*known, CarryOn)  # type: ignore[assignment]
    try:
        async with working(house):
            yield
    finally:
        bootstrap.WORKFLOWS = known


async def fails_late(house: House, claim_no: str, payment_no: str = "1") -> None:
    """The refund of a payment, which the ledger has as settled, fails at its gateway, and the ledger learns of it."""
    [leg] = await house.rows(
        "SELECT * FROM refund_legs WHERE claim_no = :no AND payment_no = :of", no=claim_no, of=payment_no
    )
    settle = f"/refunds/{leg['refund_ref']}/settle"
    path = settle if leg["gateway"] == "sandbox" else f"/control/{leg['gateway']}{settle}"
    (await house.gateway.post(path, json={"status": "failed"})).raise_for_status()
    planner = NoticePlanner(NoticeTexts(house.settings.timezone), house.policy)
    async with house.engine.begin() as conn:
        head = await enter(conn, claim_no, None)
        assert head is not None
        assert await refund_failed_later(conn, planner, head, leg["leg_id"], leg["refund_ref"])


async def carry_on_with(house: House, claim_no: str) -> bool:
    """As whoever reopened the claim does it."""
    [claim] = await house.rows("SELECT claim_no, order_no, workflow_id FROM claims WHERE claim_no = :no", no=claim_no)
    carried: bool = await house.temporal.execute_workflow(
        CarryOn.run, Reopened(**claim), id=f"carry-on-{uuid.uuid4()}", task_queue=house.settings.task_queue
    )
    return carried
