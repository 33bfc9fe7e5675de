"""Each code that the sandbox gateway can answer a refund with, provoked over HTTP, and what it is taken for."""

from __future__ import annotations

import asyncio

import pytest

from domain.orders import Means
from gateways.payments.http import code_in
from gateways.payments.port import Conflict, Misconfigured, Outcome, RefundCommand, Rejected, Retry, Unknown
from gateways.payments.sandbox import MEANINGS, ErrorBody, SandboxGateway, classify
from tests.gateways.conftest import adapter
from tests.refunds.waiting import until
from tests.sandbox.caller import Caller, fresh

ROWS: list[tuple[str | None, Outcome]] = [
    ("refused", Rejected("refused")),
    ("not_found", Rejected("not_found")),
    ("insufficient_balance", Conflict("insufficient_balance")),
    ("balance_mismatch", Conflict("balance_mismatch")),
    ("in_progress", Retry("in_progress")),
    ("invalid", Misconfigured("invalid")),
    ("no_such_path", Misconfigured("no_such_path")),
    ("method_not_allowed", Misconfigured("method_not_allowed")),
    ("idempotency_mismatch", Unknown("idempotency_mismatch", answered=True)),
    ("internal", Unknown("internal", answered=True)),
    ("never_heard_of", Unknown("never_heard_of", answered=True)),
    (None, Unknown("no_code", answered=True)),
]


@pytest.mark.parametrize(("code", "outcome"), ROWS)
def test_what_a_code_means(code: str | None, outcome: Outcome) -> None:
    assert classify(code) == outcome


def test_every_row_of_the_table_is_told_here() -> None:
    assert set(MEANINGS) <= {code for code, _ in ROWS}


def command(payment_ref: str, amount: int, guard: int, key: str | None = None) -> RefundCommand:
    reference = fresh("leg")
    return RefundCommand(payment_ref, amount, key or f"refund-{reference}-1", reference, guard, "KRW", Means.CARD)


async def test_a_guard_that_is_wrong_is_a_conflict(gateway: SandboxGateway, caller: Caller) -> None:
    payment = caller.new_payment(1_000)
    assert await gateway.refund(command(payment, 300, guard=999)) == Conflict("balance_mismatch")
    assert caller.payment(payment)["refunds"] == []


async def test_more_than_the_payment_holds_is_a_conflict(gateway: SandboxGateway, caller: Caller) -> None:
    payment = caller.new_payment(1_000)
    assert await gateway.refund(command(payment, 1_001, guard=1_000)) == Conflict("insufficient_balance")


async def test_a_final_refusal_is_rejected(gateway: SandboxGateway, caller: Caller) -> None:
    payment = caller.new_payment(1_000)
    caller.fault("refuse", payment)
    assert await gateway.refund(command(payment, 300, guard=1_000)) == Rejected("refused")


async def test_an_unknown_payment_is_rejected(gateway: SandboxGateway) -> None:
    assert await gateway.refund(command(fresh("tid"), 300, guard=1_000)) == Rejected("not_found")


async def test_a_malformed_request_is_ours_to_mend(gateway: SandboxGateway, caller: Caller) -> None:
    assert await gateway.refund(command(caller.new_payment(), -1, guard=10_000)) == Misconfigured("invalid")


async def test_a_wrong_address_is_ours_to_mend(caller: Caller) -> None:
    astray = adapter(f"{str(caller.http.base_url).rstrip('/')}/elsewhere")
    try:
        payment = caller.new_payment()
        assert await astray.refund(command(payment, 1, guard=10_000)) == Misconfigured("no_such_path")
    finally:
        await astray.aclose()


async def test_another_body_under_a_key_is_unknown(gateway: SandboxGateway, caller: Caller) -> None:
    payment = caller.new_payment(1_000)
    caller.refund(payment, 300, key="refund-used-1").raise_for_status()
    outcome = await gateway.refund(command(payment, 300, guard=700, key="refund-used-1"))
    assert outcome == Unknown("idempotency_mismatch", answered=True)


async def test_a_key_still_at_work_is_asked_again_with_the_same_key(gateway: SandboxGateway, caller: Caller) -> None:
    payment = caller.new_payment(1_000)
    caller.fault("late", payment, delay_ms=60_000)
    asked = command(payment, 300, guard=1_000)
    first = asyncio.create_task(gateway.refund(asked))
    await until(lambda: not caller.faults())
    assert await gateway.refund(asked) == Retry("in_progress")
    first.cancel()


def test_an_answer_without_the_gateways_code_has_none() -> None:
    assert code_in(b"<html>not here</html>", ErrorBody) is None
    assert code_in(b'{"detail": "Not Found"}', ErrorBody) is None
