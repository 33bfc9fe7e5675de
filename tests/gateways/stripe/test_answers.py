"""What comes back may be anything: only Stripe's own words, about this very refund or charge, count."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

import logs
from domain.orders import Means
from gateways.payments.port import (
    Absent,
    ChargeCommand,
    ChargeOutcome,
    Done,
    Misconfigured,
    Outcome,
    PaymentSnapshot,
    Pending,
    RefundCommand,
    Rejected,
    Retry,
    Undetermined,
    Unknown,
)
from tests.gateways.stripe.conftest import adapter

ASKED = RefundCommand("pi_1", 300, "refund-leg-1-1", "leg-1", 1_000, "KRW", Means.CARD)
WANTED = ChargeCommand(300, "KRW", Means.CARD, token="cus_1:pm_1", key="charge-X-1-1", reference="X-1")

REFUND = {
    "id": "re_1",
    "object": "refund",
    "amount": 300,
    "currency": "krw",
    "charge": "ch_1",
    "payment_intent": "pi_1",
    "metadata": {"reference": "leg-1"},
    "status": "succeeded",
}
INTENT = {
    "id": "pi_9",
    "object": "payment_intent",
    "amount": 300,
    "amount_received": 300,
    "currency": "krw",
    "metadata": {"reference": "X-1"},
    "status": "succeeded",
}
CHARGE = {
    "id": "ch_9",
    "object": "charge",
    "amount": 300,
    "amount_captured": 300,
    "amount_refunded": 0,
    "currency": "krw",
    "metadata": {"reference": "X-1"},
    "payment_intent": "pi_9",
    "status": "succeeded",
    "transfer_group": "X-1",
}
OURS = "answer_of_another_refund"


def listed(*things: object, more: bool = False) -> str:
    return json.dumps({"object": "list", "data": things, "has_more": more})


def error(**fields: object) -> str:
    return json.dumps({"error": fields})


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        ("200 OK", json.dumps(REFUND), Done("re_1")),
        ("200 OK", json.dumps({**REFUND, "status": "pending"}), Pending("re_1")),
        ("200 OK", json.dumps({**REFUND, "status": "requires_action"}), Pending("re_1")),
        ("200 OK", json.dumps({**REFUND, "status": "failed"}), Unknown("refund_failed", answered=True)),
        ("200 OK", json.dumps({**REFUND, "status": "canceled"}), Unknown("refund_canceled", answered=True)),
        ("200 OK", json.dumps({**REFUND, "status": "dancing"}), Unknown("unreadable_answer", answered=True)),
        ("200 OK", json.dumps({**REFUND, "status": None}), Unknown("unreadable_answer", answered=True)),
        ("200 OK", json.dumps({**REFUND, "amount": 301}), Unknown(OURS, answered=True)),
        ("200 OK", json.dumps({**REFUND, "amount": "300"}), Unknown("unreadable_answer", answered=True)),
        ("200 OK", json.dumps({**REFUND, "currency": "usd"}), Unknown(OURS, answered=True)),
        ("200 OK", json.dumps({**REFUND, "metadata": {"reference": "leg-2"}}), Unknown(OURS, answered=True)),
        ("200 OK", json.dumps({**REFUND, "metadata": {}}), Unknown(OURS, answered=True)),
        ("200 OK", json.dumps({**REFUND, "payment_intent": "pi_2"}), Unknown(OURS, answered=True)),
        ("200 OK", "<html>welcome</html>", Unknown("http_200", answered=True)),
        ("200 OK", "[]", Unknown("http_200", answered=True)),
        ("200 OK", "", Unknown("http_200", answered=True)),
        ("302 Found\r\nLocation: /elsewhere", "", Unknown("http_302", answered=True)),
        ("404 Not Found", "<html>a proxy's own</html>", Unknown("http_404", answered=True)),
        ("403 Forbidden", '{"error": "blocked"}', Unknown("http_403", answered=True)),
        ("403 Forbidden", '{"error": {"code": 5}}', Unknown("http_403", answered=True)),
        ("403 Forbidden", error(code="waf_block"), Unknown("waf_block", answered=True)),
        ("500 Oops", error(type="api_error"), Unknown("api_error", answered=True)),
        ("500 Oops\r\nStripe-Should-Retry: true", error(type="api_error"), Retry("api_error")),
        ("429 Slow\r\nStripe-Should-Retry: false", error(type="api_error"), Unknown("api_error", answered=True)),
        ("429 Slow", error(type="api_error"), Retry("api_error")),
        ("401 No", error(type="invalid_request_error"), Misconfigured("invalid_request_error")),
    ],
)
async def test_only_the_word_of_stripe_counts_for_a_refund(status: str, body: str, outcome: Outcome) -> None:
    async with speaking(status, body) as (url, _):
        gateway = adapter(url)
        try:
            assert await gateway.refund(ASKED) == outcome
        finally:
            await gateway.aclose()


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        ("200 OK", json.dumps(INTENT), Done("pi_9")),
        ("200 OK", json.dumps({**INTENT, "amount": 301}), Unknown("answer_of_another_charge", answered=True)),
        ("200 OK", json.dumps({**INTENT, "amount_received": 0}), Unknown("intent_succeeded", answered=True)),
        ("200 OK", json.dumps({**INTENT, "metadata": None}), Unknown("answer_of_another_charge", answered=True)),
        ("200 OK", json.dumps({**INTENT, "status": "processing"}), Unknown("intent_processing", answered=True)),
        ("200 OK", json.dumps({**INTENT, "status": "requires_action"}), Rejected("requires_action")),
        ("402 No", error(type="card_error", code="authentication_required"), Rejected("authentication_required")),
        ("402 No", error(type="card_error", code="new_decline"), Unknown("new_decline", answered=True)),
    ],
)
async def test_only_the_word_of_stripe_counts_for_a_charge(status: str, body: str, outcome: ChargeOutcome) -> None:
    async with speaking(status, body) as (url, _):
        gateway = adapter(url)
        try:
            assert await gateway.charge(WANTED) == outcome
        finally:
            await gateway.aclose()


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        ("200 OK", "<html>welcome</html>", "http_200"),
        ("200 OK", '{"object": "list"}', "unreadable_answer"),
        ("200 OK", listed({**REFUND, "status": "dancing"}), "unreadable_answer"),
        ("200 OK", listed({**REFUND, "payment_intent": "pi_2"}), "answer_of_another_payment"),
        ("200 OK", listed({**REFUND, "currency": "xxx"}), "amount_inexpressible"),
        ("404 Not Found", "<html>a proxy's own</html>", "http_404"),
        ("404 Not Found", error(type="invalid_request_error"), "invalid_request_error"),
        ("400 Bad", error(code="resource_missing"), "resource_missing"),
        ("502 Bad Gateway", "", "http_502"),
    ],
)
async def test_a_look_up_concludes_nothing_from_other_words(status: str, body: str, code: str) -> None:
    async with speaking(status, body) as (url, _):
        gateway = adapter(url)
        try:
            assert await gateway.find("pi_1", "leg-1", 300) == Undetermined(code)
        finally:
            await gateway.aclose()


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (listed(), Absent()),
        (listed({**CHARGE, "status": "failed"}), Absent()),
        (listed({**CHARGE, "status": "pending"}), Undetermined("charge_pending")),
        (listed(CHARGE, {**CHARGE, "id": "ch_8", "payment_intent": "pi_8"}), Undetermined("charged_more_than_once")),
        (listed({**CHARGE, "transfer_group": "X-2"}), Undetermined("answer_of_another_charge")),
        (listed({**CHARGE, "metadata": {}}), Undetermined("answer_of_another_charge")),
        (listed(CHARGE, more=True), Undetermined("too_many_charges")),
    ],
)
async def test_what_is_concluded_from_a_list_of_charges(body: str, found: object) -> None:
    async with speaking("200 OK", body) as (url, _):
        gateway = adapter(url)
        try:
            assert await gateway.find_charge("X-1", 300) == found
        finally:
            await gateway.aclose()


async def test_a_payment_that_nobody_has_paid_yet_holds_nothing() -> None:
    async with speaking("200 OK", json.dumps({"id": "pi_1", "latest_charge": None})) as (url, _):
        gateway = adapter(url)
        try:
            assert await gateway.read("pi_1") == PaymentSnapshot(0, (), captured=0)
        finally:
            await gateway.aclose()


async def test_what_is_sent_for_a_refund() -> None:
    async with speaking("200 OK", json.dumps(REFUND)) as (url, heard):
        gateway = adapter(url)
        await gateway.refund(replace(ASKED, tax_free=100, vat=10))
        await gateway.aclose()
    ((head, body),) = heard
    assert head.startswith("POST /v1/refunds ")
    assert "idempotency-key: refund-leg-1-1" in head.lower()
    # No reason, least of all `fraudulent`; no amount but this one.
    assert dict(parse_qsl(body)) == {"amount": "300", "metadata[reference]": "leg-1", "payment_intent": "pi_1"}
    for unasked in ("telemetry", "platform"):
        assert unasked not in head.lower()


async def test_what_is_sent_for_a_charge() -> None:
    async with speaking("200 OK", json.dumps(INTENT)) as (url, heard):
        gateway = adapter(url)
        await gateway.charge(WANTED)
        await gateway.aclose()
    ((head, body),) = heard
    assert head.startswith("POST /v1/payment_intents ")
    assert "idempotency-key: charge-x-1-1" in head.lower()
    assert dict(parse_qsl(body)) == {
        "amount": "300",
        "currency": "krw",
        "customer": "cus_1",
        "payment_method": "pm_1",
        "allowed_payment_method_types[0]": "card",
        "confirm": "true",
        "off_session": "true",
        "metadata[reference]": "X-1",
        "transfer_group": "X-1",
    }


@pytest.mark.parametrize("status", ["200 OK", "402 No"])
async def test_secrets_are_told_nobody(status: str, caplog: pytest.LogCaptureFixture) -> None:
    logs.quiet_libraries()
    caplog.set_level(logging.DEBUG)
    async with speaking(status, json.dumps(INTENT)) as (url, _):
        gateway = adapter(url, secret="sk_test_do_not_tell")
        await gateway.charge(WANTED)
        await gateway.aclose()
    told = caplog.text + repr(gateway) + repr(WANTED)
    for secret in ("sk_test_do_not_tell", "cus_1", "pm_1", "whsec_sandbox"):
        assert secret not in told


@asynccontextmanager
async def speaking(status: str, body: str) -> AsyncIterator[tuple[str, list[tuple[str, str]]]]:
    """A server that answers every request with these words, and keeps what it has heard: heads and bodies."""
    heard: list[tuple[str, str]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((line for line in head.lower().split("\r\n") if line.startswith("content-length:")), ":0")
        heard.append((head, (await reader.readexactly(int(length.partition(":")[2]))).decode()))
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port: int = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", heard
