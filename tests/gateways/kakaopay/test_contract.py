"""What the protocol relies on, over HTTP: against the stand-in, and against KakaoPay itself when a test code is named.

For KakaoPay: CLAIMS_TEST_KAKAOPAY_SECRET, CLAIMS_TEST_KAKAOPAY_CID, and CLAIMS_TEST_KAKAOPAY_TID, a payment of the test
code that somebody made in a browser; a run takes 300 won of it, and leaves the rest. Faults can only be ordered from
the stand-in.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from domain.orders import Means
from gateways.payments.kakaopay import KakaoPayGateway
from gateways.payments.port import (
    Absent,
    Conflict,
    Done,
    Found,
    Misconfigured,
    NotSent,
    PaymentSnapshot,
    RefundCommand,
    Undetermined,
    Unknown,
)
from tests.gateways.test_sandbox_gateway import speaking
from tests.refunds.waiting import until
from tests.sandbox.providers.control import Control, fresh
from tests.support.ports import free_port
from tests.support.sandbox import SandboxProcess

REAL = ("CLAIMS_TEST_KAKAOPAY_SECRET", "CLAIMS_TEST_KAKAOPAY_CID", "CLAIMS_TEST_KAKAOPAY_TID")


def adapter(url: str, **changes: Any) -> KakaoPayGateway:
    settings: dict[str, Any] = {
        "secret_key": SecretStr("DEV_sandbox"), "cid": "TC0ONETIME", "connect_timeout": 3, "read_timeout": 30,
        "settling": timedelta(seconds=20),
    }  # fmt: skip
    return KakaoPayGateway(url, **{**settings, **changes})


def refund(payment: str, amount: int, guard: int, **changes: Any) -> RefundCommand:
    reference = fresh("leg")
    asked = RefundCommand(payment, amount, f"refund-{reference}-1", reference, guard, "KRW", Means.SIMPLE_PAY)
    return replace(asked, **changes)


@dataclass
class Place:
    """Where the suite runs: the adapter, and a payment that is there already when it is KakaoPay itself."""

    gateway: KakaoPayGateway
    control: Control
    url: str
    tid: str | None = None

    async def paid(self) -> tuple[str, int]:
        """A payment, and what it holds."""
        tid = self.tid or self.control.pay(1_000)
        read = await self.gateway.read(tid)
        assert isinstance(read, PaymentSnapshot)
        return tid, read.balance


@pytest.fixture(scope="module")
def http(sandbox: SandboxProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, timeout=15, trust_env=False) as client:
        yield client


@pytest.fixture
def control(http: httpx.Client) -> Control:
    """The stand-in, without faults and with its own quirks."""
    it = Control(http, "kakaopay")
    it.reset()
    return it


@pytest.fixture(scope="module")
async def shared(sandbox: SandboxProcess) -> AsyncIterator[KakaoPayGateway]:
    made = adapter(f"{sandbox.url}/kakaopay")
    yield made
    await made.aclose()


@pytest.fixture
def gateway(shared: KakaoPayGateway, control: Control) -> KakaoPayGateway:
    return shared


@pytest.fixture(params=["stand-in", "real"])
async def place(
    request: pytest.FixtureRequest, gateway: KakaoPayGateway, control: Control, sandbox: SandboxProcess
) -> AsyncIterator[Place]:
    if request.param == "stand-in":
        yield Place(gateway, control, f"{sandbox.url}/kakaopay")
        return
    if not all(os.environ.get(name) for name in REAL):
        pytest.skip(f"needs {', '.join(REAL)}")
    secret, cid, tid = (os.environ[name] for name in REAL)
    url = "https://open-api.kakaopay.com"
    made = adapter(url, secret_key=SecretStr(secret), cid=cid, read_timeout=60)
    yield Place(made, control, url, tid)
    await made.aclose()


# --- at both --------------------------------------------------------------------------------------------------------


async def test_parts_go_back_each_on_its_own(place: Place) -> None:
    tid, balance = await place.paid()
    first, second = refund(tid, 100, balance), refund(tid, 100, balance - 100)
    told = [await place.gateway.refund(one) for one in (first, second)]
    assert [await place.gateway.find(tid, one.reference, 100) for one in (first, second)] == [
        Found(one.ref) for one in told if isinstance(one, Done)
    ]
    read = await place.gateway.read(tid)
    assert isinstance(read, PaymentSnapshot)
    assert read.balance == balance - 200


async def test_the_guard_holds(place: Place) -> None:
    tid, balance = await place.paid()
    asked = refund(tid, 100, balance - 1)
    assert await place.gateway.refund(asked) == Conflict("-780")
    assert await place.gateway.find(tid, asked.reference, 100) == Absent()


async def test_there_are_no_keys_and_only_the_guard_stops_the_same_again(place: Place) -> None:
    tid, balance = await place.paid()
    asked = refund(tid, 100, balance)
    assert isinstance(await place.gateway.refund(asked), Done)
    assert await place.gateway.refund(asked) == Unknown("-780", answered=True)
    assert isinstance(await place.gateway.find(tid, asked.reference, 100), Found)
    read = await place.gateway.read(tid)
    assert isinstance(read, PaymentSnapshot)
    assert read.balance == balance - 100


async def test_more_than_is_left_is_never_done(place: Place) -> None:
    tid, balance = await place.paid()
    assert await place.gateway.refund(refund(tid, balance + 1, balance)) == Unknown("-780", answered=True)


async def test_a_payment_that_it_does_not_know_is_not_absent(place: Place) -> None:
    """No code of its own says so: it could be any refusal."""
    tid = fresh("T")[:20]
    assert isinstance(await place.gateway.refund(refund(tid, 100, 100)), Unknown)
    assert isinstance(await place.gateway.read(tid), Undetermined)
    assert isinstance(await place.gateway.find(tid, "leg", 100), Undetermined)


async def test_a_wrong_key_is_ours_to_mend(place: Place) -> None:
    tid, balance = await place.paid()
    stranger = adapter(place.url, secret_key=SecretStr("DEV_of_nobody"))
    try:
        assert await stranger.refund(refund(tid, 100, balance)) == Misconfigured("-401")
        assert await stranger.find(tid, "leg", 100) == Undetermined("-401")
    finally:
        await stranger.aclose()


# --- at the stand-in ------------------------------------------------------------------------------------------------


async def test_the_whole_goes_back_once(gateway: KakaoPayGateway, control: Control) -> None:
    tid = control.pay(1_000)
    asked = refund(tid, 1_000, 1_000)
    done = await gateway.refund(asked)
    (booked,) = control.refunds(tid)
    assert (done, booked["amount"], booked["reference"]) == (Done(booked["ref"]), 1_000, asked.reference)
    assert await gateway.find(tid, asked.reference, 1_000) == Found(booked["ref"])
    assert await gateway.refund(refund(tid, 1, 1)) == Conflict("-780")


@pytest.mark.parametrize("kind", ["lose_answer", "error_after", "html_after"])
async def test_what_was_done_without_a_word_is_found(gateway: KakaoPayGateway, control: Control, kind: str) -> None:
    tid = control.pay(1_000)
    control.fault(kind, tid)
    asked = refund(tid, 300, 1_000)
    outcome = await gateway.refund(asked)
    assert isinstance(outcome, Unknown)
    assert outcome.answered is (kind != "lose_answer")
    (booked,) = control.refunds(tid)
    assert await gateway.find(tid, asked.reference, 300) == Found(booked["ref"])


@pytest.mark.parametrize("kind", ["lose_request", "error_before", "html_before"])
async def test_what_was_not_done_is_absent(gateway: KakaoPayGateway, control: Control, kind: str) -> None:
    tid = control.pay(1_000)
    control.fault(kind, tid)
    asked = refund(tid, 300, 1_000)
    assert isinstance(await gateway.refund(asked), Unknown)
    assert await gateway.find(tid, asked.reference, 300) == Absent()
    assert control.refunds(tid) == []


@pytest.mark.parametrize("code", ["-780", "-1", "-702"])
async def test_a_refusal_that_the_balance_does_not_explain_is_unknown(
    gateway: KakaoPayGateway, control: Control, code: str
) -> None:
    tid = control.pay(1_000)
    control.fault("refuse", tid, code=code)
    assert await gateway.refund(refund(tid, 300, 1_000)) == Unknown(code, answered=True)


@pytest.mark.parametrize("code", ["-2", "-401"])
async def test_a_refusal_that_is_ours_to_mend(gateway: KakaoPayGateway, control: Control, code: str) -> None:
    tid = control.pay(1_000)
    control.fault("refuse", tid, code=code)
    assert await gateway.refund(refund(tid, 300, 1_000)) == Misconfigured(code)


async def test_no_answer_in_time_is_perhaps_sent(sandbox: SandboxProcess, control: Control) -> None:
    tid = control.pay(1_000)
    control.fault("delay", tid, delayMs=60_000)
    hasty = adapter(f"{sandbox.url}/kakaopay", read_timeout=0.3)
    try:
        assert await hasty.refund(refund(tid, 300, 1_000)) == Unknown("ReadTimeout", answered=False)
        assert control.balance(tid) == 700
    finally:
        await hasty.aclose()


async def test_no_connection_is_not_sent() -> None:
    nobody = adapter(f"http://127.0.0.1:{free_port()}")
    try:
        assert await nobody.refund(refund("T", 300, 1_000)) == NotSent("ConnectError")
        assert await nobody.find("T", "leg", 1) == Undetermined("ConnectError")
    finally:
        await nobody.aclose()


@pytest.mark.parametrize(("honours_guard", "paid"), [(True, [300]), (False, [300, 300])])
async def test_only_the_guard_stops_a_request_that_acts_late_from_paying_beside_the_next(
    gateway: KakaoPayGateway, control: Control, sandbox: SandboxProcess, honours_guard: bool, paid: list[int]
) -> None:
    control.quirk(honours_guard=honours_guard)
    tid, later = control.pay(1_000), control.pay(1_000)
    control.fault("late", tid, delayMs=60_000)
    control.fault("late", later, delayMs=60_000)
    asked = refund(tid, 300, 1_000)
    hasty = adapter(f"{sandbox.url}/kakaopay", read_timeout=0.3)
    for one in (asked, refund(later, 300, 1_000)):
        assert await hasty.refund(one) == Unknown("ReadTimeout", answered=False)
    await hasty.aclose()
    assert isinstance(await gateway.refund(asked), Done)
    control.advance(120_000)
    # The one that was due after it has acted.
    await until(lambda: control.refunds(later))
    assert [one["amount"] for one in control.refunds(tid)] == paid


async def test_a_cancel_of_the_console_is_read_and_is_not_ours(gateway: KakaoPayGateway, control: Control) -> None:
    tid = control.pay(1_000)
    control.call("POST", f"/payments/{tid}/refunds", {"amount": 300, "reason": "by hand"})
    asked = refund(tid, 300, 1_000)
    assert await gateway.refund(asked) == Conflict("-780")
    assert await gateway.find(tid, asked.reference, 300) == Absent()


async def test_an_order_query_that_echoes_nothing_proves_nothing(gateway: KakaoPayGateway, control: Control) -> None:
    control.quirk(echoes_payload=False)
    tid = control.pay(1_000)
    control.fault("lose_answer", tid)
    asked = refund(tid, 300, 1_000)
    await gateway.refund(asked)
    assert await gateway.find(tid, asked.reference, 300) == Undetermined("reference_not_echoed")
    assert await gateway.find(tid, "another", 200) == Absent()


async def test_tax_parts_are_told(gateway: KakaoPayGateway, control: Control) -> None:
    tid = control.pay(1_000, taxFree=400)
    assert await gateway.refund(refund(tid, 700, 1_000)) == Unknown("-780", answered=True)
    assert isinstance(await gateway.refund(refund(tid, 700, 1_000, tax_free=400, vat=27)), Done)
    body = {"cid": "TC0ONETIME", "tid": tid}
    headers = {"Authorization": "SECRET_KEY DEV_sandbox"}
    order = control.http.post("/kakaopay/online/v1/payment/order", json=body, headers=headers).json()
    assert (order["canceled_amount"]["tax_free"], order["canceled_amount"]["vat"]) == (400, 27)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        ("200 OK", "<html>welcome</html>", "unreadable_answer"),
        ("404 Not Found", "<html>a proxy's own</html>", "http_404"),
        ("404 Not Found", '{"message": "no such path"}', "http_404"),
        ("502 Bad Gateway", "", "http_502"),
        ("302 Found\r\nLocation: /elsewhere", "", "http_302"),
    ],
)
async def test_a_read_concludes_nothing_from_other_words(status: str, body: str, code: str) -> None:
    async with speaking(status, body) as url:
        gateway = adapter(url)
        try:
            assert await gateway.read("T1") == Undetermined(code)
            assert await gateway.find("T1", "leg", 300) == Undetermined(code)
        finally:
            await gateway.aclose()
