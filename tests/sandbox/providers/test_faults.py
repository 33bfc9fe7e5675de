"""The faults, which are the same at every payment provider: what each does to the books and to the caller."""

from __future__ import annotations

import concurrent.futures

import httpx
import pytest

from tests.sandbox.providers.control import fresh
from tests.sandbox.providers.tills import Till, TossTill
from tests.support.waiting import wait_until


def test_the_ledger_has_one_shape(till: Till) -> None:
    payment = till.control.pay(10_000, orderId="order-1")
    assert till.cancel(payment, 3_000, reference="leg 1").status_code == 200
    assert till.cancel(payment, 2_000, reference="leg 2").status_code == 200
    ledger = till.control.ledger(payment)
    assert (ledger["payment"], ledger["amount"], ledger["balance"]) == (payment, 10_000, 5_000)
    assert [(r["amount"], r["status"], r["reference"], r["origin"]) for r in ledger["refunds"]] == [
        (3_000, "succeeded", "leg 1", "api"),
        (2_000, "succeeded", "leg 2", "api"),
    ]
    assert len({r["ref"] for r in ledger["refunds"]}) == 2


def test_more_than_is_left_is_refused(till: Till) -> None:
    payment = till.control.pay(10_000)
    assert till.cancel(payment, 6_000).status_code == 200
    assert till.cancel(payment, 6_000).status_code >= 400
    assert till.control.balance(payment) == 4_000


def test_the_guard_is_what_is_held_before(guarded_till: Till) -> None:
    payment = guarded_till.control.pay(10_000)
    assert guarded_till.cancel(payment, 3_000, guard=10_000).status_code == 200
    assert guarded_till.cancel(payment, 3_000, guard=10_000).status_code >= 400
    assert guarded_till.cancel(payment, 3_000, guard=7_000).status_code == 200
    assert guarded_till.control.balance(payment) == 4_000


def test_a_lost_answer_has_acted(till: Till) -> None:
    payment = till.control.pay()
    till.control.fault("lose_answer", payment)
    with pytest.raises(httpx.RemoteProtocolError):
        till.cancel(payment, 3_000)
    assert till.control.balance(payment) == 7_000


def test_a_lost_request_has_not(till: Till) -> None:
    payment = till.control.pay()
    till.control.fault("lose_request", payment)
    with pytest.raises(httpx.RemoteProtocolError):
        till.cancel(payment, 3_000)
    assert till.control.balance(payment) == 10_000


@pytest.mark.parametrize(("kind", "left"), [("error_before", 10_000), ("error_after", 7_000)])
def test_an_error_says_nothing_of_the_outcome(till: Till, kind: str, left: int) -> None:
    payment = till.control.pay()
    till.control.fault(kind, payment)
    assert till.cancel(payment, 3_000).status_code >= 500
    assert till.control.balance(payment) == left


@pytest.mark.parametrize(("kind", "left"), [("html_before", 10_000), ("html_after", 7_000)])
def test_a_proxy_may_answer_html(till: Till, kind: str, left: int) -> None:
    payment = till.control.pay()
    till.control.fault(kind, payment, status=200)
    answer = till.cancel(payment, 3_000)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert till.control.balance(payment) == left


def test_a_refusal_by_code_does_nothing(till: Till) -> None:
    payment = till.control.pay()
    code = "-999" if till.provider == "kakaopay" else "SOME_NEW_CODE"
    till.control.fault("refuse", payment, code=code, status=418)
    answer = till.cancel(payment, 3_000)
    assert (answer.status_code, code in answer.text) == (418, True)
    assert till.control.balance(payment) == 10_000


def test_a_slow_answer_has_acted_at_once(till: Till) -> None:
    payment = till.control.pay()
    till.control.fault("delay", payment, delayMs=600_000)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(till.cancel, payment, 3_000)
        wait_until(lambda: till.control.balance(payment) == 7_000)
        assert not slow.done()
        till.control.advance(600_000)
        assert slow.result().status_code == 200


