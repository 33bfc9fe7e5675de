"""Toss: what it refuses and does on its own wire."""

from __future__ import annotations

import base64
import concurrent.futures
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.sandbox.providers.control import fresh
from tests.sandbox.providers.tills import TossTill
from tests.support.waiting import wait_until

ACCOUNT = {"bank": "88", "accountNumber": "110123457270", "holderName": "윤한빈"}
DAY = 86_400_000


def is_error(response: httpx.Response, status: int, code: str) -> bool:
    """Whether this is that error, in the shape that every error of Toss has."""
    body = response.json()
    return response.status_code == status and body["code"] == code and set(body) == {"code", "message"}


def cancels(toss: TossTill, payment: str) -> list[dict[str, Any]]:
    """The cancels that Toss shows."""
    shown: list[dict[str, Any]] = toss.read(payment).json()["cancels"]
    return shown


class TestSigningIn:
    """`Basic` of the secret key and a colon."""

    @pytest.mark.parametrize(
        ("header", "status", "code"),
        [
            (None, 401, "UNAUTHORIZED_KEY"),
            ("Basic " + base64.b64encode(b"test_sk_sandbox").decode(), 403, "INCORRECT_BASIC_AUTH_FORMAT"),
            ("Basic " + base64.b64encode(b"test_sk_sandbox:pw").decode(), 403, "INCORRECT_BASIC_AUTH_FORMAT"),
            ("Basic test_sk_sandbox:", 403, "INCORRECT_BASIC_AUTH_FORMAT"),
            ("Bearer " + base64.b64encode(b"test_sk_sandbox:").decode(), 403, "INCORRECT_BASIC_AUTH_FORMAT"),
            ("Basic " + base64.b64encode(b"test_gsk_sandbox:").decode(), 400, "INVALID_API_KEY"),
            ("Basic " + base64.b64encode(b"test_sk_nobody:").decode(), 401, "UNAUTHORIZED_KEY"),
            ("Basic " + base64.b64encode("\ufefftest_sk_sandbox:".encode()).decode(), 401, "UNAUTHORIZED_KEY"),
        ],
    )
    def test_only_that_will_do(self, toss: TossTill, header: str | None, status: int, code: str) -> None:
        payment = toss.control.pay()
        headers = {} if header is None else {"Authorization": header}
        assert is_error(toss.http.get(f"/toss/v1/payments/{payment}", headers=headers), status, code)
        body = {"cancelReason": "r"}
        response = toss.http.post(f"/toss/v1/payments/{payment}/cancel", json=body, headers=headers)
        assert is_error(response, status, code)

    def test_every_answer_has_a_trace_id(self, toss: TossTill) -> None:
        payment = toss.control.pay()
        assert toss.read(payment).headers["x-tosspayments-trace-id"]
        assert toss.read("nothing").headers["x-tosspayments-trace-id"]


class TestReading:
    """The Payment object, and what isn't there."""

    def test_the_payment(self, toss: TossTill) -> None:
        payment = toss.control.pay(11_000, orderId="order-of-this-test")
        shown = toss.read(payment).json()
        assert (shown["status"], shown["totalAmount"], shown["balanceAmount"]) == ("DONE", 11_000, 11_000)
        assert (shown["cancels"], shown["isPartialCancelable"], shown["vat"]) == (None, True, 1_000)
        by_order = toss.http.get("/toss/v1/payments/orders/order-of-this-test", headers=toss.auth)
        assert by_order.json() == shown

    @pytest.mark.parametrize(
        ("method", "literal"),
        [
            ("card", "카드"),
            ("virtual_account", "가상계좌"),
            ("transfer", "계좌이체"),
            ("mobile", "휴대폰"),
            ("easy_pay", "간편결제"),
            ("gift_certificate", "문화상품권"),
        ],
    )
    def test_methods_are_korean(self, toss: TossTill, method: str, literal: str) -> None:
        assert toss.read(toss.control.pay(method=method)).json()["method"] == literal

    def test_no_payment_and_no_path_are_told_apart(self, toss: TossTill) -> None:
        assert is_error(toss.read("nothing"), 404, "NOT_FOUND_PAYMENT")
        unknown = toss.http.get("/toss/v1/payments/orders/nothing", headers=toss.auth)
        assert is_error(unknown, 404, "NOT_FOUND_PAYMENT")
        assert is_error(toss.http.get("/toss/v2/payments/x", headers=toss.auth), 404, "NOT_FOUND")
        assert is_error(toss.http.put("/toss/v1/payments/x", headers=toss.auth), 405, "METHOD_NOT_ALLOWED")

    def test_the_list_of_transactions_lags(self, toss: TossTill) -> None:
        payment = toss.control.pay(10_000)
        toss.cancel(payment, 4_000)
        span = {"startDate": "2020-01-01T00:00:00", "endDate": "2099-01-01T00:00:00"}

        def listed() -> list[tuple[str, int]]:
            found = toss.http.get("/toss/v1/transactions", params=span, headers=toss.auth).json()
            return [(one["status"], one["amount"]) for one in found if one["paymentKey"] == payment]

        assert listed() == []
        toss.control.advance(3_600_000)
        assert listed() == [("DONE", 10_000), ("PARTIAL_CANCELED", 4_000)]
        wrong = toss.http.get("/toss/v1/transactions", params={"startDate": "yesterday"}, headers=toss.auth)
        assert is_error(wrong, 400, "INVALID_REQUEST")


