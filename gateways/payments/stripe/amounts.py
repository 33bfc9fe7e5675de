"""Stripe's units: ISO's minor units, but for a few currencies.

From Stripe's own page of currencies: three are counted with other decimals than ISO's, and of currencies with three
decimals the last one has to be 0.
"""

from __future__ import annotations

from collections.abc import Mapping

from domain.currencies import exponent

DECIMALS: Mapping[str, int] = {"ISK": 2, "UGX": 2, "MGA": 0}
"""How many decimals Stripe counts in, where ISO says another number."""


class Inexpressible(ValueError):
    """An amount that Stripe can't be told, or that it tells in units finer than ours."""


def to_stripe(amount: int, currency: str) -> int:
    """`amount` minor units of `currency` (ISO 4217) as Stripe counts them.

    Raises `Inexpressible`, and `UnknownCurrency`.
    """
    told = _shifted(amount, _decimals(currency) - exponent(currency))
    if _decimals(currency) == 3 and told % 10:
        raise Inexpressible(currency)
    return told


def from_stripe(told: int, currency: str) -> int:
    """What Stripe tells of `currency`, in whose name it uses small letters, in our minor units.

    Raises `Inexpressible`, and `UnknownCurrency`.
    """
    ours = currency.upper()
    return _shifted(told, exponent(ours) - _decimals(ours))


def _decimals(currency: str) -> int:
    return DECIMALS[currency] if currency in DECIMALS else exponent(currency)


def _shifted(amount: int, by: int) -> int:
    if by >= 0:
        return int(amount * 10**by)
    whole, rest = divmod(amount, 10**-by)
    if rest:
        raise Inexpressible(amount)
    return int(whole)
