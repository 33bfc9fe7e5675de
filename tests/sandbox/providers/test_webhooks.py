"""Webhooks out: what each provider says, how it signs it, how often; and lost, twice, late, out of order on demand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

import pytest

from tests.sandbox.providers.receiver import Receiver
from tests.sandbox.providers.tills import KakaoPayTill, PortOneTill, TossTill
from tests.support.waiting import wait_until

MINUTE = 60_000


@pytest.fixture
def toss_hooks(toss: TossTill, hooks: Receiver) -> Receiver:
    """A receiver of Toss's webhooks."""
    toss.control.call("PUT", "/webhook", {"url": hooks.url})
    return hooks


@pytest.fixture
def portone_hooks(portone: PortOneTill, hooks: Receiver) -> Receiver:
    """A receiver of PortOne's webhooks."""
    portone.control.call("PUT", "/webhook", {"url": hooks.url})
    return hooks


class TestToss:
    """No signature: an id to tell duplicates by, and the payment itself."""

    def test_a_change_carries_the_payment(self, toss: TossTill, toss_hooks: Receiver) -> None:
        payment = toss.control.pay()
        answer = toss.cancel(payment, 3_000)
        captured, cancelled = toss_hooks.wait_for(2)
        assert (captured.body["eventType"], captured.body["data"]["status"]) == ("PAYMENT_STATUS_CHANGED", "DONE")
        assert cancelled.body["data"] == answer.json()
        header = "tosspayments-webhook-transmission-"
        assert cancelled.headers[f"{header}retried-count"] == "0"
        assert cancelled.headers[f"{header}time"]
        assert cancelled.headers[f"{header}id"] != captured.headers[f"{header}id"]
        assert not any("signature" in name for name in cancelled.headers)

    def test_a_deposit_is_told_twice_and_one_of_them_only_has_a_secret(
        self, toss: TossTill, toss_hooks: Receiver
    ) -> None:
        payment = toss.control.pay(method="virtual_account", state="waiting", orderId="order-of-the-deposit")
        secret = toss.read(payment).json()["secret"]
        toss.control.call("POST", f"/payments/{payment}/deposit")
        changed, deposit = toss_hooks.wait_for(2)
        assert changed.body["eventType"] == "PAYMENT_STATUS_CHANGED"
        assert set(deposit.body) == {"createdAt", "secret", "status", "transactionKey", "orderId"}
        assert (deposit.body["secret"], deposit.body["status"]) == (secret, "DONE")
        toss.control.call("POST", f"/payments/{payment}/deposit-error")
        assert toss_hooks.wait_for(3)[2].body["status"] == "WAITING_FOR_DEPOSIT"

    def test_an_asynchronous_cancel_ends_in_an_event(self, toss: TossTill, toss_hooks: Receiver) -> None:
        payment = toss.control.pay(method="overseas")
        toss.control.advance(1_000)
        toss.post(payment, {"cancelReason": "r", "cancelAmount": 1_000, "cancelRequestId": "request-1"})
        toss.control.settle(toss.control.refunds(payment)[0]["ref"], "failed")
        event = toss_hooks.wait_for(3)[2].body
        assert (event["eventType"], event["data"]["cancelStatus"]) == ("CANCEL_STATUS_CHANGED", "ABORTED")
        assert event["data"]["cancelRequestId"] == "request-1"

    def test_a_billing_charge_is_not_told(self, toss: TossTill, toss_hooks: Receiver) -> None:
        toss.control.call("PUT", "/stored-means/quiet", {"customer": "customer-1"})
        body = {"customerKey": "customer-1", "amount": 1_000, "orderId": "quiet-order", "orderName": "차액"}
        toss.http.post("/toss/v1/billing/quiet", json=body, headers=toss.auth).raise_for_status()
        toss.control.pay()
        assert toss_hooks.wait_for(1)[0].body["data"]["type"] == "NORMAL"

    def test_its_times_come_in_more_than_one_fashion(self, toss: TossTill, toss_hooks: Receiver) -> None:
        for _ in range(3):
            toss.control.pay()
        fashions = {hook.body["createdAt"][-6] in "+" for hook in toss_hooks.wait_for(3)}
        assert fashions == {True, False}

    def test_it_tries_seven_times_more(self, toss: TossTill, toss_hooks: Receiver) -> None:
        toss_hooks.statuses[:] = [500, 302, 201, 500, 500, 500, 500, 500]
        payment = toss.control.pay()
        for tried, minutes in enumerate((1, 4, 16, 64, 256, 1024, 4096), start=1):
            wait_until(lambda tried=tried: _tries(toss, payment) == tried)  # type: ignore[misc]
            toss.control.advance(minutes * MINUTE)
        hooks = toss_hooks.wait_for(8)
        counts = [hook.headers["tosspayments-webhook-transmission-retried-count"] for hook in hooks]
        assert counts == [str(n) for n in range(8)]
        assert len({hook.headers["tosspayments-webhook-transmission-id"] for hook in hooks}) == 1
        wait_until(lambda: _states(toss, payment) == ["dead"])


