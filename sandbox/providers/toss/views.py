"""How Toss shows a payment: the Payment object, the same in answers and webhooks."""

from __future__ import annotations

import sqlite3
from typing import Any

from sandbox.providers import ledger
from sandbox.providers.ledger import Method, Payment, Refund
from sandbox.providers.registry import QuirkValue
from sandbox.providers.times import kst_seconds

METHODS: dict[Method, str] = {
    "card": "카드",
    "virtual_account": "가상계좌",
    "transfer": "계좌이체",
    "mobile": "휴대폰",
    "gift_certificate": "문화상품권",
    "easy_pay": "간편결제",
    "overseas": "해외간편결제",
}
"""Toss names the ways to pay in Korean."""


def status_of(connection: sqlite3.Connection, payment: Payment) -> str:
    """Its status. Once there was a partial cancel it stays `PARTIAL_CANCELED`, also when nothing is left."""
    if payment.state == "waiting":
        return "WAITING_FOR_DEPOSIT"
    if payment.state == "closed":
        return "CANCELED"
    live = ledger.live_refunds(connection, payment)
    if not live:
        return "DONE"
    return "CANCELED" if live[0].amount == payment.amount else "PARTIAL_CANCELED"


def balance_of(connection: sqlite3.Connection, payment: Payment) -> int:
    """What can still be cancelled; of one that waits for its deposit: the whole."""
    return payment.amount if payment.state == "waiting" else ledger.held(connection, payment)


def payment_view(connection: sqlite3.Connection, payment: Payment, quirks: dict[str, QuirkValue]) -> dict[str, Any]:
    """The Payment object."""
    refunds = ledger.refunds_of(connection, payment)
    cancels = [_cancel_view(payment, refund, echo=bool(quirks["echoes_reason"])) for refund in refunds]
    closed = payment.details.get("closed")
    if closed is not None:
        cancels.append(_closing_view(payment, closed))
    balance = balance_of(connection, payment)
    taxed = balance - ledger.tax_free_held(connection, payment) if balance else 0
    vat = round(taxed / 11)
    key = payment.payment
    return {
        "mId": payment.merchant,
        "lastTransactionKey": cancels[-1]["transactionKey"] if cancels else payment.details["transaction_key"],
        "paymentKey": key,
        "orderId": payment.order_id,
        "orderName": "주문",
        "taxExemptionAmount": payment.details["tax_exemption"],
        "status": status_of(connection, payment),
        "requestedAt": kst_seconds(payment.created_at),
        "approvedAt": None if payment.captured_at is None else kst_seconds(payment.captured_at),
        "useEscrow": False,
        "cultureExpense": False,
        "card": _card_view(payment) if payment.method == "card" else None,
        "virtualAccount": _account_view(payment, refunds) if payment.method == "virtual_account" else None,
        "transfer": {"bankCode": "88", "settlementStatus": "INCOMPLETED"} if payment.method == "transfer" else None,
        "mobilePhone": {"settlementStatus": "INCOMPLETED", "receiptUrl": ""} if payment.method == "mobile" else None,
        "giftCertificate": {"approveNo": "00000000"} if payment.method == "gift_certificate" else None,
        "cashReceipt": None,
        "cashReceipts": None,
        "discount": None,
        "cancels": cancels or None,
        "secret": payment.details["secret"],
        "type": payment.details.get("type", "NORMAL"),
        "easyPay": {"provider": "토스페이", "amount": payment.amount, "discountAmount": 0}
        if payment.method == "easy_pay"
        else None,
        "country": "KR",
        "failure": None,
        "isPartialCancelable": payment.details["partial"],
        "receipt": None,
        "checkout": None,
        "currency": payment.currency,
        "totalAmount": payment.amount,
        "balanceAmount": balance,
        "suppliedAmount": taxed - vat,
        "vat": vat,
        "taxFreeAmount": payment.tax_free,
        "method": METHODS[payment.method],
        "version": "2022-11-16",
        "metadata": None,
    }


def cancel_view(payment: Payment, refund: Refund) -> dict[str, Any]:
    """The Cancel object of one refund, as `CANCEL_STATUS_CHANGED` carries it."""
    return _cancel_view(payment, refund, echo=True)


def _cancel_view(payment: Payment, refund: Refund, *, echo: bool) -> dict[str, Any]:
    return {
        "transactionKey": refund.ref,
        "cancelReason": refund.reference if echo else "취소",
        "taxExemptionAmount": 0,
        "canceledAt": kst_seconds(refund.at),
        "cardDiscountAmount": 0,
        "transferDiscountAmount": 0,
        "easyPayDiscountAmount": 0,
        "receiptKey": None,
        "cancelAmount": refund.amount,
        "taxFreeAmount": refund.tax_free,
        "refundableAmount": refund.left_after,
        "cancelStatus": _cancel_status(payment, refund),
        "cancelRequestId": refund.details.get("cancel_request_id"),
    }


def _cancel_status(payment: Payment, refund: Refund) -> str:
    if refund.status == "failed":
        return "ABORTED"
    # A virtual account's cancel says DONE at once; how far its money is, only `refundStatus` says.
    return "IN_PROGRESS" if refund.status == "pending" and payment.method != "virtual_account" else "DONE"


def _closing_view(payment: Payment, closed: dict[str, Any]) -> dict[str, Any]:
    """The cancel of an account that no money had come to."""
    empty = Refund(
        payment.payment, closed["ref"], None, payment.amount, 0, 0, "succeeded", closed["reason"], "api", closed["at"]
    )
    return _cancel_view(payment, empty, echo=True)


def _card_view(payment: Payment) -> dict[str, Any]:
    return {
        "issuerCode": "61",
        "acquirerCode": "31",
        "number": "12345678****123*",
        "installmentPlanMonths": 0,
        "isInterestFree": False,
        "interestPayer": None,
        "approveNo": "00000000",
        "useCardPoint": False,
        "cardType": "신용",
        "ownerType": "개인",
        "acquireStatus": "READY",
        "amount": payment.amount,
    }


def _account_view(payment: Payment, refunds: list[Refund]) -> dict[str, Any]:
    states = [refund.status for refund in refunds]
    if not states:
        refund_status = "NONE"
    elif "pending" in states:
        refund_status = "PENDING"
    elif states[-1] == "failed":
        refund_status = "FAILED"
    else:
        refund_status = "COMPLETED"
    return {
        "accountType": "일반",
        "accountNumber": "X6505636518308",
        "bankCode": "20",
        "customerName": "고객",
        "dueDate": kst_seconds(payment.created_at + 7 * 86_400_000),
        "refundStatus": refund_status,
        "expired": False,
        "settlementStatus": "INCOMPLETED",
        "refundReceiveAccount": payment.details.get("refund_account"),
    }
