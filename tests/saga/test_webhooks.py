"""Pending refunds end when their gateway says so, an hour before anybody would have asked; and never twice.

The stand-ins deliver to a real API. The claims here ask for themselves only after an hour.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import stripe
from sqlalchemy import text

from activities.claims import OpenCancel
from tests.support.holding import When, holding
from tests.support.house import House, working
from tests.support.orders import line, order, payment
from tests.support.served import serving_api
from workflows.cancel_order import CancelOrderWorkflow
from workflows.messages import GatewayTold
from workflows.sweep import SweepWorkflow

SETTINGS = {"poll_first": 3600}

SOON = 20.0
"""Seconds that nobody waits for a timer of an hour in."""


@pytest.fixture(scope="module")
async def api(worked_house: House) -> AsyncIterator[str]:
    async with serving_api(worked_house) as url:
        yield url


@pytest.fixture
async def told(house: House, api: str) -> AsyncIterator[House]:
    """The house, to whose API Stripe and PortOne deliver."""
    for gateway in ("stripe", "portone"):
        await control(house, gateway, "DELETE", "/faults")
        await control(house, gateway, "PUT", "/webhook", {"url": f"{api}/v1/webhooks/{gateway}"})
    yield house
    for gateway in ("stripe", "portone"):
        await control(house, gateway, "PUT", "/webhook", {"url": None})


async def control(house: House, gateway: str, method: str, path: str, body: object = None) -> Mapping[str, Any]:
    response = await house.gateway.request(method, f"/control/{gateway}{path}", json=body)
    answer: Mapping[str, Any] = response.raise_for_status().json()
    return answer


async def asked_of(house: House, gateway: str = "stripe", *, pending: bool = True) -> OpenCancel:
    """One of two pieces to be cancelled, of an order paid at the gateway, whose refund stays pending there."""
    made = order(line(1, 10_000, 2), payments=[replace(payment("1", 20_000), gateway=gateway)])
    order_no = await house.feed(made)
    await control(house, gateway, "PUT", f"/payments/{order_no}-1", {"amount": 20_000})
    if pending:
        await control(house, gateway, "POST", "/faults", {"kind": "pending", "target": f"{order_no}-1"})
    return house.asked(order_no, {1: 1})


async def waits(house: House, asked: OpenCancel) -> None:
    await house.cancel(asked)

    async def pending() -> bool:
        return await house.status(asked.claim_no) == "REFUND_PENDING"

    await house.eventually(pending)


async def settle(house: House, asked: OpenCancel, status: str = "succeeded", gateway: str = "stripe") -> None:
    [refund] = (await control(house, gateway, "GET", f"/payments/{asked.order_no}-1"))["refunds"]
    await control(house, gateway, "POST", f"/refunds/{refund['ref']}/settle", {"status": status})


async def ended_once(house: House, asked: OpenCancel, gateway: str = "stripe") -> None:
    """Completed soon; one refund at the gateway, and one in our ledger, sent once."""
    async with asyncio.timeout(SOON):
        assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    ledger = (await control(house, gateway, "GET", f"/payments/{asked.order_no}-1"))["refunds"]
    assert [(one["amount"], one["status"]) for one in ledger] == [(10_000, "succeeded")]
    legs = await house.rows("SELECT * FROM refund_legs WHERE order_no = :no", no=asked.order_no)
    assert [(leg["state"], leg["refund_ref"]) for leg in legs] == [("SETTLED", ledger[0]["ref"])]
    tries = await house.rows("SELECT try_no FROM refund_attempts WHERE order_no = :no", no=asked.order_no)
    assert tries == [{"try_no": 1}]
    assert await house.value("SELECT count(*) FROM external_refunds WHERE order_no = :no", no=asked.order_no) == 0
    assert await house.balanced()


async def count(house: House, workflow_id: str, activity: str) -> int:
    """How often a workflow had this activity carried out."""
    history = await house.handle(workflow_id).fetch_history()
    scheduled = [one.activity_task_scheduled_event_attributes for one in history.events]
    return sum(one.activity_type.name == activity for one in scheduled)


async def deliver(api: str, house: House, payment_ref: str, delivery_id: str) -> None:
    """As Stripe does it."""
    charge = {"object": "charge", "id": "ch_1", "payment_intent": payment_ref}
    raw = json.dumps({"id": delivery_id, "object": "event", "type": "charge.refunded", "data": {"object": charge}})
    signature = stripe.WebhookSignature.generate_signature_header(raw, "whsec_sandbox", int(time.time()))
    answer = await house.gateway.post(f"{api}/v1/webhooks/stripe", content=raw, headers={"Stripe-Signature": signature})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("gateway", ["stripe", "portone"])
async def test_a_pending_refund_ends_when_its_gateway_says_so(told: House, gateway: str) -> None:
    """P9: what a gateway tells of our refund makes no second one."""
    asked = await asked_of(told, gateway)
    await waits(told, asked)
    await settle(told, asked, gateway=gateway)
    await ended_once(told, asked, gateway)


async def test_one_that_failed_waits_for_a_person_at_once(told: House) -> None:
    asked = await asked_of(told)
    await waits(told, asked)
    await settle(told, asked, "failed")
    parking = await told.parking(asked.claim_no)
    assert parking["cause"] == "PSP_DECLINED"


async def test_one_that_fails_after_its_claim_was_over_opens_it_again(told: House) -> None:
    asked = await asked_of(told, pending=False)
    await told.cancel(asked)
    await ended_once(told, asked)
    await settle(told, asked, "failed")
    parking = await told.parking(asked.claim_no)
    assert (parking["cause"], await told.status(asked.claim_no)) == ("PSP_DECLINED", "NEEDS_OPERATOR")
    assert await told.balanced()


async def test_a_refund_made_at_the_gateway_by_hand_is_known_at_once(told: House) -> None:
    """P9: it is a case for a person, and no refund of ours comes of it."""
    asked = await asked_of(told, pending=False)
    by_hand = {"amount": 3_000, "reason": "by hand"}
    await control(told, "stripe", "POST", f"/payments/{asked.order_no}-1/refunds", by_hand)

    async def known() -> bool:
        kinds = await told.rows("SELECT kind FROM findings WHERE order_no = :no", no=asked.order_no)
        return {"kind": "foreign_refund"} in kinds

    await told.eventually(known)
    assert await told.rows("SELECT * FROM refund_legs WHERE order_no = :no", no=asked.order_no) == []


@pytest.mark.parametrize("fault", ["webhook_duplicate", "webhook_reorder"])
async def test_in_whatever_order_and_however_often_it_is_told(told: House, fault: str) -> None:
    """P9, told twice or out of order."""
    asked = await asked_of(told)
    await control(told, "stripe", "POST", "/faults", {"kind": fault, "times": 3})
    await waits(told, asked)
    await settle(told, asked)
    await control(told, "stripe", "POST", "/webhooks/release")
    await ended_once(told, asked)


async def test_one_that_is_lost_is_found_by_asking(house: House) -> None:
    quick = house.settings.model_copy(update={"poll_first": 0.1, "task_queue": f"quick-{uuid.uuid4()}"})
    asking = replace(house, settings=quick)
    async with working(asking):
        asked = await asked_of(asking)
        await waits(asking, asked)
        await settle(asking, asked)
        await ended_once(asking, asked)


async def test_what_is_told_before_the_answer_to_the_call_is_remembered(house: House) -> None:
    async with holding(house) as (held, holder):
        asked = await asked_of(held)
        with holder.hold(asked.workflow_id, "refund", When.AFTER) as hold:
            await held.cancel(asked)
            async with asyncio.timeout(SOON):
                await hold.reached.wait()
            await settle(held, asked)
            leg = GatewayTold(leg_id=f"{asked.claim_no}-1")
            await held.handle(asked.workflow_id).signal(CancelOrderWorkflow.gateway_told, leg)
        await ended_once(held, asked)


async def test_a_burst_costs_few_reads(told: House, api: str) -> None:
    asked = await asked_of(told)
    await waits(told, asked)
    payment_ref = f"{asked.order_no}-1"
    for _ in range(30):
        await deliver(api, told, payment_ref, uuid.uuid4().hex)

    async def followed() -> bool:
        left = "SELECT count(*) FROM webhook_deliveries WHERE payment_ref = :ref AND followed_at IS NULL"
        return int(await told.value(left, ref=payment_ref)) == 0

    await told.eventually(followed)
    await settle(told, asked)
    await ended_once(told, asked)
    assert await count(told, asked.workflow_id, "poll_refund") <= 5
    assert await count(told, f"follow-stripe-{payment_ref}", "compare_payment") <= 5


async def test_what_was_left_is_followed_by_the_sweeper(house: House) -> None:
    """The process that took it in died, or Temporal was away."""
    asked = await asked_of(house)
    await waits(house, asked)
    await settle(house, asked)
    async with house.engine.begin() as conn:
        await conn.execute(
            text(
                "INSERT INTO webhook_deliveries (gateway, delivery_id, event, reference, received_at)"
                " VALUES ('stripe', :id, 'refund.updated', :leg, clock_timestamp() - interval '2 minutes')"
            ),
            {"id": uuid.uuid4().hex, "leg": f"{asked.claim_no}-1"},
        )
    swept = await house.temporal.execute_workflow(
        SweepWorkflow.run, id=f"sweep-{uuid.uuid4()}", task_queue=house.settings.task_queue
    )
    assert swept.left_over_deliveries == 1
    await ended_once(house, asked)
    assert await house.value("SELECT count(*) FROM webhook_deliveries WHERE followed_at IS NULL") == 0


async def test_what_was_followed_long_ago_is_forgotten_by_the_sweeper(house: House) -> None:
    """What was followed lately stays, however long ago it was told."""
    kept = (
        "INSERT INTO webhook_deliveries (gateway, delivery_id, event, received_at, followed_at)"
        " VALUES ('toss', 'old', 'x', now() - interval '60 days', now() - interval '31 days'),"
        " ('toss', 'late', 'x', now() - interval '60 days', now() - interval '29 days'),"
        " ('stripe', 'open', 'x', now() - interval '60 days', NULL)"
    )
    async with house.engine.begin() as conn:
        await conn.execute(text(kept))
    swept = await house.temporal.execute_workflow(
        SweepWorkflow.run, id=f"sweep-{uuid.uuid4()}", task_queue=house.settings.task_queue
    )
    assert swept.forgotten == 1
    left = await house.rows(
        "SELECT delivery_id, followed_at IS NOT NULL AS followed FROM webhook_deliveries"
        " WHERE delivery_id IN ('old', 'late', 'open')"
    )
    # Followed by this very sweep, what was open is young again.
    assert {(row["delivery_id"], row["followed"]) for row in left} == {("late", True), ("open", True)}


async def test_of_a_claim_that_nobody_carries_it_is_no_error(told: House) -> None:
    asked = await asked_of(told)
    await waits(told, asked)
    await told.handle(asked.workflow_id).terminate(reason="test")
    await settle(told, asked)
    payment_ref = f"{asked.order_no}-1"

    async def compared_all_the_same() -> bool:
        history = await told.handle(f"follow-stripe-{payment_ref}").fetch_history()
        names = [one.activity_task_scheduled_event_attributes.activity_type.name for one in history.events]
        failed = [one.HasField("signal_external_workflow_execution_failed_event_attributes") for one in history.events]
        return any(failed) and "compare_payment" in names[failed.index(True) :]

    await told.eventually(compared_all_the_same)
