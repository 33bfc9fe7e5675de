"""What Toss's words come to, without HTTP: amounts, a payment's refunds, accounts, webhooks."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import Any

import pytest

from domain.currencies import UnknownCurrency
from gateways.payments.port import (
    BadWebhook,
    PaymentSnapshot,
    RefundAccount,
    RefundRecord,
    RefundStatus,
    WebhookHint,
)
from gateways.payments.toss import webhooks
from gateways.payments.toss.adapter import ORDER_ID
from gateways.payments.toss.banks import bank_code, receive_account
from gateways.payments.toss.bodies import PaymentBody, major, minor

# --- amounts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [(1_000, "KRW", 1_000), (1_000, "JPY", 1_000), (1_050, "USD", 10.5), (1, "USD", 0.01), (12_345, "KWD", 12.345)],
)
def test_amounts_in_tosss_units(amount: int, currency: str, written: int | float) -> None:
    assert json.dumps(major(amount, currency)) == json.dumps(written)
    assert minor(written, currency) == amount


def test_every_cent_survives() -> None:
    assert all(minor(json.loads(json.dumps(major(cents, "USD"))), "USD") == cents for cents in range(20_000))


@pytest.mark.parametrize(("value", "currency"), [(10.5, "KRW"), (10.505, "USD")])
def test_parts_of_a_minor_unit_are_no_amount(value: float, currency: str) -> None:
    with pytest.raises(ValueError, match="minor units"):
        minor(value, currency)


def test_an_amount_of_no_currency_is_none() -> None:
    with pytest.raises(UnknownCurrency):
        minor(1, "XXX")


# --- a payment --------------------------------------------------------------------------------------------------------


def cancel(ref: str = "T1", amount: object = 300, reason: object = "leg-1", status: str = "DONE") -> dict[str, Any]:
    return {"transactionKey": ref, "cancelAmount": amount, "cancelReason": reason, "cancelStatus": status}


def payment(*cancels: dict[str, Any], **changes: Any) -> dict[str, Any]:
    made = {
        "paymentKey": "pay-1",
        "orderId": "order-1",
        "status": "PARTIAL_CANCELED" if cancels else "DONE",
        "approvedAt": "2026-11-24T10:00:00+09:00",
        "currency": "KRW",
        "totalAmount": 1_000,
        "balanceAmount": 700,
        "cancels": list(cancels) or None,
        "virtualAccount": None,
    }
    return {**made, **changes}


def snapshot(told: dict[str, Any]) -> PaymentSnapshot:
    return PaymentBody.model_validate_json(json.dumps(told)).snapshot()


def statuses(told: dict[str, Any]) -> list[RefundStatus]:
    return [refund.status for refund in snapshot(told).refunds]


def account(refund_status: str | None) -> dict[str, Any]:
    return {"refundStatus": refund_status, "bankCode": "20"}


def test_a_payment_with_its_cancels() -> None:
    told = payment(cancel(), cancel("T2", 200, "고객 김하나 요청"), cancel("T3", 1, None))
    assert snapshot(told) == PaymentSnapshot(
        700,
        (
            RefundRecord("T1", 300, RefundStatus.SUCCEEDED, "leg-1"),
            # What a person typed in the console is nobody's reference.
            RefundRecord("T2", 200, RefundStatus.SUCCEEDED, None),
            RefundRecord("T3", 1, RefundStatus.SUCCEEDED, None),
        ),
        captured=1_000,
    )


def test_a_payment_in_cents() -> None:
    told = payment(cancel(amount=3.07), currency="USD", totalAmount=10, balanceAmount=6.93)
    assert snapshot(told) == PaymentSnapshot(
        693, (RefundRecord("T1", 307, RefundStatus.SUCCEEDED, "leg-1"),), captured=1_000
    )


@pytest.mark.parametrize("status", ["READY", "IN_PROGRESS", "WAITING_FOR_DEPOSIT", "ABORTED", "EXPIRED"])
def test_a_payment_without_its_money_holds_none(status: str) -> None:
    assert snapshot(payment(status=status, balanceAmount=1_000)) == PaymentSnapshot(0, (), captured=0)


def test_nothing_is_left_only_by_the_balance() -> None:
    """After a partial cancel Toss never says CANCELED."""
    told = payment(cancel(amount=300), cancel("T2", 700, "leg-2"), balanceAmount=0)
    assert (told["status"], snapshot(told).balance) == ("PARTIAL_CANCELED", 0)


@pytest.mark.parametrize(
    ("cancel_status", "refund_status", "status"),
    [
        ("DONE", "COMPLETED", RefundStatus.SUCCEEDED),
        ("DONE", "PENDING", RefundStatus.PENDING),
        ("DONE", "NONE", RefundStatus.PENDING),
        ("DONE", None, RefundStatus.PENDING),
        ("DONE", "PARTIAL_FAILED", RefundStatus.PENDING),
        ("DONE", "FAILED", RefundStatus.FAILED),
        ("ABORTED", "COMPLETED", RefundStatus.FAILED),
        ("IN_PROGRESS", "COMPLETED", RefundStatus.PENDING),
    ],
)
def test_how_far_a_virtual_accounts_refund_is(
    cancel_status: str, refund_status: str | None, status: RefundStatus
) -> None:
    assert statuses(payment(cancel(status=cancel_status), virtualAccount=account(refund_status))) == [status]


def test_of_several_refunds_that_failed_none_is_called_so() -> None:
    told = payment(cancel(), cancel("T2", 100, "leg-2"), virtualAccount=account("FAILED"))
    assert statuses(told) == [RefundStatus.PENDING, RefundStatus.PENDING]


def test_one_of_several_that_toss_itself_aborted_has_failed() -> None:
    told = payment(cancel(), cancel("T2", 100, "leg-2", "ABORTED"), virtualAccount=account("FAILED"))
    assert statuses(told) == [RefundStatus.PENDING, RefundStatus.FAILED]


def test_an_account_closed_before_its_deposit_gave_nothing_back() -> None:
    told = payment(cancel(amount=1_000), status="CANCELED", balanceAmount=0, virtualAccount=account("NONE"))
    assert snapshot({**told, "approvedAt": None}) == PaymentSnapshot(0, (), captured=0)
    # One that had its deposit did.
    assert statuses(told) == [RefundStatus.PENDING]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "DANCING"},
        {"balanceAmount": "700"},
        {"balanceAmount": True},
        {"balanceAmount": 700.5},
        {"currency": "???"},
        {"cancels": [cancel(status="DANCING")]},
        {"cancels": [cancel(amount=None)]},
        {"cancels": [cancel(amount=0.5)]},
        {"virtualAccount": account("DANCING")},
    ],
)
def test_nothing_is_concluded_from_other_words(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (of several kinds)
        snapshot(payment(**changes))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_what_is_no_number_is_no_amount(number: str) -> None:
    told = json.dumps(payment()).replace("700", number)
    with pytest.raises(ValueError):  # noqa: PT011 (of several kinds)
        PaymentBody.model_validate_json(told).snapshot()


# --- accounts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "toss"), [("088", "88"), ("011", "11"), ("004", "06"), ("092", "92"), ("88", "88"), ("999", "999")]
)
def test_a_bank_by_the_code_that_all_korea_uses(code: str, toss: str) -> None:
    assert bank_code(code) == toss


def test_an_account_as_toss_takes_it() -> None:
    assert receive_account(RefundAccount("004", "110-234 567890", " 김하나 ")) == {
        "bank": "06",
        "accountNumber": "110234567890",
        "holderName": "김하나",
    }


@pytest.mark.parametrize(
    ("number", "holder"),
    [("", "김하나"), ("12a4", "김하나"), ("1" * 21, "김하나"), ("١٢٣", "김하나"), ("1", " "), ("1", "가" * 61)],
)
def test_what_cant_be_an_account(number: str, holder: str) -> None:
    assert receive_account(RefundAccount("88", number, holder)) is None


@pytest.mark.parametrize("reference", ["X-20230808C010663", "X-C-20230808O000001-0a1b2c3d"])
def test_the_number_of_an_extra_payment_is_a_number_of_an_order(reference: str) -> None:
    assert ORDER_ID.fullmatch(reference)


# --- webhooks ---------------------------------------------------------------------------------------------------------

HEADERS = {"tosspayments-webhook-transmission-id": "tx-1", "tosspayments-webhook-transmission-retried-count": "3"}
PEERS = (ip_network("13.124.18.147"), ip_network("3.36.173.0/24"))
CHANGED = {
    "eventType": "PAYMENT_STATUS_CHANGED",
    "createdAt": "2026-11-24T10:00:00.000000",
    "data": payment(cancel(reason="고객 김하나 요청")),
}
DEPOSIT = {
    "createdAt": "2026-11-24T10:00:00.000000",
    "secret": "ps_1",
    "status": "DONE",
    "transactionKey": "T9",
    "orderId": "order-1",
}
ENDED = {"eventType": "CANCEL_STATUS_CHANGED", "createdAt": "-", "data": cancel("T5", reason="leg-1")}


def told(body: object, *, peer: str = "13.124.18.147", headers: dict[str, str] = HEADERS) -> WebhookHint | BadWebhook:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return webhooks.parse(raw, headers, peer, PEERS)


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (CHANGED, WebhookHint("tx-1", "PAYMENT_STATUS_CHANGED", payment_ref="pay-1")),
        (DEPOSIT, WebhookHint("tx-1", "DEPOSIT_CALLBACK", reference="order-1")),
        ({**DEPOSIT, "orderId": "x" * 65}, WebhookHint("tx-1", "DEPOSIT_CALLBACK")),
        (ENDED, WebhookHint("tx-1", "CANCEL_STATUS_CHANGED", refund_ref="T5", reference="leg-1")),
        ({"eventType": "BILLING_DELETED", "data": {"billingKey": "secret"}}, WebhookHint("tx-1", "BILLING_DELETED")),
    ],
)
def test_what_a_delivery_hints_at(body: object, hint: WebhookHint) -> None:
    assert told(body) == hint


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"\xff", b"", b"[]", {"data": {}}, {"eventType": 5, "data": {}}, {"eventType": "x" * 201, "data": {}}],
)
def test_a_delivery_that_cant_be_read(body: object) -> None:
    assert told(body) == BadWebhook("unreadable", authentic=True)


@pytest.mark.parametrize("headers", [{}, {"tosspayments-webhook-transmission-id": "x" * 201}])
def test_a_delivery_without_a_name_of_its_own(headers: dict[str, str]) -> None:
    assert told(CHANGED, headers=headers) == BadWebhook("no_delivery_id", authentic=True)


@pytest.mark.parametrize("peer", ["13.124.18.147", "3.36.173.9", "::ffff:3.36.173.9"])
def test_tosss_own_addresses(peer: str) -> None:
    assert isinstance(told(CHANGED, peer=peer), WebhookHint)


@pytest.mark.parametrize("peer", ["13.124.18.148", "127.0.0.1", "::1", "testclient", ""])
def test_other_addresses_are_not_believed(peer: str) -> None:
    spoofed = {**HEADERS, "x-forwarded-for": "13.124.18.147"}
    assert told(CHANGED, peer=peer, headers=spoofed) == BadWebhook("peer_not_allowed")


def test_without_a_list_anybody_may_hint_and_nothing_is_authentic() -> None:
    raw = json.dumps(CHANGED).encode()
    assert isinstance(webhooks.parse(raw, HEADERS, "127.0.0.1", ()), WebhookHint)
    assert webhooks.parse(b"<html>", HEADERS, "127.0.0.1", ()) == BadWebhook("unreadable")
