"""Every text in both languages and two currencies: it names the order, the goods and the amount, and claims no more."""

from __future__ import annotations

import re
from typing import Any

import pytest

from domain.claims import Channel, ClaimKind, Direction, LegState, NoticeEvent
from domain.notices import CUSTOMER_CHANNELS, Goods, Leg, NoticeFacts, text_name
from domain.orders import Means
from gateways.notices.texts import NoticeTexts
from tests.notices.examples import facts

SAID_DONE = re.compile(r"완료|환불했|환불되었|refunded|completed|returned", re.IGNORECASE)
"""How a text would claim that money has come back."""

PENDING = {
    "legs": (Leg(Means.CARD, 38_500, LegState.PENDING), Leg(Means.MILEAGE, 2_500, LegState.SETTLED)),
}
FAILED = {
    "legs": (Leg(Means.CARD, 38_500, LegState.REFUSED, failed_later=True), Leg(Means.MILEAGE, 2_500, LegState.SETTLED)),
}
UNDONE = {
    "direction": Direction.UNDOING,
    "legs": (Leg(Means.CARD, 38_500, LegState.VOID), Leg(Means.MILEAGE, 2_500, LegState.VOID)),
}
CHANGE = {
    "kind": ClaimKind.OPTION_CHANGE,
    "goods": (Goods("린넨 셔츠", "화이트 / L", 2, 15_000, "블랙 / M"),),
    "goods_count": 1,
    "legs": (),
    "refund": 0,
}

CASES: list[tuple[NoticeEvent, dict[str, Any]]] = [
    (NoticeEvent.COMPLETED, {}),
    (NoticeEvent.ACCEPTED, PENDING),
    (NoticeEvent.REFUND_FAILED, FAILED),
    (NoticeEvent.REJECTED, UNDONE),
    (NoticeEvent.OPTION_CHANGED, CHANGE),
    (NoticeEvent.REJECTED, {**CHANGE, "direction": Direction.UNDOING}),
]
MONEY = {
    (41_000, "ko", "KRW"): "₩41,000",
    (41_000, "en", "KRW"): "₩41,000",
    (41_000, "ko", "USD"): "US$410.00",
    (41_000, "en", "USD"): "$410.00",
    (30_000, "ko", "KRW"): "₩30,000",
    (30_000, "en", "KRW"): "₩30,000",
    (30_000, "ko", "USD"): "US$300.00",
    (30_000, "en", "USD"): "$300.00",
}


@pytest.fixture(scope="module")
def texts() -> NoticeTexts:
    return NoticeTexts("Asia/Seoul")


@pytest.mark.parametrize("currency", ["KRW", "USD"])
@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("channel", CUSTOMER_CHANNELS)
@pytest.mark.parametrize(("event", "changes"), CASES)
def test_every_text_names_the_order_the_goods_and_the_amount(
    texts: NoticeTexts, event: NoticeEvent, changes: dict[str, Any], channel: Channel, language: str, currency: str
) -> None:
    told = facts(**changes, language=language, currency=currency)
    text = texts.render(event, channel, told)
    amount = told.refund if told.kind is ClaimKind.CANCEL else 30_000
    assert told.order_no in text.subject
    assert "\n" not in text.subject
    assert told.order_no in text.body
    assert "린넨 셔츠 (화이트 / L)" in text.body
    assert MONEY[amount, language, currency] in text.body
    assert_goods_after_the_first(text.body, told, channel, language)
    assert "{" not in text.body
    assert text.body == text.body.strip()


def assert_goods_after_the_first(body: str, told: NoticeFacts, channel: Channel, language: str) -> None:
    if told.kind is ClaimKind.OPTION_CHANGE:
        assert "린넨 셔츠 (블랙 / M)" in body
    elif channel is Channel.EMAIL:
        assert "면 양말 (블랙)" in body
        assert "모자" in body
    else:
        assert ("외 2건" if language == "ko" else "and 2 more") in body


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("channel", CUSTOMER_CHANNELS)
def test_a_pending_refund_is_never_told_as_done(texts: NoticeTexts, channel: Channel, language: str) -> None:
    """P42: what a gateway has only accepted is told as accepted."""
    text = texts.render(NoticeEvent.ACCEPTED, channel, facts(**PENDING, language=language))
    assert not SAID_DONE.search(text.subject + text.body)
    in_progress, credited = ("처리 중", "반영됨") if language == "ko" else ("in progress", "credited")
    assert re.search(rf"₩38,500 \(?{in_progress}", text.body)
    assert re.search(rf"₩2,500 \(?{credited}", text.body)
    done = texts.render(NoticeEvent.COMPLETED, channel, facts(language=language))
    assert SAID_DONE.search(done.subject)


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("channel", CUSTOMER_CHANNELS)
def test_a_correction_names_what_has_not_arrived_and_nothing_else(
    texts: NoticeTexts, channel: Channel, language: str
) -> None:
    """P6: which means, which amount, and no word that could be taken for done."""
    text = texts.render(NoticeEvent.REFUND_FAILED, channel, facts(**FAILED, language=language))
    card, mileage = ("카드", "마일리지") if language == "ko" else ("Card", "Mileage")
    assert re.search(rf"{card}:? ₩38,500", text.body)
    assert mileage not in text.body
    assert not SAID_DONE.search(text.subject + text.body)


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("channel", CUSTOMER_CHANNELS)
def test_a_completed_cancel_tells_what_went_to_each_means(texts: NoticeTexts, channel: Channel, language: str) -> None:
    body = texts.render(NoticeEvent.COMPLETED, channel, facts(language=language)).body
    card, mileage = ("카드", "마일리지") if language == "ko" else ("Card", "Mileage")
    assert re.search(rf"{card}:? ₩38,500", body)
    assert re.search(rf"{mileage}:? ₩2,500", body)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_cancel_without_money_speaks_of_no_refund_done(texts: NoticeTexts, language: str) -> None:
    told = facts(language=language, refund=0, legs=())
    for channel in CUSTOMER_CHANNELS:
        text = texts.render(NoticeEvent.COMPLETED, channel, told)
        assert not re.search(r"환불이 완료|refunded", text.subject + text.body)
        assert "₩0" in text.body


