"""PortOne: what it refuses and does on its own wire."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.sandbox.providers.control import fresh
from tests.sandbox.providers.tills import PortOneTill

ACCOUNT = {"bank": "SHINHAN", "number": "110123457270", "holderName": "윤한빈"}


def is_error(response: httpx.Response, status: int, kind: str) -> bool:
    """Whether this is that error."""
    return response.status_code == status and response.json().get("type") == kind


@pytest.mark.parametrize("header", [None, "PortOne wrong", "Bearer portone_sandbox", "Basic portone_sandbox"])
def test_only_its_own_scheme_signs_in(portone: PortOneTill, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    payment = portone.control.pay()
    assert is_error(portone.http.get(f"/portone/payments/{payment}", headers=headers), 401, "UNAUTHORIZED")
    path = f"/portone/payments/{payment}/cancel"
    assert is_error(portone.http.post(path, json={"reason": "r"}, headers=headers), 401, "UNAUTHORIZED")


def test_another_store_is_forbidden(portone: PortOneTill) -> None:
    payment = portone.control.pay()
    assert is_error(portone.post(payment, {"reason": "r", "storeId": "another"}), 403, "FORBIDDEN")
    read = portone.http.get(f"/portone/payments/{payment}", params={"storeId": "another"}, headers=portone.auth)
    assert is_error(read, 403, "FORBIDDEN")
    assert portone.post(payment, {"reason": "r", "storeId": "store-sandbox"}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": ""},
        {"reason": "r", "amount": 0},
        {"reason": "r", "amount": "1000"},
        {"reason": "r", "currentCancelableAmount": 10_000},
        {"reason": "r", "requester": "SOMEBODY"},
        {"reason": "r", "refundAccount": {"bank": "SHINHAN", "number": "1"}},
        {"reason": "r", "refundAccount": {**ACCOUNT, "number": "110-123"}},
        {"reason": "r", "refundAccount": {**ACCOUNT, "bank": "88"}},
        [],
    ],
)
def test_what_it_does_not_take(portone: PortOneTill, body: object) -> None:
    payment = portone.control.pay()
    assert is_error(portone.post(payment, body), 400, "INVALID_REQUEST")
    assert portone.control.balance(payment) == 10_000


@pytest.mark.parametrize("key", ["short", "k" * 257, "a key with spaces in it"])
def test_keys_have_a_form(portone: PortOneTill, key: str) -> None:
    payment = portone.control.pay()
    assert is_error(portone.cancel(payment, 1_000, key=key), 400, "INVALID_REQUEST")


def test_a_key_may_be_quoted(portone: PortOneTill) -> None:
    payment, key = portone.control.pay(), fresh("key")
    first = portone.cancel(payment, 1_000, key=f'"{key}"')
    assert portone.cancel(payment, 1_000, key=key).content == first.content
    assert portone.control.balance(payment) == 9_000


def test_a_key_is_good_for_as_long_as_is_played(portone: PortOneTill) -> None:
    payment, key = portone.control.pay(), fresh("key")
    portone.cancel(payment, 1_000, key=key)
    portone.control.advance(86_400_000)
    portone.cancel(payment, 1_000, key=key)
    assert portone.control.balance(payment) == 8_000


def test_bodies_can_be_compared(portone: PortOneTill) -> None:
    portone.control.quirk(compares_body=True)
    payment, key = portone.control.pay(), fresh("key")
    portone.cancel(payment, 1_000, key=key)
    assert is_error(portone.cancel(payment, 2_000, key=key), 400, "INVALID_REQUEST")
    assert portone.cancel(payment, 1_000, key=key).status_code == 200
    assert portone.control.balance(payment) == 9_000


def test_the_answer_is_the_cancellation_alone(portone: PortOneTill) -> None:
    payment = portone.control.pay(11_000)
    body = portone.cancel(payment, 5_500, reference="고객 요청 [rf_1]").json()
    assert set(body) == {"cancellation"}
    cancellation = body["cancellation"]
    assert (cancellation["status"], cancellation["totalAmount"], cancellation["vatAmount"]) == ("SUCCEEDED", 5_500, 500)
    assert (cancellation["reason"], cancellation["trigger"]) == ("고객 요청 [rf_1]", "API")
    (shown,) = portone.read(payment).json()["cancellations"]
    assert shown == cancellation


def test_statuses(portone: PortOneTill) -> None:
    payment = portone.control.pay()
    seen = [portone.read(payment).json()["status"]]
    for amount in (4_000, 6_000):
        portone.cancel(payment, amount)
        seen.append(portone.read(payment).json()["status"])
    assert seen == ["PAID", "PARTIAL_CANCELLED", "CANCELLED"]
    assert portone.read(payment).json()["amount"]["cancelled"] == 10_000


def test_refusals_of_the_books(portone: PortOneTill) -> None:
    payment = portone.control.pay()
    assert is_error(portone.cancel(payment, 10_001), 409, "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT")
    assert is_error(portone.cancel(payment, 1_000, guard=9_000), 409, "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN")
    portone.cancel(payment, 10_000)
    assert is_error(portone.cancel(payment, 1_000), 409, "PAYMENT_ALREADY_CANCELLED")
    assert is_error(portone.cancel("nothing", 1_000), 404, "PAYMENT_NOT_FOUND")
    assert is_error(portone.read("nothing"), 404, "PAYMENT_NOT_FOUND")


def test_a_wrong_path_has_no_type(portone: PortOneTill) -> None:
    response = portone.http.get("/portone/nothing", headers=portone.auth)
    assert (response.status_code, "type" in response.json()) == (404, False)


def test_tax_free_money_is_told_apart(portone: PortOneTill) -> None:
    payment = portone.control.pay(10_000, taxFree=4_000)

    def cancel(**body: int) -> httpx.Response:
        return portone.post(payment, {"reason": "r", **body})

    assert is_error(cancel(amount=7_000), 409, "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT")
    too_free = "CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT"
    assert is_error(cancel(amount=5_000, taxFreeAmount=4_001), 409, too_free)
    sums = "SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT"
    assert is_error(cancel(amount=1_000, taxFreeAmount=600, vatAmount=500), 409, sums)
    assert cancel(amount=5_000, taxFreeAmount=4_000).status_code == 200
    assert portone.read(payment).json()["amount"]["cancelledTaxFree"] == 4_000


def test_a_pending_one_is_requested_until_it_is_settled(portone: PortOneTill) -> None:
    for status, shown_as, state in (("succeeded", "SUCCEEDED", "PARTIAL_CANCELLED"), ("failed", "FAILED", "PAID")):
        payment = portone.control.pay()
        portone.control.fault("pending", payment)
        assert portone.cancel(payment, 3_000).json()["cancellation"]["status"] == "REQUESTED"
        assert portone.read(payment).json()["status"] == "PAID"
        assert portone.control.balance(payment) == 7_000
        portone.control.settle(portone.control.refunds(payment)[0]["ref"], status)
        shown = portone.read(payment).json()
        assert (shown["status"], shown["cancellations"][0]["status"]) == (state, shown_as)


def test_a_provider_behind_it_may_fail(portone: PortOneTill) -> None:
    payment = portone.control.pay()
    portone.control.fault("error_after", payment)
    assert is_error(portone.cancel(payment, 3_000), 502, "PG_PROVIDER")
    assert portone.read(payment).json()["amount"]["cancelled"] == 3_000


class TestVirtualAccounts:
    """Money to a bank account."""

    def test_one_without_its_deposit_is_closed_and_not_cancelled(self, portone: PortOneTill) -> None:
        payment = portone.control.pay(method="virtual_account", state="waiting")
        assert portone.read(payment).json()["status"] == "VIRTUAL_ACCOUNT_ISSUED"
        assert is_error(portone.cancel(payment, 10_000), 409, "PAYMENT_NOT_PAID")
        path = f"/portone/payments/{payment}/virtual-account/close"
        assert portone.http.post(path, headers=portone.auth).json()["closedAt"]
        assert is_error(portone.http.post(path, headers=portone.auth), 409, "PAYMENT_NOT_WAITING_FOR_DEPOSIT")
        assert portone.control.ledger(payment)["state"] == "closed"

    def test_a_deposited_one_needs_an_account(self, portone: PortOneTill) -> None:
        payment = portone.control.pay(method="virtual_account")
        assert is_error(portone.cancel(payment, 1_000), 502, "PG_PROVIDER")
        assert portone.control.balance(payment) == 10_000
        assert portone.post(payment, {"reason": "r", "amount": 1_000, "refundAccount": ACCOUNT}).status_code == 200


class TestCharging:
    """Billing keys."""

    def charge(self, portone: PortOneTill, payment: str, **more: object) -> httpx.Response:
        """Charge one."""
        portone.control.call("PUT", "/stored-means/billing-1", {"customer": "customer-1"})
        body = {"billingKey": "billing-1", "orderName": "차액", "amount": {"total": 5_000}, "currency": "KRW", **more}
        headers = {**portone.auth, "Idempotency-Key": fresh("key")}
        return portone.http.post(f"/portone/payments/{payment}/billing-key", json=body, headers=headers)

    def test_a_charge_is_a_payment(self, portone: PortOneTill) -> None:
        payment = fresh("extra")
        assert self.charge(portone, payment).json()["payment"]["paidAt"]
        assert portone.read(payment).json()["status"] == "PAID"
        assert is_error(self.charge(portone, payment), 409, "ALREADY_PAID")
        assert portone.cancel(payment, 5_000).status_code == 200

    def test_what_it_does_not_take(self, portone: PortOneTill) -> None:
        assert is_error(self.charge(portone, fresh("extra"), billingKey="nothing"), 404, "BILLING_KEY_NOT_FOUND")
        assert is_error(self.charge(portone, fresh("extra"), amount=5_000), 400, "INVALID_REQUEST")
        parts = {"total": 100, "taxFree": 60, "vat": 50}
        assert is_error(self.charge(portone, fresh("extra"), amount=parts), 409, "SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT")


def test_a_cash_receipt_is_cancelled_once(portone: PortOneTill) -> None:
    payment, without = portone.control.pay(cashReceipt=True), portone.control.pay()

    def cancel(number: str) -> httpx.Response:
        return portone.http.post(f"/portone/payments/{number}/cash-receipt/cancel", headers=portone.auth)

    assert cancel(payment).json()["cancelledAmount"] == 10_000
    assert is_error(cancel(payment), 404, "CASH_RECEIPT_NOT_ISSUED")
    assert is_error(cancel(without), 404, "CASH_RECEIPT_NOT_FOUND")


def test_a_day_can_be_listed(portone: PortOneTill) -> None:
    portone.control.call("PUT", "/merchants/listed", {"secret": "portone_listed"})
    payments = [portone.control.pay(merchant="listed") for _ in range(3)]
    headers = {"Authorization": "PortOne portone_listed"}

    def listed(asked: object) -> dict[str, Any]:
        params = {"requestBody": json.dumps(asked)}
        body: dict[str, Any] = portone.http.get("/portone/payments", params=params, headers=headers).json()
        return body

    first = listed({"page": {"number": 0, "size": 2}})
    second = listed({"page": {"number": 1, "size": 2}})
    assert [one["id"] for one in first["items"] + second["items"]] == payments
    assert first["page"]["totalCount"] == 3
    assert listed({"filter": {"until": "2020-01-01T00:00:00Z"}})["items"] == []
    wrong = portone.http.get("/portone/payments", params={"requestBody": "{"}, headers=headers)
    assert is_error(wrong, 400, "INVALID_REQUEST")