class TestPortOne:
    """Standard Webhooks."""

    def test_it_is_signed(self, portone: PortOneTill, portone_hooks: Receiver) -> None:
        payment = portone.control.pay()
        (hook,) = portone_hooks.wait_for(1)
        secret = base64.b64decode("c2FuZGJveC1zYW5kYm94LXNhbmRib3g=")
        signed = f"{hook.headers['webhook-id']}.{hook.headers['webhook-timestamp']}.{hook.raw}".encode()
        expected = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
        assert hook.headers["webhook-signature"] == f"v1,{expected}"
        assert abs(int(hook.headers["webhook-timestamp"]) - time.time()) < 60
        assert (hook.body["type"], hook.body["data"]["paymentId"]) == ("Transaction.Paid", payment)

    def test_what_each_cancel_is_called(self, portone: PortOneTill, portone_hooks: Receiver) -> None:
        payment = portone.control.pay()
        portone.control.fault("pending", payment)
        answer = portone.cancel(payment, 3_000).json()
        portone.control.settle(answer["cancellation"]["id"], "succeeded")
        portone.cancel(payment, 7_000)
        hooks = portone_hooks.wait_for(4)
        assert [hook.body["type"].removeprefix("Transaction.") for hook in hooks] == [
            "Paid",
            "CancelPending",
            "PartialCancelled",
            "Cancelled",
        ]
        assert hooks[1].body["data"]["cancellationId"] == answer["cancellation"]["id"]

    def test_a_cancel_may_be_kept_quiet(self, portone: PortOneTill, portone_hooks: Receiver) -> None:
        payment = portone.control.pay()
        portone.post(payment, {"reason": "r", "amount": 1_000, "skipWebhook": True})
        portone.cancel(payment, 2_000)
        quiet, told = portone.control.refunds(payment)
        ids = [hook.body["data"].get("cancellationId") for hook in portone_hooks.wait_for(2)]
        assert (quiet["ref"] in ids, told["ref"] in ids) == (False, True)

    def test_it_is_tried_once(self, portone: PortOneTill, portone_hooks: Receiver) -> None:
        portone_hooks.statuses[:] = [500]
        payment = portone.control.pay()
        wait_until(lambda: _states(portone, payment) == ["dead"])


