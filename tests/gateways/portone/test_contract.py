"""What the protocol relies on, over HTTP: against the stand-in, and against PortOne itself when a test store is named.

For PortOne: CLAIMS_TEST_PORTONE_SECRET, CLAIMS_TEST_PORTONE_STORE and CLAIMS_TEST_PORTONE_BILLING_KEY, of a test
channel. Payments are then charges of that key. Faults can only be ordered from the stand-in.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import portone_server_sdk as portone
import pytest
from pydantic import SecretStr

from domain.orders import Means
from gateways.payments.port import (
    Absent,
    BadWebhook,
    ChargeCommand,
    ChargeRecord,
    Conflict,
    Done,
    Found,
    Misconfigured,
    NoSuchPayment,
    NotSent,
    Outcome,
    PaymentSnapshot,
    Pending,
    RefundAccount,
    RefundCommand,
    RefundStatus,
    Rejected,
    Retry,
    Undetermined,
    Unknown,
    WebhookHint,
)
from gateways.payments.portone import PortOneGateway
from tests.gateways.test_sandbox_gateway import speaking
from tests.refunds.waiting import until
from tests.sandbox.providers.control import Control, fresh
from tests.sandbox.providers.receiver import receiver
from tests.support.ports import free_port
from tests.support.sandbox import SandboxProcess

WEBHOOK_SECRET = "whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3g="
BILLING_KEY = "bk-1"
REAL = ("CLAIMS_TEST_PORTONE_SECRET", "CLAIMS_TEST_PORTONE_STORE", "CLAIMS_TEST_PORTONE_BILLING_KEY")


def adapter(url: str, **changes: Any) -> PortOneGateway:
    settings: dict[str, Any] = {
        "api_secret": SecretStr("portone_sandbox"), "store_id": "store-sandbox",
        "webhook_secret": SecretStr(WEBHOOK_SECRET), "connect_timeout": 3, "read_timeout": 30,
        "settling": timedelta(seconds=20), "key_life": timedelta(hours=20),
    }  # fmt: skip
    return PortOneGateway(url, **{**settings, **changes})


def address(control: Control) -> str:
    return f"{str(control.http.base_url).rstrip('/')}/portone"


def refund(payment: str, amount: int, guard: int, **changes: Any) -> RefundCommand:
    reference = fresh("leg")
    asked = RefundCommand(payment, amount, f"refund-{reference}-1", reference, guard, "KRW", Means.CARD)
    return replace(asked, **changes)


def charge(amount: int = 1_000, **changes: Any) -> ChargeCommand:
    reference = fresh("X")
    asked = ChargeCommand(
        amount=amount,
        currency="KRW",
        means=Means.CARD,
        token=BILLING_KEY,
        key=f"charge-{reference}-1",
        reference=reference,
    )
    return replace(asked, **changes)


@dataclass
class Place:
    """Where the suite runs: the adapter, a billing key, and the stand-in's control when it is the stand-in."""

    gateway: PortOneGateway
    token: str
    control: Control | None

    async def pay(self, amount: int) -> str:
        if self.control is not None:
            return self.control.pay(amount)
        taken = await self.gateway.charge(charge(amount, token=self.token))
        assert isinstance(taken, Done)
        return taken.ref


@pytest.fixture(scope="module")
def http(sandbox: SandboxProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, timeout=15, trust_env=False) as client:
        yield client


@pytest.fixture
def control(http: httpx.Client) -> Control:
    """The stand-in, without faults, with one billing key."""
    it = Control(http, "portone")
    it.reset()
    it.call("PUT", f"/stored-means/{BILLING_KEY}", {"customer": "user-1"})
    return it


@pytest.fixture(scope="module")
async def shared(sandbox: SandboxProcess) -> AsyncIterator[PortOneGateway]:
    made = adapter(f"{sandbox.url}/portone")
    yield made
    await made.aclose()


@pytest.fixture
def gateway(shared: PortOneGateway, control: Control) -> PortOneGateway:
    return shared


