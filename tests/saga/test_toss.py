"""Whole claims on payments at Toss's stand-in: what its own ledger counts, and where a refund account goes."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from temporalio.client import Client

from domain.orders import Means
from policies import reading
from store import private
from store.private import BANK_PART, HOLDER_PART, NUMBER_PART, TOKEN_PART, Vault
from tests.support.extra import EXTRA, asked_with_extra, cheap_piece, taken
from tests.support.house import House, open_house
from tests.support.orders import line, order, payment
from tests.support.sandbox import SandboxProcess

NUMBER, HOLDER = "110-234-567890", "김하나"


@pytest.fixture(scope="module")
async def idle_house(
    module_database_url: str, temporal_client: Client, sandbox: SandboxProcess
) -> AsyncIterator[House]:
    """Everything but a worker, for a shop that charges extra payments at Toss."""
    shops = reading.default()
    at_toss = shops.extra_payment.model_copy(update={"gateways": ("toss",)})
    policy = shops.model_copy(update={"extra_payment": at_toss})
    async with open_house(
        module_database_url, temporal_client, sandbox, f"saga-{uuid.uuid4()}", policy=policy
    ) as house:
        yield house


async def paid(house: House, means: Means, method: str) -> str:
    """An order of two units at 10,000, paid at Toss."""
    one = replace(payment("1", 20_000, means), gateway="toss")
    order_no = await house.feed(order(line(1, 10_000, quantity=2), payments=[one]))
    body = {"amount": 20_000, "method": method}
    (await house.gateway.put(f"/control/toss/payments/{order_no}-1", json=body)).raise_for_status()
    return order_no


def vault(house: House) -> Vault:
    return Vault(house.settings.service_secret.get_secret_value())


async def told(house: House, order_no: str) -> list[Mapping[str, Any]]:
    """The refunds in Toss's own ledger."""
    shown = (await house.gateway.get(f"/control/toss/payments/{order_no}-1")).raise_for_status().json()
    refunds: list[Mapping[str, Any]] = shown["refunds"]
    return refunds


@pytest.mark.parametrize("fault", [None, "lose_answer", "error_after", "html_after", "error_before"])
async def test_a_part_goes_back_once(house: House, fault: str | None) -> None:
    order_no = await paid(house, Means.CARD, "card")
    if fault is not None:
        body = {"kind": fault, "target": f"{order_no}-1"}
        (await house.gateway.post("/control/toss/faults", json=body)).raise_for_status()
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    (refund,) = await told(house, order_no)
    assert (refund["amount"], refund["reference"]) == (10_000, f"{asked.claim_no}-1")
    assert (
        await house.value("SELECT refund_ref FROM refund_legs WHERE claim_no = :no", no=asked.claim_no)
        == (refund["ref"])
    )
    assert await house.balanced()


async def test_a_cancel_that_came_too_soon_comes_back_under_a_new_key(house: House) -> None:
    order_no = await paid(house, Means.CARD, "card")
    body = {"kind": "refuse", "code": "FORBIDDEN_CONSECUTIVE_REQUEST", "target": f"{order_no}-1"}
    (await house.gateway.post("/control/toss/faults", json=body)).raise_for_status()
    for number in (1, 2):
        asked = house.asked(order_no, {1: 1})
        await house.cancel(asked)
        assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
        assert len(await told(house, order_no)) == number
    assert (await told(house, order_no))[0]["key"].endswith("-2")
    assert await house.balanced()


@pytest.mark.parametrize("fault", [None, "lose_answer"])
async def test_an_extra_payment_is_charged_to_a_billing_key_once(house: House, fault: str | None) -> None:
    billing_key = f"billing-{uuid.uuid4().hex}"
    asked = await asked_with_extra(house, await house.feed(cheap_piece(billing_key)))
    assert asked.extra is not None
    async with house.engine.begin() as conn:
        private_id = await private.keep(conn, vault(house).seal({TOKEN_PART: f"{billing_key}:customer-1"}))
    asked = asked.model_copy(update={"extra": replace(asked.extra, gateway="toss"), "private_id": private_id})
    means = {"customer": "customer-1"}
    (await house.gateway.put(f"/control/toss/stored-means/{billing_key}", json=means)).raise_for_status()
    if fault is not None:
        body = {"kind": fault, "target": f"X-{asked.claim_no}"}
        (await house.gateway.post("/control/toss/faults", json=body)).raise_for_status()
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    (paid_by,) = await taken(house, asked.claim_no)
    shown = (await house.gateway.get("/control/toss/payments")).raise_for_status().json()["payments"]
    (charged,) = [one for one in shown if one["orderId"] == f"X-{asked.claim_no}"]
    assert (charged["payment"], charged["amount"]) == (paid_by["gateway_ref"], EXTRA)
    assert billing_key not in (await house.handle(asked.workflow_id).fetch_history()).to_json()
    assert await house.balanced()


async def test_a_virtual_accounts_money_goes_to_the_refund_account_and_arrives_later(house: House) -> None:
    order_no = await paid(house, Means.VIRTUAL_ACCOUNT, "virtual_account")
    parts = {BANK_PART: "088", NUMBER_PART: NUMBER, HOLDER_PART: HOLDER}
    async with house.engine.begin() as conn:
        private_id = await private.keep(conn, vault(house).seal(parts))
    asked = house.asked(order_no, {1: 1}, has_account=True, private_id=private_id)
    await house.cancel(asked)

    async def accepted() -> bool:
        state = await house.value("SELECT state FROM refund_legs WHERE claim_no = :no", no=asked.claim_no)
        return bool(state == "PENDING")

    await house.eventually(accepted)
    (refund,) = await told(house, order_no)
    assert refund["status"] == "pending"
    (await house.gateway.post(f"/control/toss/refunds/{refund['ref']}/settle", json={})).raise_for_status()
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert [(one["amount"], one["status"]) for one in await told(house, order_no)] == [(10_000, "succeeded")]
    history = (await house.handle(asked.workflow_id).fetch_history()).to_json()
    events = str(await house.rows("SELECT facts FROM claim_events WHERE claim_no = :no", no=asked.claim_no))
    for secret in (NUMBER, HOLDER, "110234567890"):
        assert secret not in history + events


async def test_without_the_refund_account_nothing_has_moved_and_the_claim_is_undone(house: House) -> None:
    order_no = await paid(house, Means.VIRTUAL_ACCOUNT, "virtual_account")
    asked = house.asked(order_no, {1: 1}, has_account=True)
    await house.cancel(asked)
    outcome = await house.outcome(asked.workflow_id)
    assert (outcome["status"], outcome["reason"]) == ("REJECTED", "refund.account_needed")
    assert await told(house, order_no) == []
    assert await house.balanced()
