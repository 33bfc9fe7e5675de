"""Toss's error codes with the HTTP status each comes with, and how an error looks: ``{"code", "message"}``."""

from __future__ import annotations

from sandbox.providers.wire import Refused, Reply

CODES = {
    # in flight, and pacing
    "IDEMPOTENT_REQUEST_PROCESSING": 409,
    "FORBIDDEN_CONSECUTIVE_REQUEST": 403,
    # transient; note the 400
    "PROVIDER_ERROR": 400,
    "FAILED_INTERNAL_SYSTEM_PROCESSING": 500,
    "FAILED_REFUND_PROCESS": 500,
    "FAILED_METHOD_HANDLING_CANCEL": 500,
    "COMMON_ERROR": 500,
    "FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING": 500,
    "FAILED_PARTIAL_REFUND": 500,
    "NOT_AVAILABLE_BANK": 403,
    # already done, or not what the caller believed
    "ALREADY_CANCELED_PAYMENT": 400,
    "ALREADY_REFUND_PAYMENT": 400,
    "NOT_CANCELABLE_AMOUNT": 403,
    "NOT_MATCHES_REFUNDABLE_AMOUNT": 400,
    # the customer has to give another account
    "INVALID_REFUND_ACCOUNT_INFO": 400,
    "INVALID_REFUND_ACCOUNT_NUMBER": 400,
    "INVALID_BANK": 400,
    "FORBIDDEN_BANK_REFUND_REQUEST": 400,
    # not in parts
    "NOT_ALLOWED_PARTIAL_REFUND": 403,
    "NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT": 403,
    "EXCEED_CANCEL_AMOUNT_DISCOUNT_AMOUNT": 400,
    # final
    "NOT_CANCELABLE_PAYMENT": 403,
    "NOT_CANCELABLE_PAYMENT_FOR_DORMANT_USER": 403,
    "EXCEED_MAX_REFUND_DUE": 403,
    "REFUND_REJECTED": 400,
    "NOT_FOUND_PAYMENT": 404,
    "INVALID_REQUEST": 400,
    "EXCEED_CANCEL_LIMIT": 403,
    # configuration
    "UNAUTHORIZED_KEY": 401,
    "INVALID_API_KEY": 400,
    "INCORRECT_BASIC_AUTH_FORMAT": 403,
    "FORBIDDEN_REQUEST": 403,
    "INVALID_IDEMPOTENCY_KEY": 400,
    # of a charge; only the first is seen in a source, the others are from general knowledge
    "NOT_MATCHES_CUSTOMER_KEY": 400,
    "INVALID_BILL_KEY_REQUEST": 400,
    "DUPLICATED_ORDER_ID": 400,
    "REJECT_CARD_PAYMENT": 403,
}


def error(code: str, message: str | None = None, status: int | None = None) -> Reply:
    """An error of Toss. A code that isn't in the table needs its status, else it is a 400."""
    return Reply.of(status or CODES.get(code, 400), {"code": code, "message": message or f"{code} (simulated)"})


def refused(code: str, message: str | None = None) -> Refused:
    """An error of Toss to raise."""
    return Refused(error(code, message))


def invalid(message: str) -> Refused:
    """A body that Toss can't take."""
    return refused("INVALID_REQUEST", message)
