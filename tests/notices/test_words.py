"""Names and numbers as people read them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from domain.notices import Goods
from domain.orders import Means
from gateways.notices import words
from tests.notices.examples import OPENED


@pytest.mark.parametrize(
    ("amount", "currency", "language", "read"),
    [
        (41_000, "KRW", "ko", "₩41,000"),
        (41_000, "KRW", "en", "₩41,000"),
        (41_050, "USD", "en", "$410.50"),
        (41_050, "USD", "ko", "US$410.50"),
        (5, "USD", "en", "$0.05"),
        (41_000, "JPY", "en", "¥41,000"),
        (41_000, "JPY", "ko", "JP¥41,000"),
        (41_050, "EUR", "en", "€410.50"),
        (41_050, "EUR", "ko", "€410.50"),
        (41_500, "KWD", "en", "KWD41.500"),
        (41_500, "KWD", "ko", "KWD41.500"),
        (41_500, "BHD", "en", "BHD41.500"),
        (41_500, "BHD", "ko", "BHD41.500"),
        (41_500, "IQD", "en", "IQD41.500"),  # a price tag in Iraq has no decimals, a payment has
        (0, "KRW", "ko", "₩0"),
        (-41_000, "KRW", "en", "-₩41,000"),
        (-5, "USD", "ko", "-US$0.05"),
        (9_007_199_254_740_993, "USD", "en", "$90,071,992,547,409.93"),
    ],
)
def test_money_has_the_decimals_of_its_currency(amount: int, currency: str, language: str, read: str) -> None:
    assert words.money(amount, currency, language) == read


def test_a_day_is_the_shops_day() -> None:
    assert words.day(OPENED, ZoneInfo("Asia/Seoul"), "ko") == "2023년 8월 9일"
    assert words.day(OPENED, ZoneInfo("Asia/Seoul"), "en") == "August 9, 2023"
    assert words.day(OPENED, ZoneInfo("America/New_York"), "en") == "August 8, 2023"


@pytest.mark.parametrize(
    ("count", "language", "read"),
    [
        (1, "en", "Shirt (White)"),
        (2, "en", "Shirt (White) and 1 more"),
        (500, "en", "Shirt (White) and 499 more"),
        (3, "ko", "Shirt (White) 외 2건"),
    ],
)
def test_goods_are_summed_up(count: int, language: str, read: str) -> None:
    assert words.summary((Goods("Shirt", "White", 1, 100),), count, language) == read


def test_goods_without_a_variants_name_stand_alone() -> None:
    assert words.variant(Goods("Hat", "", 1, 100)) == "Hat"


def test_a_name_is_one_line_and_not_endless() -> None:
    assert words.called("Shirt\r\nBcc: all@mail.example\t\x00 x") == "Shirt Bcc: all@mail.example x"
    assert words.called("가" * 101) == "가" * 99 + "…"
    assert words.called("가" * 100) == "가" * 100


def test_every_means_has_a_name_in_every_language() -> None:
    assert {language: set(words.MEANS[language]) for language in words.LANGUAGES} == {
        language: set(Means) for language in words.LANGUAGES
    }


def test_an_unknown_language_is_answered_in_the_first() -> None:
    assert words.spoken("fr") == "ko"
    assert words.spoken("en") == "en"
