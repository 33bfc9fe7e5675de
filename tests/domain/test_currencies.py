"""What an integer amount means, by ISO 4217."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain import currencies
from domain.currencies import UnknownCurrency


@pytest.mark.parametrize(
    ("currency", "decimals", "major"),
    [
        ("KRW", 0, "1234567"),
        ("JPY", 0, "1234567"),
        ("USD", 2, "12345.67"),
        ("EUR", 2, "12345.67"),
        ("KWD", 3, "1234.567"),
        ("BHD", 3, "1234.567"),
    ],
)
def test_a_minor_unit_is_what_iso_says(currency: str, decimals: int, major: str) -> None:
    assert currencies.exponent(currency) == decimals
    assert str(currencies.to_major(1_234_567, currency)) == major


def test_gateways_count_by_iso_where_price_tags_have_other_decimals() -> None:
    assert currencies.to_major(1_234_567, "IQD") == Decimal("1234.567")
    assert currencies.to_major(1_234_567, "RSD") == Decimal("12345.67")


def test_zero_and_less_keep_their_decimals() -> None:
    assert str(currencies.to_major(0, "USD")) == "0.00"
    assert str(currencies.to_major(-5, "KWD")) == "-0.005"


@pytest.mark.parametrize(("currency", "major"), [("BGN", "12345.67"), ("ITL", "1234567")])
def test_a_withdrawn_currency_pays_no_new_order_and_keeps_its_decimals_for_the_old_ones(
    currency: str, major: str
) -> None:
    assert not currencies.known(currency)
    assert str(currencies.to_major(1_234_567, currency)) == major


@pytest.mark.parametrize("currency", ["XAU", "XTS", "XXX", "XDR", "krw", "KR", "", "XQZ"])
def test_what_nobody_can_pay_in_is_unknown(currency: str) -> None:
    """Metals, test codes and drawing rights; what is no code at all."""
    assert not currencies.known(currency)
    with pytest.raises(UnknownCurrency, match=f"^{currency}$"):
        currencies.exponent(currency)