def test_a_late_one_acts_when_its_time_has_come(till: Till) -> None:
    payment = till.control.pay()
    till.control.fault("late", payment, delayMs=600_000)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        late = pool.submit(till.cancel, payment, 3_000)
        wait_until(lambda: not till.control.faults())
        assert till.control.balance(payment) == 10_000
        till.control.advance(600_000)
        assert late.result().status_code == 200
    assert till.control.balance(payment) == 7_000


def test_a_fault_is_for_its_payment_and_as_often_as_said(till: Till) -> None:
    payment, other = till.control.pay(), till.control.pay()
    till.control.fault("error_before", payment, times=2)
    assert till.cancel(other, 1_000).status_code == 200
    assert [till.cancel(payment, 1_000).status_code >= 500 for _ in range(3)] == [True, True, False]


def test_a_fault_for_any_payment_meets_the_next(till: Till) -> None:
    payment = till.control.pay()
    till.control.fault("error_before")
    assert till.cancel(payment, 1_000).status_code >= 500
    assert till.cancel(payment, 1_000).status_code == 200


def test_a_read_can_fail_too(till: Till) -> None:
    payment = till.control.pay()
    till.control.fault("error_before", payment, on="read")
    assert till.read(payment).status_code >= 500
    assert till.read(payment).status_code == 200


def test_down_cuts_all_of_one_provider_and_no_other(till: Till, http: httpx.Client) -> None:
    payment = till.control.pay()
    till.control.fault("down")
    with pytest.raises(httpx.RemoteProtocolError):
        till.cancel(payment, 1_000)
    with pytest.raises(httpx.RemoteProtocolError):
        till.read(payment)
    assert http.get("/health").status_code == 200
    till.control.call("DELETE", "/faults")
    assert till.cancel(payment, 1_000).status_code == 200


def test_a_refund_from_the_console_lowers_what_is_left(till: Till) -> None:
    payment = till.control.pay()
    till.control.call("POST", f"/payments/{payment}/refunds", {"amount": 4_000, "reason": "by hand"})
    assert till.control.refunds(payment)[0]["origin"] == "console"
    assert till.cancel(payment, 7_000).status_code >= 400
    assert till.cancel(payment, 6_000).status_code == 200


def test_a_refund_can_fail_after_it_succeeded(till: Till) -> None:
    payment = till.control.pay()
    till.cancel(payment, 3_000)
    (refund,) = till.control.refunds(payment)
    till.control.settle(refund["ref"], "failed")
    assert till.control.balance(payment) == 10_000
    assert till.control.refunds(payment)[0]["status"] == "failed"
    again = till.control.http.post(f"/control/{till.provider}/refunds/{refund['ref']}/settle", json={})
    assert (again.status_code, again.json()["code"]) == (409, "already_failed")


def test_another_merchants_payment_is_as_good_as_none(till: Till) -> None:
    till.control.call("PUT", "/merchants/other", {"secret": f"test_sk_other_{till.provider}"})
    payment = till.control.pay(merchant="other")
    assert till.read(payment).status_code >= 400
    assert till.cancel(payment, 1_000).status_code >= 400
    assert till.control.balance(payment) == 10_000


def test_many_at_once_never_exceed_the_payment(till: Till) -> None:
    payment = till.control.pay(10_000)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: till.cancel(payment, 3_000), range(8)))
    assert till.control.balance(payment) >= 0
    assert len(till.control.refunds(payment)) <= 3


