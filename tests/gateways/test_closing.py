"""Closing a payment that nobody has to make any more, at the stand-ins: moves no money, whatever happens meanwhile.

P35: what the gateway shows decides. One that is awaited is closed; one that was paid is left to be refunded.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from gateways.payments.port import (
    CLOSING_UNSUPPORTED,
    AlreadyPaid,
    Closed,
    CloseOutcome,
    PaymentGateway,
    PaymentSnapshot,
    StillOpen,
)
from gateways.payments.portone import PortOneGateway
from gateways.payments.toss import TossGateway
from tests.gateways.conftest import adapter
from tests.sandbox.providers.control import Control, fresh
from tests.support.sandbox import SandboxProcess

SETTLING, KEY_LIFE = timedelta(seconds=60), timedelta(days=1)


def toss(url: str) -> TossGateway:
    return TossGateway(
        f"{url}/toss",
        secret_key=SecretStr("test_sk_sandbox"),
        connect_timeout=3,
        read_timeout=5,
        settling=SETTLING,
        key_life=KEY_LIFE,
    )


def portone(url: str) -> PortOneGateway:
    return PortOneGateway(
        f"{url}/portone",
        api_secret=SecretStr("portone_sandbox"),
        store_id="store-sandbox",
        connect_timeout=3,
        read_timeout=5,
        settling=SETTLING,
        key_life=KEY_LIFE,
    )


@pytest.fixture(params=[toss, portone], ids=["toss", "portone"])
async def closing(request: pytest.FixtureRequest, sandbox: SandboxProcess) -> AsyncIterator[PaymentGateway]:
    gateway: PaymentGateway = request.param(sandbox.url)
    yield gateway
    await gateway.aclose()


@pytest.fixture
def control(closing: PaymentGateway, sandbox: SandboxProcess) -> Iterator[Control]:
    with httpx.Client(base_url=sandbox.url, timeout=15, trust_env=False) as http:
        control = Control(http, closing.name)
        control.reset()
        yield control


async def close(gateway: PaymentGateway, payment: str) -> CloseOutcome:
    return await gateway.close(payment, fresh("close"))


def awaited(control: Control) -> str:
    return control.pay(9_000, method="virtual_account", state="waiting")


async def test_p35_an_account_without_its_deposit_is_closed_and_closing_it_again_finds_it_so(
    closing: PaymentGateway, control: Control
) -> None:
    payment = awaited(control)
    assert await close(closing, payment) == Closed()
    assert await close(closing, payment) == Closed()
    assert await closing.read(payment) == PaymentSnapshot(0, (), captured=0)
    assert control.refunds(payment) == []


async def test_p35_one_that_was_paid_is_left_to_be_refunded(closing: PaymentGateway, control: Control) -> None:
    payment = awaited(control)
    control.call("POST", f"/payments/{payment}/deposit")
    assert await close(closing, payment) == AlreadyPaid(9_000)
    assert control.refunds(payment) == []


async def test_a_payment_by_card_is_never_cancelled_by_it(closing: PaymentGateway, control: Control) -> None:
    payment = control.pay(9_000)
    assert await close(closing, payment) == AlreadyPaid(9_000)
    assert control.balance(payment) == 9_000


@pytest.mark.parametrize("fault", ["lose_answer", "error_before", "error_after"])
async def test_without_a_plain_answer_the_payment_tells(closing: PaymentGateway, control: Control, fault: str) -> None:
    """Whether it was closed or not: this try finds out, or the next one."""
    payment = awaited(control)
    control.fault(fault, payment)
    outcome = await close(closing, payment)
    assert outcome == Closed() or (isinstance(outcome, StillOpen) and outcome.again)
    control.advance(1_001)
    assert await close(closing, payment) == Closed()
    assert control.refunds(payment) == []


async def test_one_that_the_gateway_does_not_know_stays_as_it_is(closing: PaymentGateway) -> None:
    assert await close(closing, fresh("unknown")) == StillOpen("no_such_payment", again=False)


async def test_a_gateway_that_can_not_close_says_so(sandbox: SandboxProcess) -> None:
    gateway = adapter(sandbox.url)
    assert await close(gateway, "pg-1") == CLOSING_UNSUPPORTED
    await gateway.aclose()
