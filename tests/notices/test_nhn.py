"""AlimTalk through NHN Cloud: the contract, at the stand-in or at a real account, and everything that goes wrong.

A real account is set by ``CLAIMS_TEST_NHN_APP_KEY``, ``_SECRET_KEY``, ``_SENDER_KEY`` and ``_TO``; our text
``completed_ko`` has to be approved there under that code, or under ``_TEMPLATE``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from gateways.notices import nhn
from gateways.notices.nhn import NhnAccount, NhnAlimTalk
from gateways.notices.port import (
    AlreadySent,
    Delivered,
    Delivery,
    Misconfigured,
    NotDelivered,
    OnItsWay,
    Outcome,
    RejectedForGood,
    Retry,
    Sent,
    Unknown,
)
from tests.notices.provider import NUMBER, message, real, settled, stand_in
from tests.sandbox.providers.control import Control
from tests.support.sandbox import SandboxProcess

REAL = real("nhn")
SENDER = "0" * 40


SECRET = "sandboxsecret"


def account(key: str = SECRET, text_sender: str | None = None) -> NhnAccount:
    return NhnAccount(SecretStr("sandboxappkey"), SecretStr(key), SENDER, {}, text_sender)


@pytest.fixture
def control(sandbox: SandboxProcess) -> Iterator[Control]:
    with stand_in(sandbox.url, "nhn", SENDER) as it:
        yield it


@pytest.fixture
async def channel(sandbox: SandboxProcess, control: Control) -> AsyncIterator[NhnAlimTalk]:
    made = NhnAlimTalk(f"{sandbox.url}/nhn", account())
    yield made
    await made.close()


@pytest.fixture
async def anywhere(sandbox: SandboxProcess, control: Control) -> AsyncIterator[NhnAlimTalk]:
    """At the real account, when there is one."""
    if REAL is None:
        made = NhnAlimTalk(f"{sandbox.url}/nhn", account())
    else:
        made = NhnAlimTalk(
            "https://kakaotalk-bizmessage.api.nhncloudservice.com",
            NhnAccount(
                SecretStr(REAL["app_key"]),
                SecretStr(REAL["secret_key"]),
                REAL["sender_key"],
                {"completed_ko": REAL.get("template", "completed_ko")},
            ),
        )
    yield made
    await made.close()


async def test_a_message_is_accepted_delivered_and_not_sent_twice_under_its_key(anywhere: NhnAlimTalk) -> None:
    notice = message("nhn", to=NUMBER if REAL is None else REAL["to"])
    sent = await anywhere.send(notice)
    assert isinstance(sent, Sent)
    assert await settled(anywhere, sent.reference) in (Delivered(), NotDelivered("nhn_MRC02"))
    assert await anywhere.send(notice) == AlreadySent(sent.reference)
    assert await anywhere.find(notice) == AlreadySent(sent.reference)
    assert await anywhere.find(message("nhn")) is None


async def test_it_bears_the_text_that_was_approved(channel: NhnAlimTalk, control: Control) -> None:
    notice = message("nhn", to="+82 10-1234-5678")
    await channel.send(notice)
    [kept] = control.messages(notice.notice_id)
    assert (kept["text"], kept["to"], kept["key"]) == (notice.body, "01012345678", notice.notice_id)


@pytest.mark.parametrize("kind", ["lose_answer", "error_after", "html_after"])
async def test_an_answer_that_is_lost_is_found_and_not_sent_twice(
    channel: NhnAlimTalk, control: Control, kind: str
) -> None:
    notice = message("nhn")
    control.fault(kind, notice.notice_id)
    assert isinstance(await channel.send(notice), Unknown)
    assert isinstance(await channel.find(notice), AlreadySent)
    assert isinstance(await channel.send(notice), AlreadySent)
    assert len(control.messages(notice.notice_id)) == 1


async def test_while_the_list_lags_the_key_keeps_a_second_one_apart(channel: NhnAlimTalk, control: Control) -> None:
    notice = message("nhn")
    control.fault("lose_answer", notice.notice_id)
    control.fault("unlisted", notice.notice_id, delayMs=60_000)
    assert isinstance(await channel.send(notice), Unknown)
    assert await channel.find(notice) is None
    assert await channel.send(notice) == Unknown("nhn_duplicate")
    control.advance(60_001)
    assert isinstance(await channel.find(notice), AlreadySent)
    # Past ten minutes the key is free again, and the list alone guards.
    control.advance(540_000)
    assert isinstance(await channel.find(notice), AlreadySent)
    assert len(control.messages(notice.notice_id)) == 1


async def test_a_key_that_a_failed_request_took_is_no_proof(channel: NhnAlimTalk, control: Control) -> None:
    notice = message("nhn")
    control.fault("error_before", notice.notice_id)
    assert await channel.send(notice) == Unknown("nhn_500")
    assert await channel.find(notice) is None
    assert await channel.send(notice) == Unknown("nhn_duplicate")
    control.advance(600_001)
    assert await channel.find(notice) is None
    assert isinstance(await channel.send(notice), Sent)
    assert len(control.messages(notice.notice_id)) == 1


@pytest.mark.parametrize("kind", ["html_before", "error_before", "lose_answer", "refuse"])
async def test_while_the_list_can_not_be_read_nothing_is_known(
    channel: NhnAlimTalk, control: Control, kind: str
) -> None:
    notice = message("nhn")
    control.fault(kind, notice.notice_id, on="read")
    assert isinstance(await channel.find(notice), Unknown)


async def test_what_is_not_delivered_is_seen(channel: NhnAlimTalk, control: Control) -> None:
    notice = message("nhn")
    control.fault("undelivered", notice.notice_id)
    sent = await channel.send(notice)
    assert isinstance(sent, Sent)
    assert await channel.look_up(sent.reference) == NotDelivered("nhn_MRC02")
    assert await channel.look_up("nowhere/1") == OnItsWay()
    [kept] = control.messages(notice.notice_id)
    assert kept["route"] == "alimtalk"


async def test_the_providers_own_text_is_asked_for_only_where_it_is_the_providers(
    sandbox: SandboxProcess, control: Control
) -> None:
    texting = NhnAlimTalk(f"{sandbox.url}/nhn", account(text_sender="0215880000"))
    notice = message("nhn")
    control.fault("undelivered", notice.notice_id)
    sent = await texting.send(notice)
    assert isinstance(sent, Sent)
    assert await texting.look_up(sent.reference) == Delivered(texted=True)
    await texting.close()


async def test_a_wrong_template_is_our_fault(sandbox: SandboxProcess, channel: NhnAlimTalk) -> None:
    assert await channel.send(message("nhn", template="nowhere")) == RejectedForGood("nhn_-3003", ours=True)
    stranger = NhnAlimTalk(f"{sandbox.url}/nhn", account("wrong"))
    assert await stranger.send(message("nhn")) == Misconfigured("nhn_-1001")
    await stranger.close()


@pytest.mark.parametrize("number", ["", "unknown", "+1 212 555 0100", "010"])
async def test_what_is_no_korean_number_is_not_asked_for(channel: NhnAlimTalk, number: str) -> None:
    assert await channel.send(message("nhn", to=number)) == RejectedForGood("bad_number")


async def test_one_who_is_away_took_nothing() -> None:
    gone = NhnAlimTalk("http://127.0.0.1:1", account())
    assert await gone.send(message("nhn")) == Retry("nhn_unreachable")
    await gone.close()


OURS = {4, *range(-2037, -1999), *range(-3049, -3009), -3003, -3004, -3005, -8008}
TABLE: dict[int, type[Outcome]] = {
    **dict.fromkeys(OURS, RejectedForGood),
    **dict.fromkeys((-1000, -1001, -1002, -1003, -1027, -2502), Misconfigured),
    -1017: RejectedForGood,
    -4019: RejectedForGood,
}


@pytest.mark.parametrize("code", sorted(TABLE))
def test_every_row_of_the_meanings(code: int) -> None:
    outcome = nhn.classify(code)
    assert type(outcome) is TABLE[code]
    assert getattr(outcome, "ours", False) is (code in OURS)


def test_no_row_is_left_out_and_what_is_none_is_unknown() -> None:
    assert set(nhn.MEANINGS) == set(TABLE)
    assert nhn.classify(-7777) == Unknown("nhn_-7777")
    assert nhn.classify(nhn.DUPLICATE) is None


def answer(status: int = 200, code: int = 0, results: int = 1, wait: str | None = None) -> httpx.Response:
    return httpx.Response(
        status,
        headers={} if wait is None else {"Retry-After": wait},
        json={
            "header": {"resultCode": code, "resultMessage": "-", "isSuccessful": code == 0},
            "message": {"requestId": "R", "sendResults": [{"recipientSeq": 1, "resultCode": 0}] * results},
        },
    )


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (answer(), Sent("R/1")),
        (answer(results=0), Unknown("nhn_unreadable")),
        (answer(500, -1000), Unknown("nhn_500")),
        (answer(429, wait="7"), Retry("nhn_429", 7)),
        (httpx.Response(200, html="<html>"), Unknown("nhn_200")),
        (httpx.Response(502, html="<html>"), Unknown("nhn_502")),
        (httpx.Response(200, json={"header": {"isSuccessful": True}}), Unknown("nhn_200")),
    ],
)
def test_http_200_is_not_success_and_html_is_nothing(given: httpx.Response, outcome: Outcome) -> None:
    assert nhn.accepted(given) == outcome


def answers(monkeypatch: pytest.MonkeyPatch, told: dict[str, object]) -> list[dict[str, Any]]:
    """Whatever is asked is answered with this; what was asked."""
    asked: list[dict[str, Any]] = []

    async def once(*_: object, **more: Any) -> httpx.Response:
        asked.append(more)
        return httpx.Response(200, json=told)

    monkeypatch.setattr(nhn, "once", once)
    return asked


@pytest.mark.parametrize(
    ("status", "code", "resent", "known"),
    [
        ("COMPLETED", "MRC01", "RSC01", Delivered()),
        ("COMPLETED", "MRC02", "RSC01", NotDelivered("nhn_MRC02")),
        ("FAILED", "MRC02", "RSC02", OnItsWay()),
        ("FAILED", "MRC02", "RSC03", OnItsWay()),
        ("FAILED", "MRC02", "RSC04", Delivered(texted=True)),
        ("FAILED", "MRC02", "RSC05", NotDelivered("nhn_MRC02")),
    ],
)
async def test_what_a_look_tells(
    monkeypatch: pytest.MonkeyPatch, status: str, code: str, resent: str, known: Delivery
) -> None:
    """While NHN's own text is on its way ours is not sent."""
    answers(monkeypatch, {"message": {"messageStatus": status, "resultCode": code, "resendStatus": resent}})
    channel = NhnAlimTalk("http://127.0.0.1:1", account())
    assert await channel.look_up("R/1") == known


@pytest.mark.parametrize(("code", "found"), [(0, None), (-1000, Unknown("nhn_list_unreadable"))])
async def test_only_its_own_in_a_list_that_succeeded(
    monkeypatch: pytest.MonkeyPatch, code: int, found: Unknown | None
) -> None:
    listed = {"messages": [{"recipientGroupingKey": "another", "requestId": "R", "recipientSeq": 1}]}
    header = {"isSuccessful": code == 0, "resultCode": code}
    answers(monkeypatch, {"header": header, "messageSearchResultResponse": listed})
    assert await NhnAlimTalk("http://127.0.0.1:1", account()).find(message("nhn")) == found


async def test_where_texts_are_ours_the_provider_is_told_to_send_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Left out, what the sender is set to at NHN would hold: two texts."""
    asked = answers(monkeypatch, {})
    await NhnAlimTalk("http://127.0.0.1:1", account()).send(message("nhn"))
    assert asked[0]["body"]["recipientList"][0]["resendParameter"] == {"isResend": False}


def test_no_key_and_no_number_is_shown() -> None:
    shown = repr(account()) + repr(message("nhn"))
    for secret in ("sandboxsecret", "sandboxappkey", "1234", "김하늘"):
        assert secret not in shown
