"""Each code of Stripe's, and what it is taken for."""

from __future__ import annotations

import pytest

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
from gateways.payments.stripe.codes import (
    CHARGE_MEANINGS,
    CODELESS,
    COMMON,
    MEANINGS,
    ErrorAnswer,
    classify,
    classify_charge,
)

INVALID = "invalid_request_error"

BOTH: list[tuple[str, type[Misconfigured | Rejected | Retry]]] = [
    ("idempotency_key_in_use", Retry),
    ("lock_timeout", Retry),
    ("rate_limit", Retry),
    ("resource_missing", Rejected),
    ("payment_intent_unexpected_state", Rejected),
    ("amount_too_small", Rejected),
    ("invalid_charge_amount_no_decimal_compatible", Rejected),
    ("parameter_invalid_empty", Misconfigured),
    ("parameter_invalid_integer", Misconfigured),
    ("parameter_invalid_string_blank", Misconfigured),
    ("parameter_invalid_string_empty", Misconfigured),
    ("parameter_missing", Misconfigured),
    ("parameter_unknown", Misconfigured),
    ("parameters_exclusive", Misconfigured),
    ("api_key_expired", Misconfigured),
    ("platform_api_key_expired", Misconfigured),
    ("secret_key_required", Misconfigured),
    ("livemode_mismatch", Misconfigured),
    ("testmode_charges_only", Misconfigured),
]

REFUNDS: list[tuple[str, Outcome]] = [
    ("charge_already_refunded", Conflict("charge_already_refunded")),
    ("amount_too_large", Conflict("amount_too_large")),
    ("charge_disputed", Rejected("charge_disputed")),
    ("refund_disputed_payment", Rejected("refund_disputed_payment")),
    ("charge_not_refundable", Rejected("charge_not_refundable")),
    ("balance_insufficient", NewKey("balance_insufficient")),
    ("card_declined", Unknown("card_declined", answered=True)),
    ("never_heard_of", Unknown("never_heard_of", answered=True)),
]

CHARGES: list[tuple[str, ChargeOutcome]] = [
    ("account_closed", Rejected("account_closed")),
    ("amount_too_large", Rejected("amount_too_large")),
    ("authentication_required", Rejected("authentication_required")),
    ("bank_account_declined", Rejected("bank_account_declined")),
    ("card_decline_rate_limit_exceeded", Rejected("card_decline_rate_limit_exceeded")),
    ("card_declined", Rejected("card_declined")),
    ("debit_not_authorized", Rejected("debit_not_authorized")),
    ("expired_card", Rejected("expired_card")),
    ("expired_payment_method", Rejected("expired_payment_method")),
    ("incorrect_address", Rejected("incorrect_address")),
    ("incorrect_cvc", Rejected("incorrect_cvc")),
    ("incorrect_number", Rejected("incorrect_number")),
    ("incorrect_zip", Rejected("incorrect_zip")),
    ("insufficient_funds", Rejected("insufficient_funds")),
    ("invalid_card_type", Rejected("invalid_card_type")),
    ("invalid_cvc", Rejected("invalid_cvc")),
    ("invalid_expiry_month", Rejected("invalid_expiry_month")),
    ("invalid_expiry_year", Rejected("invalid_expiry_year")),
    ("invalid_number", Rejected("invalid_number")),
    ("payment_intent_action_required", Rejected("payment_intent_action_required")),
    ("payment_intent_authentication_failure", Rejected("payment_intent_authentication_failure")),
    ("payment_intent_incompatible_payment_method", Rejected("payment_intent_incompatible_payment_method")),
    ("payment_intent_mandate_invalid", Rejected("payment_intent_mandate_invalid")),
    ("payment_intent_payment_attempt_failed", Rejected("payment_intent_payment_attempt_failed")),
    ("payment_method_currency_mismatch", Rejected("payment_method_currency_mismatch")),
    ("payment_method_customer_decline", Rejected("payment_method_customer_decline")),
    ("payment_method_not_available", Rejected("payment_method_not_available")),
    ("payment_method_provider_decline", Rejected("payment_method_provider_decline")),
    ("payment_method_restricted", Rejected("payment_method_restricted")),
    ("payment_method_unactivated", Rejected("payment_method_unactivated")),
    ("payment_method_unexpected_state", Rejected("payment_method_unexpected_state")),
    ("refer_to_customer", Rejected("refer_to_customer")),
    ("processing_error", NewKey("processing_error")),
    ("charge_disputed", Unknown("charge_disputed", answered=True)),
    ("never_heard_of", Unknown("never_heard_of", answered=True)),
]