@pytest.fixture(params=["stand-in", "real"])
async def place(request: pytest.FixtureRequest, gateway: PortOneGateway, control: Control) -> AsyncIterator[Place]:
    if request.param == "stand-in":
        yield Place(gateway, BILLING_KEY, control)
        return
    if not all(os.environ.get(name) for name in REAL):
        pytest.skip(f"needs {', '.join(REAL)}")
    secret, store, billing_key = (os.environ[name] for name in REAL)
    made = adapter("https://api.portone.io", api_secret=SecretStr(secret), store_id=store, read_timeout=60)
    yield Place(made, billing_key, None)
    await made.aclose()


def ledger(control: Control, payment: str) -> list[tuple[int, str]]:
    """What went back, by the stand-in's own books."""
    return [(one["amount"], one["status"]) for one in control.refunds(payment)]


# --- at both --------------------------------------------------------------------------------------------------------


async def test_the_whole_goes_back(place: Place) -> None:
    payment = await place.pay(1_000)
    asked = refund(payment, 1_000, 1_000)
    done = await place.gateway.refund(asked)
    assert isinstance(done, Done)
    read = await place.gateway.read(payment)
    assert isinstance(read, PaymentSnapshot)
    assert (read.balance, [(one.refund_ref, one.amount, one.reference) for one in read.refunds]) == (
        0, [(done.ref, 1_000, asked.reference)],
    )  # fmt: skip
    assert await place.gateway.find(payment, asked.reference, 1_000) == Found(done.ref)
    assert await place.gateway.refund(refund(payment, 1, 0)) == Conflict("PAYMENT_ALREADY_CANCELLED")


async def test_parts_go_back_each_on_its_own(place: Place) -> None:
    payment = await place.pay(1_000)
    first, second = refund(payment, 300, 1_000), refund(payment, 300, 700)
    told = [await place.gateway.refund(one) for one in (first, second)]
    read = await place.gateway.read(payment)
    assert isinstance(read, PaymentSnapshot)
    assert read.balance == 400
    assert [Done(one.refund_ref) for one in sorted(read.refunds, key=lambda r: r.reference != first.reference)] == told
    assert [await place.gateway.find(payment, one.reference, 300) for one in (first, second)] == [
        Found(one.ref) for one in told if isinstance(one, Done)
    ]


async def test_the_same_key_pays_once(place: Place) -> None:
    payment = await place.pay(1_000)
    asked = refund(payment, 300, 1_000)
    first = await place.gateway.refund(asked)
    assert isinstance(first, Done)
    assert await place.gateway.refund(asked) == first
    read = await place.gateway.read(payment)
    assert isinstance(read, PaymentSnapshot)
    assert (read.balance, len(read.refunds)) == (700, 1)


async def test_the_guard_holds(place: Place) -> None:
    payment = await place.pay(1_000)
    outcome = await place.gateway.refund(refund(payment, 300, 999))
    assert outcome == Conflict("CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN")
    read = await place.gateway.read(payment)
    assert read == PaymentSnapshot(1_000, (), captured=1_000)


async def test_more_than_is_left_is_a_conflict(place: Place) -> None:
    payment = await place.pay(1_000)
    assert await place.gateway.refund(refund(payment, 1_001, 1_000)) == Conflict(
        "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"
    )


async def test_a_payment_that_it_does_not_know(place: Place) -> None:
    payment = fresh("pay")
    assert await place.gateway.refund(refund(payment, 300, 300)) == Rejected("PAYMENT_NOT_FOUND")
    assert await place.gateway.read(payment) == NoSuchPayment()
    assert await place.gateway.find(payment, "leg", 300) == Absent()
    assert await place.gateway.find_charge(payment, 300) == Absent()


