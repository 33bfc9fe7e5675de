"""The adapter charging: what it makes of the gateway's answers, of none, and of what isn't an answer of the gateway."""

from __future__ import annotations

import asyncio
import json

import pytest

from domain.orders import Means
from gateways.payments.port import (
    Absent,
    ChargeCommand,
    ChargeOutcome,
    ChargeRecord,
    Done,
    Found,
    Misconfigured,
    NotSent,
    RefundCommand,
    Rejected,
    Retry,
    Undetermined,
    Unknown,
)
from gateways.payments.sandbox import CHARGE_MEANINGS, SandboxGateway, classify_charge
from tests.gateways.conftest import adapter
from tests.gateways.test_sandbox_gateway import speaking
from tests.refunds.waiting import until
from tests.sandbox.caller import Caller, fresh
from tests.support.ports import free_port
from tests.support.sandbox import SandboxProcess


def command(means: Means = Means.CARD) -> ChargeCommand:
    reference = fresh("charge")
    return ChargeCommand(300, "KRW", means, "tok-secret", f"{reference}-1", reference)


async def test_a_charge_is_made_once_per_key(gateway: SandboxGateway, caller: Caller) -> None:
    asked = command()
    first = await gateway.charge(asked)
    (listed,) = caller.charges(asked.reference)
    assert first == Done(listed["pgTid"])
    assert (listed["key"], listed["amount"]) == (asked.key, 300)
    assert await gateway.charge(asked) == first
    assert await gateway.list_charges(asked.reference) == (ChargeRecord(listed["pgTid"], 300),)
    assert await gateway.find_charge(asked.reference, 300) == Found(listed["pgTid"])


async def test_a_charge_is_refunded_like_any_payment(gateway: SandboxGateway, caller: Caller) -> None:
    made = await gateway.charge(command(means=Means.SIMPLE_PAY))
    assert isinstance(made, Done)
    assert (caller.payment(made.ref)["payWayCd"], caller.payment(made.ref)["balance"]) == ("41", 300)
    refund = RefundCommand(made.ref, 100, fresh("key"), "leg", 300, "KRW", Means.CARD, tax_free=40, vat=5)
    assert isinstance(await gateway.refund(refund), Done)
    (listed,) = caller.payment(made.ref)["refunds"]
    assert (listed["taxFreeAmount"], listed["vatAmount"]) == (40, 5)


async def test_tax_parts_that_are_not_known_are_not_told(gateway: SandboxGateway, caller: Caller) -> None:
    payment = caller.new_payment(1_000)
    await gateway.refund(RefundCommand(payment, 100, fresh("key"), "leg", 1_000, "KRW", Means.CARD, tax_free=0))
    (listed,) = caller.payment(payment)["refunds"]
    assert listed["taxFreeAmount"] == 0
    assert "vatAmount" not in listed


async def test_absent_only_by_the_gateways_own_word(gateway: SandboxGateway, caller: Caller) -> None:
    assert await gateway.find_charge(fresh("charge"), 300) == Absent()
    astray = adapter(f"{str(caller.http.base_url).rstrip('/')}/elsewhere")
    try:
        assert await astray.find_charge("charge", 300) == Undetermined("no_such_path")
        assert await astray.charge(command()) == Misconfigured("no_such_path")
    finally:
        await astray.aclose()


ROWS: list[tuple[str | None, ChargeOutcome]] = [
    ("refused", Rejected("refused")),
    ("in_progress", Retry("in_progress")),
    ("invalid", Misconfigured("invalid")),
    ("no_such_path", Misconfigured("no_such_path")),
    ("method_not_allowed", Misconfigured("method_not_allowed")),
    ("idempotency_mismatch", Unknown("idempotency_mismatch", answered=True)),
    ("payment_exists", Unknown("payment_exists", answered=True)),
    ("internal", Unknown("internal", answered=True)),
    ("never_heard_of", Unknown("never_heard_of", answered=True)),
    (None, Unknown("no_code", answered=True)),
]


@pytest.mark.parametrize(("code", "outcome"), ROWS)
def test_what_a_code_means_for_a_charge(code: str | None, outcome: ChargeOutcome) -> None:
    assert classify_charge(code) == outcome


def test_every_row_of_the_table_is_told_here() -> None:
    assert set(CHARGE_MEANINGS) <= {code for code, _ in ROWS}