@pytest.mark.parametrize(("code", "outcome"), BOTH)
def test_what_a_code_means_for_both(code: str, outcome: type[Misconfigured | Rejected | Retry]) -> None:
    assert classify(ErrorAnswer(400, INVALID, code)) == outcome(code)
    assert classify_charge(ErrorAnswer(400, INVALID, code)) == outcome(code)


@pytest.mark.parametrize(("code", "outcome"), REFUNDS)
def test_what_a_code_means_for_a_refund(code: str, outcome: Outcome) -> None:
    assert classify(ErrorAnswer(400, INVALID, code)) == outcome


@pytest.mark.parametrize(("code", "outcome"), CHARGES)
def test_what_a_code_means_for_a_charge(code: str, outcome: ChargeOutcome) -> None:
    assert classify_charge(ErrorAnswer(402, "card_error", code)) == outcome


def test_every_row_of_the_tables_is_told_here() -> None:
    assert set(COMMON) == {code for code, _ in BOTH}
    assert set(MEANINGS) - set(COMMON) <= {code for code, _ in REFUNDS}
    assert set(CHARGE_MEANINGS) - set(COMMON) <= {code for code, _ in CHARGES}


@pytest.mark.parametrize(
    ("status", "kind", "outcome"),
    [
        (401, INVALID, Misconfigured(INVALID)),
        (403, INVALID, Misconfigured(INVALID)),
        (409, "idempotency_error", Retry("idempotency_error")),
        (429, INVALID, Retry(INVALID)),
        (400, "idempotency_error", Unknown("idempotency_error", answered=True)),
        (400, INVALID, Unknown(INVALID, answered=True)),
        (404, INVALID, Unknown(INVALID, answered=True)),
        (424, "api_error", Unknown("api_error", answered=True)),
        (500, "api_error", Unknown("api_error", answered=True)),
        (401, None, Unknown("http_401", answered=True)),
        (403, None, Unknown("http_403", answered=True)),
        (404, None, Unknown("http_404", answered=True)),
        (429, None, Unknown("http_429", answered=True)),
        (502, None, Unknown("http_502", answered=True)),
        (302, None, Unknown("http_302", answered=True)),
    ],
)
def test_what_an_error_without_a_code_means(status: int, kind: str | None, outcome: Outcome) -> None:
    assert classify(ErrorAnswer(status, kind)) == outcome
    assert classify_charge(ErrorAnswer(status, kind)) == outcome


def test_every_status_of_the_table_is_told_above() -> None:
    assert set(CODELESS) == {401, 403, 409, 429}


@pytest.mark.parametrize("code", [None, "charge_amount_exceeded", "refund_exceeds_remaining"])
def test_more_than_the_remainder_is_known_by_its_parameter(code: str | None) -> None:
    answer = ErrorAnswer(400, INVALID, code, "amount")
    assert classify(answer) == Conflict(code or "amount")
    assert isinstance(classify_charge(answer), Unknown)


def test_a_malformed_amount_is_no_conflict() -> None:
    answer = ErrorAnswer(400, INVALID, "parameter_invalid_integer", "amount")
    assert classify(answer) == Misconfigured("parameter_invalid_integer")


@pytest.mark.parametrize("code", ["card_declined", "charge_disputed", "resource_missing", "rate_limit"])
def test_a_servers_error_says_nothing_whatever_its_code(code: str) -> None:
    assert classify(ErrorAnswer(500, "api_error", code, "amount")) == Unknown(code, answered=True)
    assert classify_charge(ErrorAnswer(503, "api_error", code)) == Unknown(code, answered=True)


@pytest.mark.parametrize(
    ("status", "code"), [(500, None), (409, "lock_timeout"), (400, "never_heard_of"), (400, "charge_disputed")]
)
def test_stripe_may_say_to_ask_again(status: int, code: str | None) -> None:
    answer = ErrorAnswer(status, "api_error", code, again=True)
    assert classify(answer) == Retry(code or "api_error")
    assert classify_charge(answer) == Retry(code or "api_error")


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (409, "lock_timeout", Unknown("lock_timeout", answered=True)),
        (429, None, Unknown("api_error", answered=True)),
        (500, None, Unknown("api_error", answered=True)),
        (400, "charge_disputed", Rejected("charge_disputed")),
        (400, "balance_insufficient", NewKey("balance_insufficient")),
    ],
)
def test_stripe_may_say_not_to_ask_again_with_the_same_key(status: int, code: str | None, outcome: Outcome) -> None:
    assert classify(ErrorAnswer(status, "api_error", code, again=False)) == outcome
