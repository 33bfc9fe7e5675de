"""The control itself: what it refuses, and that it changes nothing of the gateway of our own."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.sandbox.providers.control import Control, fresh


def is_invalid(response: httpx.Response) -> bool:
    """Whether the control refused, in the sandbox's own shape."""
    return response.status_code == 400 and response.json()["code"] == "invalid"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"amount": 0},
        {"amount": 10_000, "taxFree": 10_001},
        {"amount": 10_000, "state": "waiting"},
        {"amount": 10_000, "method": "cheque"},
        {"amount": 10_000, "currency": "USD"},
        {"amount": 10_000, "unknown": 1},
    ],
)
def test_payments_that_make_no_sense(http: httpx.Client, body: dict[str, Any]) -> None:
    assert is_invalid(http.put(f"/control/toss/payments/{fresh('pay')}", json=body))


def test_a_method_that_a_provider_has_not(http: httpx.Client) -> None:
    body = {"amount": 10_000, "method": "virtual_account"}
    assert is_invalid(http.put(f"/control/kakaopay/payments/{fresh('pay')}", json=body))


def test_the_same_payment_again_changes_nothing_and_another_is_refused(http: httpx.Client) -> None:
    control, number = Control(http, "toss"), fresh("pay")
    first = control.call("PUT", f"/payments/{number}", {"amount": 10_000})
    assert control.call("PUT", f"/payments/{number}", {"amount": 10_000}) == first
    other = http.put(f"/control/toss/payments/{number}", json={"amount": 9_000})
    assert (other.status_code, other.json()["code"]) == (409, "payment_exists")
    assert first in control.call("GET", "/payments")["payments"]


def test_what_is_not_there(http: httpx.Client) -> None:
    for method, path, body in (
        ("GET", "/payments/nothing", None),
        ("POST", "/payments/nothing/deposit", None),
        ("POST", "/refunds/nothing/settle", {}),
        ("PUT", "/payments/new", {"amount": 1, "merchant": "nobody"}),
        ("PUT", "/stored-means/new", {"customer": "c", "merchant": "nobody"}),
    ):
        response = http.request(method, f"/control/toss{path}", json=body)
        assert (response.status_code, response.json()["code"]) == (404, "not_found"), path
    assert http.post("/control/nhn/messages/nothing/settle", json={"outcome": "failed"}).status_code == 404
    assert http.get("/control/nobody/faults").json()["code"] == "no_such_path"


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("toss", {"kind": "undelivered"}),
        ("nhn", {"kind": "pending"}),
        ("kakaopay", {"kind": "pending"}),
        ("toss", {"kind": "late", "on": "read"}),
        ("toss", {"kind": "nonsense"}),
        ("nhn", {"kind": "refuse", "code": "NOT_A_NUMBER"}),
        ("kakaopay", {"kind": "error_after", "code": "NOT_A_NUMBER"}),
        ("toss", {"kind": "refuse", "times": 0}),
        ("toss", {"kind": "refuse", "status": 99}),
    ],
)
def test_faults_that_make_no_sense(http: httpx.Client, provider: str, body: dict[str, Any]) -> None:
    assert is_invalid(http.post(f"/control/{provider}/faults", json=body))


def test_the_same_fault_again_replaces_count_and_code(http: httpx.Client) -> None:
    control = Control(http, "toss")
    control.fault("refuse", "p", times=3, code="OLD")
    control.fault("delay", "p")
    control.fault("refuse", "p", times=2, code="NEW")
    found = [(f["kind"], f["times"], f["code"], f["delayMs"]) for f in control.faults()]
    assert found == [("refuse", 2, "NEW", 0), ("delay", 1, None, 1000)]


@pytest.mark.parametrize(
    "quirks",
    [
        {"nonsense": True},
        {"echoes_reason": "yes"},
        {"transactions_lag_ms": "1"},
        {"transactions_lag_ms": True},
        {"keeps_errors": "alwys"},
    ],
)
def test_quirks_that_make_no_sense(http: httpx.Client, quirks: dict[str, Any]) -> None:
    assert is_invalid(http.put("/control/toss/quirks", json=quirks))


def test_a_secret_is_one_merchants(http: httpx.Client) -> None:
    assert is_invalid(http.put("/control/toss/merchants/thief", json={"secret": "test_sk_sandbox"}))


def test_the_console_cannot_give_more_than_there_is(http: httpx.Client) -> None:
    control = Control(http, "toss")
    payment = control.pay()
    response = http.post(f"/control/toss/payments/{payment}/refunds", json={"amount": 10_001, "reason": "r"})
    assert (response.status_code, response.json()["code"]) == (402, "insufficient_balance")


def test_a_deposit_can_only_be_taken_back_while_it_is_there(http: httpx.Client) -> None:
    control = Control(http, "toss")
    assert is_invalid(http.post(f"/control/toss/payments/{control.pay()}/deposit-error"))
    payment = control.pay(method="virtual_account")
    control.call("POST", f"/payments/{payment}/refunds", {"amount": 1, "reason": "r"})
    assert is_invalid(http.post(f"/control/toss/payments/{payment}/deposit-error"))


def test_money_may_come_to_a_closed_account(http: httpx.Client) -> None:
    control = Control(http, "portone")
    payment = control.pay(method="virtual_account", state="waiting")
    headers = {"Authorization": "PortOne portone_sandbox"}
    http.post(f"/portone/payments/{payment}/virtual-account/close", headers=headers).raise_for_status()
    assert control.call("POST", f"/payments/{payment}/deposit")["balance"] == 10_000


def test_clocks_are_each_their_own_and_only_go_on(http: httpx.Client) -> None:
    toss, nhn = Control(http, "toss"), Control(http, "nhn")
    before = nhn.call("GET", "/clock")["nowMs"]
    moved = toss.call("GET", "/clock")["nowMs"]
    toss.advance(86_400_000)
    assert toss.call("GET", "/clock")["nowMs"] >= moved + 86_400_000
    assert nhn.call("GET", "/clock")["nowMs"] < before + 86_400_000
    assert is_invalid(http.post("/control/toss/clock", json={"advanceMs": -1}))


def test_the_gateway_of_our_own_is_where_it_was(http: httpx.Client) -> None:
    body = {"amount": 10_000, "currency": "KRW", "payWayCd": "11"}
    assert http.put("/payments/own", json=body).json()["balance"] == 10_000
    assert http.get("/control/toss/payments/own").status_code == 404
    http.post("/faults", json={"kind": "down"}).raise_for_status()
    try:
        with pytest.raises(httpx.RemoteProtocolError):
            http.get("/payments/own")
        assert http.get("/control/toss/faults").status_code == 200
        assert http.get("/toss/v1/payments/x").status_code == 401
    finally:
        http.delete("/faults")
