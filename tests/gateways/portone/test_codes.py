"""What PortOne's words mean, without HTTP: every code of the tables, answers, payments, deliveries."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

import bootstrap
from domain.orders import Means
from gateways.payments.http import code_in
from gateways.payments.port import (
    BadWebhook,
    Capabilities,
    ChargeCommand,
    ChargeOutcome,
    Conflict,
    Done,
    Misconfigured,
    NeedsAccount,
    NewKey,
    NoSuchPayment,
    Outcome,
    Pending,
    RefundAccount,
    RefundCommand,
    RefundRecord,
    RefundStatus,
    Rejected,
    Retry,
    Undetermined,
    Unknown,
    WebhookHint,
)
from gateways.payments.portone import PortOneGateway
from gateways.payments.portone.adapter import accepted, charge_read
from gateways.payments.portone.bodies import ErrorBody, PaymentBody
from gateways.payments.portone.codes import CHARGE_MEANINGS, MEANINGS, classify, classify_charge
from settings import Settings

ROWS: list[tuple[str | None, Outcome]] = [
    ("IDEMPOTENCY_OUTSTANDING_REQUEST", Retry("IDEMPOTENCY_OUTSTANDING_REQUEST")),
    ("PAYMENT_ALREADY_CANCELLED", Conflict("PAYMENT_ALREADY_CANCELLED")),
    ("CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN", Conflict("CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN")),
    ("CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT", Conflict("CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT")),
    ("CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT", Conflict("CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT")),
    (
        "CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT",
        Conflict("CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT"),
    ),
    ("PAYMENT_NOT_PAID", Conflict("PAYMENT_NOT_PAID")),
    ("PAYMENT_NOT_FOUND", Rejected("PAYMENT_NOT_FOUND")),
    ("SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT", Rejected("SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT")),
    ("NEGATIVE_PROMOTION_ADJUSTED_CANCEL_AMOUNT", Rejected("NEGATIVE_PROMOTION_ADJUSTED_CANCEL_AMOUNT")),
    (
        "PROMOTION_DISCOUNT_RETAIN_OPTION_SHOULD_NOT_BE_CHANGED",
        Rejected("PROMOTION_DISCOUNT_RETAIN_OPTION_SHOULD_NOT_BE_CHANGED"),
    ),
    ("INVALID_REQUEST", Misconfigured("INVALID_REQUEST")),
    ("UNAUTHORIZED", Misconfigured("UNAUTHORIZED")),
    ("FORBIDDEN", Misconfigured("FORBIDDEN")),
    ("PG_PROVIDER", Unknown("PG_PROVIDER", answered=True)),
    ("NEVER_HEARD_OF", Unknown("NEVER_HEARD_OF", answered=True)),
    (None, Unknown("no_code", answered=True)),
]

CHARGE_ROWS: list[tuple[str | None, ChargeOutcome]] = [
    ("IDEMPOTENCY_OUTSTANDING_REQUEST", Retry("IDEMPOTENCY_OUTSTANDING_REQUEST")),
    ("BILLING_KEY_NOT_FOUND", Rejected("BILLING_KEY_NOT_FOUND")),
    ("BILLING_KEY_ALREADY_DELETED", Rejected("BILLING_KEY_ALREADY_DELETED")),
    ("SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT", Rejected("SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT")),
    ("DISCOUNT_AMOUNT_EXCEEDS_TOTAL_AMOUNT", Rejected("DISCOUNT_AMOUNT_EXCEEDS_TOTAL_AMOUNT")),
    ("PROMOTION_PAY_METHOD_DOES_NOT_MATCH", Rejected("PROMOTION_PAY_METHOD_DOES_NOT_MATCH")),
    ("CHANNEL_NOT_FOUND", Misconfigured("CHANNEL_NOT_FOUND")),
    ("INVALID_REQUEST", Misconfigured("INVALID_REQUEST")),
    ("UNAUTHORIZED", Misconfigured("UNAUTHORIZED")),
    ("FORBIDDEN", Misconfigured("FORBIDDEN")),
    ("ALREADY_PAID", Unknown("ALREADY_PAID", answered=True)),
    ("PG_PROVIDER", Unknown("PG_PROVIDER", answered=True)),
    ("NEVER_HEARD_OF", Unknown("NEVER_HEARD_OF", answered=True)),
    (None, Unknown("no_code", answered=True)),
]


@pytest.mark.parametrize(("code", "outcome"), ROWS)
def test_what_a_code_means_for_a_refund(code: str | None, outcome: Outcome) -> None:
    assert classify(code) == outcome


@pytest.mark.parametrize(("code", "outcome"), CHARGE_ROWS)
def test_what_a_code_means_for_a_charge(code: str | None, outcome: ChargeOutcome) -> None:
    assert classify_charge(code) == outcome


def test_every_row_of_the_tables_is_told_here() -> None:
    assert set(MEANINGS) <= {code for code, _ in ROWS}
    assert set(CHARGE_MEANINGS) <= {code for code, _ in CHARGE_ROWS}


@pytest.mark.parametrize("content", [b"", b"<html>502</html>", b'{"message": "no such path"}', b'{"type": 5}', b"[]"])
def test_an_answer_without_its_type_has_no_code(content: bytes) -> None:
    assert code_in(content, ErrorBody) is None


# --- answers to a cancel --------------------------------------------------------------------------------------------

OURS = RefundCommand("pay-1", 300, "refund-C1-1-1-------", "C1-1", 1_000, "KRW", Means.CARD)
CANCELLATION = {"id": "c-1", "status": "SUCCEEDED", "totalAmount": 300, "reason": "C1-1", "taxFreeAmount": 0}
ANOTHER = Unknown("answer_of_another_refund", answered=True)
UNREADABLE = Unknown("unreadable_answer", answered=True)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Done("c-1")),
        ({"status": "REQUESTED"}, Pending("c-1")),
        ({"status": "FAILED"}, NewKey("cancellation_failed")),
        ({"totalAmount": 301}, ANOTHER),
        ({"reason": "C1-2"}, ANOTHER),
        ({"totalAmount": "300"}, UNREADABLE),
        ({"status": "DANCING"}, UNREADABLE),
        ({"id": ""}, UNREADABLE),
    ],
)
def test_an_answer_counts_only_when_it_tells_of_this_refund(changes: dict[str, Any], outcome: Outcome) -> None:
    assert accepted(json.dumps({"cancellation": {**CANCELLATION, **changes}}).encode(), OURS) == outcome


@pytest.mark.parametrize("content", [b"<html>welcome</html>", b"{}", b'{"cancellation": null}'])
def test_a_200_of_somebody_else_is_unknown(content: bytes) -> None:
    assert accepted(content, OURS) == UNREADABLE


# --- payments -------------------------------------------------------------------------------------------------------


def payment(status: str, *cancellations: tuple[str, int], cancelled: int | None = None, **more: Any) -> PaymentBody:
    """A payment of 1000 as PortOne shows it; each cancellation by its status and amount."""
    shown = [
        {"id": f"c-{n}", "status": how, "totalAmount": amount, "reason": f"C1-{n}"}
        for n, (how, amount) in enumerate(cancellations, start=1)
    ]
    gone = sum(amount for how, amount in cancellations if how == "SUCCEEDED") if cancelled is None else cancelled
    amounts = {"total": 1_000, "cancelled": gone, "paid": 1_000}
    body = {"id": "pay-1", "status": status, "amount": amounts, "cancellations": shown, **more}
    return PaymentBody.model_validate_json(json.dumps(body))


@pytest.mark.parametrize(
    ("body", "balance"),
    [
        (payment("PAID"), 1_000),
        (payment("PAID", ("REQUESTED", 300)), 700),
        (payment("PAID", ("FAILED", 300)), 1_000),
        (payment("PARTIAL_CANCELLED", ("SUCCEEDED", 300), ("REQUESTED", 200)), 500),
        (payment("CANCELLED", ("SUCCEEDED", 1_000), paidAt="2026-11-24T00:00:00Z"), 0),
        (payment("CANCELLED"), 0),
        (payment("VIRTUAL_ACCOUNT_ISSUED"), 0),
        (payment("READY"), 0),
        (payment("PAY_PENDING"), 0),
        (payment("FAILED"), 0),
    ],
)
def test_what_a_payment_still_holds(body: PaymentBody, balance: int) -> None:
    assert body.snapshot().balance == balance


def test_each_cancellation_is_told_with_its_status() -> None:
    shown = payment("PARTIAL_CANCELLED", ("SUCCEEDED", 300), ("REQUESTED", 200), ("FAILED", 100)).snapshot()
    assert shown.refunds == (
        RefundRecord("c-1", 300, RefundStatus.SUCCEEDED, "C1-1"),
        RefundRecord("c-2", 200, RefundStatus.PENDING, "C1-2"),
        RefundRecord("c-3", 100, RefundStatus.FAILED, "C1-3"),
    )


def test_cancellations_that_are_not_shown_are_noticed() -> None:
    assert payment("PARTIAL_CANCELLED", ("SUCCEEDED", 300)).whole
    assert not payment("PARTIAL_CANCELLED", ("SUCCEEDED", 300), cancelled=400).whole


CHARGE = ChargeCommand(
    amount=1_000, currency="KRW", means=Means.CARD, token="bk-1", key="charge-pay-1-1-----", reference="pay-1"
)


@pytest.mark.parametrize(
    ("read", "code", "outcome"),
    [
        (payment("PAID"), None, Done("pay-1")),
        (payment("PAID"), "PG_PROVIDER", Done("pay-1")),
        (payment("CANCELLED", ("SUCCEEDED", 1_000), paidAt="x"), None, Done("pay-1")),
        (payment("PAID").model_copy(update={"amount": payment("PAID").amount.model_copy(update={"total": 999})}), None,
         Unknown("answer_of_another_charge", answered=True)),
        (payment("FAILED"), "PG_PROVIDER", Rejected("PG_PROVIDER")),
        (payment("FAILED"), None, Unknown("unconfirmed", answered=False)),
        (payment("PAY_PENDING"), "PG_PROVIDER", Unknown("PG_PROVIDER", answered=True)),
        (NoSuchPayment(), "PG_PROVIDER", Unknown("PG_PROVIDER", answered=True)),
        (NoSuchPayment(), None, Unknown("unconfirmed", answered=False)),
        (Undetermined("http_502"), "PG_PROVIDER", Unknown("PG_PROVIDER", answered=True)),
        (Undetermined("ReadTimeout"), None, Unknown("unconfirmed", answered=False)),
    ],
)  # fmt: skip
def test_a_charge_is_what_its_payment_says(
    read: PaymentBody | NoSuchPayment | Undetermined, code: str | None, outcome: ChargeOutcome
) -> None:
    assert charge_read(read, CHARGE, code) == outcome


# --- what is never sent ---------------------------------------------------------------------------------------------

NOW = 1_800_000_000
SECRET = base64.b64encode(b"signing-key-of-the-store").decode()


@cache
def unreachable(webhook_secret: str | None = f"whsec_{SECRET}") -> PortOneGateway:
    """An adapter of an address where nobody is: whatever it answers, it has answered alone."""
    return PortOneGateway(
        "http://127.0.0.1:9",
        api_secret=SecretStr("api-secret"),
        store_id="store-1",
        webhook_secret=None if webhook_secret is None else SecretStr(webhook_secret),
        connect_timeout=1,
        read_timeout=1,
        settling=timedelta(seconds=1),
        key_life=timedelta(hours=20),
        clock=lambda: NOW,
    )


def refund(**changes: Any) -> RefundCommand:
    fields: dict[str, Any] = {
        "payment_ref": "pay-1", "amount": 300, "key": "refund-C1-1-1-------", "reference": "C1-1", "guard": 1_000,
        "currency": "KRW", "means": Means.CARD,
    }  # fmt: skip
    return RefundCommand(**{**fields, **changes})


ACCOUNT = RefundAccount("088", "110-123-456789", "Kim")


@pytest.mark.parametrize(
    ("command", "outcome"),
    [
        (refund(key="too-short"), Misconfigured("key_malformed")),
        (refund(key="k" * 257), Misconfigured("key_malformed")),
        (refund(key="refund:C1:1:---------"), Misconfigured("key_malformed")),
        (refund(means=Means.VIRTUAL_ACCOUNT), NeedsAccount("account_missing")),
        (refund(means=Means.VIRTUAL_ACCOUNT, account=RefundAccount("999", "1", "Kim")), NeedsAccount("bank_unknown")),
        (refund(means=Means.VIRTUAL_ACCOUNT, account=RefundAccount("KB", "1", "Kim")), NeedsAccount("bank_unknown")),
    ],
)
async def test_what_can_not_be_right_is_not_sent(command: RefundCommand, outcome: Outcome) -> None:
    assert await unreachable().refund(command) == outcome


async def test_means_without_a_billing_key_are_not_charged() -> None:
    asked = ChargeCommand(
        amount=1, currency="KRW", means=Means.VIRTUAL_ACCOUNT, token="bk", key="charge-pay-1-1-----", reference="r"
    )
    assert await unreachable().charge(asked) == Misconfigured("means_unsupported")


def test_secrets_are_not_shown() -> None:
    shown = f"{unreachable()!r} {vars(unreachable())!r} {refund(account=ACCOUNT)!r} {CHARGE!r}"
    for secret in ("api-secret", "110-123-456789", "Kim", "bk-1"):
        assert secret not in shown


# --- webhooks -------------------------------------------------------------------------------------------------------

TOLD = {"type": "Transaction.PartialCancelled", "timestamp": "2027-01-15T08:00:00Z", "data": {
    "storeId": "store-1", "paymentId": "pay-1", "transactionId": "t-1", "cancellationId": "c-1",
}}  # fmt: skip


def delivery(body: object = TOLD, *, at: int = NOW, secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    raw = json.dumps(body).encode() if not isinstance(body, bytes) else body
    signed = hmac.digest(base64.b64decode(secret), f"msg_1.{at}.".encode() + raw, hashlib.sha256)
    signature = f"v1,{base64.b64encode(signed).decode()}"
    return raw, {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": signature}


HINT = WebhookHint("msg_1", "Transaction.PartialCancelled", payment_ref="pay-1", refund_ref="c-1")


def test_a_signed_delivery_is_a_hint() -> None:
    raw, headers = delivery()
    assert unreachable().parse_webhook(raw, headers, "192.0.2.1") == HINT


def test_one_good_signature_of_several_is_enough() -> None:
    raw, headers = delivery()
    rotated = {**headers, "webhook-signature": f"v1a,x v1,b3RoZXI= {headers['webhook-signature']}"}
    assert unreachable().parse_webhook(raw, rotated, "192.0.2.1") == HINT


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_delivery_may_be_five_minutes_off(seconds: int) -> None:
    raw, headers = delivery(at=NOW + seconds)
    assert unreachable().parse_webhook(raw, headers, "192.0.2.1") == HINT


def test_an_event_of_no_payment_names_none() -> None:
    raw, headers = delivery({"type": "BillingKey.Issued", "data": {"storeId": "store-1", "billingKey": "bk-1"}})
    assert unreachable().parse_webhook(raw, headers, "192.0.2.1") == WebhookHint("msg_1", "BillingKey.Issued")


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (TOLD, {"webhook-signature": "v1,AAAA"}, "signature_wrong"),
        (TOLD, {"webhook-signature": "v1,\u00e4"}, "signature_wrong"),
        (TOLD, {"webhook-signature": ""}, "signature_wrong"),
        (TOLD, {"webhook-id": "msg_2"}, "signature_wrong"),
        (TOLD, {"webhook-timestamp": str(NOW + 1)}, "signature_wrong"),
        (TOLD, {"webhook-id": ""}, "signature_missing"),
        (TOLD, {"webhook-timestamp": "now"}, "signature_missing"),
        (TOLD, delivery(at=NOW - 301)[1], "too_old_or_too_new"),
        (TOLD, delivery(at=NOW + 301)[1], "too_old_or_too_new"),
        (TOLD, delivery(secret=base64.b64encode(b"another").decode())[1], "signature_wrong"),
    ],
)
def test_what_is_not_authentic(body: object, headers: Mapping[str, str], code: str) -> None:
    raw, good = delivery(body)
    assert unreachable().parse_webhook(raw, {**good, **headers}, "192.0.2.1") == BadWebhook(code)


def test_a_changed_body_is_not_authentic() -> None:
    raw, headers = delivery()
    told = unreachable().parse_webhook(raw.replace(b"pay-1", b"pay-2"), headers, "192.0.2.1")
    assert told == BadWebhook("signature_wrong")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<html>", "unreadable"),
        ({"type": "Transaction.Paid"}, "unreadable"),
        ({**TOLD, "data": {"storeId": "store-2", "paymentId": "pay-1"}}, "another_store"),
    ],
)
def test_what_is_authentic_and_no_use(body: object, code: str) -> None:
    raw, headers = delivery(body)
    assert unreachable().parse_webhook(raw, headers, "192.0.2.1") == BadWebhook(code, authentic=True)


def test_without_a_secret_nothing_is_authentic() -> None:
    raw, headers = delivery()
    assert unreachable(None).parse_webhook(raw, headers, "192.0.2.1") == BadWebhook("webhook_secret_missing")


def test_a_secret_that_is_none_is_refused_without_being_told() -> None:
    with pytest.raises(ValueError, match="whsec_ and base64") as refused:
        unreachable("whsec_not base64!")
    assert "not base64!" not in str(refused.value)


# --- settings -------------------------------------------------------------------------------------------------------


async def test_an_account_of_the_settings_is_served_under_its_name() -> None:
    merchant = {"kind": "portone", "api_secret": "s3cret", "store_id": "store-1", "webhook_secret": f"whsec_{SECRET}"}
    settings = Settings.model_validate({"merchants": {"shop-1": merchant}})
    made = bootstrap.gateways(settings)
    assert (made["shop-1"].name, made["shop-1"].capabilities) == (
        "shop-1",
        Capabilities(settling=timedelta(seconds=60), key_life=timedelta(hours=20), charges=True),
    )
    assert "s3cret" not in f"{settings!r}"
    assert SECRET not in f"{settings!r}"
    for gateway in made.values():
        await gateway.aclose()


@pytest.mark.parametrize("merchant", [{"api_secret": "s3cret"}, {"api_secret": ["s3cret"], "store_id": "store-1"}])
def test_a_wrong_account_is_refused_without_its_secret(merchant: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"merchants\.shop-1\.portone") as refused:
        Settings.model_validate({"merchants": {"shop-1": {"kind": "portone", **merchant}}})
    assert "s3cret" not in str(refused.value)