async def test_a_charge_is_found_by_our_reference_and_goes_back(place: Place) -> None:
    asked = charge(token=place.token)
    assert await place.gateway.charge(asked) == Done(asked.reference)
    assert await place.gateway.charge(asked) == Done(asked.reference)
    assert await place.gateway.list_charges(asked.reference) == (ChargeRecord(asked.reference, 1_000),)
    assert await place.gateway.find_charge(asked.reference, 1_000) == Found(asked.reference)
    assert await place.gateway.find_charge(asked.reference, 999) == Undetermined("amount_differs")
    assert isinstance(await place.gateway.refund(refund(asked.reference, 1_000, 1_000)), Done)
    assert await place.gateway.find_charge(asked.reference, 1_000) == Found(asked.reference)


async def test_a_billing_key_that_it_does_not_know(place: Place) -> None:
    asked = charge(token="billing-key-of-nobody")
    assert await place.gateway.charge(asked) == Rejected("BILLING_KEY_NOT_FOUND")
    assert await place.gateway.find_charge(asked.reference, 1_000) == Absent()


async def test_a_wrong_secret_is_ours_to_mend(place: Place) -> None:
    payment = await place.pay(1_000)
    url = "https://api.portone.io" if place.control is None else address(place.control)
    stranger = adapter(url, api_secret=SecretStr("secret-of-nobody"))
    try:
        assert await stranger.refund(refund(payment, 300, 1_000)) == Misconfigured("UNAUTHORIZED")
        assert await stranger.find(payment, "leg", 300) == Undetermined("UNAUTHORIZED")
        assert await stranger.charge(charge()) == Misconfigured("UNAUTHORIZED")
    finally:
        await stranger.aclose()


# --- faults, at the stand-in ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lose_answer", "error_after", "html_after"])
async def test_what_was_done_without_a_word_is_found(gateway: PortOneGateway, control: Control, kind: str) -> None:
    payment = control.pay(1_000)
    control.fault(kind, payment)
    asked = refund(payment, 300, 1_000)
    outcome = await gateway.refund(asked)
    assert isinstance(outcome, Unknown)
    assert outcome.answered is (kind != "lose_answer")
    (done,) = control.refunds(payment)
    assert await gateway.find(payment, asked.reference, 300) == Found(done["ref"])


@pytest.mark.parametrize("kind", ["lose_request", "error_before", "html_before"])
async def test_what_was_not_done_is_absent(gateway: PortOneGateway, control: Control, kind: str) -> None:
    payment = control.pay(1_000)
    control.fault(kind, payment)
    asked = refund(payment, 300, 1_000)
    outcome = await gateway.refund(asked)
    assert isinstance(outcome, Unknown)
    assert await gateway.find(payment, asked.reference, 300) == Absent()
    assert control.refunds(payment) == []


async def test_a_provider_behind_it_that_fails_says_nothing(gateway: PortOneGateway, control: Control) -> None:
    payment = control.pay(1_000)
    control.fault("error_before", payment)
    assert await gateway.refund(refund(payment, 300, 1_000)) == Unknown("PG_PROVIDER", answered=True)


REFUSALS: list[tuple[str, Outcome]] = [
    ("FORBIDDEN", Misconfigured("FORBIDDEN")),
    ("PAYMENT_NOT_PAID", Conflict("PAYMENT_NOT_PAID")),
    ("NEGATIVE_PROMOTION_ADJUSTED_CANCEL_AMOUNT", Rejected("NEGATIVE_PROMOTION_ADJUSTED_CANCEL_AMOUNT")),
    ("OF_NEXT_YEAR", Unknown("OF_NEXT_YEAR", answered=True)),
]


@pytest.mark.parametrize(("code", "outcome"), REFUSALS)
async def test_refusals_by_their_type(gateway: PortOneGateway, control: Control, code: str, outcome: Outcome) -> None:
    payment = control.pay(1_000)
    control.fault("refuse", payment, code=code)
    assert await gateway.refund(refund(payment, 300, 1_000)) == outcome
    assert control.refunds(payment) == []


async def test_a_key_still_at_work(gateway: PortOneGateway, control: Control) -> None:
    payment = control.pay(1_000)
    control.fault("late", payment, delayMs=60_000)
    asked = refund(payment, 300, 1_000)
    first = asyncio.create_task(gateway.refund(asked))
    await until(lambda: not control.faults())
    assert await gateway.refund(asked) == Retry("IDEMPOTENCY_OUTSTANDING_REQUEST")
    first.cancel()


