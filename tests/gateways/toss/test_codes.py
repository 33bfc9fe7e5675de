"""What each of Toss's codes means, for a refund and for a charge."""

from __future__ import annotations

import pytest

from gateways.payments.http import code_in
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
from gateways.payments.toss.bodies import ErrorBody
from gateways.payments.toss.codes import (
    CHARGE_MEANINGS,
    MEANINGS,
    PAUSE,
    RECEIPT_MEANINGS,
    classify,
    classify_charge,
    classify_receipt,
)
from sandbox.providers.toss.codes import CODES


def perhaps(code: str) -> Unknown:
    return Unknown(code, answered=True)


BOTH: list[tuple[str, int, Retry | Unknown | Misconfigured]] = [
    ("IDEMPOTENT_REQUEST_PROCESSING", 409, Retry("IDEMPOTENT_REQUEST_PROCESSING")),
    ("PROVIDER_ERROR", 400, perhaps("PROVIDER_ERROR")),
    ("FAILED_INTERNAL_SYSTEM_PROCESSING", 500, perhaps("FAILED_INTERNAL_SYSTEM_PROCESSING")),
    ("FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING", 500, perhaps("FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING")),
    ("COMMON_ERROR", 500, perhaps("COMMON_ERROR")),
    ("UNAUTHORIZED_KEY", 401, Misconfigured("UNAUTHORIZED_KEY")),
    ("INVALID_API_KEY", 400, Misconfigured("INVALID_API_KEY")),
    ("INCORRECT_BASIC_AUTH_FORMAT", 403, Misconfigured("INCORRECT_BASIC_AUTH_FORMAT")),
    ("FORBIDDEN_REQUEST", 403, Misconfigured("FORBIDDEN_REQUEST")),
    ("INVALID_IDEMPOTENCY_KEY", 400, Misconfigured("INVALID_IDEMPOTENCY_KEY")),
]

REFUNDS: list[tuple[str, int, Outcome]] = [
    *BOTH,
    ("FAILED_REFUND_PROCESS", 500, perhaps("FAILED_REFUND_PROCESS")),
    ("FAILED_METHOD_HANDLING_CANCEL", 500, perhaps("FAILED_METHOD_HANDLING_CANCEL")),
    ("FAILED_PARTIAL_REFUND", 500, perhaps("FAILED_PARTIAL_REFUND")),
    ("FORBIDDEN_CONSECUTIVE_REQUEST", 403, NewKey("FORBIDDEN_CONSECUTIVE_REQUEST", PAUSE)),
    ("NOT_AVAILABLE_BANK", 403, NewKey("NOT_AVAILABLE_BANK")),
    ("EXCEED_CANCEL_LIMIT", 403, NewKey("EXCEED_CANCEL_LIMIT")),
    ("ALREADY_CANCELED_PAYMENT", 400, Conflict("ALREADY_CANCELED_PAYMENT")),
    ("ALREADY_REFUND_PAYMENT", 400, Conflict("ALREADY_REFUND_PAYMENT")),
    ("NOT_CANCELABLE_AMOUNT", 403, Conflict("NOT_CANCELABLE_AMOUNT")),
    ("NOT_MATCHES_REFUNDABLE_AMOUNT", 400, Conflict("NOT_MATCHES_REFUNDABLE_AMOUNT")),
    ("INVALID_REFUND_ACCOUNT_INFO", 400, NeedsAccount("INVALID_REFUND_ACCOUNT_INFO")),
    ("INVALID_REFUND_ACCOUNT_NUMBER", 400, NeedsAccount("INVALID_REFUND_ACCOUNT_NUMBER")),
    ("INVALID_BANK", 400, NeedsAccount("INVALID_BANK")),
    ("FORBIDDEN_BANK_REFUND_REQUEST", 400, NeedsAccount("FORBIDDEN_BANK_REFUND_REQUEST")),
    ("NOT_ALLOWED_PARTIAL_REFUND", 403, Rejected("NOT_ALLOWED_PARTIAL_REFUND")),
    (
        "NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT",
        403,
        Rejected("NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT"),
    ),
    ("EXCEED_CANCEL_AMOUNT_DISCOUNT_AMOUNT", 400, Rejected("EXCEED_CANCEL_AMOUNT_DISCOUNT_AMOUNT")),
    ("NOT_CANCELABLE_PAYMENT", 403, Rejected("NOT_CANCELABLE_PAYMENT")),
    ("NOT_CANCELABLE_PAYMENT_FOR_DORMANT_USER", 403, Rejected("NOT_CANCELABLE_PAYMENT_FOR_DORMANT_USER")),
    ("EXCEED_MAX_REFUND_DUE", 403, Rejected("EXCEED_MAX_REFUND_DUE")),
    ("REFUND_REJECTED", 400, Rejected("REFUND_REJECTED")),
    ("INVALID_REQUEST", 400, Rejected("INVALID_REQUEST")),
    ("NOT_FOUND_PAYMENT", 404, Rejected("NOT_FOUND_PAYMENT")),
]