class TestCancelling:
    """The cancel's own rules."""

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"cancelReason": ""},
            {"cancelReason": "r" * 201},
            {"cancelReason": "r", "cancelAmount": 0},
            {"cancelReason": "r", "cancelAmount": "1000"},
            {"cancelReason": "r", "cancelAmount": 1000.5},
            {"cancelReason": "r", "refundableAmout": 10_000},
            {"cancelReason": "r", "currency": "USD"},
            {"cancelReason": "r", "cancelRequestId": "short"},
            {"cancelReason": "r", "taxFreeAmount": 1},
            {"cancelReason": "r", "taxExemptionAmount": 1},
            {"cancelReason": "r", "refundReceiveAccount": ACCOUNT},
            [],
        ],
    )
    def test_what_it_does_not_take(self, toss: TossTill, body: object) -> None:
        payment = toss.control.pay()
        assert is_error(toss.post(payment, body), 400, "INVALID_REQUEST")
        assert toss.control.balance(payment) == 10_000

    def test_what_is_not_json(self, toss: TossTill) -> None:
        payment = toss.control.pay()
        path = f"/toss/v1/payments/{payment}/cancel"
        assert is_error(toss.http.post(path, content=b"{", headers=toss.auth), 400, "INVALID_REQUEST")

    def test_the_reason_and_the_chain_of_balances_come_back(self, toss: TossTill) -> None:
        payment = toss.control.pay()
        toss.cancel(payment, 3_000, reference="고객 요청 [rf_1]")
        toss.cancel(payment, 2_000, reference="고객 요청 [rf_2]")
        shown = toss.read(payment).json()
        assert [(c["cancelReason"], c["cancelAmount"], c["refundableAmount"]) for c in shown["cancels"]] == [
            ("고객 요청 [rf_1]", 3_000, 7_000),
            ("고객 요청 [rf_2]", 2_000, 5_000),
        ]
        assert shown["lastTransactionKey"] == shown["cancels"][-1]["transactionKey"]
        assert {c["cancelStatus"] for c in shown["cancels"]} == {"DONE"}

    def test_the_reason_may_not_come_back(self, toss: TossTill) -> None:
        toss.control.quirk(echoes_reason=False)
        payment = toss.control.pay()
        toss.cancel(payment, 3_000, reference="고객 요청 [rf_1]")
        assert "rf_1" not in toss.read(payment).text

    def test_no_amount_is_all_that_is_left(self, toss: TossTill) -> None:
        payment = toss.control.pay()
        toss.cancel(payment, 3_000)
        toss.control.advance(1_000)
        assert toss.post(payment, {"cancelReason": "r"}).status_code == 200
        assert toss.control.balance(payment) == 0

    def test_whole_at_once_is_canceled_and_again_is_already(self, toss: TossTill) -> None:
        payment = toss.control.pay()
        assert toss.cancel(payment, 10_000).json()["status"] == "CANCELED"
        assert is_error(toss.cancel(payment, 10_000), 400, "ALREADY_CANCELED_PAYMENT")

    def test_whole_in_parts_stays_partial_and_again_is_not_cancelable(self, toss: TossTill) -> None:
        payment = toss.control.pay()
        toss.cancel(payment, 4_000)
        shown = toss.cancel(payment, 6_000).json()
        assert (shown["status"], shown["balanceAmount"]) == ("PARTIAL_CANCELED", 0)
        assert is_error(toss.cancel(payment, 6_000), 403, "NOT_CANCELABLE_AMOUNT")

    def test_too_much_has_the_code_of_nothing_left(self, toss: TossTill) -> None:
        payment = toss.control.pay()
        assert is_error(toss.cancel(payment, 10_001), 403, "NOT_CANCELABLE_AMOUNT")
        assert toss.control.balance(payment) == 10_000

    def test_a_wrong_guard(self, toss: TossTill) -> None:
        payment = toss.control.pay()
        assert is_error(toss.cancel(payment, 1_000, guard=9_999), 400, "NOT_MATCHES_REFUNDABLE_AMOUNT")

    def test_two_within_a_second(self, toss: TossTill) -> None:
        payment, other = toss.control.pay(), toss.control.pay()
        toss.control.advance(1_000)
        assert toss.post(payment, {"cancelReason": "r", "cancelAmount": 1_000}).status_code == 200
        second = toss.post(payment, {"cancelReason": "r", "cancelAmount": 1_000})
        assert is_error(second, 403, "FORBIDDEN_CONSECUTIVE_REQUEST")
        assert toss.post(other, {"cancelReason": "r", "cancelAmount": 1_000}).status_code == 200
        toss.control.advance(1_000)
        assert toss.post(payment, {"cancelReason": "r", "cancelAmount": 1_000}).status_code == 200
        assert toss.control.balance(payment) == 8_000

    def test_one_that_cannot_be_parted(self, toss: TossTill) -> None:
        payment = toss.control.pay(partial=False)
        assert toss.read(payment).json()["isPartialCancelable"] is False
        assert is_error(toss.cancel(payment, 1_000), 403, "NOT_ALLOWED_PARTIAL_REFUND")
        assert toss.cancel(payment, 10_000).status_code == 200

    def test_a_card_payment_with_exempt_money_cannot_be_parted(self, toss: TossTill) -> None:
        payment = toss.control.pay(taxExemption=500)
        assert is_error(toss.cancel(payment, 1_000), 403, "NOT_ALLOWED_PARTIAL_REFUND")

    def test_tax_free_money_is_told_apart(self, toss: TossTill) -> None:
        payment = toss.control.pay(10_000, taxFree=4_000)

        def cancel(amount: int, tax_free: int) -> httpx.Response:
            toss.control.advance(1_000)
            return toss.post(payment, {"cancelReason": "r", "cancelAmount": amount, "taxFreeAmount": tax_free})

        assert is_error(cancel(7_000, 0), 400, "INVALID_REQUEST")
        assert is_error(cancel(5_000, 4_001), 400, "INVALID_REQUEST")
        assert cancel(5_000, 3_000).status_code == 200
        assert is_error(cancel(2_000, 2_000), 400, "INVALID_REQUEST")
        assert cancel(5_000, 1_000).json()["balanceAmount"] == 0
        assert [one["taxFreeAmount"] for one in cancels(toss, payment)] == [3_000, 1_000]

    @pytest.mark.parametrize(
        ("method", "days", "status"),
        [("transfer", 181, 403), ("transfer", 179, 200), ("mobile", 32, 403), ("mobile", 0, 200), ("card", 364, 200)],
    )
    def test_some_methods_have_an_end(self, toss: TossTill, method: str, days: int, status: int) -> None:
        payment = toss.control.pay(method=method, daysAgo=days)
        answer = toss.cancel(payment, 1_000)
        assert answer.status_code == status
        assert status == 200 or is_error(answer, 403, "EXCEED_MAX_REFUND_DUE")

    def test_a_test_key_may_ask_for_an_error(self, toss: TossTill) -> None:
        payment = toss.control.pay()
        body = {"cancelReason": "r", "cancelAmount": 1_000}
        forced = toss.post(payment, body, **{"TossPayments-Test-Code": "IDEMPOTENT_REQUEST_PROCESSING"})
        assert is_error(forced, 409, "IDEMPOTENT_REQUEST_PROCESSING")
        toss.control.call("PUT", "/merchants/live", {"secret": "live_sk_live"})
        lively = toss.control.pay(merchant="live")
        live = {"Authorization": "Basic " + base64.b64encode(b"live_sk_live:").decode()}
        answer = toss.post(lively, body, **live, **{"TossPayments-Test-Code": "IDEMPOTENT_REQUEST_PROCESSING"})
        assert answer.status_code == 200

    @pytest.mark.parametrize(
        ("kind", "code", "status"),
        [
            ("refuse", "EXCEED_CANCEL_LIMIT", 403),
            ("refuse", "REFUND_REJECTED", 400),
            ("refuse", "NOT_AVAILABLE_BANK", 403),
            ("error_before", "PROVIDER_ERROR", 400),
            ("error_after", "FAILED_PARTIAL_REFUND", 500),
        ],
    )
    def test_each_code_comes_with_its_status(self, toss: TossTill, kind: str, code: str, status: int) -> None:
        payment = toss.control.pay()
        toss.control.fault(kind, payment, code=code)
        assert is_error(toss.cancel(payment, 1_000), status, code)
        assert toss.control.balance(payment) == (9_000 if kind == "error_after" else 10_000)


