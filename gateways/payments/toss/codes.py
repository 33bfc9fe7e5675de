"""What Toss's error codes mean, as data.

A code decides by itself. The HTTP status doesn't: 400 holds an error that passes (`PROVIDER_ERROR`) and a final refusal
(`REFUND_REJECTED`) alike, and 403 is mostly business. Only 429 has no code of its own that is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

import httpx

from gateways.payments.port import (
    ChargeOutcome,
    Conflict,
    Misconfigured,
    NeedsAccount,
    NewKey,
    Outcome,
    ReceiptOutcome,
    Rejected,
    Retry,
    Unknown,
)

PAYMENT_UNKNOWN = "NOT_FOUND_PAYMENT"
"""Toss's own code for a payment that it does not know; any other 404 says nothing about the payment."""

PAUSE = timedelta(seconds=2)
"""Of two cancels of a payment within about a second only the first runs."""

PERHAPS = partial(Unknown, answered=True)
"""Perhaps done, and the key may be burnt: read first, then a new key."""

_OF_ANY_CALL: Mapping[str, Callable[[str], Retry | Unknown | NewKey | Misconfigured]] = {
    # An earlier request with this key is still at work.
    "IDEMPOTENT_REQUEST_PROCESSING": Retry,
    # Errors that pass. Whether one of them did something, only a read tells.
    "PROVIDER_ERROR": PERHAPS,
    "FAILED_INTERNAL_SYSTEM_PROCESSING": PERHAPS,
    "FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING": PERHAPS,
    "COMMON_ERROR": PERHAPS,
    # Ours to mend, the same for every request.
    "UNAUTHORIZED_KEY": Misconfigured,
    "INVALID_API_KEY": Misconfigured,
    "INCORRECT_BASIC_AUTH_FORMAT": Misconfigured,
    "FORBIDDEN_REQUEST": Misconfigured,
    "INVALID_IDEMPOTENCY_KEY": Misconfigured,
}

MEANINGS: Mapping[str, Callable[[str], Outcome]] = {
    **_OF_ANY_CALL,
    "FAILED_REFUND_PROCESS": PERHAPS,
    "FAILED_METHOD_HANDLING_CANCEL": PERHAPS,
    "FAILED_PARTIAL_REFUND": PERHAPS,
    # Certainly nothing was done, and a later try may do it: too soon after another cancel, the bank's night, or the
    # merchant's own balance at Toss is too low.
    "FORBIDDEN_CONSECUTIVE_REQUEST": partial(NewKey, after=PAUSE),
    "NOT_AVAILABLE_BANK": NewKey,
    "EXCEED_CANCEL_LIMIT": NewKey,
    # The payment does not hold what we believed, perhaps because our refund is there: a read tells.
    "ALREADY_CANCELED_PAYMENT": Conflict,
    "ALREADY_REFUND_PAYMENT": Conflict,
    "NOT_CANCELABLE_AMOUNT": Conflict,
    "NOT_MATCHES_REFUNDABLE_AMOUNT": Conflict,
    "INVALID_REFUND_ACCOUNT_INFO": NeedsAccount,
    "INVALID_REFUND_ACCOUNT_NUMBER": NeedsAccount,
    "INVALID_BANK": NeedsAccount,
    "FORBIDDEN_BANK_REFUND_REQUEST": NeedsAccount,
    # Not in parts.
    "NOT_ALLOWED_PARTIAL_REFUND": Rejected,
    "NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT": Rejected,
    "EXCEED_CANCEL_AMOUNT_DISCOUNT_AMOUNT": Rejected,
    # Never.
    "NOT_CANCELABLE_PAYMENT": Rejected,
    "NOT_CANCELABLE_PAYMENT_FOR_DORMANT_USER": Rejected,
    "EXCEED_MAX_REFUND_DUE": Rejected,
    "REFUND_REJECTED": Rejected,
    "INVALID_REQUEST": Rejected,
    PAYMENT_UNKNOWN: Rejected,
}
"""What a code means for a refund. A code not here is Unknown."""

CHARGE_MEANINGS: Mapping[str, Callable[[str], ChargeOutcome]] = {
    **_OF_ANY_CALL,
    "FAILED_DB_PROCESSING": PERHAPS,
    "FAILED_CARD_COMPANY_RESPONSE": PERHAPS,
    # A payment with our order number is there: perhaps the very one, so look.
    "DUPLICATED_ORDER_ID": PERHAPS,
    "NOT_MATCHES_CUSTOMER_KEY": Rejected,
    "INVALID_BILL_KEY_REQUEST": Rejected,
    "REJECT_CARD_PAYMENT": Rejected,
    "REJECT_CARD_COMPANY": Rejected,
    "REJECT_ACCOUNT_PAYMENT": Rejected,
    "INVALID_REJECT_CARD": Rejected,
    "INVALID_STOPPED_CARD": Rejected,
    "INVALID_CARD_EXPIRATION": Rejected,
    "NOT_SUPPORTED_CARD_TYPE": Rejected,
    "EXCEED_MAX_AUTH_COUNT": Rejected,
    "BELOW_MINIMUM_AMOUNT": Rejected,
    "INVALID_REQUEST": Rejected,
    # Billing keys are not part of this merchant's contract.
    "NOT_SUPPORTED_METHOD": Misconfigured,
}
"""As MEANINGS, for a charge of a billing key."""


RECEIPT_MEANINGS: Mapping[str, Callable[[str], ReceiptOutcome]] = {
    **_OF_ANY_CALL,
    # No such receipt, or more than is left of it.
    "INVALID_REQUEST": Rejected,
}
"""As MEANINGS, for the cancel of a cash receipt. Its codes are not published beyond these."""


def classify(code: str | None, status: int) -> Outcome:
    """What an error answer means for a refund. `code` None: it carried none of Toss's codes."""
    meaning = None if code is None else MEANINGS.get(code)
    return _unlisted(code, status) if code is None or meaning is None else meaning(code)


def classify_charge(code: str | None, status: int) -> ChargeOutcome:
    """As `classify`, for a charge."""
    meaning = None if code is None else CHARGE_MEANINGS.get(code)
    return _unlisted(code, status) if code is None or meaning is None else meaning(code)


def classify_receipt(code: str | None, status: int) -> ReceiptOutcome:
    """As `classify`, for the cancel of a cash receipt."""
    meaning = None if code is None else RECEIPT_MEANINGS.get(code)
    return _unlisted(code, status) if code is None or meaning is None else meaning(code)


def _unlisted(code: str | None, status: int) -> Unknown | NewKey:
    if status == httpx.codes.TOO_MANY_REQUESTS:
        # Turned away before anything was looked at.
        return NewKey(code or "too_many_requests", PAUSE)
    return Unknown(code or "no_code", answered=True)
