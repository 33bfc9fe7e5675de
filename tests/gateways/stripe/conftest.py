"""Stripe's adapter on two sides: the stand-in, and Stripe itself where a test key is given."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import httpx
import pytest
import stripe

from domain.orders import Means
from gateways.payments.port import ChargeCommand, RefundCommand
from gateways.payments.stripe import StripeGateway
from tests.sandbox.providers.control import Control, fresh
from tests.support.sandbox import SandboxProcess

TEST_KEY = "CLAIMS_TEST_STRIPE_KEY"
"""The environment variable with a secret test key (`sk_test_…`) of a real account; unset: that side is skipped."""

SECRET, HOOK_SECRET = "sk_test_sandbox", "whsec_sandbox"
DECLINED_CARD = "declined"

Ledger = list[tuple[str, int, str, str | None]]
"""Refunds, oldest first: name, amount, status, reference."""


def adapter(url: str, *, secret: str = SECRET, read_timeout: float = 10) -> StripeGateway:
    return StripeGateway(
        url,
        secret,
        webhook_secret=HOOK_SECRET,
        connect_timeout=3,
        read_timeout=read_timeout,
        settling=timedelta(seconds=60),
        key_life=timedelta(hours=20),
    )


def refund_of(payment_ref: str, amount: int, *, key: str | None = None, currency: str = "KRW") -> RefundCommand:
    reference = fresh("leg")
    # The guard is wrong on purpose: Stripe can be told none.
    return RefundCommand(payment_ref, amount, key or f"refund-{reference}-1", reference, 1, currency, Means.CARD)


def charge_of(token: str, amount: int, *, currency: str = "KRW", means: Means = Means.CARD) -> ChargeCommand:
    reference = fresh("X")
    return ChargeCommand(amount, currency, means, token=token, key=f"charge-{reference}-1", reference=reference)


class Side(Protocol):
    """Where payments come from, and whose own ledger is asked."""

    gateway: StripeGateway

    async def pay(self, amount: int) -> str:
        """A captured payment in KRW; its payment intent."""
        ...

    async def store_card(self, card: str = "good") -> str:
        """The token of a customer's stored card; `declined`: of one that is declined."""
        ...

    async def charge_of(self, payment: str) -> str:
        """The name of the charge that a payment intent has made."""
        ...

    async def refunds(self, payment: str) -> Ledger: ...


@dataclass
class StandIn:
    """The stand-in."""

    gateway: StripeGateway
    control: Control

    async def pay(self, amount: int) -> str:
        return self.control.pay(amount)

    async def store_card(self, card: str = "good") -> str:
        customer, means = fresh("cus"), fresh("pm")
        self.control.call("PUT", f"/stored-means/{means}", {"customer": customer})
        if card == DECLINED_CARD:
            self.control.fault("refuse", customer, code="card_declined", status=402)
        return f"{customer}:{means}"

    async def charge_of(self, payment: str) -> str:
        headers = {"Authorization": f"Bearer {SECRET}"}
        return str(
            self.control.http.get(f"/stripe/v1/payment_intents/{payment}", headers=headers).json()["latest_charge"]
        )

    async def refunds(self, payment: str) -> Ledger:
        return [(one["ref"], one["amount"], one["status"], one["reference"]) for one in self.control.refunds(payment)]


@dataclass
class Real:
    """Stripe's test mode."""

    gateway: StripeGateway
    client: stripe.StripeClient

    async def pay(self, amount: int) -> str:
        taken = await self.client.v1.payment_intents.create_async(
            {
                "amount": amount,
                "currency": "krw",
                "payment_method": "pm_card_visa",
                "allowed_payment_method_types": ["card"],
                "confirm": True,
            }
        )
        return taken.id

    async def store_card(self, card: str = "good") -> str:
        named = "pm_card_chargeCustomerFail" if card == DECLINED_CARD else "pm_card_visa"
        customer = await self.client.v1.customers.create_async({})
        means = await self.client.v1.payment_methods.attach_async(named, {"customer": customer.id})
        return f"{customer.id}:{means.id}"

    async def charge_of(self, payment: str) -> str:
        return str((await self.client.v1.payment_intents.retrieve_async(payment)).latest_charge)

    async def refunds(self, payment: str) -> Ledger:
        listed = await self.client.v1.refunds.list_async({"payment_intent": payment, "limit": 100})
        return [
            (one.id, one.amount, str(one.status), one.metadata["reference"] if one.metadata else None)
            for one in reversed(listed.data)
        ]


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """A running stand-in, shared by all of these tests."""
    with SandboxProcess(tmp_path_factory.mktemp("stripe") / "data") as process:
        yield process


@pytest.fixture
def control(world: SandboxProcess) -> Iterator[Control]:
    """The stand-in's control; nothing of an earlier test is left to happen."""
    with httpx.Client(base_url=world.url, timeout=15, trust_env=False) as client:
        control = Control(client, "stripe")
        control.reset()
        yield control


@pytest.fixture
async def gateway(world: SandboxProcess) -> AsyncIterator[StripeGateway]:
    """The adapter on the stand-in."""
    made = adapter(f"{world.url}/stripe")
    yield made
    await made.aclose()


@pytest.fixture
def stand_in(gateway: StripeGateway, control: Control) -> StandIn:
    """The stand-in's side, for what the real one can't be made to do."""
    return StandIn(gateway, control)


@pytest.fixture(params=["stand-in", "real"])
async def side(request: pytest.FixtureRequest, stand_in: StandIn) -> AsyncIterator[Side]:
    """Each side in turn."""
    if request.param == "stand-in":
        yield stand_in
        return
    key = os.environ.get(TEST_KEY)
    if not key:
        pytest.skip(f"{TEST_KEY} is not set")
    made = adapter("https://api.stripe.com", secret=key, read_timeout=60)
    yield Real(made, stripe.StripeClient(key, http_client=stripe.HTTPXClient(timeout=60)))
    await made.aclose()
