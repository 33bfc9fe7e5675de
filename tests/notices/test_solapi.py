"""AlimTalk and texts through Solapi: the contract, at the stand-in or at a real account, and what goes wrong.

A real account is set by ``CLAIMS_TEST_SOLAPI_API_KEY``, ``_API_SECRET``, ``_CHANNEL``, ``_TEMPLATE`` (our text
``completed_ko``) and ``_TO``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from gateways.notices import solapi
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
from gateways.notices.solapi import SolapiAccount, SolapiAlimTalk, SolapiTexts
from tests.notices.provider import NUMBER, TEXTS, message, real, settled, stand_in
from tests.sandbox.providers.control import Control
from tests.support.sandbox import SandboxProcess

REAL = real("solapi")
CHANNEL = "KA01PF_SANDBOX"
TEMPLATES = {name: name for name in TEXTS}
ACCOUNT = SolapiAccount(SecretStr("NCSSANDBOX"), SecretStr("solapi_sandbox"), "0215880000")


@pytest.fixture
def control(sandbox: SandboxProcess) -> Iterator[Control]:
    with stand_in(sandbox.url, "solapi", CHANNEL) as it:
        yield it


@pytest.fixture
async def channel(sandbox: SandboxProcess, control: Control) -> AsyncIterator[SolapiAlimTalk]:
    made = SolapiAlimTalk(f"{sandbox.url}/solapi", ACCOUNT, CHANNEL, TEMPLATES, texts=False)
    yield made
    await made.close()


@pytest.fixture
async def anywhere(sandbox: SandboxProcess, control: Control) -> AsyncIterator[SolapiAlimTalk]:
    """At the real account, when there is one."""
    if REAL is None:
        made = SolapiAlimTalk(f"{sandbox.url}/solapi", ACCOUNT, CHANNEL, TEMPLATES, texts=False)
    else:
        account = SolapiAccount(SecretStr(REAL["api_key"]), SecretStr(REAL["api_secret"]))
        codes = {"completed_ko": REAL["template"]}
        made = SolapiAlimTalk("https://api.solapi.com", account, REAL["channel"], codes, texts=False)
    yield made
    await made.close()


@pytest.fixture
async def texts(sandbox: SandboxProcess, control: Control) -> AsyncIterator[SolapiTexts]:
    made = SolapiTexts(f"{sandbox.url}/solapi", ACCOUNT)
    yield made
    await made.close()


async def test_a_message_is_accepted_delivered_and_found(anywhere: SolapiAlimTalk) -> None:
    notice = message("solapi", to=NUMBER if REAL is None else REAL["to"])
    sent = await anywhere.send(notice)
    assert isinstance(sent, Sent)
    shown = await settled(anywhere, sent.reference)
    assert shown == Delivered() or isinstance(shown, NotDelivered)
    assert await anywhere.find(notice) == AlreadySent(sent.reference)
    assert await anywhere.find(message("solapi", to=notice.to)) is None


async def test_it_bears_the_text_that_was_approved(channel: SolapiAlimTalk, control: Control) -> None:
    notice = message("solapi")
    await channel.send(notice)
    [kept] = control.messages(notice.notice_id)
    assert (kept["text"], kept["to"], kept["route"]) == (notice.body, "01012345678", "alimtalk")


@pytest.mark.parametrize("kind", ["lose_answer", "error_after", "html_after"])
async def test_an_answer_that_is_lost_is_found(channel: SolapiAlimTalk, control: Control, kind: str) -> None:
    notice = message("solapi")
    control.fault(kind, notice.notice_id)
    assert isinstance(await channel.send(notice), Unknown)
    assert isinstance(await channel.find(notice), AlreadySent)
    assert len(control.messages(notice.notice_id)) == 1


@pytest.mark.parametrize("kind", ["html_before", "error_before", "lose_answer", "refuse"])
async def test_while_the_list_can_not_be_read_nothing_is_known(
    channel: SolapiAlimTalk, control: Control, kind: str
) -> None:
    control.fault(kind, on="read")
    assert isinstance(await channel.find(message("solapi")), Unknown)


@pytest.mark.parametrize(("texted", "shown"), [(False, NotDelivered("solapi_3000")), (True, Delivered(texted=True))])
async def test_one_side_texts_whom_alimtalk_did_not_reach(
    sandbox: SandboxProcess, control: Control, texted: bool, shown: Delivery
) -> None:
    made = SolapiAlimTalk(f"{sandbox.url}/solapi", ACCOUNT, CHANNEL, TEMPLATES, texts=texted)
    notice = message("solapi")
    control.fault("undelivered", notice.notice_id)
    sent = await made.send(notice)
    assert isinstance(sent, Sent)
    assert await made.look_up(sent.reference) == shown
    [kept] = control.messages(notice.notice_id)
    assert kept["route"] == ("sms" if texted else "alimtalk")
    await made.close()


async def test_where_texts_are_ours_solapi_is_told_to_send_none(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    async def once(*_: object, **more: Any) -> httpx.Response:
        asked.append(more)
        return httpx.Response(500)

    monkeypatch.setattr(solapi, "once", once)
    for texts in (False, True):
        made = SolapiAlimTalk("http://127.0.0.1:1", ACCOUNT, CHANNEL, TEMPLATES, texts=texts)
        await made.send(message("solapi"))
        assert asked[-1]["body"]["messages"][0]["kakaoOptions"]["disableSms"] is not texts


async def test_a_list_that_is_full_proves_nothing_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {str(n): {"messageId": str(n), "customFields": {}} for n in range(500)}

    async def once(*_: object, **__: object) -> httpx.Response:
        return httpx.Response(200, json={"messageList": listed})

    monkeypatch.setattr(solapi, "once", once)
    made = SolapiTexts("http://127.0.0.1:1", ACCOUNT)
    assert await made.find(message("solapi")) == Unknown("solapi_list_too_long")


async def test_a_text_is_a_text(texts: SolapiTexts, control: Control) -> None:
    notice = message("solapi")
    sent = await texts.send(notice)
    assert isinstance(sent, Sent)
    [kept] = control.messages(notice.notice_id)
    assert kept["template"] == ""
    # Korea's networks don't know the sign that we write; the amount itself is whole.
    assert kept["text"] == notice.body.replace("₩", "￦")
    assert await texts.look_up(sent.reference) == Delivered()


async def test_what_is_accepted_is_not_delivered(channel: SolapiAlimTalk, control: Control) -> None:
    control.quirk(delivers_after_ms=60_000)
    sent = await channel.send(message("solapi"))
    assert isinstance(sent, Sent)
    assert await channel.look_up(sent.reference) == OnItsWay()


async def test_what_is_wrong_with_us_is_told_so(sandbox: SandboxProcess, channel: SolapiAlimTalk) -> None:
    assert await channel.send(message("solapi", template="nowhere")) == RejectedForGood("no_template_code", ours=True)
    foreign = SolapiAlimTalk(f"{sandbox.url}/solapi", ACCOUNT, "KA01PF_OTHER", TEMPLATES, texts=False)
    assert await foreign.send(message("solapi")) == RejectedForGood("solapi_1000", ours=True)
    await foreign.close()
    account = SolapiAccount(SecretStr("NCSSANDBOX"), SecretStr("wrong"))
    stranger = SolapiAlimTalk(f"{sandbox.url}/solapi", account, CHANNEL, TEMPLATES, texts=False)
    assert await stranger.send(message("solapi")) == Misconfigured("solapi_403")
    assert await stranger.send(message("solapi", to="nobody")) == RejectedForGood("bad_number")
    await stranger.close()


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (400, "ValidationError", RejectedForGood("solapi_400", ours=True)),
        (400, "Other", Unknown("solapi_400")),
        (400, None, Unknown("solapi_400")),
        (401, "Unauthorized", Misconfigured("solapi_401")),
        (402, "NotEnoughBalance", Misconfigured("solapi_402")),
        (403, "SignatureDoesNotMatch", Misconfigured("solapi_403")),
        (403, None, Unknown("solapi_403")),
        (404, "ResourceNotFound", Misconfigured("solapi_404")),
        (429, None, Retry("solapi_429", 7)),
        (429, "TooManyRequests", Retry("solapi_429", 7)),
        (500, "InternalError", Unknown("solapi_500")),
        (502, None, Unknown("solapi_502")),
    ],
)
def test_every_row_of_the_meanings(status: int, code: str | None, outcome: Outcome) -> None:
    assert solapi.classify(status, code, 7) == outcome


@pytest.mark.parametrize(
    ("shown", "known"),
    [
        ({"statusCode": "4000", "status": "COMPLETE"}, Delivered()),
        ({"statusCode": "3104", "status": "COMPLETE"}, NotDelivered("solapi_3104")),
        ({"statusCode": "3104", "status": "COMPLETE", "replacement": True}, Delivered(texted=True)),
        ({"statusCode": "3000", "status": "SENDING"}, OnItsWay()),
        ({"statusCode": "2000", "status": "COMPLETE"}, OnItsWay()),
        ({"statusCode": "9999", "status": "COMPLETE"}, OnItsWay()),
        ({}, OnItsWay()),
    ],
)
def test_only_what_has_ended_has_failed(shown: dict[str, object], known: Delivery) -> None:
    assert solapi.delivery(shown) == known


@pytest.mark.parametrize("body", ["<html>", "[]", '{"messageList": []}', '{"messageList": [{"statusCode": "2000"}]}'])
def test_a_success_that_can_not_be_read_leaves_it_open(body: str) -> None:
    assert solapi.accepted(httpx.Response(200, text=body)) == Unknown("solapi_unreadable")


def test_a_signature_is_good_once_and_nothing_secret_is_shown() -> None:
    assert ACCOUNT.sign() != ACCOUNT.sign()
    assert "solapi_sandbox" not in repr(ACCOUNT) + str(ACCOUNT.sign())
    assert "NCSSANDBOX" not in repr(ACCOUNT)