async def test_a_decline_is_rejected(gateway: SandboxGateway, caller: Caller) -> None:
    caller.fault("refuse")
    assert await gateway.charge(command()) == Rejected("refused")


async def test_what_the_gateway_can_not_charge_is_never_sent(gateway: SandboxGateway, caller: Caller) -> None:
    asked = command(means=Means.VIRTUAL_ACCOUNT)
    assert await gateway.charge(asked) == Misconfigured("means_unsupported")
    assert caller.charges(asked.reference) == []


@pytest.mark.parametrize("fault", ["error_before", "error_after"])
async def test_an_error_of_the_gateway_leaves_open_whether_it_acted(
    gateway: SandboxGateway, caller: Caller, fault: str
) -> None:
    caller.fault(fault)
    assert await gateway.charge(command()) == Unknown("internal", answered=True)


@pytest.mark.parametrize("fault", ["lose_answer", "down"])
async def test_a_cut_connection_is_perhaps_sent(gateway: SandboxGateway, caller: Caller, fault: str) -> None:
    caller.fault(fault)
    outcome = await gateway.charge(command())
    assert isinstance(outcome, Unknown)
    assert not outcome.answered


async def test_a_gateway_that_is_down_concludes_nothing(gateway: SandboxGateway, caller: Caller) -> None:
    caller.fault("down")
    assert isinstance(await gateway.find_charge("charge", 300), Undetermined)


async def test_no_connection_is_not_sent() -> None:
    nobody = adapter(f"http://127.0.0.1:{free_port()}")
    try:
        assert await nobody.charge(command()) == NotSent("ConnectError")
        assert await nobody.find_charge("charge", 300) == Undetermined("ConnectError")
    finally:
        await nobody.aclose()


async def test_no_answer_in_time_is_perhaps_sent(sandbox: SandboxProcess, caller: Caller) -> None:
    hasty = adapter(sandbox.url, read_timeout=0.2)
    caller.fault("delay", delay_ms=60_000)
    asked = command()
    try:
        assert await hasty.charge(asked) == Unknown("ReadTimeout", answered=False)
        assert len(caller.charges(asked.reference)) == 1
    finally:
        await hasty.aclose()


async def test_a_key_still_at_work_is_asked_again_with_the_same_key(gateway: SandboxGateway, caller: Caller) -> None:
    caller.fault("late", delay_ms=60_000)
    asked = command()
    first = asyncio.create_task(gateway.charge(asked))
    await until(lambda: not caller.faults())
    assert await gateway.charge(asked) == Retry("in_progress")
    first.cancel()


OUR_CHARGE = {"pgTid": "tid_1", "chargeId": "ch_1", "amount": 300, "status": "succeeded", "reference": "X-1"}


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (json.dumps(OUR_CHARGE), Done("tid_1")),
        ("<html>welcome</html>", Unknown("unreadable_answer", answered=True)),
        (json.dumps({**OUR_CHARGE, "amount": 301}), Unknown("answer_of_another_charge", answered=True)),
        (json.dumps({**OUR_CHARGE, "reference": "X-2"}), Unknown("answer_of_another_charge", answered=True)),
        (json.dumps({**OUR_CHARGE, "status": "pending"}), Unknown("unreadable_answer", answered=True)),
    ],
)
async def test_only_the_gateways_own_words_count(body: str, outcome: ChargeOutcome) -> None:
    async with speaking("200 OK", body) as url:
        gateway = adapter(url)
        try:
            assert await gateway.charge(ChargeCommand(300, "KRW", Means.CARD, "tok", "charge-1-1", "X-1")) == outcome
        finally:
            await gateway.aclose()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<html>welcome</html>", "unreadable_answer"),
        (json.dumps({"charges": [{**OUR_CHARGE, "reference": "X-2"}]}), "answer_of_another_charge"),
    ],
)
async def test_a_list_concludes_nothing_from_other_words(body: str, code: str) -> None:
    async with speaking("200 OK", body) as url:
        gateway = adapter(url)
        try:
            assert await gateway.find_charge("X-1", 300) == Undetermined(code)
        finally:
            await gateway.aclose()


def test_a_command_never_shows_its_token() -> None:
    assert "tok-secret" not in repr(command())