class TestVirtualAccounts:
    """Money to a bank account."""

    def test_before_the_deposit_only_whole_and_without_an_account(self, toss: TossTill) -> None:
        payment = toss.control.pay(method="virtual_account", state="waiting")
        shown = toss.read(payment).json()
        assert (shown["status"], shown["balanceAmount"]) == ("WAITING_FOR_DEPOSIT", 10_000)
        part = toss.cancel(payment, 1_000)
        assert is_error(part, 403, "NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT")
        toss.control.advance(1_000)
        with_account = toss.post(payment, {"cancelReason": "r", "refundReceiveAccount": ACCOUNT})
        assert is_error(with_account, 400, "INVALID_REQUEST")
        shown = toss.cancel(payment, 10_000).json()
        assert (shown["status"], shown["balanceAmount"], len(shown["cancels"])) == ("CANCELED", 0, 1)
        ledger = toss.control.ledger(payment)
        assert (ledger["state"], ledger["refunds"]) == ("closed", [])
        assert is_error(toss.cancel(payment, 10_000), 400, "ALREADY_CANCELED_PAYMENT")

    @pytest.mark.parametrize(
        ("account", "code"),
        [
            (None, "INVALID_REFUND_ACCOUNT_INFO"),
            ({**ACCOUNT, "bank": "999"}, "INVALID_BANK"),
            ({"bankCode": "88", "accountNumber": "1", "holderName": "h"}, "INVALID_REQUEST"),
            ({**ACCOUNT, "accountNumber": "110-123-457270"}, "INVALID_REFUND_ACCOUNT_NUMBER"),
            ({**ACCOUNT, "accountNumber": "1" * 21}, "INVALID_REFUND_ACCOUNT_NUMBER"),
            ({**ACCOUNT, "holderName": "h" * 61}, "INVALID_REFUND_ACCOUNT_INFO"),
        ],
    )
    def test_after_the_deposit_an_account_is_needed(
        self, toss: TossTill, account: dict[str, str] | None, code: str
    ) -> None:
        payment = toss.control.pay(method="virtual_account")
        body = {"cancelReason": "r", "cancelAmount": 1_000}
        if account is not None:
            body["refundReceiveAccount"] = account
        assert is_error(toss.post(payment, body), 400, code)
        assert toss.control.balance(payment) == 10_000

    def test_done_is_said_before_the_money_is_there(self, toss: TossTill) -> None:
        payment = toss.control.pay(method="virtual_account")
        body = {"cancelReason": "r", "cancelAmount": 4_000, "refundReceiveAccount": ACCOUNT}
        shown = toss.post(payment, body).json()
        assert shown["cancels"][0]["cancelStatus"] == "DONE"
        assert shown["virtualAccount"]["refundStatus"] == "PENDING"
        assert ACCOUNT["accountNumber"] not in str(shown)
        (refund,) = toss.control.refunds(payment)
        assert refund["status"] == "pending"
        toss.control.settle(refund["ref"], "succeeded")
        assert toss.read(payment).json()["virtualAccount"]["refundStatus"] == "COMPLETED"
        toss.control.settle(refund["ref"], "failed")
        shown = toss.read(payment).json()
        assert (shown["virtualAccount"]["refundStatus"], shown["balanceAmount"]) == ("FAILED", 10_000)

    def test_a_deposit_can_be_taken_back(self, toss: TossTill) -> None:
        payment = toss.control.pay(method="virtual_account", state="waiting")
        toss.control.call("POST", f"/payments/{payment}/deposit")
        assert toss.read(payment).json()["status"] == "DONE"
        toss.control.call("POST", f"/payments/{payment}/deposit-error")
        assert toss.read(payment).json()["status"] == "WAITING_FOR_DEPOSIT"

    def test_money_may_come_in_while_a_cancel_is_on_its_way(self, toss: TossTill) -> None:
        payment = toss.control.pay(method="virtual_account", state="waiting")
        toss.control.fault("late", payment, delayMs=600_000)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            late = pool.submit(toss.cancel, payment, 10_000)
            wait_until(lambda: not toss.control.faults())
            toss.control.call("POST", f"/payments/{payment}/deposit")
            toss.control.advance(600_000)
            assert is_error(late.result(), 400, "INVALID_REFUND_ACCOUNT_INFO")
        assert toss.control.balance(payment) == 10_000

    def test_no_account_number_is_kept_once_it_was_used(self, toss: TossTill) -> None:
        payment = toss.control.pay(method="virtual_account")
        body = {"cancelReason": "r", "refundReceiveAccount": ACCOUNT}
        toss.post(payment, body)
        assert toss.read(payment).json()["virtualAccount"]["refundReceiveAccount"]["accountNumber"] == "110****7270"


