"""How PortOne shows a payment and its cancellations."""

from __future__ import annotations

import sqlite3

from sandbox.providers import ledger
from sandbox.providers.ledger import Method, Payment, Refund
from sandbox.providers.times import utc_millis
from sandbox.providers.wire import JsonObject

METHODS: dict[Method, str] = {
    "card": "PaymentMethodCard",
    "virtual_account": "PaymentMethodVirtualAccount",
    "transfer": "PaymentMethodTransfer",
    "mobile": "PaymentMethodMobile",
    "easy_pay": "PaymentMethodEasyPay",
    "gift_certificate": "PaymentMethodGiftCertificate",
}


def payment_view(connection: sqlite3.Connection, payment: Payment) -> JsonObject:
    """The payment object."""
    refunds = ledger.refunds_of(connection, payment)
    done = [refund for refund in refunds if refund.status == "succeeded"]
    cancelled = sum(refund.amount for refund in done)
    status = _status(payment, cancelled)
    taxed = payment.amount - payment.tax_free
    changed = utc_millis(changed_at(connection, payment))
    view: JsonObject = {
        "status": status,
        "id": payment.payment,
        "transactionId": payment.details["transaction"],
        "merchantId": f"merchant-{payment.merchant}",
        "storeId": payment.merchant,
        "method": _method_view(payment),
        "channel": {
            "type": "TEST",
            "id": "channel-id-sandbox",
            "key": "channel-key-sandbox",
            "name": "sandbox",
            "pgProvider": "TOSSPAYMENTS",
            "pgMerchantId": "sandbox",
        },
        "version": "V2",
        "requestedAt": utc_millis(payment.created_at),
        "updatedAt": changed,
        "statusChangedAt": changed,
        "orderName": payment.details.get("order_name", "주문"),
        "amount": {
            "total": payment.amount,
            "taxFree": payment.tax_free,
            "vat": round(taxed / 11),
            "supply": taxed - round(taxed / 11),
            "discount": 0,
            "paid": 0 if payment.captured_at is None else payment.amount,
            "cancelled": cancelled,
            "cancelledTaxFree": sum(refund.tax_free for refund in done),
        },
        "currency": payment.currency,
        "customer": {},
        "origin": {"platformType": "API", "ipAddress": "127.0.0.1"},
        "pgTxId": payment.details["transaction"],
    }
    if payment.captured_at is not None:
        view["paidAt"] = utc_millis(payment.captured_at)
    if status == "PAID":
        view["disputes"] = []
    if refunds or status == "CANCELLED":
        view["cancellations"] = [cancellation_view(refund) for refund in refunds]
    if status in ("CANCELLED", "PARTIAL_CANCELLED"):
        view["cancelledAt"] = changed
    return view


def cancellation_view(refund: Refund) -> JsonObject:
    """The cancellation object: `SUCCEEDED`, `REQUESTED` or `FAILED`."""
    view: JsonObject = {
        "status": {"succeeded": "SUCCEEDED", "pending": "REQUESTED", "failed": "FAILED"}[refund.status],
        "id": refund.ref,
        "pgCancellationId": refund.details.get("pg", refund.ref),
        "totalAmount": refund.amount,
        "taxFreeAmount": refund.tax_free,
        "vatAmount": refund.details.get("vat", round((refund.amount - refund.tax_free) / 11)),
        "reason": refund.reference,
        "requestedAt": utc_millis(refund.at),
        "trigger": "CONSOLE" if refund.origin == "console" else "API",
    }
    if refund.status == "succeeded":
        view["cancelledAt"] = utc_millis(refund.details.get("settled_at", refund.at))
    return view


def _status(payment: Payment, cancelled: int) -> str:
    """Only what has succeeded counts; a closed account was never paid and is shown as cancelled."""
    if payment.state == "waiting":
        return "VIRTUAL_ACCOUNT_ISSUED"
    if payment.state == "closed" or cancelled == payment.amount:
        return "CANCELLED"
    return "PARTIAL_CANCELLED" if cancelled else "PAID"


def changed_at(connection: sqlite3.Connection, payment: Payment) -> int:
    times = [payment.created_at, payment.captured_at or 0, payment.details.get("closed_at", 0)]
    times += [refund.details.get("settled_at", refund.at) for refund in ledger.refunds_of(connection, payment)]
    return int(max(times))


def _method_view(payment: Payment) -> JsonObject:
    view: JsonObject = {"type": METHODS[payment.method]}
    if payment.method == "virtual_account":
        view |= {"accountNumber": "X6505636518308", "bank": "WOORI", "accountType": "NORMAL"}
    return view
