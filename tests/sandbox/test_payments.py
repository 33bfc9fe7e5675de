"""The books: payments, refunds, their end, and charges."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.sandbox.caller import Caller, fresh, is_error


def test_says_that_it_is_a_simulation(caller: Caller) -> None:
    assert caller.http.get("/").json()["simulation"] is True
    assert caller.http.get("/health").status_code == 200


def test_a_payment_is_put_once_and_stands(caller: Caller) -> None:
    pg_tid = caller.new_payment(5_000)
    caller.refund(pg_tid, 1_000)

    again = caller.http.put(f"/payments/{pg_tid}", json={"amount": 5_000, "currency": "KRW", "payWayCd": "11"})
    other = caller.http.put(f"/payments/{pg_tid}", json={"amount": 6_000, "currency": "KRW", "payWayCd": "11"})

    assert again.status_code == 200
    assert again.json()["balance"] == 4_000
    assert is_error(other, 409, "payment_exists")
    assert caller.payment(pg_tid)["amount"] == 5_000


def test_a_refund_is_listed_with_its_key_and_reference(caller: Caller) -> None:
    pg_tid = caller.new_payment(5_000)

    answer = caller.refund(pg_tid, 1_000, key="refund-1-1", reference="leg 1")

    refund = answer.json()
    assert answer.status_code == 200
    assert refund["balance"] == 4_000
    assert datetime.fromisoformat(refund["at"]).utcoffset() is not None
    listed = {key: refund[key] for key in ("refundId", "key", "amount", "status", "at", "reference")}
    assert (listed["key"], listed["amount"], listed["status"], listed["reference"]) == (
        "refund-1-1", 1_000, "succeeded", "leg 1",
    )  # fmt: skip
    payment = caller.payment(pg_tid)
    assert (payment["pgTid"], payment["amount"], payment["balance"]) == (pg_tid, 5_000, 4_000)
    assert payment["refunds"] == [listed]
    assert caller.http.get(f"/refunds/{refund['refundId']}").json() == refund


def test_partial_refunds_add_up_to_the_payment_and_no_further(caller: Caller) -> None:
    pg_tid = caller.new_payment(300)

    assert [caller.refund(pg_tid, 100).json()["balance"] for _ in range(3)] == [200, 100, 0]
    assert is_error(caller.refund(pg_tid, 1), 402, "insufficient_balance")
    assert len(caller.payment(pg_tid)["refunds"]) == 3


@pytest.mark.parametrize("guard", [0, 299, 301])
def test_a_guard_that_differs_stops_the_refund(caller: Caller, guard: int) -> None:
    pg_tid = caller.new_payment(300)

    assert is_error(caller.refund(pg_tid, 100, balance=guard), 412, "balance_mismatch")
    assert caller.payment(pg_tid)["refunds"] == []


def test_the_guard_comes_before_the_balance(caller: Caller) -> None:
    pg_tid = caller.new_payment(300)

    assert is_error(caller.refund(pg_tid, 400, balance=400), 412, "balance_mismatch")
    assert is_error(caller.refund(pg_tid, 400, balance=300), 402, "insufficient_balance")
    assert caller.refund(pg_tid, 300, balance=300).json()["balance"] == 0


def test_unknown_things_are_not_found_and_wrong_addresses_say_so(caller: Caller) -> None:
    nobody = fresh("nobody")

    assert is_error(caller.http.get(f"/payments/{nobody}"), 404, "not_found")
    assert is_error(caller.refund(nobody, 1), 404, "not_found")
    assert is_error(caller.http.get(f"/refunds/{nobody}"), 404, "not_found")
    assert is_error(caller.http.post(f"/refunds/{nobody}/settle"), 404, "not_found")
    assert is_error(caller.http.get(f"/payment/{nobody}"), 404, "no_such_path")
    assert is_error(caller.http.delete(f"/payments/{nobody}"), 405, "method_not_allowed")


@pytest.mark.parametrize("body", [None, {}, {"status": "succeeded"}])
def test_a_pending_refund_lessens_the_balance_and_settles(caller: Caller, body: dict[str, str] | None) -> None:
    pg_tid = caller.new_payment(1_000)
    caller.fault("pending", pg_tid)
    pending = caller.refund(pg_tid, 400)
    assert (pending.status_code, pending.json()["status"], pending.json()["balance"]) == (200, "pending", 600)
    settle = f"/refunds/{pending.json()['refundId']}/settle"

    settled = [caller.http.post(settle, json=body) if body is not None else caller.http.post(settle) for _ in range(2)]

    assert [(each.status_code, each.json()["status"], each.json()["balance"]) for each in settled] == [
        (200, "succeeded", 600)
    ] * 2


def test_a_failed_refund_gives_the_balance_back_and_stays_failed(caller: Caller) -> None:
    pg_tid = caller.new_payment(1_000)
    caller.fault("pending", pg_tid)
    settle = f"/refunds/{caller.refund(pg_tid, 400).json()['refundId']}/settle"

    failed = [caller.http.post(settle, json={"status": "failed"}).json() for _ in range(2)]

    assert [(each["status"], each["balance"]) for each in failed] == [("failed", 1_000)] * 2
    assert is_error(caller.http.post(settle), 409, "already_failed")
    assert caller.refund(pg_tid, 1_000, balance=1_000).status_code == 200


def test_a_refund_that_succeeded_can_fail_later(caller: Caller) -> None:
    pg_tid = caller.new_payment(1_000)
    refund_id = caller.refund(pg_tid, 400).json()["refundId"]

    caller.http.post(f"/refunds/{refund_id}/settle", json={"status": "failed"})

    payment = caller.payment(pg_tid)
    assert payment["balance"] == 1_000
    assert [refund["status"] for refund in payment["refunds"]] == ["failed"]


def test_a_charge_becomes_a_payment_that_can_be_refunded(caller: Caller) -> None:
    reference = fresh("ref")

    answer = caller.charge(2_500, key="charge-1-1", reference=reference, token="tok")

    charge = answer.json()
    assert answer.status_code == 200
    assert (charge["amount"], charge["status"], charge["key"]) == (2_500, "succeeded", "charge-1-1")
    assert caller.charges(reference) == [charge]
    assert caller.charges(fresh("ref")) == []
    assert caller.refund(charge["pgTid"], 500, balance=2_500).json()["balance"] == 2_000


def test_a_charge_can_name_its_payment_but_not_a_taken_one(caller: Caller) -> None:
    pg_tid = fresh("tid")

    assert caller.charge(100, pgTid=pg_tid).json()["pgTid"] == pg_tid
    assert is_error(caller.charge(100, pgTid=pg_tid), 409, "payment_exists")
    assert caller.payment(pg_tid)["balance"] == 100


def test_a_refund_lists_the_tax_parts_that_it_was_told(caller: Caller) -> None:
    pg_tid = caller.new_payment(5_000)
    told = caller.refund(pg_tid, 1_000, taxFreeAmount=450, vatAmount=50).json()
    assert (told["taxFreeAmount"], told["vatAmount"]) == (450, 50)
    caller.refund(pg_tid, 1_000, taxFreeAmount=0).raise_for_status()
    caller.refund(pg_tid, 1_000).raise_for_status()
    parts = [{name: one[name] for name in one if name.endswith("Amount")} for one in caller.payment(pg_tid)["refunds"]]
    assert parts == [{"taxFreeAmount": 450, "vatAmount": 50}, {"taxFreeAmount": 0}, {}]


@pytest.mark.parametrize(
    "parts", [{"taxFreeAmount": 1_001}, {"vatAmount": 1_001}, {"taxFreeAmount": 950, "vatAmount": 51}]
)
def test_tax_parts_are_never_more_than_the_refund(caller: Caller, parts: dict[str, Any]) -> None:
    pg_tid = caller.new_payment(5_000)
    assert is_error(caller.refund(pg_tid, 1_000, **parts), 400, "invalid")
    assert caller.payment(pg_tid)["refunds"] == []
