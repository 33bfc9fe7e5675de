"""PortOne's errors: told apart by `type`."""

from __future__ import annotations

from sandbox.providers.wire import JsonObject, Refused, Reply

STATUSES = {
    "INVALID_REQUEST": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "PAYMENT_NOT_FOUND": 404,
    "BILLING_KEY_NOT_FOUND": 404,
    "CASH_RECEIPT_NOT_FOUND": 404,
    "PAYMENT_ALREADY_CANCELLED": 409,
    "PAYMENT_NOT_PAID": 409,
    "PAYMENT_NOT_WAITING_FOR_DEPOSIT": 409,
    "ALREADY_PAID": 409,
    "CASH_RECEIPT_NOT_ISSUED": 404,
    "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN": 409,
    "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT": 409,
    "CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT": 409,
    "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT": 409,
    "SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT": 409,
    "SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT": 409,
    "IDEMPOTENCY_OUTSTANDING_REQUEST": 409,
    "PG_PROVIDER": 502,
}
"""Its errors by `type`, with the HTTP status each comes with."""


def error(kind: str, message: str | None = None, status: int | None = None) -> Reply:
    """An error of PortOne, by its `type`."""
    body: JsonObject = {"type": kind, "message": message or f"{kind} (simulated)"}
    if kind == "PG_PROVIDER":
        body |= {"pgCode": "SIMULATED", "pgMessage": body["message"]}
    return Reply.of(status or STATUSES.get(kind, 400), body)


def refused(kind: str, message: str | None = None) -> Refused:
    """An error of PortOne to raise."""
    return Refused(error(kind, message))