class TestAsynchronous:
    """Cancels whose end comes later."""

    def test_a_pending_one_ends_either_way(self, toss: TossTill) -> None:
        for status, shown_as, left in (("succeeded", "DONE", 7_000), ("failed", "ABORTED", 10_000)):
            payment = toss.control.pay()
            toss.control.fault("pending", payment)
            assert toss.cancel(payment, 3_000).json()["cancels"][0]["cancelStatus"] == "IN_PROGRESS"
            assert toss.control.balance(payment) == 7_000
            toss.control.settle(toss.control.refunds(payment)[0]["ref"], status)
            assert cancels(toss, payment)[0]["cancelStatus"] == shown_as
            assert toss.control.balance(payment) == left

    def test_overseas_needs_a_request_id(self, toss: TossTill) -> None:
        payment = toss.control.pay(method="overseas")
        assert is_error(toss.cancel(payment, 1_000), 400, "INVALID_REQUEST")
        toss.control.advance(1_000)
        body = {"cancelReason": "r", "cancelAmount": 1_000, "cancelRequestId": "request-1"}
        (cancel,) = toss.post(payment, body).json()["cancels"]
        assert (cancel["cancelStatus"], cancel["cancelRequestId"]) == ("IN_PROGRESS", "request-1")


class TestKeys:
    """Toss's own rules of keys; what it shares with others is tested with the faults."""

    def test_a_key_is_good_for_15_days(self, toss: TossTill) -> None:
        payment, key = toss.control.pay(), fresh("key")
        toss.cancel(payment, 1_000, key=key)
        toss.control.advance(15 * DAY - 60_000)
        toss.cancel(payment, 1_000, key=key)
        assert toss.control.balance(payment) == 9_000
        toss.control.advance(60_000)
        toss.cancel(payment, 1_000, key=key)
        assert toss.control.balance(payment) == 8_000

    def test_a_key_that_is_too_long(self, toss: TossTill) -> None:
        payment = toss.control.pay()
        assert is_error(toss.cancel(payment, 1_000, key="k" * 301), 400, "INVALID_IDEMPOTENCY_KEY")
        assert toss.cancel(payment, 1_000, key="k" * 290 + fresh("")[:10]).status_code == 200

    def test_a_key_at_work(self, toss: TossTill) -> None:
        payment, key = toss.control.pay(), fresh("key")
        toss.control.fault("late", payment, delayMs=600_000)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            late = pool.submit(toss.cancel, payment, 1_000, key=key)
            wait_until(lambda: not toss.control.faults())
            assert is_error(toss.cancel(payment, 1_000, key=key), 409, "IDEMPOTENT_REQUEST_PROCESSING")
            toss.control.advance(600_000)
            late.result()

    def test_the_pause_is_kept_under_the_key_like_any_error(self, toss: TossTill) -> None:
        payment, key = toss.control.pay(), fresh("key")
        toss.cancel(payment, 1_000)
        body = {"cancelReason": "r", "cancelAmount": 1_000}
        assert is_error(toss.post(payment, body, key=key), 403, "FORBIDDEN_CONSECUTIVE_REQUEST")
        assert is_error(toss.cancel(payment, 1_000, key=key), 403, "FORBIDDEN_CONSECUTIVE_REQUEST")
        assert toss.control.balance(payment) == 9_000

    def test_a_late_first_attempt_is_stopped_by_its_guard(self, toss: TossTill) -> None:
        payment = toss.control.pay()
        toss.control.fault("late", payment, delayMs=600_000)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            late = pool.submit(toss.cancel, payment, 3_000, guard=10_000)
            wait_until(lambda: not toss.control.faults())
            assert toss.cancel(payment, 3_000, guard=10_000).status_code == 200
            toss.control.advance(600_000)
            assert is_error(late.result(), 400, "NOT_MATCHES_REFUNDABLE_AMOUNT")
        assert toss.control.balance(payment) == 7_000

    def test_without_a_key_each_one_acts(self, toss: TossTill) -> None:
        payment = toss.control.pay()
        for _ in range(2):
            toss.control.advance(1_000)
            path = f"/toss/v1/payments/{payment}/cancel"
            toss.http.post(path, json={"cancelReason": "r", "cancelAmount": 1_000}, headers=toss.auth)
        assert toss.control.balance(payment) == 8_000


