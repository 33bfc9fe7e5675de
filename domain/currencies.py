"""Currencies and their minor units, by ISO 4217 as the `iso4217` package publishes it.

ISO's exponents are those that gateways and banks count in, so they decide what an integer amount means. CLDR, which
`babel` brings for texts, tells how many decimals people write, and is another number for a dozen currencies (IQD has
three at a gateway and none on a price tag), so it is not asked about any currency that ISO lists.

ISO forgets a currency when it is withdrawn: BGN in 2026. No new order can be paid in it, but those that were are still
cancelled. CLDR forgets none, and tells the decimals of these.
"""

from __future__ import annotations

from decimal import Decimal

from babel.numbers import get_currency_precision, list_currencies
from iso4217 import Currency

_EXPONENTS = {currency.code: currency.exponent for currency in Currency if currency.exponent is not None}
# Gold, test codes and "no currency" have no minor unit: nothing can be paid in them.

_WITHDRAWN = frozenset(list_currencies()) - {currency.code for currency in Currency}


class UnknownCurrency(ValueError):
    """Not the code of a currency, now or formerly, that anything could be paid in."""


def known(currency: str) -> bool:
    """Whether an order can be paid in `currency`, an ISO 4217 code in capitals, today."""
    return currency in _EXPONENTS


def exponent(currency: str) -> int:
    """How many decimals the minor unit is: 0 for KRW, 2 for USD, 3 for KWD. Raises `UnknownCurrency`."""
    if currency in _WITHDRAWN:
        return get_currency_precision(currency)
    try:
        return _EXPONENTS[currency]
    except KeyError:
        raise UnknownCurrency(currency) from None


def to_major(amount: int, currency: str) -> Decimal:
    """`amount` minor units of `currency` in its major unit, with all its decimals: 1050 USD is 10.50."""
    return Decimal(amount).scaleb(-exponent(currency))