class TestKeys:
    """What is the same at the providers whose keys don't look at the body; Stripe's are tested with it."""

    def test_the_same_key_gets_the_same_bytes(self, keyed_till: Till) -> None:
        payment, key = keyed_till.control.pay(), fresh("key")
        first = keyed_till.cancel(payment, 3_000, key=key)
        assert keyed_till.cancel(payment, 3_000, key=key).content == first.content
        assert keyed_till.control.balance(payment) == 7_000

    def test_the_body_is_not_compared(self, keyed_till: Till) -> None:
        payment, key = keyed_till.control.pay(), fresh("key")
        first = keyed_till.cancel(payment, 3_000, key=key)
        assert keyed_till.cancel(payment, 5_000, key=key).content == first.content
        assert keyed_till.control.balance(payment) == 7_000

    def test_a_refusal_stays_under_its_key(self, keyed_till: Till) -> None:
        payment, key = keyed_till.control.pay(), fresh("key")
        refused = keyed_till.cancel(payment, 99_000, key=key)
        assert refused.status_code >= 400
        assert keyed_till.cancel(payment, 3_000, key=key).content == refused.content
        assert keyed_till.control.balance(payment) == 10_000

    def test_a_malformed_body_burns_its_key(self, keyed_till: Till) -> None:
        payment, key = keyed_till.control.pay(), fresh("key")
        assert keyed_till.cancel(payment, -1, key=key).status_code == 400
        assert keyed_till.cancel(payment, 3_000, key=key).status_code == 400

    def test_a_lost_answer_is_kept(self, keyed_till: Till) -> None:
        payment, key = keyed_till.control.pay(), fresh("key")
        keyed_till.control.fault("lose_answer", payment)
        with pytest.raises(httpx.RemoteProtocolError):
            keyed_till.cancel(payment, 3_000, key=key)
        assert keyed_till.cancel(payment, 3_000, key=key).status_code == 200
        assert keyed_till.control.balance(payment) == 7_000

    @pytest.mark.parametrize("kind", ["delay", "late"])
    def test_a_key_at_work_is_told_so(self, keyed_till: Till, kind: str) -> None:
        payment, key = keyed_till.control.pay(), fresh("key")
        keyed_till.control.fault(kind, payment, delayMs=600_000)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            first = pool.submit(keyed_till.cancel, payment, 3_000, key=key)
            wait_until(lambda: not keyed_till.control.faults())
            assert keyed_till.cancel(payment, 3_000, key=key).status_code == 409
            keyed_till.control.advance(600_000)
            assert keyed_till.cancel(payment, 3_000, key=key).content == first.result().content
        assert keyed_till.control.balance(payment) == 7_000

    def test_the_worst_of_an_unproven_error(self, keyed_till: Till) -> None:
        """Not kept when it acted, so that a blind repeat pays twice; kept when it didn't, so that the key is burnt."""
        paid_twice, stuck = keyed_till.control.pay(), keyed_till.control.pay()
        key = fresh("key")
        keyed_till.control.fault("error_after", paid_twice)
        assert keyed_till.cancel(paid_twice, 3_000, key=key).status_code >= 500
        assert keyed_till.cancel(paid_twice, 3_000, key=key).status_code == 200
        assert keyed_till.control.balance(paid_twice) == 4_000
        keyed_till.control.fault("error_before", stuck)
        assert keyed_till.cancel(stuck, 3_000, key=key).status_code >= 500
        assert keyed_till.cancel(stuck, 3_000, key=key).status_code >= 500
        assert keyed_till.control.balance(stuck) == 10_000

    @pytest.mark.parametrize(("keeps", "status"), [("always", 500), ("never", 200)])
    def test_the_other_readings_can_be_played(self, toss: TossTill, keeps: str, status: int) -> None:
        toss.control.quirk(keeps_errors=keeps)
        payment, key = toss.control.pay(), fresh("key")
        toss.control.fault("error_before", payment)
        assert toss.cancel(payment, 3_000, key=key).status_code == 500
        assert toss.cancel(payment, 3_000, key=key).status_code == status

    def test_html_of_a_proxy_is_not_kept_but_what_was_done_is(self, keyed_till: Till) -> None:
        payment, key = keyed_till.control.pay(), fresh("key")
        keyed_till.control.fault("html_after", payment)
        assert keyed_till.cancel(payment, 3_000, key=key).status_code == 502
        assert keyed_till.cancel(payment, 3_000, key=key).status_code == 200
        assert keyed_till.control.balance(payment) == 7_000


def test_without_keys_the_same_again_pays_again(http: httpx.Client, kakaopay: Till) -> None:
    payment = kakaopay.control.pay()
    kakaopay.cancel(payment, 3_000)
    kakaopay.cancel(payment, 3_000)
    assert kakaopay.control.balance(payment) == 4_000
