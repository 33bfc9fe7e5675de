"""Idempotency keys: one act per key, however often and however concurrently it is sent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.sandbox.caller import Caller, fresh, is_error
from tests.support.waiting import wait_until


def test_the_same_request_gets_the_same_answer(caller: Caller) -> None:
    pg_tid = caller.new_payment()

    first = caller.refund(pg_tid, 100, key="k", balance=10_000)
    again = caller.refund(pg_tid, 100, key="k", balance=10_000)

    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(caller.payment(pg_tid)["refunds"]) == 1


def test_an_absent_guard_and_a_null_one_are_the_same_body(caller: Caller) -> None:
    pg_tid = caller.new_payment()
    caller.refund(pg_tid, 100, key="k")

    assert caller.refund(pg_tid, 100, key="k", balance=None).headers["Idempotent-Replayed"] == "true"


def test_another_body_is_a_mismatch(caller: Caller) -> None:
    pg_tid = caller.new_payment()
    caller.refund(pg_tid, 100, key="k")

    assert is_error(caller.refund(pg_tid, 200, key="k"), 422, "idempotency_mismatch")
    assert is_error(caller.refund(pg_tid, 100, key="k", balance=9_900), 422, "idempotency_mismatch")
    assert is_error(caller.refund(pg_tid, 100, key="k", reference="other"), 422, "idempotency_mismatch")
    assert len(caller.payment(pg_tid)["refunds"]) == 1


def test_keys_are_scoped_by_path(caller: Caller) -> None:
    one, other, key = caller.new_payment(), caller.new_payment(), fresh("key")

    answers = [caller.refund(one, 100, key=key), caller.refund(other, 200, key=key), caller.charge(300, key=key)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [answer.json()["amount"] for answer in answers] == [100, 200, 300]


def test_a_charge_is_made_once_per_key(caller: Caller) -> None:
    key, reference = fresh("key"), fresh("ref")

    first = caller.charge(100, key=key, reference=reference)
    again = caller.charge(100, key=key, reference=reference)

    assert again.content == first.content
    assert is_error(caller.charge(100, key=key, reference=reference, token="t"), 422, "idempotency_mismatch")
    assert len(caller.charges(reference)) == 1


def test_errors_are_not_stored(caller: Caller) -> None:
    pg_tid = caller.new_payment(100)
    assert is_error(caller.refund(pg_tid, 200, key="k"), 402, "insufficient_balance")
    assert is_error(caller.refund(pg_tid, 100, key="k", balance=1), 412, "balance_mismatch")
    caller.fault("refuse", pg_tid)
    assert is_error(caller.refund(pg_tid, 100, key="k"), 403, "refused")
    caller.fault("error_before", pg_tid)
    assert is_error(caller.refund(pg_tid, 100, key="k"), 500, "internal")

    assert caller.refund(pg_tid, 100, key="k").status_code == 200


def test_a_pending_answer_is_replayed_as_it_was(caller: Caller) -> None:
    pg_tid = caller.new_payment()
    caller.fault("pending", pg_tid)
    first = caller.refund(pg_tid, 100, key="k")
    caller.http.post(f"/refunds/{first.json()['refundId']}/settle", json={"status": "failed"})

    assert caller.refund(pg_tid, 100, key="k").content == first.content
    assert [refund["status"] for refund in caller.payment(pg_tid)["refunds"]] == ["failed"]


def test_a_key_at_work_is_in_progress_and_then_replayed(caller: Caller) -> None:
    pg_tid = caller.new_payment()
    for kind, key in (("delay", "k1"), ("late", "k2")):
        caller.fault(kind, pg_tid, delay_ms=1_500)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(caller.refund, pg_tid, 100, key=key)
            wait_until(lambda: not caller.faults())

            assert is_error(caller.refund(pg_tid, 100, key=key), 409, "in_progress")
            assert is_error(caller.refund(pg_tid, 200, key=key), 422, "idempotency_mismatch")

            first = waiting.result()
        assert first.status_code == 200
        assert caller.refund(pg_tid, 100, key=key).content == first.content
    assert len(caller.payment(pg_tid)["refunds"]) == 2


def test_a_refusal_that_is_delayed_holds_its_key_until_it_is_given(caller: Caller) -> None:
    pg_tid = caller.new_payment(100)
    for kind, key in (("delay", "k1"), ("late", "k2")):
        caller.fault(kind, pg_tid, delay_ms=1_500)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(caller.refund, pg_tid, 200, key=key)
            wait_until(lambda: not caller.faults())

            assert is_error(caller.refund(pg_tid, 200, key=key), 409, "in_progress")

            assert is_error(waiting.result(), 402, "insufficient_balance")
        assert caller.refund(pg_tid, 1, key=key).status_code == 200


def test_one_key_at_once_acts_once(caller: Caller) -> None:
    pg_tid = caller.new_payment()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: caller.refund(pg_tid, 100, key="k"), range(40)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(caller.payment(pg_tid)["refunds"]) == 1


def test_refunds_at_once_never_exceed_the_payment(caller: Caller) -> None:
    pg_tid = caller.new_payment(1_000)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: caller.refund(pg_tid, 300), range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [402] * 17
    assert caller.payment(pg_tid)["balance"] == 100


def test_one_guard_at_once_lets_one_through(caller: Caller) -> None:
    pg_tid = caller.new_payment(1_000)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: caller.refund(pg_tid, 1, balance=1_000), range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 19
