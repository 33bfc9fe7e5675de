"""Which offers for an extra payment a shop takes, and who would be charged."""

from __future__ import annotations

import pytest

from domain.extra_offers import ExtraOffer, StoredMeans, check_balance, check_offer
from domain.orders import Means
from domain.policy import ExtraPaymentPolicy
from domain.refusals import Refusal

POLICY = ExtraPaymentPolicy(means=(Means.MILEAGE, Means.CARD), gateways=("sandbox", "second"))
STORED = StoredMeans("S1", Means.CARD, "second")
OTHER_MEANS = StoredMeans("S1", Means.SIMPLE_PAY, "sandbox")
OTHER_GATEWAY = StoredMeans("S1", Means.CARD, "third")


@pytest.mark.parametrize(
    ("offer", "charged"),
    [
        (ExtraOffer(Means.MILEAGE, 1), None),
        (ExtraOffer(Means.CARD, 1, "sandbox"), "sandbox"),
        (ExtraOffer(Means.CARD, 1, None, "S1"), "second"),
        (ExtraOffer(Means.CARD, 1, "second", "S1"), "second"),
    ],
)
def test_taken(offer: ExtraOffer, charged: str | None) -> None:
    assert check_offer(offer, POLICY, member=True, stored=STORED) == charged


@pytest.mark.parametrize(
    ("offer", "stored", "reason"),
    [
        (ExtraOffer(Means.DEPOSIT, 1), None, "payment.means"),
        (ExtraOffer(Means.BANK_TRANSFER, 1, "sandbox"), None, "payment.means"),
        (ExtraOffer(Means.MILEAGE, 1, "sandbox"), None, "payment.gateway_unknown"),
        (ExtraOffer(Means.MILEAGE, 1, None, "S1"), STORED, "payment.stored_unknown"),
        (ExtraOffer(Means.CARD, 1), None, "payment.gateway_unknown"),
        (ExtraOffer(Means.CARD, 1, "third"), None, "payment.gateway_unknown"),
        (ExtraOffer(Means.CARD, 1, None, "S2"), None, "payment.stored_unknown"),
        (ExtraOffer(Means.CARD, 1, "sandbox", "S1"), STORED, "payment.stored_unknown"),
        (ExtraOffer(Means.CARD, 1, None, "S1"), OTHER_MEANS, "payment.stored_unknown"),
        (ExtraOffer(Means.CARD, 1, None, "S1"), OTHER_GATEWAY, "payment.gateway_unknown"),
    ],
)  # fmt: skip
def test_refused(offer: ExtraOffer, stored: StoredMeans | None, reason: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_offer(offer, POLICY, member=True, stored=stored)
    assert (refused.value.code.value, refused.value.reason) == ("1002", reason)


def test_a_guest_has_no_balance() -> None:
    with pytest.raises(Refusal) as refused:
        check_offer(ExtraOffer(Means.MILEAGE, 1), POLICY, member=False, stored=None)
    assert refused.value.reason == "payment.means"
    assert check_offer(ExtraOffer(Means.CARD, 1, "sandbox"), POLICY, member=False, stored=None) == "sandbox"


def test_a_balance_that_is_just_enough_is_enough() -> None:
    check_balance(ExtraOffer(Means.MILEAGE, 2_000), 2_000, "KRW")
    with pytest.raises(Refusal) as refused:
        check_balance(ExtraOffer(Means.MILEAGE, 2_000), 1_999, "KRW")
    assert (refused.value.code.value, refused.value.reason) == ("2007", "payment.balance")
    assert refused.value.facts["balance"] == 1_999