class TestCharging:
    """Billing keys."""

    def charge(self, toss: TossTill, billing_key: str, **more: object) -> httpx.Response:
        """Charge one."""
        body = {"customerKey": "customer-1", "amount": 5_000, "orderId": fresh("order"), "orderName": "차액", **more}
        return toss.http.post(
            f"/toss/v1/billing/{billing_key}", json=body, headers={**toss.auth, "Idempotency-Key": fresh("key")}
        )

    def issue(self, toss: TossTill) -> str:
        """A billing key of a card."""
        card = {
            "customerKey": "customer-1",
            "cardNumber": "4330123412341234",
            "cardExpirationYear": "30",
            "cardExpirationMonth": "12",
            "customerIdentityNumber": "900101",
        }
        response = toss.http.post("/toss/v1/billing/authorizations/card", json=card, headers=toss.auth)
        assert "4330123412341234" not in response.text
        return str(response.json()["billingKey"])

    def test_a_charge_is_a_payment_that_can_be_found_and_cancelled(self, toss: TossTill) -> None:
        order = fresh("order")
        shown = self.charge(toss, self.issue(toss), orderId=order).json()
        assert (shown["status"], shown["type"], shown["totalAmount"]) == ("DONE", "BILLING", 5_000)
        found = toss.http.get(f"/toss/v1/payments/orders/{order}", headers=toss.auth).json()
        assert found["paymentKey"] == shown["paymentKey"]
        assert toss.cancel(shown["paymentKey"], 5_000).json()["status"] == "CANCELED"

    def test_an_order_is_charged_once(self, toss: TossTill) -> None:
        key, order = self.issue(toss), fresh("order")
        assert self.charge(toss, key, orderId=order).status_code == 200
        assert is_error(self.charge(toss, key, orderId=order), 400, "DUPLICATED_ORDER_ID")

    def test_whose_key_it_is(self, toss: TossTill) -> None:
        key = self.issue(toss)
        assert is_error(self.charge(toss, key, customerKey="customer-2"), 400, "NOT_MATCHES_CUSTOMER_KEY")
        assert is_error(self.charge(toss, "no-such-key"), 400, "INVALID_BILL_KEY_REQUEST")
        assert is_error(self.charge(toss, key, orderId="short"), 400, "INVALID_REQUEST")

    def test_a_means_can_be_stored_by_the_control(self, toss: TossTill) -> None:
        toss.control.call("PUT", "/stored-means/stored-1", {"customer": "customer-1"})
        assert self.charge(toss, "stored-1").status_code == 200

    def test_a_declined_charge_takes_nothing(self, toss: TossTill) -> None:
        order = fresh("order")
        toss.control.fault("refuse", order, code="REJECT_CARD_PAYMENT")
        assert is_error(self.charge(toss, self.issue(toss), orderId=order), 403, "REJECT_CARD_PAYMENT")
        found = toss.http.get(f"/toss/v1/payments/orders/{order}", headers=toss.auth)
        assert is_error(found, 404, "NOT_FOUND_PAYMENT")

    def test_a_charge_leaves_a_pending_fault_to_the_next_cancel(self, toss: TossTill) -> None:
        toss.control.fault("pending")
        shown = self.charge(toss, self.issue(toss)).json()
        assert toss.cancel(shown["paymentKey"], 1_000).json()["cancels"][0]["cancelStatus"] == "IN_PROGRESS"


