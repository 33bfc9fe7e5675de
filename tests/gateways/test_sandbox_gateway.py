"""The adapter over HTTP: what it makes of answers, of none, and of what isn't an answer of the gateway at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from domain.orders import Means
from gateways.payments.port import (
    Absent,
    Done,
    Found,
    NoSuchPayment,
    NotSent,
    Outcome,
    PaymentSnapshot,
    Pending,
    RefundCommand,
    RefundRecord,
    RefundStatus,
    Undetermined,
    Unknown,
)
from gateways.payments.sandbox import SandboxGateway
from tests.gateways.conftest import adapter
from tests.refunds.waiting import until
from tests.sandbox.caller import Caller, fresh
from tests.support.ports import free_port
from tests.support.sandbox import SandboxProcess


def command(payment_ref: str, amount: int = 300, guard: int = 1_000) -> RefundCommand:
    reference = fresh("leg")
    return RefundCommand(payment_ref, amount, f"refund-{reference}-1", reference, guard, "KRW", Means.CARD)


async def test_a_refund_is_done_once_per_key(gateway: SandboxGateway, caller: Caller) -> None:
    payment = caller.new_payment(1_000)
    asked = command(payment)
    first = await gateway.refund(asked)
    (listed,) = caller.payment(payment)["refunds"]
    assert first == Done(listed["refundId"])
    assert (listed["key"], listed["reference"], listed["amount"]) == (asked.key, asked.reference, 300)
    assert await gateway.refund(asked) == first
    assert len(caller.payment(payment)["refunds"]) == 1


async def test_a_refund_accepted_for_later_is_pending(gateway: SandboxGateway, caller: Caller) -> None:
    payment = caller.new_payment(1_000)
    caller.fault("pending", payment)
    asked = command(payment)
    outcome = await gateway.refund(asked)
    (listed,) = caller.payment(payment)["refunds"]
    assert outcome == Pending(listed["refundId"])
    assert await gateway.find(payment, asked.reference, 300) == Found(listed["refundId"], pending=True)


async def test_a_payment_is_read_with_everybodys_refunds(gateway: SandboxGateway, caller: Caller) -> None:
    payment = caller.new_payment(1_000)
    asked = command(payment)
    await gateway.refund(asked)
    dashboard = caller.refund(payment, 50, reference="dashboard").json()["refundId"]
    caller.http.post(f"/refunds/{dashboard}/settle", json={"status": "failed"}).raise_for_status()
    read = await gateway.read(payment)
    assert isinstance(read, PaymentSnapshot)
    assert read.balance == 700
    assert [(one.amount, one.status, one.reference) for one in read.refunds] == [
        (300, RefundStatus.SUCCEEDED, asked.reference),
        (50, RefundStatus.FAILED, "dashboard"),
    ]
    assert read.refunds[1] == RefundRecord(dashboard, 50, RefundStatus.FAILED, "dashboard")


async def test_absent_only_by_the_gateways_own_word(gateway: SandboxGateway, caller: Caller) -> None:
    assert await gateway.find(caller.new_payment(), "leg", 1) == Absent()
    assert await gateway.read(fresh("tid")) == NoSuchPayment()
    assert await gateway.find(fresh("tid"), "leg", 1) == Absent()
    astray = adapter(f"{str(caller.http.base_url).rstrip('/')}/elsewhere")
    try:
        assert await astray.find(caller.new_payment(), "leg", 1) == Undetermined("no_such_path")
    finally:
        await astray.aclose()


@pytest.mark.parametrize("fault", ["error_before", "error_after"])
async def test_an_error_of_the_gateway_leaves_open_whether_it_acted(
    gateway: SandboxGateway, caller: Caller, fault: str
) -> None:
    payment = caller.new_payment(1_000)
    caller.fault(fault, payment)
    assert await gateway.refund(command(payment)) == Unknown("internal", answered=True)


@pytest.mark.parametrize("fault", ["lose_answer", "down"])
async def test_a_cut_connection_is_perhaps_sent(gateway: SandboxGateway, caller: Caller, fault: str) -> None:
    payment = caller.new_payment(1_000)
    caller.fault(fault, payment)
    outcome = await gateway.refund(command(payment))
    assert isinstance(outcome, Unknown)
    assert not outcome.answered


async def test_no_connection_is_not_sent() -> None:
    nobody = adapter(f"http://127.0.0.1:{free_port()}")
    try:
        assert await nobody.refund(command("tid")) == NotSent("ConnectError")
        assert await nobody.find("tid", "leg", 1) == Undetermined("ConnectError")
    finally:
        await nobody.aclose()


async def test_no_answer_in_time_is_perhaps_sent(sandbox: SandboxProcess, caller: Caller) -> None:
    hasty = adapter(sandbox.url, read_timeout=0.2)
    payment = caller.new_payment(1_000)
    caller.fault("delay", payment, delay_ms=60_000)
    try:
        assert await hasty.refund(command(payment)) == Unknown("ReadTimeout", answered=False)
        assert len(caller.payment(payment)["refunds"]) == 1
    finally:
        await hasty.aclose()


async def test_a_gateway_killed_in_the_middle_of_a_call_is_perhaps_sent(tmp_path: Path) -> None:
    with SandboxProcess(tmp_path / "data") as own, Caller(own.url) as caller:
        payment = caller.new_payment(1_000)
        caller.fault("delay", payment, delay_ms=60_000)
        gateway = adapter(own.url)
        calling = asyncio.create_task(gateway.refund(command(payment)))
        await until(lambda: caller.payment(payment)["refunds"])
        own.kill()
        outcome = await calling
        await gateway.aclose()
    assert isinstance(outcome, Unknown)
    assert not outcome.answered


OUR_REFUND = {"refundId": "re_1", "key": "k", "amount": 300, "status": "succeeded", "at": "", "reference": "leg-1"}


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        ("200 OK", json.dumps(OUR_REFUND), Done("re_1")),
        ("200 OK", "<html>welcome</html>", Unknown("unreadable_answer", answered=True)),
        ("200 OK", json.dumps({**OUR_REFUND, "amount": 301}), Unknown("answer_of_another_refund", answered=True)),
        ("200 OK", json.dumps({**OUR_REFUND, "amount": "300"}), Unknown("unreadable_answer", answered=True)),
        (
            "200 OK",
            json.dumps({**OUR_REFUND, "reference": "leg-2"}),
            Unknown("answer_of_another_refund", answered=True),
        ),
        ("200 OK", json.dumps({**OUR_REFUND, "status": "failed"}), Unknown("answer_of_another_refund", answered=True)),
        ("200 OK", json.dumps({**OUR_REFUND, "status": "dancing"}), Unknown("unreadable_answer", answered=True)),
        ("302 Found\r\nLocation: /elsewhere", "", Unknown("no_code", answered=True)),
        ("404 Not Found", "<html>a proxy's own</html>", Unknown("no_code", answered=True)),
        ("403 Forbidden", '{"code": "waf_block", "message": ""}', Unknown("waf_block", answered=True)),
    ],
)
async def test_only_the_gateways_own_words_count(status: str, body: str, outcome: Outcome) -> None:
    async with speaking(status, body) as url:
        gateway = adapter(url)
        try:
            assert (
                await gateway.refund(RefundCommand("tid", 300, "refund-leg-1-1", "leg-1", 1_000, "KRW", Means.CARD))
                == outcome
            )
        finally:
            await gateway.aclose()


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        ("200 OK", "<html>welcome</html>", "unreadable_answer"),
        ("200 OK", '{"balance": 5}', "unreadable_answer"),
        ("404 Not Found", "<html>a proxy's own</html>", "http_404"),
        ("502 Bad Gateway", "", "http_502"),
        ("302 Found\r\nLocation: /elsewhere", "", "http_302"),
    ],
)
async def test_a_read_concludes_nothing_from_other_words(status: str, body: str, code: str) -> None:
    async with speaking(status, body) as url:
        gateway = adapter(url)
        try:
            assert await gateway.read("tid") == Undetermined(code)
            assert await gateway.find("tid", "leg-1", 300) == Undetermined(code)
        finally:
            await gateway.aclose()


@asynccontextmanager
async def speaking(status: str, body: str) -> AsyncIterator[str]:
    """A server that answers every request with these words: what stands between us and a gateway may say anything."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port: int = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
