"""Claims whose payments are at PortOne and KakaoPay: the stand-ins' own ledgers count each refund once."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from temporalio.client import Client

from domain.orders import Means
from tests.support.extra import EXTRA, TOKEN, asked_with_extra, cheap_piece, taken
from tests.support.house import House, open_house
from tests.support.orders import POLICY, line, order, payment
from tests.support.sandbox import SandboxProcess

GATEWAYS = ("portone", "kakaopay")


@pytest.fixture(scope="module")
async def idle_house(
    module_database_url: str, temporal_client: Client, sandbox: SandboxProcess
) -> AsyncIterator[House]:
    """A house whose policy has extra payments charged at PortOne too."""
    extra = POLICY.extra_payment.model_copy(update={"gateways": ("sandbox", "portone")})
    policy = POLICY.model_copy(update={"extra_payment": extra})
    queue = f"saga-{uuid.uuid4()}"
    async with open_house(
        module_database_url, temporal_client, sandbox, queue, policy=policy, sandbox_settling=0.3
    ) as opened:
        yield opened


class Provider:
    """The control of one stand-in, by name."""

    def __init__(self, house: House, name: str) -> None:
        self._house = house
        self.name = name

    async def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        response = await self._house.gateway.request(method, f"/control/{self.name}{path}", json=body)
        told: dict[str, Any] = response.raise_for_status().json()
        return told

    async def paid(self, amount: int) -> tuple[str, str]:
        """An order of three units that was paid there; its number and the payment's."""
        paid = replace(payment("1", amount, Means.SIMPLE_PAY), gateway=self.name)
        order_no = await self._house.feed(order(line(1, amount // 3, 3), payments=[paid]))
        number = f"{order_no}-1"
        await self.call("PUT", f"/payments/{number}", {"amount": amount, "method": "easy_pay"})
        return order_no, number

    async def refunds(self, number: str) -> list[tuple[int, str]]:
        """What went back, and the reference that it was sent with."""
        told = await self.call("GET", f"/payments/{number}")
        return [(one["amount"], one["reference"]) for one in told["refunds"]]


@pytest.fixture(params=GATEWAYS)
async def provider(request: pytest.FixtureRequest, house: House) -> Provider:
    it = Provider(house, request.param)
    await it.call("DELETE", "/faults")
    return it


async def test_units_are_cancelled_one_after_the_other(house: House, provider: Provider) -> None:
    order_no, number = await provider.paid(30_000)
    legs = []
    for _ in range(2):
        asked = house.asked(order_no, {1: 1})
        await house.cancel(asked)
        assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
        legs.append((10_000, await house.value("SELECT leg_id FROM refund_legs WHERE claim_no = :n", n=asked.claim_no)))
    assert await provider.refunds(number) == legs
    assert await house.refunds(order_no) == []
    assert await house.balanced()


@pytest.mark.parametrize("fault", ["lose_request", "lose_answer"])
async def test_whatever_is_lost_the_money_goes_back_once(house: House, provider: Provider, fault: str) -> None:
    order_no, number = await provider.paid(30_000)
    await provider.call("POST", "/faults", {"kind": fault, "target": number})
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert [amount for amount, _ in await provider.refunds(number)] == [10_000]
    assert await house.balanced()


async def test_money_that_somebody_else_gave_back_undoes_the_claim_and_counts_in_the_next(
    house: House, provider: Provider
) -> None:
    """P10. Nobody told of it: the claim that met it has the payment compared, so that the next one is right."""
    order_no, number = await provider.paid(30_000)
    await provider.call("POST", f"/payments/{number}/refunds", {"amount": 5_000, "reason": "by hand"})
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "REJECTED"
    assert await provider.refunds(number) == [(5_000, "by hand")]
    outcomes = await house.rows("SELECT outcome FROM refund_attempts WHERE claim_no = :n", n=asked.claim_no)
    assert [one["outcome"] for one in outcomes] == ["CONFLICT"]
    rest = house.asked(order_no, {1: 3})
    await house.cancel(rest)
    assert (await house.outcome(rest.workflow_id))["status"] == "COMPLETED"
    assert [amount for amount, _ in await provider.refunds(number)] == [5_000, 25_000]
    assert await house.balanced()


async def test_what_portone_only_accepted_is_settled_when_it_says_so(house: House) -> None:
    portone = Provider(house, "portone")
    order_no, number = await portone.paid(30_000)
    await portone.call("POST", "/faults", {"kind": "pending", "target": number})
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)

    async def pending() -> str | None:
        ref: str | None = await house.value(
            "SELECT refund_ref FROM refund_legs WHERE claim_no = :n AND state = 'PENDING'", n=asked.claim_no
        )
        return ref

    ref = await house.eventually(pending)
    await portone.call("POST", f"/refunds/{ref}/settle", {"status": "succeeded"})
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert [amount for amount, _ in await portone.refunds(number)] == [10_000]


@pytest.mark.parametrize("fault", [None, "lose_answer"])
async def test_an_extra_payment_is_charged_at_portone_once(house: House, fault: str | None) -> None:
    portone = Provider(house, "portone")
    await portone.call("DELETE", "/faults")
    await portone.call("PUT", f"/stored-means/{TOKEN}", {"customer": "user-1"})
    order_no = await house.feed(cheap_piece(f"portone-{fault}"))
    asked = await asked_with_extra(house, order_no)
    assert asked.extra is not None
    asked = asked.model_copy(update={"extra": replace(asked.extra, gateway="portone")})
    reference = f"X-{asked.claim_no}"
    if fault:
        await portone.call("POST", "/faults", {"kind": fault, "target": reference})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    (ours,) = await taken(house, asked.claim_no)
    assert (ours["gateway"], ours["gateway_ref"], ours["amount"]) == ("portone", reference, EXTRA)
    assert (await portone.call("GET", f"/payments/{reference}"))["amount"] == EXTRA
    assert await house.balanced()
