"""Names and numbers as people read them: money, dates, means of payment, goods."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from babel.core import Locale
from babel.dates import format_date
from babel.numbers import NumberPattern, get_decimal_symbol, get_group_symbol

from domain import currencies
from domain.notices import Goods
from domain.orders import Means

LANGUAGES = ("ko", "en")
"""The languages that there are texts in; the first is spoken when none of them was asked for."""

MEANS: Mapping[str, Mapping[Means, str]] = {
    "ko": {
        Means.CARD: "카드",
        Means.VIRTUAL_ACCOUNT: "가상계좌",
        Means.BANK_TRANSFER: "계좌이체",
        Means.SIMPLE_PAY: "간편결제",
        Means.DEPOSIT: "예치금",
        Means.MILEAGE: "마일리지",
        Means.GIFT_CARD: "상품권",
    },
    "en": {
        Means.CARD: "Card",
        Means.VIRTUAL_ACCOUNT: "Virtual account",
        Means.BANK_TRANSFER: "Bank transfer",
        Means.SIMPLE_PAY: "Simple pay",
        Means.DEPOSIT: "Deposit",
        Means.MILEAGE: "Mileage",
        Means.GIFT_CARD: "Gift card",
    },
}

PROGRESS: Mapping[str, Mapping[bool, str]] = {
    "ko": {True: "반영됨", False: "처리 중"},
    "en": {True: "credited", False: "in progress"},
}
"""Whether money has come back (True) or is on its way."""

BUYER: Mapping[str, str] = {"ko": "고객", "en": "Customer"}
"""How a buyer is called of whom there is no name."""

_LONGEST_NAME = 100

_MORE = {"ko": "{name} 외 {more}건", "en": "{name} and {more} more"}
_UNITS = {"ko": "{name} {quantity}개", "en": "{name} × {quantity}"}


def spoken(language: str) -> str:
    """The language that is really used for `language`."""
    return language if language in LANGUAGES else LANGUAGES[0]


def money(amount: int, currency: str, language: str) -> str:
    """`amount`, in minor units of `currency`, as the language writes it: ₩12,000, US$120.00. No decimal is left out."""
    written = _written(currency, language, amount < 0)
    major, minor = divmod(abs(amount), 10**written.decimals)
    digits = f"{major:,}".replace(",", written.group)
    if written.decimals:
        digits += f"{written.point}{minor:0{written.decimals}}"
    return f"{written.before}{digits}{written.after}"


@dataclass(frozen=True, slots=True)
class _Written:
    """How a language writes the amounts of a currency."""

    before: str
    after: str
    group: str
    point: str
    decimals: int


@cache
def _written(currency: str, language: str, negative: bool) -> _Written:
    """What CLDR says, asked once: asking takes far longer than writing, and a long quote tells hundreds."""
    decimals = currencies.exponent(currency)
    group, point = get_group_symbol(language), get_decimal_symbol(language)
    pattern: NumberPattern = copy(Locale.parse(language).currency_formats["standard"])
    # As many decimals as the minor unit has; CLDR would drop some.
    pattern.frac_prec = (decimals, decimals)
    least = currencies.to_major(-1 if negative else 1, currency)
    told: str = pattern.apply(least, language, currency=currency, currency_digits=False)
    before, _, after = told.partition(f"0{point}{1:0{decimals}}" if decimals else "1")
    return _Written(before, after, group, point, decimals)


def day(at: datetime, zone: ZoneInfo, language: str) -> str:
    """The day of `at` in the shop's time zone."""
    return format_date(at.astimezone(zone).date(), format="long", locale=language)


def variant(goods: Goods, variant_name: str | None = None) -> str:
    """The goods with their variant: of the line, or another one of the same goods."""
    told = called(variant_name or goods.variant_name)
    return f"{called(goods.name)} ({told})" if told else called(goods.name)


def units(goods: Goods, language: str) -> str:
    """One line of a list: the goods, their variant, how many."""
    return _UNITS[language].format(name=variant(goods), quantity=goods.quantity)


def summary(goods: tuple[Goods, ...], count: int, language: str) -> str:
    """All goods of a claim in one phrase: the first, and how many more of the `count` lines there are."""
    if not goods:
        return ""
    name = variant(goods[0])
    return name if count <= 1 else _MORE[language].format(name=name, more=count - 1)


def called(name: str) -> str:
    """A name as a text can bear it: one line, and cut when it is so long that short messages would not hold it."""
    name = one_line(name)
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def one_line(text: str) -> str:
    """`text` without line breaks and other control characters, so that a name can't pose as more than a name."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
