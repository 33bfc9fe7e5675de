from __future__ import annotations

import pytest

from gateways.payments.matching import find_our_charge, find_ours
from gateways.payments.port import (
    Absent,
    ChargeRecord,
    Found,
    RefundRecord,
    RefundStatus,
    Undetermined,
)


def record(
    refund_ref: str, amount: int, status: RefundStatus = RefundStatus.SUCCEEDED, reference: str | None = "leg-1"
) -> RefundRecord:
    return RefundRecord(refund_ref, amount, status, reference)


OURS = record("re_ours", 700)
PENDING = record("re_pending", 700, RefundStatus.PENDING)
FAILED = record("re_failed", 700, RefundStatus.FAILED)
OTHER_LEG = record("re_other", 700, reference="leg-11")
NAMELESS = record("re_nameless", 700, reference=None)
OTHER_AMOUNT = record("re_amount", 701)
FAILED_OTHER_AMOUNT = record("re_failed_amount", 701, RefundStatus.FAILED)


@pytest.mark.parametrize(
    ("refunds", "expected"),
    [
        ((), Absent()),
        ((OURS,), Found("re_ours", pending=False)),
        ((PENDING,), Found("re_pending", pending=True)),
        ((PENDING, OURS), Found("re_ours", pending=False)),
        ((OTHER_LEG,), Absent()),
        ((NAMELESS,), Absent()),
        ((OTHER_LEG, OURS), Found("re_ours", pending=False)),
        ((FAILED,), Absent(failed=True)),
        ((FAILED_OTHER_AMOUNT,), Absent(failed=True)),
        ((FAILED, PENDING), Found("re_pending", pending=True)),
        ((OTHER_AMOUNT,), Undetermined("amount_differs")),
        ((OURS, OTHER_AMOUNT), Undetermined("amount_differs")),
    ],
)
def test_ours_is_known_by_reference_and_amount(
    refunds: tuple[RefundRecord, ...], expected: Found | Absent | Undetermined
) -> None:
    assert find_ours(refunds, "leg-1", 700) == expected


@pytest.mark.parametrize(
    ("charges", "expected"),
    [
        ((), Absent()),
        ((ChargeRecord("tid_1", 700),), Found("tid_1")),
        ((ChargeRecord("tid_1", 701),), Undetermined("amount_differs")),
        ((ChargeRecord("tid_1", 700), ChargeRecord("tid_2", 701)), Undetermined("amount_differs")),
        ((ChargeRecord("tid_1", 700), ChargeRecord("tid_2", 700)), Undetermined("charged_more_than_once")),
    ],
)
def test_our_charge_is_the_one_under_our_reference(
    charges: tuple[ChargeRecord, ...], expected: Found | Absent | Undetermined
) -> None:
    assert find_our_charge(charges, 700) == expected
