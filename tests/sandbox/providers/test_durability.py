"""What a provider has done or taken outlives SIGKILL of its process."""

from __future__ import annotations

import concurrent.futures
from pathlib import Path

import httpx

from tests.sandbox.providers.control import fresh
from tests.sandbox.providers.receiver import Receiver
from tests.sandbox.providers.tills import Till, TossTill, open_tills
from tests.support.sandbox import SandboxProcess
from tests.support.waiting import wait_until


def test_everything_outlives_a_kill(tmp_path: Path, hooks: Receiver) -> None:
    """Books, keys, faults, quirks, clocks, accounts, late calls and webhooks: one life for all, as starting is slow."""
    with SandboxProcess(tmp_path / "data") as process, httpx.Client(base_url=process.url, timeout=15) as http:
        tills: list[Till] = list(open_tills(http))
        toss = TossTill(http)
        payments = {till.provider: till.control.pay() for till in tills}
        key, late_key = fresh("key"), fresh("key")
        answers = {till.provider: till.cancel(payments[till.provider], 3_000, key=key) for till in tills}
        toss.control.call("PUT", "/merchants/second", {"secret": "test_sk_second"})
        toss.control.quirk(echoes_reason=False)
        toss.control.advance(1_000_000)
        toss.control.call("PUT", "/webhook", {"url": "http://127.0.0.1:1/hook"})
        for till in tills:
            till.control.fault("late", payments[till.provider], delayMs=600_000)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            left = [pool.submit(till.cancel, payments[till.provider], 2_000, key=late_key) for till in tills]
            for till in tills:
                wait_until(lambda till=till: not till.control.faults())  # type: ignore[misc]
            for till in tills:
                till.control.fault("error_before", payments[till.provider])
            before = int(toss.control.call("GET", "/clock")["nowMs"])
            process.restart()
            for one in left:
                assert isinstance(one.exception(), httpx.TransportError)
        assert int(toss.control.call("GET", "/clock")["nowMs"]) >= before
        assert toss.control.call("GET", "/quirks")["echoes_reason"] is False
        assert len(toss.control.call("GET", "/merchants")["merchants"]) == 2
        toss.control.call("PUT", "/webhook", {"url": hooks.url})
        for till in tills:
            payment = payments[till.provider]
            assert till.control.balance(payment) == 7_000
            assert [fault["kind"] for fault in till.control.faults()] == ["error_before"]
            if till.has_keys:
                assert till.cancel(payment, 3_000, key=key).content == answers[till.provider].content
            till.control.advance(600_000)
            wait_until(lambda till=till, payment=payment: till.control.balance(payment) == 5_000)  # type: ignore[misc]
            if till.has_keys:
                assert till.cancel(payment, 2_000, key=late_key).status_code == 200
        cancelled = wait_until(lambda: [hook for hook in hooks.hooks if hook.body["data"]["balanceAmount"] == 5_000])
        assert cancelled[0].body["eventType"] == "PAYMENT_STATUS_CHANGED"


def test_it_stops_when_it_is_asked_to(tmp_path: Path) -> None:
    """With a caller that waits, a webhook that waits, and a late call."""
    with SandboxProcess(tmp_path / "data") as process, httpx.Client(base_url=process.url, timeout=15) as http:
        toss = TossTill(http)
        toss.control.call("PUT", "/webhook", {"url": "http://127.0.0.1:1/hook"})
        payment = toss.control.pay()
        toss.control.fault("late", payment, delayMs=600_000)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            waiting = pool.submit(toss.cancel, payment, 1_000)
            wait_until(lambda: not toss.control.faults())
            assert process.stop() == 0
            assert isinstance(waiting.exception(), httpx.TransportError)


def test_no_secret_of_a_customer_is_left_on_disk(tmp_path: Path) -> None:
    """An account, a card and a signature's secret are needed for a call and for nothing after it."""
    account = {"bank": "88", "accountNumber": "98765432101234", "holderName": "윤한빈"}
    card = {
        "customerKey": "customer-1",
        "cardNumber": "4330987698769876",
        "cardExpirationYear": "30",
        "cardExpirationMonth": "12",
        "customerIdentityNumber": "900101",
    }
    data = tmp_path / "data"
    with SandboxProcess(data) as process, httpx.Client(base_url=process.url, timeout=15) as http:
        toss = TossTill(http)
        payment = toss.control.pay(method="virtual_account")
        body = {"cancelReason": "r", "cancelAmount": 1_000, "refundReceiveAccount": account}
        toss.post(payment, body).raise_for_status()
        toss.control.advance(1_000)
        toss.control.fault("late", payment, delayMs=1)
        http.post(f"/toss/v1/payments/{payment}/cancel", json=body, headers=toss.auth).raise_for_status()
        http.post("/toss/v1/billing/authorizations/card", json=card, headers=toss.auth).raise_for_status()
        assert toss.control.balance(payment) == 8_000
        process.stop()
    for file in data.iterdir():
        content = file.read_bytes()
        assert b"98765432101234" not in content
        assert b"4330987698769876" not in content
