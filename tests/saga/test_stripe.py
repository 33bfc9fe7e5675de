"""Claims on payments at Stripe: its stand-in's own ledger shows each refund, and each charge, once."""

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
from store.private import TOKEN_PART, Vault
from tests.support.extra import EXTRA, asked_with_extra, cheap_piece
from tests.support.house import House, open_house
from tests.support.orders import line, order, payment
from tests.support.sandbox import SandboxProcess


@pytest.fixture(scope="module")
async def idle_house(
    module_database_url: str, temporal_client: Client, sandbox: SandboxProcess
) -> AsyncIterator[House]:
    """A house whose policy lets Stripe charge what a cancel costs."""
    shop = reading.default()
    charging = shop.model_copy(
        update={"extra_payment": shop.extra_payment.model_copy(update={"gateways": ("stripe",)})}
    )
    queue = f"saga-{uuid.uuid4()}"
    async with open_house(module_database_url, temporal_client, sandbox, queue, policy=charging) as house:
        yield house


async def control(house: House, method: str, path: str, body: object = None) -> Mapping[str, Any]:
    response = await house.gateway.request(method, f"/control/stripe{path}", json=body)
    told: Mapping[str, Any] = response.raise_for_status().json()
    return told


async def paid(house: House, amount: int = 30_000) -> str:
    """An order of three pieces, paid at Stripe; its payment there is named `<order>-1`."""
    await control(house, "DELETE", "/faults")
    order_no = await house.feed(
        order(line(1, amount // 3, 3), payments=[replace(payment("1", amount), gateway="stripe")])
    )
    await control(house, "PUT", f"/payments/{order_no}-1", {"amount": amount})
    return order_no


async def at_stripe(house: House, order_no: str) -> list[tuple[int, str]]:
    """Refunds in Stripe's ledger: amount, status."""
    ledger = await control(house, "GET", f"/payments/{order_no}-1")
    return [(one["amount"], one["status"]) for one in ledger["refunds"]]


async def leg(house: House, claim_no: str) -> Mapping[str, Any]:
    (row,) = await house.rows("SELECT * FROM refund_legs WHERE claim_no = :no", no=claim_no)
    return row


async def test_one_piece_goes_back_once(house: House) -> None:
    order_no = await paid(house)
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    ledger = await control(house, "GET", f"/payments/{order_no}-1")
    (refund,) = ledger["refunds"]
    written = await leg(house, asked.claim_no)
    assert (refund["amount"], refund["reference"], refund["ref"]) == (10_000, written["leg_id"], written["refund_ref"])
    assert await house.balanced()


@pytest.mark.parametrize("fault", ["lose_answer", "error_before", "error_after", "html_after", "lose_request"])
async def test_whatever_is_lost_it_goes_back_once(house: House, fault: str) -> None:
    order_no = await paid(house)
    await control(house, "POST", "/faults", {"kind": fault, "target": f"{order_no}-1"})
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await at_stripe(house, order_no) == [(10_000, "succeeded")]
    assert await house.balanced()


async def test_what_somebody_else_gave_back_is_a_conflict(house: House) -> None:
    order_no = await paid(house)
    await control(house, "POST", f"/payments/{order_no}-1/refunds", {"amount": 25_000, "reason": "by hand"})
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    # Nothing had been done for the claim yet, so it is undone.
    assert (await house.outcome(asked.workflow_id))["status"] == "REJECTED"
    reason = await house.value("SELECT refusal_reason FROM claims WHERE claim_no = :no", no=asked.claim_no)
    assert reason == "refund.psp_conflict"
    assert await at_stripe(house, order_no) == [(25_000, "succeeded")]
    assert await house.balanced()


async def test_a_stored_card_pays_what_a_cancel_costs(house: House) -> None:
    customer, card = f"cus_{uuid.uuid4().hex}", f"pm_{uuid.uuid4().hex}"
    await control(house, "DELETE", "/faults")
    await control(house, "PUT", f"/stored-means/{card}", {"customer": customer})
    await control(house, "POST", "/faults", {"kind": "error_after", "target": customer})
    order_no = await house.feed(cheap_piece("stripe"))
    asked = await asked_with_extra(house, order_no, Means.CARD)
    assert asked.extra is not None
    vault = Vault(house.settings.service_secret.get_secret_value())
    async with house.engine.begin() as conn:
        token_id = await private.keep(conn, vault.seal({TOKEN_PART: f"{customer}:{card}"}))
    asked = asked.model_copy(update={"extra": replace(asked.extra, gateway="stripe"), "private_id": token_id})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    taken = [
        one["payment"]
        for one in (await control(house, "GET", "/payments"))["payments"]
        if one["orderId"] == f"X-{asked.claim_no}"
    ]
    row = await house.rows(
        "SELECT gateway, gateway_ref, amount FROM order_payments WHERE taken_by = :c", c=asked.claim_no
    )
    assert row == [{"gateway": "stripe", "gateway_ref": taken[0], "amount": EXTRA}]
    assert len(taken) == 1
    assert await house.balanced()
