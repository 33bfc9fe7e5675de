"""Text messages: in the bytes that Korea's networks count, with nothing cut off."""

from __future__ import annotations

import pytest

from gateways.notices.port import Message
from gateways.notices.short import short


def text(body: str) -> Message:
    return Message("N", "01012345678", "unused", body, "completed_ko", "ko")


@pytest.mark.parametrize(
    ("body", "kind"),
    [("가" * 45, "SMS"), ("가" * 45 + "a", "LMS"), ("a" * 90, "SMS"), ("가" * 1000, "LMS")],
)
def test_letters_are_counted_as_the_networks_do(body: str, kind: str) -> None:
    told = short(text(body))
    assert told is not None
    assert (told.kind, told.body) == (kind, body)
    assert (told.title is None) is (kind == "SMS")


def test_what_does_not_fit_is_not_cut() -> None:
    assert short(text("가" * 1000 + "a")) is None


def test_an_amount_stays_whole_in_an_alphabet_without_its_sign() -> None:
    told = short(text("환불 금액: ₩1,234,567 🙂"))
    assert told is not None
    assert told.body == "환불 금액: ￦1,234,567 ?"