CHARGES: list[tuple[str, int, ChargeOutcome]] = [
    *BOTH,
    ("FAILED_DB_PROCESSING", 500, perhaps("FAILED_DB_PROCESSING")),
    ("FAILED_CARD_COMPANY_RESPONSE", 500, perhaps("FAILED_CARD_COMPANY_RESPONSE")),
    ("DUPLICATED_ORDER_ID", 400, perhaps("DUPLICATED_ORDER_ID")),
    ("NOT_MATCHES_CUSTOMER_KEY", 400, Rejected("NOT_MATCHES_CUSTOMER_KEY")),
    ("INVALID_BILL_KEY_REQUEST", 400, Rejected("INVALID_BILL_KEY_REQUEST")),
    ("REJECT_CARD_PAYMENT", 403, Rejected("REJECT_CARD_PAYMENT")),
    ("REJECT_CARD_COMPANY", 403, Rejected("REJECT_CARD_COMPANY")),
    ("REJECT_ACCOUNT_PAYMENT", 403, Rejected("REJECT_ACCOUNT_PAYMENT")),
    ("INVALID_REJECT_CARD", 400, Rejected("INVALID_REJECT_CARD")),
    ("INVALID_STOPPED_CARD", 400, Rejected("INVALID_STOPPED_CARD")),
    ("INVALID_CARD_EXPIRATION", 400, Rejected("INVALID_CARD_EXPIRATION")),
    ("NOT_SUPPORTED_CARD_TYPE", 400, Rejected("NOT_SUPPORTED_CARD_TYPE")),
    ("EXCEED_MAX_AUTH_COUNT", 403, Rejected("EXCEED_MAX_AUTH_COUNT")),
    ("BELOW_MINIMUM_AMOUNT", 400, Rejected("BELOW_MINIMUM_AMOUNT")),
    ("INVALID_REQUEST", 400, Rejected("INVALID_REQUEST")),
    ("NOT_SUPPORTED_METHOD", 400, Misconfigured("NOT_SUPPORTED_METHOD")),
]

UNLISTED: list[tuple[str | None, int, Unknown | NewKey]] = [
    ("NEVER_HEARD_OF", 400, perhaps("NEVER_HEARD_OF")),
    ("NEVER_HEARD_OF", 404, perhaps("NEVER_HEARD_OF")),
    (None, 404, perhaps("no_code")),
    (None, 502, perhaps("no_code")),
    (None, 429, NewKey("too_many_requests", PAUSE)),
    ("SLOW_DOWN", 429, NewKey("SLOW_DOWN", PAUSE)),
]


@pytest.mark.parametrize(("code", "status", "outcome"), [*REFUNDS, *UNLISTED])
def test_what_a_code_means_for_a_refund(code: str | None, status: int, outcome: Outcome) -> None:
    assert classify(code, status) == outcome


@pytest.mark.parametrize(("code", "status", "outcome"), [*CHARGES, *UNLISTED])
def test_what_a_code_means_for_a_charge(code: str | None, status: int, outcome: ChargeOutcome) -> None:
    assert classify_charge(code, status) == outcome


@pytest.mark.parametrize("status", [200, 400, 403, 404, 500, 502])
@pytest.mark.parametrize(("code", "_", "outcome"), REFUNDS)
def test_a_known_code_decides_whatever_the_status(code: str, _: int, outcome: Outcome, status: int) -> None:
    assert classify(code, status) == outcome


def test_every_row_of_the_tables_is_told_here() -> None:
    assert set(MEANINGS) == {code for code, _, _ in REFUNDS}
    assert set(CHARGE_MEANINGS) == {code for code, _, _ in CHARGES}


def test_every_code_that_the_stand_in_answers_is_known() -> None:
    assert set(CODES) <= set(MEANINGS) | set(CHARGE_MEANINGS)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"code": "REFUND_REJECTED", "message": "-"}', "REFUND_REJECTED"),
        (b'{"code": "a card 1234", "message": "-"}', None),
        (b'{"code": 5}', None),
        (b'{"detail": "Not Found"}', None),
        (b"<html>bad gateway</html>", None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_an_answer_without_tosss_code_has_none(body: bytes, code: str | None) -> None:
    assert code_in(body, ErrorBody) == code


RECEIPTS: list[tuple[str, int, ReceiptOutcome]] = [*BOTH, ("INVALID_REQUEST", 400, Rejected("INVALID_REQUEST"))]


@pytest.mark.parametrize(("code", "status", "outcome"), RECEIPTS, ids=lambda value: str(value))
def test_what_a_code_means_for_a_cash_receipt(code: str, status: int, outcome: ReceiptOutcome) -> None:
    assert classify_receipt(code, status) == outcome


def test_every_row_of_receipts_is_told_and_no_other_means_anything() -> None:
    assert set(RECEIPT_MEANINGS) == {code for code, _, _ in RECEIPTS}
    assert classify_receipt("BRAND_NEW", 400) == perhaps("BRAND_NEW")
    assert classify_receipt(None, 429) == NewKey("too_many_requests", PAUSE)
