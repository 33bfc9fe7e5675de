"""What Stripe's errors mean: tables from its own codes to outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from gateways.payments.port import (
    ChargeOutcome,
    Conflict,
    Misconfigured,
    NewKey,
    Outcome,
    Rejected,
    Retry,
    Unknown,
)

T = TypeVar("T")

MISSING = "resource_missing"
"""Stripe's own code for something that it doesn't know; any other 404 says nothing about it."""

AMOUNT = "amount"
"""The parameter that is blamed when more than the remainder is asked: the code beside it has varied, or was none."""

COMMON: Mapping[str, Callable[[str], Misconfigured | Rejected | Retry]] = {
    "idempotency_key_in_use": Retry,
    "lock_timeout": Retry,
    "rate_limit": Retry,
    MISSING: Rejected,
    "payment_intent_unexpected_state": Rejected,
    "amount_too_small": Rejected,
    "invalid_charge_amount_no_decimal_compatible": Rejected,
    "parameter_invalid_empty": Misconfigured,
    "parameter_invalid_integer": Misconfigured,
    "parameter_invalid_string_blank": Misconfigured,
    "parameter_invalid_string_empty": Misconfigured,
    "parameter_missing": Misconfigured,
    "parameter_unknown": Misconfigured,
    "parameters_exclusive": Misconfigured,
    "api_key_expired": Misconfigured,
    "platform_api_key_expired": Misconfigured,
    "secret_key_required": Misconfigured,
    "livemode_mismatch": Misconfigured,
    "testmode_charges_only": Misconfigured,
}
"""What a code means for a refund and for a charge. A code in no table is Unknown."""

MEANINGS: Mapping[str, Callable[[str], Outcome]] = {
    **COMMON,
    # Somebody has given everything back; whether we have, the list of refunds tells.
    "charge_already_refunded": Conflict,
    "amount_too_large": Conflict,
    # A disputed payment is decided by its bank: paying it back another way would pay twice.
    "charge_disputed": Rejected,
    "refund_disputed_payment": Rejected,
    "charge_not_refundable": Rejected,
    # Our own balance at Stripe is too low, until it is topped up.
    "balance_insufficient": NewKey,
}
"""What a code means for a refund."""

DECLINED = (
    "account_closed",
    "amount_too_large",
    "authentication_required",
    "bank_account_declined",
    "card_decline_rate_limit_exceeded",
    "card_declined",
    "debit_not_authorized",
    "expired_card",
    "expired_payment_method",
    "incorrect_address",
    "incorrect_cvc",
    "incorrect_number",
    "incorrect_zip",
    "insufficient_funds",
    "invalid_card_type",
    "invalid_cvc",
    "invalid_expiry_month",
    "invalid_expiry_year",
    "invalid_number",
    "payment_intent_action_required",
    "payment_intent_authentication_failure",
    "payment_intent_incompatible_payment_method",
    "payment_intent_mandate_invalid",
    "payment_intent_payment_attempt_failed",
    "payment_method_currency_mismatch",
    "payment_method_customer_decline",
    "payment_method_not_available",
    "payment_method_provider_decline",
    "payment_method_restricted",
    "payment_method_unactivated",
    "payment_method_unexpected_state",
    "refer_to_customer",
)
"""Codes of a means that can't be charged, or not without its owner."""

CHARGE_MEANINGS: Mapping[str, Callable[[str], ChargeOutcome]] = {
    **COMMON,
    **dict.fromkeys(DECLINED, Rejected),
    "processing_error": NewKey,
}
"""What a code means for a charge."""

CODELESS: Mapping[int, Callable[[str], Misconfigured | Retry]] = {
    401: Misconfigured,
    403: Misconfigured,
    409: Retry,
    429: Retry,
}
"""What an error of Stripe without a code means by its status."""


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An error as Stripe answered it; with neither `kind` nor `code` when it isn't Stripe's kind of answer.

    `again`: what `Stripe-Should-Retry` says, None when it says nothing.
    """

    status: int
    kind: str | None = None
    code: str | None = None
    param: str | None = None
    again: bool | None = None

    @property
    def label(self) -> str:
        """The most telling word of it."""
        return self.code or self.kind or f"http_{self.status}"


def classify(error: ErrorAnswer) -> Outcome:
    """The outcome of an error answer to a refund."""
    outcome = _by_tables(error, MEANINGS)
    # Not by the code, of which there may be none, or one that we don't know: nothing was done for such an amount.
    if isinstance(outcome, Unknown) and error.status == 400 and error.param == AMOUNT:
        return Conflict(error.code or AMOUNT)
    return outcome


def classify_charge(error: ErrorAnswer) -> ChargeOutcome:
    """The outcome of an error answer to a charge."""
    return _by_tables(error, CHARGE_MEANINGS)


def _by_tables(error: ErrorAnswer, meanings: Mapping[str, Callable[[str], T]]) -> T | Misconfigured | Retry | Unknown:
    if error.again:
        return Retry(error.label)
    if error.status >= 500:
        # Kept under its key, and Stripe mends what it had begun: only the list tells what became of it.
        return Unknown(error.label, answered=True)
    meaning: Callable[[str], T | Misconfigured | Retry] | None
    if error.code is not None:
        meaning = meanings.get(error.code)
    else:
        # Without a kind either it is a proxy's word.
        meaning = CODELESS.get(error.status) if error.kind is not None else None
    if meaning is None or (meaning is Retry and error.again is False):
        return Unknown(error.label, answered=True)
    return meaning(error.label)
