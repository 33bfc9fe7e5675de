"""Wrong input of every kind is refused clearly, and nothing comes of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.caller import Caller, fresh, is_error

WRONG_AMOUNTS = [0, -1, 1.0, 1.5, True, "100", None, [1], 2**53 + 1, 10**400]
KEY = {"Idempotency-Key": "key"}


@pytest.mark.parametrize("amount", WRONG_AMOUNTS, ids=lambda amount: str(amount)[:12])
def test_amounts_are_positive_integers_of_a_sane_size(caller: Caller, amount: Any) -> None:
    pg_tid = caller.new_payment()
    body = {"amount": amount, "currency": "KRW", "payWayCd": "11"}

    assert is_error(caller.refund(pg_tid, amount), 400, "invalid")
    assert is_error(caller.charge(amount), 400, "invalid")
    assert is_error(caller.http.put(f"/payments/{fresh('tid')}", json=body), 400, "invalid")
    assert caller.payment(pg_tid)["refunds"] == []


@pytest.mark.parametrize("guard", [-1, 1.0, True, "100"])
def test_guards_are_integers(caller: Caller, guard: Any) -> None:
    assert is_error(caller.refund(caller.new_payment(), 1, balance=guard), 400, "invalid")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"amount": NaN, "reference": "r"}'])
def test_broken_bodies(caller: Caller, content: bytes) -> None:
    headers = {**KEY, "Content-Type": "application/json"}
    for path in (f"/payments/{caller.new_payment()}/refunds", "/charges", "/alimtalk/messages"):
        assert is_error(caller.http.post(path, content=content, headers=headers), 400, "invalid")


def test_unknown_fields_are_refused(caller: Caller) -> None:
    assert is_error(caller.refund(caller.new_payment(), 1, note="hello"), 400, "invalid")
    assert is_error(caller.http.post("/faults", json={"kind": "refuse", "time": 1}), 400, "invalid")


def test_a_refund_needs_a_reference(caller: Caller) -> None:
    answer = caller.http.post(f"/payments/{caller.new_payment()}/refunds", json={"amount": 1}, headers=KEY)

    assert is_error(answer, 400, "invalid")
    assert "reference" in answer.json()["message"]


def test_keys_are_required_and_printable(caller: Caller) -> None:
    pg_tid = caller.new_payment()
    body = {"amount": 1, "reference": "r"}
    wrong: list[dict[str, str | bytes]] = [
        {},
        {"Idempotency-Key": ""},
        {"Idempotency-Key": "x" * 256},
        {"Idempotency-Key": "키".encode()},
    ]

    for headers in wrong:
        assert is_error(caller.http.post(f"/payments/{pg_tid}/refunds", json=body, headers=headers), 400, "invalid")  # type: ignore[arg-type]
    assert caller.payment(pg_tid)["refunds"] == []


def test_charges_and_messages_need_a_key(caller: Caller) -> None:
    charge = {"amount": 1, "currency": "KRW", "payWayCd": "11", "reference": "r"}
    message = {"to": "010", "template": "T", "text": "t", "reference": "r"}

    assert is_error(caller.http.post("/charges", json=charge), 400, "invalid")
    assert is_error(caller.http.post("/alimtalk/messages", json=message), 400, "invalid")


def test_values_are_not_echoed(caller: Caller) -> None:
    answer = caller.charge(1, token="secret-token" * 100)

    assert is_error(answer, 400, "invalid")
    assert "secret-token" not in answer.text


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"kind": "explode"},
        {"kind": "refuse", "times": 0},
        {"kind": "refuse", "times": 1.5},
        {"kind": "late", "delayMs": -1},
        {"kind": "late", "pgTid": "alimtalk"},
        {"kind": "pending", "pgTid": "alimtalk"},
    ],
)
def test_wrong_faults(caller: Caller, fault: dict[str, Any]) -> None:
    assert is_error(caller.http.post("/faults", json=fault), 400, "invalid")
    assert caller.faults() == []


def test_no_payment_may_be_called_like_the_messages(caller: Caller) -> None:
    body = {"amount": 1, "currency": "KRW", "payWayCd": "11"}

    assert is_error(caller.http.put("/payments/alimtalk", json=body), 400, "invalid")
    assert is_error(caller.charge(1, pgTid="alimtalk"), 400, "invalid")


@pytest.mark.parametrize("status", ["pending", "done", None, 1])
def test_wrong_settlements(caller: Caller, status: Any) -> None:
    refund_id = caller.refund(caller.new_payment(), 1).json()["refundId"]

    assert is_error(caller.http.post(f"/refunds/{refund_id}/settle", json={"status": status}), 400, "invalid")
