"""Amounts as commands print them."""

from __future__ import annotations

import pytest

from cli.output import money


@pytest.mark.parametrize(
    ("amount", "currency", "read"),
    [
        (107_000, "KRW", "107,000 KRW"),
        (107_000, "JPY", "107,000 JPY"),
        (107_050, "USD", "1,070.50 USD"),
        (5, "EUR", "0.05 EUR"),
        (107_050, "KWD", "107.050 KWD"),
        (-107_050, "BHD", "-107.050 BHD"),
        (0, "USD", "0.00 USD"),
    ],
)
def test_money_has_the_decimals_of_its_currency(amount: int, currency: str, read: str) -> None:
    assert money(amount, currency) == read