async def test_no_answer_in_time_is_perhaps_sent(sandbox: SandboxProcess, control: Control) -> None:
    payment = control.pay(1_000)
    control.fault("delay", payment, delayMs=60_000)
    hasty = adapter(f"{sandbox.url}/portone", read_timeout=0.3)
    try:
        assert await hasty.refund(refund(payment, 300, 1_000)) == Unknown("ReadTimeout", answered=False)
        assert ledger(control, payment) == [(300, "succeeded")]
    finally:
        await hasty.aclose()


async def test_no_connection_is_not_sent() -> None:
    nobody = adapter(f"http://127.0.0.1:{free_port()}")
    try:
        assert await nobody.refund(refund("pay", 300, 1_000)) == NotSent("ConnectError")
        assert await nobody.charge(charge()) == NotSent("ConnectError")
        assert await nobody.find("pay", "leg", 1) == Undetermined("ConnectError")
    finally:
        await nobody.aclose()


async def test_a_pending_cancel_settles(gateway: PortOneGateway, control: Control) -> None:
    payment = control.pay(1_000)
    control.fault("pending", payment)
    asked = refund(payment, 300, 1_000)
    pending = await gateway.refund(asked)
    assert isinstance(pending, Pending)
    assert await gateway.find(payment, asked.reference, 300) == Found(pending.ref, pending=True)
    read = await gateway.read(payment)
    assert isinstance(read, PaymentSnapshot)
    assert read.balance == 700
    control.settle(pending.ref, "succeeded")
    assert await gateway.find(payment, asked.reference, 300) == Found(pending.ref)


@pytest.mark.parametrize("pending_first", [True, False])
async def test_a_cancel_fails_late(gateway: PortOneGateway, control: Control, pending_first: bool) -> None:
    payment = control.pay(1_000)
    if pending_first:
        control.fault("pending", payment)
    asked = refund(payment, 300, 1_000)
    told = await gateway.refund(asked)
    assert isinstance(told, Pending if pending_first else Done)
    control.settle(told.ref, "failed")
    assert await gateway.find(payment, asked.reference, 300) == Absent(failed=True)
    read = await gateway.read(payment)
    assert isinstance(read, PaymentSnapshot)
    assert (read.balance, read.refunds[0].status) == (1_000, RefundStatus.FAILED)


async def test_a_refund_of_the_console_is_read_and_is_not_ours(gateway: PortOneGateway, control: Control) -> None:
    payment = control.pay(1_000)
    control.call("POST", f"/payments/{payment}/refunds", {"amount": 300, "reason": "by hand"})
    asked = refund(payment, 300, 1_000)
    assert await gateway.refund(asked) == Conflict("CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN")
    assert await gateway.find(payment, asked.reference, 300) == Absent()


async def test_a_virtual_account_goes_back_to_an_account(gateway: PortOneGateway, control: Control) -> None:
    payment = control.pay(1_000, method="virtual_account")
    account = RefundAccount("88", "110-123-456789", "Kim")
    asked = refund(payment, 300, 1_000, means=Means.VIRTUAL_ACCOUNT, account=account)
    assert isinstance(await gateway.refund(asked), Done | Pending)
    assert [amount for amount, _ in ledger(control, payment)] == [300]


async def test_tax_parts_are_told_when_we_know_them(gateway: PortOneGateway, control: Control) -> None:
    payment = control.pay(1_000, taxFree=400)
    assert await gateway.refund(refund(payment, 700, 1_000)) == Conflict(
        "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT"
    )
    assert isinstance(await gateway.refund(refund(payment, 700, 1_000, tax_free=400, vat=27)), Done)
    client = portone.PaymentClient(secret="portone_sandbox", base_url=address(control))
    told: Any = await asyncio.to_thread(client.get_payment, payment_id=payment)
    assert [(one.tax_free_amount, one.vat_amount) for one in told.cancellations] == [(400, 27)]


