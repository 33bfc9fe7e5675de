"""Faults on demand: what each does, and which one a request suffers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.sandbox.caller import Caller, fresh, is_error
from tests.support.sandbox import SandboxProcess
from tests.support.waiting import wait_until


def test_refuse_is_final_and_does_nothing(caller: Caller) -> None:
    pg_tid = caller.new_payment()
    caller.fault("refuse", pg_tid)

    assert is_error(caller.refund(pg_tid, 100), 403, "refused")
    assert caller.payment(pg_tid)["refunds"] == []


def test_error_before_does_nothing(caller: Caller) -> None:
    pg_tid = caller.new_payment()
    caller.fault("error_before", pg_tid)

    assert is_error(caller.refund(pg_tid, 100), 500, "internal")
    assert caller.payment(pg_tid)["refunds"] == []


def test_error_after_has_acted_and_its_key_knows(caller: Caller) -> None:
    pg_tid = caller.new_payment()
    caller.fault("error_after", pg_tid)

    assert is_error(caller.refund(pg_tid, 100, key="k"), 500, "internal")
    assert [refund["key"] for refund in caller.payment(pg_tid)["refunds"]] == ["k"]
    again = caller.refund(pg_tid, 100, key="k")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert len(caller.payment(pg_tid)["refunds"]) == 1


def test_lose_answer_has_acted_and_the_connection_ends(caller: Caller, shared_sandbox: SandboxProcess) -> None:
    pg_tid = caller.new_payment()
    caller.fault("lose_answer", pg_tid)

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        caller.refund(pg_tid, 100, key="k")

    assert [refund["key"] for refund in caller.payment(pg_tid)["refunds"]] == ["k"]
    assert caller.refund(pg_tid, 100, key="k").status_code == 200
    assert len(caller.payment(pg_tid)["refunds"]) == 1
    assert "ERROR" not in shared_sandbox.log()


def test_delay_acts_at_once_and_answers_later(caller: Caller) -> None:
    pg_tid = caller.new_payment()
    caller.fault("delay", pg_tid, delay_ms=2_000)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(caller.refund, pg_tid, 100)
        wait_until(lambda: caller.payment(pg_tid)["refunds"])

        assert not waiting.done()
        assert waiting.result().json()["balance"] == 9_900


def test_late_acts_only_after_the_delay_and_tells_the_caller_that_waits(caller: Caller) -> None:
    pg_tid = caller.new_payment()
    caller.fault("late", pg_tid, delay_ms=1_500)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(caller.refund, pg_tid, 100)
        wait_until(lambda: not caller.faults())

        assert caller.payment(pg_tid)["refunds"] == []
        answer = waiting.result()
    assert answer.json()["status"] == "succeeded"
    assert [refund["refundId"] for refund in caller.payment(pg_tid)["refunds"]] == [answer.json()["refundId"]]


def test_late_acts_although_the_caller_is_gone(caller: Caller) -> None:
    pg_tid = caller.new_payment()
    caller.fault("late", pg_tid, delay_ms=1_500)

    with pytest.raises(httpx.ReadTimeout):
        caller.refund(pg_tid, 100, key="k", timeout=0.3)
    wait_until(lambda: not caller.faults())

    assert caller.payment(pg_tid)["refunds"] == []
    refunds = wait_until(lambda: caller.payment(pg_tid)["refunds"])
    assert [refund["key"] for refund in refunds] == ["k"]
    assert caller.refund(pg_tid, 100, key="k").json()["refundId"] == refunds[0]["refundId"]


def test_late_meets_the_books_as_they_are_then(caller: Caller) -> None:
    pg_tid = caller.new_payment(1_000)
    caller.fault("late", pg_tid, delay_ms=1_500)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(caller.refund, pg_tid, 700, balance=1_000)
        wait_until(lambda: not caller.faults())
        assert caller.refund(pg_tid, 100, balance=1_000).status_code == 200

        assert is_error(waiting.result(), 412, "balance_mismatch")


def test_removing_faults_does_not_call_back_what_was_taken(caller: Caller) -> None:
    pg_tid = caller.new_payment()
    caller.fault("late", pg_tid, times=2, delay_ms=1_000)
    with pytest.raises(httpx.ReadTimeout):
        caller.refund(pg_tid, 100, timeout=0.3)
    wait_until(lambda: caller.faults() == [(pg_tid, "late", 1)])

    caller.http.delete("/faults")

    assert caller.refund(pg_tid, 50).status_code == 200
    wait_until(lambda: len(caller.payment(pg_tid)["refunds"]) == 2)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/health"), ("GET", "/"), ("GET", "/payments/x"), ("POST", "/charges"), ("GET", "/nowhere")],
)
def test_down_cuts_everything_but_its_control(caller: Caller, method: str, path: str) -> None:
    caller.fault("down")

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        caller.http.request(method, path)
    assert caller.faults() == [(None, "down", 1)]

    assert caller.http.delete("/faults").json() == {"faults": []}
    assert caller.http.get("/health").status_code == 200


def test_nothing_is_done_while_down_however_often_it_is_tried(caller: Caller) -> None:
    pg_tid = caller.new_payment()
    caller.fault("down", pg_tid)
    caller.fault("down")
    assert caller.faults() == [(None, "down", 1)]

    for _ in range(3):
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            caller.refund(pg_tid, 100)

    caller.http.delete("/faults")
    assert caller.payment(pg_tid)["refunds"] == []


@pytest.mark.parametrize(
    ("kind", "made"),
    [("refuse", 0), ("error_before", 0), ("error_after", 1), ("lose_answer", 1), ("delay", 1), ("late", 1)],
)
def test_charges_suffer_faults_too(caller: Caller, kind: str, made: int) -> None:
    reference = fresh("ref")
    caller.fault(kind, delay_ms=50)
    seen: str | int

    try:
        seen = caller.charge(100, key=fresh("key"), reference=reference).status_code
    except (httpx.RemoteProtocolError, httpx.ReadError):
        seen = "cut"

    expected = {"refuse": 403, "error_before": 500, "error_after": 500, "lose_answer": "cut"}.get(kind, 200)
    assert seen == expected
    assert len(caller.charges(reference)) == made
    assert caller.faults() == []


def test_a_charge_leaves_pending_to_the_next_refund(caller: Caller) -> None:
    caller.fault("pending")

    pg_tid = caller.charge(100).json()["pgTid"]

    assert caller.refund(pg_tid, 100).json()["status"] == "pending"


def test_times_counts_down_per_request_that_would_act(caller: Caller) -> None:
    pg_tid = caller.new_payment(1_000)
    caller.refund(pg_tid, 100, key="done")
    caller.fault("refuse", pg_tid, times=2)

    caller.refund(pg_tid, 100, key="done")  # a replay
    caller.refund(pg_tid, 200, key="done")  # a mismatch
    caller.refund(pg_tid, -1)  # malformed
    caller.refund(fresh("nobody"), 100)  # unknown
    assert caller.faults() == [(pg_tid, "refuse", 2)]

    assert [caller.refund(pg_tid, 100).status_code for _ in range(3)] == [403, 403, 200]
    assert caller.faults() == []


def test_a_fault_hits_its_payment_only_and_null_hits_any(caller: Caller) -> None:
    one, other = caller.new_payment(), caller.new_payment()
    caller.fault("refuse", one)
    assert caller.refund(other, 1).status_code == 200
    assert caller.refund(one, 1).status_code == 403

    caller.fault("refuse", None)
    assert caller.refund(other, 1).status_code == 403


def test_faults_are_suffered_one_by_one_in_the_order_of_the_queue(caller: Caller) -> None:
    pg_tid = caller.new_payment()
    caller.fault("error_before", None)
    caller.fault("refuse", pg_tid, times=2)
    caller.fault("pending", pg_tid)

    answers = [caller.refund(pg_tid, 1) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [500, 403, 403, 200, 200]
    assert [answer.json()["status"] for answer in answers[3:]] == ["pending", "succeeded"]


def test_the_same_fault_again_replaces_count_and_keeps_its_place(caller: Caller) -> None:
    caller.fault("refuse", "p", times=5)
    caller.fault("error_before", "p")
    caller.fault("refuse", None)

    caller.fault("refuse", "p", times=2)
    caller.fault("refuse", None)

    assert caller.faults() == [("p", "refuse", 2), ("p", "error_before", 1), (None, "refuse", 1)]


@pytest.mark.parametrize(("kind", "seen"), [("error_after", 500), ("lose_answer", "cut")])
def test_what_the_books_refuse_stays_unknown_to_the_caller(caller: Caller, kind: str, seen: object) -> None:
    pg_tid = caller.new_payment(100)
    caller.fault(kind, pg_tid)
    answer: object

    try:
        answer = caller.refund(pg_tid, 200).status_code
    except (httpx.RemoteProtocolError, httpx.ReadError):
        answer = "cut"

    assert answer == seen
    assert caller.payment(pg_tid)["refunds"] == []
