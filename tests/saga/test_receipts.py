"""Cash receipts issued by themselves: each refund cancels as much of them, once, and never holds up its claim."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from api import tokens
from api.tokens import Role
from domain.orders import Means
from gateways.payments.toss.adapter import KOREA
from tests.sandbox.providers.tills import TossTill
from tests.support.holding import When, holding
from tests.support.house import House
from tests.support.orders import line, order, payment
from tests.support.served import serving_api
from workflows.sweep import SweepWorkflow


async def paid(house: House) -> tuple[str, str]:
    """An order of two units at 10,000, transferred at Toss, with a receipt of its own; both their numbers."""
    wanted = {
        "orderId": f"receipt-{uuid.uuid4().hex}",
        "orderName": "Goods",
        "amount": 20_000,
        "type": "소득공제",
        "customerIdentityNumber": "01012345678",
    }
    issued = await house.gateway.post("/toss/v1/cash-receipts", json=wanted, headers=keyed())
    receipt = str(issued.raise_for_status().json()["receiptKey"])
    one = replace(payment("1", 20_000, Means.BANK_TRANSFER), gateway="toss", receipt_ref=receipt)
    order_no = await house.feed(order(line(1, 10_000, quantity=2), payments=[one]))
    body = {"amount": 20_000, "method": "transfer"}
    (await house.gateway.put(f"/control/toss/payments/{order_no}-1", json=body)).raise_for_status()
    return order_no, receipt


def keyed() -> dict[str, str]:
    return {**TossTill.auth, "Idempotency-Key": uuid.uuid4().hex}


async def cancel(house: House, order_no: str) -> str:
    """Cancel one unit, to the end of the claim's workflow: its number."""
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    return asked.claim_no


async def cancelled(house: House, receipt: str) -> list[int]:
    """What Toss's own list shows of cancels of the receipt."""
    today = {"requestDate": datetime.now(KOREA).date().isoformat()}
    listed = await house.gateway.get("/toss/v1/cash-receipts", params=today, headers=TossTill.auth)
    rows: list[Mapping[str, Any]] = listed.raise_for_status().json()["data"]
    return [one["amount"] for one in rows if (one["receiptKey"], one["transactionType"]) == (receipt, "CANCEL")]


async def suffer(house: House, receipt: str, kind: str, times: int = 1, **told: str) -> None:
    body = {"kind": kind, "target": receipt, "times": times, **told}
    (await house.gateway.post("/control/toss/faults", json=body)).raise_for_status()


async def test_a_part_and_then_the_rest(house: House) -> None:
    order_no, receipt = await paid(house)
    await cancel(house, order_no)
    assert await cancelled(house, receipt) == [10_000]
    await cancel(house, order_no)
    assert await cancelled(house, receipt) == [10_000, 10_000]
    assert await house.balanced()


@pytest.mark.parametrize("fault", ["lose_answer", "error_after", "html_after", "error_before"])
async def test_whatever_is_lost_it_is_cancelled_once(house: House, fault: str) -> None:
    """After an error under the old key a new one would cancel again: the list is looked at first."""
    order_no, receipt = await paid(house)
    await suffer(house, receipt, fault)
    await cancel(house, order_no)
    assert await cancelled(house, receipt) == [10_000]


async def test_one_that_is_refused_is_left_to_a_person_and_the_claim_is_complete(house: House) -> None:
    order_no, receipt = await paid(house)
    await suffer(house, receipt, "refuse", code="INVALID_REQUEST")
    claim_no = await cancel(house, order_no)
    assert await cancelled(house, receipt) == []
    assert await house.status(claim_no) == "COMPLETED"
    (found,) = await house.rows("SELECT * FROM findings WHERE claim_no = :no", no=claim_no)
    assert (found["kind"], found["detail"]["code"]) == ("receipt_not_cancelled", "INVALID_REQUEST")


async def test_one_that_gets_no_answer_is_given_up_after_a_while(house: House) -> None:
    order_no, receipt = await paid(house)
    await suffer(house, receipt, "error_before", times=20)
    claim_no = await cancel(house, order_no)
    (found,) = await house.rows("SELECT * FROM findings WHERE claim_no = :no", no=claim_no)
    assert (found["kind"], found["detail"]["amount"]) == ("receipt_not_cancelled", 10_000)


async def test_a_gateway_without_receipts_leaves_it_to_a_person(house: House) -> None:
    one = replace(payment("1", 20_000), receipt_ref="rcpt-1")
    order_no = await house.feed(order(line(1, 10_000, quantity=2), payments=[one]))
    claim_no = await cancel(house, order_no)
    (found,) = await house.rows("SELECT * FROM findings WHERE claim_no = :no", no=claim_no)
    assert (found["kind"], found["detail"]["code"]) == ("receipt_not_cancelled", "receipts_unsupported")


async def test_one_whose_workflow_was_terminated_before_it_is_listed_and_resumed(house: House) -> None:
    """The claim is over, its customer told, and still an operator sees that something is left, and finishes it."""
    hurried = replace(house, settings=house.settings.model_copy(update={"graceful_shutdown": 0.1}))
    order_no, receipt = await paid(house)
    asked = house.asked(order_no, {1: 1})
    with ExitStack() as later:
        async with holding(hurried) as (held, holder):
            stands = later.enter_context(holder.hold(asked.workflow_id, "cancel_receipts", When.BEFORE))
            await held.cancel(asked)
            await asyncio.wait_for(stands.reached.wait(), 20)
            await held.handle(asked.workflow_id).terminate(reason="test")
    assert await cancelled(house, receipt) == []
    assert await house.status(asked.claim_no) == "COMPLETED"
    async with house.engine.begin() as conn:
        aged = "UPDATE claims SET closed_at = closed_at - interval '1 minute' WHERE claim_no = :no"
        await conn.execute(text(aged), {"no": asked.claim_no})
    assert await listed(house) == [asked.claim_no]
    async with serving_api(house) as url:
        secret = house.settings.jwt_secret.get_secret_value()
        token = tokens.make(secret, Role.OPERATE, "lee", now=datetime.now(UTC), lifetime=timedelta(minutes=5))
        answer = await house.gateway.post(
            f"{url}/v1/ops/claims/{asked.claim_no}/resume",
            json={"reason": "its receipt is left"},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 200, answer.text
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await cancelled(house, receipt) == [10_000]
    told = "SELECT count(*) FROM notices WHERE claim_no = :no AND channel = 'inbox'"
    assert await house.value(told, no=asked.claim_no) == 1
    assert await listed(house) == []


async def listed(house: House) -> list[str]:
    """The claims that by the sweeper's open findings nobody carries on."""
    await house.temporal.execute_workflow(
        SweepWorkflow.run, id=f"sweep-{uuid.uuid4()}", task_queue=house.settings.task_queue
    )
    found = await house.rows("SELECT claim_no FROM findings WHERE kind = 'no_workflow' AND cleared_at IS NULL")
    return [one["claim_no"] for one in found]