class TestFaults:
    """On demand."""

    def test_twice(self, toss: TossTill, toss_hooks: Receiver) -> None:
        payment = toss.control.pay()
        toss.control.fault("webhook_duplicate", payment)
        toss.cancel(payment, 1_000)
        _, first, second = toss_hooks.wait_for(3)
        header = "tosspayments-webhook-transmission-id"
        assert (first.headers[header], first.raw) == (second.headers[header], second.raw)

    def test_out_of_order(self, toss: TossTill, toss_hooks: Receiver) -> None:
        payment = toss.control.pay()
        toss.control.fault("webhook_reorder", payment)
        toss.cancel(payment, 1_000)
        toss.cancel(payment, 2_000)
        balances = [hook.body["data"]["balanceAmount"] for hook in toss_hooks.wait_for(3)]
        assert balances == [10_000, 7_000, 9_000]

    def test_held_back_until_released(self, toss: TossTill, toss_hooks: Receiver) -> None:
        payment = toss.control.pay()
        toss_hooks.wait_for(1)
        toss.control.fault("webhook_reorder", payment)
        toss.cancel(payment, 1_000)
        assert _states(toss, payment)[-1] == "held"
        toss.control.call("POST", "/webhooks/release")
        assert toss_hooks.wait_for(2)[1].body["data"]["balanceAmount"] == 9_000

    def test_lost(self, toss: TossTill, toss_hooks: Receiver) -> None:
        payment = toss.control.pay()
        toss.control.fault("webhook_lost", payment)
        toss.cancel(payment, 1_000)
        toss.cancel(payment, 2_000)
        assert toss_hooks.wait_for(2)[1].body["data"]["balanceAmount"] == 7_000
        assert _states(toss, payment)[1] == "lost"

    def test_late(self, toss: TossTill, toss_hooks: Receiver) -> None:
        payment = toss.control.pay()
        toss.control.fault("webhook_late", payment, delayMs=10 * MINUTE)
        toss.cancel(payment, 1_000)
        toss_hooks.wait_for(1)
        assert _states(toss, payment)[1] == "due"
        toss.control.advance(10 * MINUTE)
        toss_hooks.wait_for(2)

    def test_once_more_by_hand(self, portone: PortOneTill, portone_hooks: Receiver) -> None:
        portone.control.pay()
        (hook,) = portone_hooks.wait_for(1)
        portone.control.call("POST", f"/webhooks/{hook.headers['webhook-id']}/again")
        assert portone_hooks.wait_for(2)[1].headers["webhook-id"] == hook.headers["webhook-id"]
        unknown = portone.control.http.post("/control/portone/webhooks/nothing/again")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


def test_nobody_is_told_without_an_address(toss: TossTill) -> None:
    assert _states(toss, toss.control.pay()) == []


def test_without_an_address_those_still_to_go_are_lost(toss: TossTill, toss_hooks: Receiver) -> None:
    payment = toss.control.pay()
    toss_hooks.wait_for(1)
    toss.control.fault("webhook_late", payment, delayMs=10 * MINUTE)
    toss.cancel(payment, 1_000)
    toss.control.call("PUT", "/webhook", {"url": None})
    assert _states(toss, payment) == ["done", "lost"]


def test_a_receiver_that_is_gone_is_tried_again(toss: TossTill, hooks: Receiver) -> None:
    toss.control.call("PUT", "/webhook", {"url": "http://127.0.0.1:1/hook"})
    payment = toss.control.pay()
    wait_until(lambda: _tries(toss, payment) == 1)
    toss.control.call("PUT", "/webhook", {"url": hooks.url})
    toss.control.advance(MINUTE)
    hooks.wait_for(1)


def test_kakaopay_tells_nobody(kakaopay: KakaoPayTill, hooks: Receiver) -> None:
    kakaopay.control.call("PUT", "/webhook", {"url": hooks.url})
    kakaopay.cancel(kakaopay.control.pay(), 1_000)
    assert kakaopay.control.call("GET", "/webhooks")["webhooks"] == []


def _of(till: TossTill | PortOneTill, payment: str) -> list[dict[str, object]]:
    webhooks: list[dict[str, object]] = till.control.call("GET", "/webhooks")["webhooks"]
    return [webhook for webhook in webhooks if webhook["target"] == payment]


def _states(till: TossTill | PortOneTill, payment: str) -> list[object]:
    return [webhook["state"] for webhook in _of(till, payment)]


def _tries(till: TossTill | PortOneTill, payment: str) -> object:
    return _of(till, payment)[0]["tries"]