async def test_yen_are_told_as_they_are(gateway: PortOneGateway, control: Control) -> None:
    payment = control.pay(1_000, currency="JPY")
    assert isinstance(await gateway.refund(refund(payment, 300, 1_000, currency="JPY")), Done)
    assert control.balance(payment) == 700


@pytest.mark.parametrize("kind", ["lose_answer", "html_after"])
async def test_a_charge_without_a_word_is_found(gateway: PortOneGateway, control: Control, kind: str) -> None:
    asked = charge()
    control.fault(kind, asked.reference)
    assert isinstance(await gateway.charge(asked), Unknown)
    assert await gateway.find_charge(asked.reference, 1_000) == Found(asked.reference)


async def test_a_charge_that_failed_at_the_provider_but_was_taken_is_done(
    gateway: PortOneGateway, control: Control
) -> None:
    asked = charge()
    control.fault("error_after", asked.reference)
    assert await gateway.charge(asked) == Done(asked.reference)


async def test_a_charge_that_failed_at_the_provider_and_left_no_payment_is_unknown(
    gateway: PortOneGateway, control: Control
) -> None:
    asked = charge()
    control.fault("error_before", asked.reference)
    assert await gateway.charge(asked) == Unknown("PG_PROVIDER", answered=True)
    assert await gateway.find_charge(asked.reference, 1_000) == Absent()


async def test_a_charge_under_another_key_does_not_take_twice(gateway: PortOneGateway, control: Control) -> None:
    asked = charge()
    await gateway.charge(asked)
    again = replace(asked, key=f"{asked.key}-again")
    assert await gateway.charge(again) == Unknown("ALREADY_PAID", answered=True)
    assert await gateway.find_charge(asked.reference, 1_000) == Found(asked.reference)


async def test_a_charge_that_is_not_finished_is_neither_found_nor_absent(
    gateway: PortOneGateway, control: Control
) -> None:
    waiting = control.pay(1_000, method="virtual_account", state="waiting")
    assert await gateway.find_charge(waiting, 1_000) == Undetermined("charge_virtual_account_issued")


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        ("200 OK", "<html>welcome</html>", "unreadable_answer"),
        ("200 OK", '{"status": "PAID", "id": "pay", "amount": {"total": "5", "cancelled": 0}}', "unreadable_answer"),
        (
            "200 OK",
            '{"status": "PAID", "id": "other", "amount": {"total": 5, "cancelled": 0}}',
            "answer_of_another_payment",
        ),
        ("200 OK", '{"status": "PAID", "id": "pay", "amount": {"total": 5, "cancelled": 1}}', "cancellations_missing"),
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
            assert await gateway.read("pay") == Undetermined(code)
            assert await gateway.find("pay", "leg", 300) == Undetermined(code)
        finally:
            await gateway.aclose()


async def test_deliveries_are_hints_and_others_are_not(gateway: PortOneGateway, control: Control) -> None:
    with receiver() as hooks:
        control.call("PUT", "/webhook", {"url": hooks.url})
        payment = control.pay(1_000)
        await until(lambda: len(hooks.hooks) == 1)
        done = await gateway.refund(refund(payment, 300, 1_000))
        await until(lambda: len(hooks.hooks) == 2)
    assert isinstance(done, Done)
    hook = hooks.hooks[1]
    raw = hook.raw.encode()
    assert gateway.parse_webhook(raw, hook.headers, "127.0.0.1") == WebhookHint(
        hook.headers["webhook-id"], "Transaction.PartialCancelled", payment_ref=payment, refund_ref=done.ref
    )
    forged = gateway.parse_webhook(raw.replace(payment.encode(), b"pay-of-another"), hook.headers, "127.0.0.1")
    assert forged == BadWebhook("signature_wrong")
    # Its own SDK believes the same delivery.
    verified: Any = portone.webhook.verify(WEBHOOK_SECRET, hook.raw, hook.headers)
    assert verified.data.payment_id == payment