class TestReceipts:
    """Cash receipts."""

    def issue(self, toss: TossTill, order: str, **more: object) -> httpx.Response:
        """Issue one."""
        body = {
            "orderId": order,
            "orderName": "주문",
            "amount": 10_000,
            "type": "소득공제",
            "customerIdentityNumber": "01012345678",
            **more,
        }
        return toss.http.post("/toss/v1/cash-receipts", json=body, headers=toss.auth)

    def cancel(self, toss: TossTill, receipt: str, body: object) -> httpx.Response:
        """Cancel one."""
        return toss.http.post(f"/toss/v1/cash-receipts/{receipt}/cancel", json=body, headers=toss.auth)

    def test_the_same_order_twice_issues_two(self, toss: TossTill) -> None:
        order = fresh("order")
        first, second = (self.issue(toss, order).json() for _ in range(2))
        assert first["issueStatus"] == "IN_PROGRESS"
        assert first["receiptKey"] != second["receiptKey"]

    def test_cancelled_in_parts_and_never_more(self, toss: TossTill) -> None:
        receipt = self.issue(toss, fresh("order")).json()["receiptKey"]
        part = self.cancel(toss, receipt, {"amount": 4_000}).json()
        assert (part["transactionType"], part["amount"]) == ("CANCEL", 4_000)
        assert is_error(self.cancel(toss, receipt, {"amount": 7_000}), 400, "INVALID_REQUEST")
        assert self.cancel(toss, receipt, {}).json()["amount"] == 6_000
        assert is_error(self.cancel(toss, receipt, {}), 400, "INVALID_REQUEST")
        assert is_error(self.cancel(toss, "nothing", {}), 400, "INVALID_REQUEST")

    def test_looked_up_by_day_only(self, toss: TossTill) -> None:
        order = fresh("order")
        issued = self.issue(toss, order).json()
        day = datetime.fromisoformat(issued["requestedAt"]).date().isoformat()
        found = toss.http.get("/toss/v1/cash-receipts", params={"requestDate": day}, headers=toss.auth).json()
        assert [one["receiptKey"] for one in found["data"] if one["orderId"] == order] == [issued["receiptKey"]]
        assert toss.http.get(f"/toss/v1/cash-receipts/{issued['receiptKey']}", headers=toss.auth).status_code == 404
        assert is_error(toss.http.get("/toss/v1/cash-receipts", headers=toss.auth), 400, "INVALID_REQUEST")

    def test_a_type_in_english(self, toss: TossTill) -> None:
        assert is_error(self.issue(toss, fresh("order"), type="INCOME"), 400, "INVALID_REQUEST")
