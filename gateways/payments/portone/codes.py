"""What the `type` of PortOne's errors means, as data: decided by it alone, never by the HTTP status."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateways.payments.port import ChargeOutcome, Conflict, Misconfigured, Outcome, Rejected, Retry, Unknown

PAYMENT_UNKNOWN = "PAYMENT_NOT_FOUND"
"""The code of a payment that it does not know; any other 404 says nothing about the payment."""

PROVIDER_FAILED = "PG_PROVIDER"
"""The provider behind it failed, or declined, or did it and didn't say so: only a read tells."""

MEANINGS: Mapping[str, Callable[[str], Outcome]] = {
    "IDEMPOTENCY_OUTSTANDING_REQUEST": Retry,
    # Ours may be what emptied it: a conflict is looked up before it is believed.
    "PAYMENT_ALREADY_CANCELLED": Conflict,
    "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN": Conflict,
    "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT": Conflict,
    "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT": Conflict,
    "CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT": Conflict,
    "PAYMENT_NOT_PAID": Conflict,
    PAYMENT_UNKNOWN: Rejected,
    "SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT": Rejected,
    "NEGATIVE_PROMOTION_ADJUSTED_CANCEL_AMOUNT": Rejected,
    "PROMOTION_DISCOUNT_RETAIN_OPTION_SHOULD_NOT_BE_CHANGED": Rejected,
    "INVALID_REQUEST": Misconfigured,
    "UNAUTHORIZED": Misconfigured,
    "FORBIDDEN": Misconfigured,
}
"""What an error's `type` means for a refund: decided by it alone. One that is not here is Unknown, PG_PROVIDER too."""

CHARGE_MEANINGS: Mapping[str, Callable[[str], ChargeOutcome]] = {
    "IDEMPOTENCY_OUTSTANDING_REQUEST": Retry,
    "BILLING_KEY_NOT_FOUND": Rejected,
    "BILLING_KEY_ALREADY_DELETED": Rejected,
    "SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT": Rejected,
    "DISCOUNT_AMOUNT_EXCEEDS_TOTAL_AMOUNT": Rejected,
    "PROMOTION_PAY_METHOD_DOES_NOT_MATCH": Rejected,
    "CHANNEL_NOT_FOUND": Misconfigured,
    "INVALID_REQUEST": Misconfigured,
    "UNAUTHORIZED": Misconfigured,
    "FORBIDDEN": Misconfigured,
}
"""As MEANINGS, for a charge. ALREADY_PAID is not here: under our own number it is our charge, which a read shows."""


def classify(code: str | None) -> Outcome:
    """The outcome of an error answer with this `type`; None: it carried none."""
    if code is None:
        return Unknown("no_code", answered=True)
    meaning = MEANINGS.get(code)
    return Unknown(code, answered=True) if meaning is None else meaning(code)


def classify_charge(code: str | None) -> ChargeOutcome:
    """As `classify`, for a charge."""
    if code is None:
        return Unknown("no_code", answered=True)
    meaning = CHARGE_MEANINGS.get(code)
    return Unknown(code, answered=True) if meaning is None else meaning(code)
