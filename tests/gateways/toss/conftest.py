"""Where the suite pays: at the stand-in, or at Toss's own test environment when a test key is set.

``CLAIMS_TEST_TOSS_KEY`` is a secret key (``test_sk_…``) whose contract has billing keys, ``CLAIMS_TEST_TOSS_CARD`` a
card as ``number/yy/mm/birthday``; no money moves. Without them the stand-in plays Toss.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import httpx
import pytest
from pydantic import SecretStr

from gateways.payments.toss import TossGateway
from tests.sandbox.providers.control import Control, fresh
from tests.support.sandbox import SandboxProcess

KEY = os.environ.get("CLAIMS_TEST_TOSS_KEY")
CARD = os.environ.get("CLAIMS_TEST_TOSS_CARD")
REAL = KEY is not None and CARD is not None

STAND_IN_KEY = "test_sk_sandbox"
STAND_IN_CARD = "4330123456781234/30/12/900101"

stand_in_only = pytest.mark.skipif(REAL, reason="only the stand-in can be told to misbehave")


def order_number() -> str:
    """A reference of a charge, as ours are but for the date."""
    return f"X-{fresh('claim')}"[:60]


def adapter(url: str, key: str, *, read_timeout: float = 20) -> TossGateway:
    return TossGateway(
        url,
        secret_key=SecretStr(key),
        connect_timeout=3,
        read_timeout=read_timeout,
        settling=timedelta(seconds=60),
        key_life=timedelta(days=14),
    )


class Till(Protocol):
    """A merchant's own view, made without the adapter."""

    url: str
    key: str

    def pay(self, amount: int) -> str:
        """A captured card payment; its key."""
        ...

    def cancels(self, payment: str) -> list[tuple[int, str]]:
        """Every cancel of the payment: its amount and its reason."""
        ...

    def token(self) -> str:
        """A card that can be charged."""
        ...

    async def pause(self) -> None:
        """Toss takes one cancel of a payment in a second."""
        ...


@dataclass
class Wire:
    """Toss's own wire, spoken by hand."""

    http: httpx.Client
    url: str
    key: str
    card: str

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        credentials = base64.b64encode(f"{self.key}:".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        response = self.http.request(method, f"{self.url}{path}", json=body, headers=headers)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def token(self) -> str:
        number, year, month, birthday = self.card.split("/")
        customer = fresh("customer")
        asked = {
            "customerKey": customer,
            "cardNumber": number,
            "cardExpirationYear": year,
            "cardExpirationMonth": month,
            "customerIdentityNumber": birthday,
        }
        return f"{self.call('POST', '/v1/billing/authorizations/card', asked)['billingKey']}:{customer}"

    def cancels(self, payment: str) -> list[tuple[int, str]]:
        shown = self.call("GET", f"/v1/payments/{payment}")["cancels"] or []
        return [(cancel["cancelAmount"], cancel["cancelReason"]) for cancel in shown]


class RealTill(Wire):
    def pay(self, amount: int) -> str:
        billing_key, _, customer = self.token().partition(":")
        asked = {"customerKey": customer, "amount": amount, "orderId": order_number(), "orderName": "test"}
        return str(self.call("POST", f"/v1/billing/{billing_key}", asked)["paymentKey"])

    async def pause(self) -> None:
        await asyncio.sleep(2)


class StandInTill(Wire):
    """The stand-in's, with its control."""

    def __init__(self, http: httpx.Client, url: str) -> None:
        super().__init__(http, f"{url}/toss", STAND_IN_KEY, STAND_IN_CARD)
        self.control = Control(http, "toss")

    def pay(self, amount: int) -> str:
        return self.control.pay(amount)

    def cancels(self, payment: str) -> list[tuple[int, str]]:
        return [(refund["amount"], refund["reference"]) for refund in self.control.refunds(payment)]

    async def pause(self) -> None:
        self.control.advance(1_001)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("toss") / "data") as process:
        yield process


@pytest.fixture
def stand_in(sandbox: SandboxProcess) -> Iterator[StandInTill]:
    """A till at the stand-in, on which nothing of an earlier test is left to happen."""
    with httpx.Client(base_url=sandbox.url, timeout=15, trust_env=False) as http:
        till = StandInTill(http, sandbox.url)
        till.control.reset()
        yield till


@pytest.fixture
def till(request: pytest.FixtureRequest) -> Iterator[Till]:
    """A till wherever the suite pays."""
    if KEY is None or CARD is None:
        yield request.getfixturevalue("stand_in")
    else:
        with httpx.Client(timeout=60) as http:
            yield RealTill(http, "https://api.tosspayments.com", KEY, CARD)


@pytest.fixture
async def toss(till: Till) -> AsyncIterator[TossGateway]:
    made = adapter(till.url, till.key)
    yield made
    await made.aclose()