def test_a_mail_tells_how_many_lines_it_does_not_list(texts: NoticeTexts) -> None:
    told = facts(goods=(Goods("양말", "", 1, 100),) * 20, goods_count=500)
    assert "외 480건" in texts.render(NoticeEvent.COMPLETED, Channel.EMAIL, told).body
    assert "양말 외 499건" in texts.render(NoticeEvent.COMPLETED, Channel.ALIMTALK, told).body


def test_names_can_neither_break_lines_nor_run_code(texts: NoticeTexts) -> None:
    told = facts(buyer_name="{{ 7 * 7 }}\nAmount: 1", goods=(Goods("<b>&\r\nX", "", 1, 1),), goods_count=1)
    body = texts.render(NoticeEvent.COMPLETED, Channel.ALIMTALK, told).body
    assert "{{ 7 * 7 }} Amount: 1 님" in body
    assert "<b>& X" in body


def test_a_short_message_stays_short(texts: NoticeTexts) -> None:
    told = facts(
        buyer_name="가" * 255,
        goods=(Goods("가" * 255, "가" * 255, 1, 1),),
        goods_count=500,
        legs=tuple(Leg(means, 9_999_999_999, LegState.SETTLED) for means in Means),
    )
    assert len(texts.render(NoticeEvent.COMPLETED, Channel.ALIMTALK, told).body) < 1000


def test_the_korean_mail_word_for_word(texts: NoticeTexts) -> None:
    text = texts.render(NoticeEvent.COMPLETED, Channel.EMAIL, facts())
    assert text.subject == "[주문 20230808O007404] 취소와 환불이 완료되었습니다"
    assert text.body == (
        "김하늘 님, 안녕하세요.\n"
        "\n"
        "요청하신 상품의 취소와 환불이 완료되었습니다.\n"
        "\n"
        "주문번호: 20230808O007404\n"
        "취소번호: 20230809C010663\n"
        "신청일: 2023년 8월 9일\n"
        "\n"
        "취소 상품\n"
        "- 린넨 셔츠 (화이트 / L) 2개\n"
        "- 면 양말 (블랙) 1개\n"
        "- 모자 1개\n"
        "\n"
        "환불 금액: ₩41,000\n"
        "- 카드: ₩38,500\n"
        "- 마일리지: ₩2,500\n"
        "\n"
        "결제 기관에 따라 내역에 표시되기까지 며칠이 걸릴 수 있습니다."
    )


def test_the_english_inbox_word_for_word(texts: NoticeTexts) -> None:
    text = texts.render(NoticeEvent.ACCEPTED, Channel.INBOX, facts(**PENDING, language="en", currency="USD"))
    assert text.subject == "[Order 20230808O007404] Your refund was accepted"
    assert text.body == (
        "The refund for 린넨 셔츠 (화이트 / L) and 2 more was accepted and is in progress.\n"
        "Order: 20230808O007404\n"
        "Expected refund: $410.00 (Card $385.00 in progress, Mileage $25.00 credited)"
    )


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize(("event", "changes"), CASES)
def test_an_alimtalk_is_its_approved_text_with_its_places_filled(
    texts: NoticeTexts, event: NoticeEvent, changes: dict[str, Any], language: str
) -> None:
    """Providers take no other text: what differs from claim to claim stands in places, and none of them is blank."""
    for more in ({}, {"buyer_name": "", "refund": 0}):
        told = facts(**{**changes, **more}, language=language)
        text = texts.render(event, Channel.ALIMTALK, told)
        filled = texts.approved()[f"{text_name(event, told.kind)}_{language}"]
        for place, value in text.parameters.items():
            assert value.strip()
            filled = filled.replace(f"#{{{place}}}", value)
        assert filled == text.body
        assert "#{" not in text.body
