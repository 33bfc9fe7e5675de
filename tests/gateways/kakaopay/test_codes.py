"""What KakaoPay's words mean, without HTTP: every code of the table, answers, orders."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from pydantic import SecretStr

import bootstrap
from domain.orders import Means
from gateways.payments.http import code_in
from gateways.payments.kakaopay import (
    MEANINGS,
    ErrorBody,
    KakaoPayGateway,
    accepted,
    classify,
    refused,
    shown,
)
from gateways.payments.matching import find_echoed
from gateways.payments.port import (
    UNSUPPORTED,
    Absent,
    BadWebhook,
    Capabilities,
    ChargeCommand,
    Conflict,
    Done,
    Found,
    Misconfigured,
    NoSuchPayment,
    Outcome,
    PaymentSnapshot,
    RefundCommand,
    RefundRecord,
    RefundStatus,
    Undetermined,
    Unknown,
)
from settings import Settings

ROWS: list[tuple[str | None, Outcome]] = [
    ("-2", Misconfigured("-2")),
    ("-401", Misconfigured("-401")),
    ("-780", Unknown("-780", answered=True)),
    ("-1", Unknown("-1", answered=True)),
    ("-99999", Unknown("-99999", answered=True)),
    (None, Unknown("no_code", answered=True)),
]


@pytest.mark.parametrize(("code", "outcome"), ROWS)
def test_what_a_code_means(code: str | None, outcome: Outcome) -> None:
    assert classify(code) == outcome


def test_every_row_of_the_table_is_told_here() -> None:
    assert set(MEANINGS) <= {code for code, _ in ROWS}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"error_code": -780, "error_message": "x", "extras": {"method_result_code": "USER_LOCKED"}}', "-780"),
        (b'{"message": "no such path"}', None),
        (b'{"error_code": "-780"}', None),
        (b"<html>502</html>", None),
        (b"", None),
    ],
)
def test_its_own_code_is_told_from_other_words(content: bytes, code: str | None) -> None:
    assert code_in(content, ErrorBody) == code


OURS = RefundCommand("T1", 300, "refund-C1-1-1", "C1-1", 1_000, "KRW", Means.SIMPLE_PAY)
ANSWER = {"aid": "A1", "tid": "T1", "payload": "C1-1", "approved_cancel_amount": {"total": 300, "tax_free": 0}}
ANOTHER = Unknown("answer_of_another_refund", answered=True)
UNREADABLE = Unknown("unreadable_answer", answered=True)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Done("A1")),
        ({"payload": "C1-2"}, ANOTHER),
        ({"tid": "T2"}, ANOTHER),
        ({"approved_cancel_amount": {"total": 301}}, ANOTHER),
        ({"approved_cancel_amount": {"total": "300"}}, UNREADABLE),
        ({"payload": None}, UNREADABLE),
        ({"aid": ""}, UNREADABLE),
    ],
)
def test_an_answer_counts_only_when_it_tells_of_this_refund(changes: dict[str, Any], outcome: Outcome) -> None:
    assert accepted(json.dumps({**ANSWER, **changes}).encode(), OURS) == outcome


def test_a_200_of_somebody_else_is_unknown() -> None:
    assert accepted(b"<html>welcome</html>", OURS) == UNREADABLE


# --- orders ---------------------------------------------------------------------------------------------------------


def order(*cancels: tuple[int, str | None], **changes: Any) -> bytes:
    """An order of 1000 as KakaoPay shows it; each cancel by its amount and payload."""
    gone = sum(amount for amount, _ in cancels)
    actions: list[dict[str, Any]] = [
        {"aid": "A0", "payment_action_type": "PAYMENT", "amount": 1_000, "payload": "C1-1"}
    ]
    actions += [
        {"aid": f"A{n}", "payment_action_type": "CANCEL", "amount": amount, "payload": payload}
        for n, (amount, payload) in enumerate(cancels, start=1)
    ]
    status = "CANCEL_PAYMENT" if gone == 1_000 else "PART_CANCEL_PAYMENT" if gone else "SUCCESS_PAYMENT"
    body = {
        "tid": "T1", "status": status, "canceled_amount": {"total": gone},
        "cancel_available_amount": {"total": 1_000 - gone}, "payment_action_details": actions,
    }  # fmt: skip
    return json.dumps({**body, **changes}).encode()


def test_an_order_shows_its_cancels_and_what_is_left() -> None:
    assert shown(order((300, "C1-1"), (200, None), (100, "")), "T1") == PaymentSnapshot(
        400,
        (
            RefundRecord("A1", 300, RefundStatus.SUCCEEDED, "C1-1"),
            RefundRecord("A2", 200, RefundStatus.SUCCEEDED, None),
            RefundRecord("A3", 100, RefundStatus.SUCCEEDED, None),
        ),
        captured=1_000,
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (order(tid="T2"), "answer_of_another_payment"),
        (order((300, "C1-1"), canceled_amount={"total": 500}), "cancels_missing"),
        (order(canceled_amount={"total": 300}), "cancels_missing"),
        (order(status="FAIL_PAYMENT"), "unreadable_answer"),
        (order(cancel_available_amount=None), "unreadable_answer"),
        (b"<html>welcome</html>", "unreadable_answer"),
    ],
)
def test_an_order_that_can_not_be_believed(content: bytes, code: str) -> None:
    assert shown(content, "T1") == Undetermined(code)


def snapshot(*cancels: tuple[int, str | None]) -> PaymentSnapshot:
    read = shown(order(*cancels), "T1")
    assert isinstance(read, PaymentSnapshot)
    return read


@pytest.mark.parametrize(
    ("cancels", "found"),
    [
        ([], Absent()),
        ([(300, "C1-1")], Found("A1")),
        ([(300, "C9-1"), (300, "C1-1")], Found("A2")),
        ([(300, "C9-1")], Absent()),
        ([(300, None)], Undetermined("reference_not_echoed")),
        ([(300, "C9-1"), (300, None)], Undetermined("reference_not_echoed")),
        ([(200, None)], Absent()),
        ([(300, None), (300, "C1-1")], Found("A2")),
        ([(200, "C1-1")], Undetermined("amount_differs")),
    ],
)
def test_ours_among_the_cancels(cancels: list[tuple[int, str | None]], found: Found | Absent | Undetermined) -> None:
    assert find_echoed(snapshot(*cancels).refunds, "C1-1", 300) == found


@pytest.mark.parametrize(
    ("read", "outcome"),
    [
        (snapshot((200, "C9-1")), Conflict("-780")),
        (snapshot((1_000, None)), Conflict("-780")),
        (snapshot(), Unknown("-780", answered=True)),
        (snapshot((300, "C1-1")), Unknown("-780", answered=True)),
        (snapshot((300, None)), Unknown("-780", answered=True)),
        (Undetermined("http_502"), Unknown("-780", answered=True)),
        (NoSuchPayment(), Unknown("-780", answered=True)),
    ],
)
def test_a_refusal_is_explained_by_the_balance_alone(
    read: PaymentSnapshot | NoSuchPayment | Undetermined, outcome: Outcome
) -> None:
    assert refused(read, OURS) == outcome


# --- what is never sent ---------------------------------------------------------------------------------------------


@cache
def unreachable() -> KakaoPayGateway:
    """An adapter of an address where nobody is: whatever it answers, it has answered alone."""
    return KakaoPayGateway(
        "http://127.0.0.1:9",
        secret_key=SecretStr("DEV-secret"),
        cid="TC0ONETIME",
        connect_timeout=1,
        read_timeout=1,
        settling=timedelta(seconds=1),
    )


@pytest.mark.parametrize(
    ("command", "outcome"),
    [
        (replace(OURS, currency="USD"), Misconfigured("currency_unsupported")),
        (replace(OURS, reference="r" * 201), Misconfigured("reference_too_long")),
    ],
)
async def test_what_can_not_be_right_is_not_sent(command: RefundCommand, outcome: Outcome) -> None:
    assert await unreachable().refund(command) == outcome


async def test_it_takes_no_charges() -> None:
    asked = ChargeCommand(amount=1, currency="KRW", means=Means.SIMPLE_PAY, token="sid-1", key="k", reference="X-1")
    gateway = unreachable()
    assert not gateway.capabilities.charges
    assert await gateway.charge(asked) == UNSUPPORTED
    assert await gateway.find_charge("X-1", 1) == Undetermined("charges_unsupported")
    assert await gateway.list_charges("X-1") == Undetermined("charges_unsupported")


def test_its_keys_live_no_time_at_all() -> None:
    assert unreachable().capabilities.key_life == timedelta(0)


def test_it_sends_no_webhooks() -> None:
    assert unreachable().parse_webhook(b"{}", {}, "192.0.2.1") == BadWebhook("webhooks_unsupported")


def test_secrets_are_not_shown() -> None:
    assert "DEV-secret" not in f"{unreachable()!r} {vars(unreachable())!r}"


async def test_an_account_of_the_settings_is_served_under_its_name() -> None:
    merchant = {"kind": "kakaopay", "secret_key": "s3cret", "cid": "C1"}
    settings = Settings.model_validate({"merchants": {"shop-1": merchant}})
    made = bootstrap.gateways(settings)
    assert (made["shop-1"].name, made["shop-1"].capabilities) == (
        "shop-1",
        Capabilities(settling=timedelta(seconds=300), key_life=timedelta(0)),
    )
    assert "s3cret" not in f"{settings!r}"
    for gateway in made.values():
        await gateway.aclose()
