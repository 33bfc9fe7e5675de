"""AlimTalk against the sandbox's sender, with its answers lost, refused and late."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gateways.notices.alimtalk import CLASSES, AlimTalkChannel, classify
from gateways.notices.port import (
    AlreadySent,
    Message,
    Misconfigured,
    Outcome,
    RejectedForGood,
    Retry,
    Sent,
    Unknown,
)
from tests.notices.conftest import Sender
from tests.support.sandbox import SandboxProcess

_numbers = count(1)


def message(**changes: str) -> Message:
    values: dict[str, Any] = {
        "notice_id": f"A-{next(_numbers)}-completed-alimtalk",
        "to": "010-1234-5678",
        "subject": "unused",
        "body": "김하늘 님, 주문 취소가 완료되었습니다.",
        "template": "completed_ko",
        "language": "ko",
    }
    return Message(**{**values, **changes})


@pytest.fixture
async def alimtalk(sandbox: SandboxProcess) -> AsyncIterator[AlimTalkChannel]:
    channel = AlimTalkChannel(sandbox.url)
    yield channel
    await channel.close()


async def test_a_message_arrives_with_template_text_and_reference(alimtalk: AlimTalkChannel, sender: Sender) -> None:
    notice = message()
    outcome = await alimtalk.send(notice)
    [kept] = await sender.sent(notice.notice_id)
    assert outcome == Sent(kept["messageId"])
    assert (kept["to"], kept["template"], kept["text"]) == ("01012345678", "completed_ko", notice.body)
    assert (kept["reference"], kept["key"]) == (notice.notice_id, notice.notice_id)


async def test_a_lost_answer_is_looked_up_and_not_sent_again(alimtalk: AlimTalkChannel, sender: Sender) -> None:
    notice = message()
    await sender.suffer("lose_answer")
    assert await alimtalk.send(notice) == Unknown("alimtalk_no_answer")
    [kept] = await sender.sent(notice.notice_id)
    assert await alimtalk.find(notice) == AlreadySent(kept["messageId"])
    assert len(await sender.sent(notice.notice_id)) == 1


async def test_an_error_after_the_fact_is_looked_up_too(alimtalk: AlimTalkChannel, sender: Sender) -> None:
    notice = message()
    await sender.suffer("error_after")
    assert await alimtalk.send(notice) == Unknown("alimtalk_500")
    assert isinstance(await alimtalk.find(notice), AlreadySent)
    assert len(await sender.sent(notice.notice_id)) == 1


async def test_what_the_list_does_not_have_is_sent(alimtalk: AlimTalkChannel, sender: Sender) -> None:
    notice = message()
    await sender.suffer("error_before")
    assert await alimtalk.send(notice) == Unknown("alimtalk_500")
    assert await alimtalk.find(notice) is None
    assert isinstance(await alimtalk.send(notice), Sent)
    assert len(await sender.sent(notice.notice_id)) == 1


@asynccontextmanager
async def answering(status: bytes, body: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A sender that always answers so; with its address, and the first words of what it was asked."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.split()[0])
        if length := re.search(rb"(?i)content-length: (\d+)", head):
            await reader.readexactly(int(length[1]))
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    server.close()


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (b"500 Internal Server Error", b"{}", "alimtalk_list_unreadable"),
        (b"200 OK", b"<html>", "alimtalk_list_unreadable"),
        (b"200 OK", b'{"messages": null}', "alimtalk_list_unreadable"),
        (b"200", b"x" * 70_000, "alimtalk_list_unreadable"),
        (b"no status at all", b"", "alimtalk_no_answer"),
    ],
)
async def test_while_the_list_can_not_be_read_nothing_is_sent(status: bytes, body: bytes, code: str) -> None:
    async with answering(status, body) as (url, asked):
        channel = AlimTalkChannel(url)
        assert await channel.find(message()) == Unknown(code)
        await channel.close()
    assert asked == [b"GET"]


async def test_the_list_of_another_notice_counts_for_nothing() -> None:
    async with answering(b"200 OK", b'{"messages": [{"reference": "other", "messageId": "1"}, 7]}') as (url, asked):
        channel = AlimTalkChannel(url)
        assert await channel.find(message()) is None
        await channel.close()
    assert asked == [b"GET"]


async def test_no_proxy_of_the_environment_comes_between(
    sandbox: SandboxProcess, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    channel = AlimTalkChannel(sandbox.url)
    assert isinstance(await channel.send(message()), Sent)
    await channel.close()


async def test_a_refusal_is_final(alimtalk: AlimTalkChannel, sender: Sender) -> None:
    await sender.suffer("refuse")
    assert await alimtalk.send(message()) == RejectedForGood("alimtalk_403")


async def test_a_message_that_is_malformed_is_final(alimtalk: AlimTalkChannel) -> None:
    assert await alimtalk.send(message(body="")) == RejectedForGood("alimtalk_400")


@pytest.mark.parametrize("number", ["", "unknown", "010", "+", "010-1234-5678, 010-0000-0000", "1" * 16])
async def test_a_number_that_is_none_is_refused_without_asking(
    alimtalk: AlimTalkChannel, sender: Sender, number: str
) -> None:
    notice = message(to=number)
    assert await alimtalk.send(notice) == RejectedForGood("bad_number")
    assert await sender.sent(notice.notice_id) == []


@pytest.mark.parametrize(("written", "sent"), [("+82 10-1234-5678", "+821012345678"), ("(02) 123.4567", "021234567")])
async def test_a_number_is_sent_without_separators(
    alimtalk: AlimTalkChannel, sender: Sender, written: str, sent: str
) -> None:
    notice = message(to=written)
    await alimtalk.send(notice)
    assert [kept["to"] for kept in await sender.sent(notice.notice_id)] == [sent]


async def test_two_tries_at_once_are_one_message(tmp_path: Path) -> None:
    with SandboxProcess(tmp_path / "data") as ordinary:
        channel = AlimTalkChannel(ordinary.url)
        notice = message()
        outcomes = await asyncio.gather(*(channel.send(notice) for _ in range(5)))
        await channel.close()
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadySent"] * 4 + ["Sent"]
    assert len({outcome.reference for outcome in outcomes if isinstance(outcome, Sent | AlreadySent)}) == 1


async def test_a_sender_that_is_away_took_nothing(tmp_path: Path) -> None:
    with SandboxProcess(tmp_path / "data") as gone:
        channel = AlimTalkChannel(gone.url)
    assert await channel.send(message()) == Retry("alimtalk_unreachable")
    await channel.close()


@pytest.mark.parametrize(("timeout", "deadline"), [(0.2, 60), (60, 0.2)])
async def test_a_sender_that_does_not_answer_leaves_it_open(timeout: float, deadline: float) -> None:
    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    over = asyncio.Event()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    channel = AlimTalkChannel(url, timeout=timeout, deadline=deadline)
    async with asyncio.timeout(10):
        assert await channel.send(message()) == Unknown("alimtalk_no_answer")
    over.set()
    server.close()
    await channel.close()


@pytest.mark.parametrize(
    "answer", [b"<html>", b'{"status": "accepted"}', b"[]", b'{"messageId": 7}', b"\xff\xfe"], ids=range(5)
)
async def test_a_success_that_can_not_be_read_leaves_it_open(answer: bytes) -> None:
    async with answering(b"200 OK", answer) as (url, _):
        channel = AlimTalkChannel(url)
        assert await channel.send(message()) == Unknown("alimtalk_unreadable")
        await channel.close()


TABLE: list[tuple[int, str | None, Outcome]] = [
    (400, "invalid", RejectedForGood("alimtalk_400")),
    (400, "other", Unknown("alimtalk_400")),
    (400, None, Unknown("alimtalk_400")),
    (403, "refused", RejectedForGood("alimtalk_403")),
    (403, None, Unknown("alimtalk_403")),
    (401, None, Misconfigured("alimtalk_401")),
    (404, "no_such_path", Misconfigured("alimtalk_404")),
    (405, "method_not_allowed", Misconfigured("alimtalk_405")),
    (408, None, Unknown("alimtalk_408")),
    (429, None, Retry("alimtalk_429", 7)),
    (500, "internal", Unknown("alimtalk_500")),
    (502, None, Unknown("alimtalk_502")),
    (503, None, Unknown("alimtalk_503")),
    (302, None, Unknown("alimtalk_302")),
]


@pytest.mark.parametrize(("status", "code", "outcome"), TABLE)
def test_every_row_of_the_classes(status: int, code: str | None, outcome: Outcome) -> None:
    assert classify(status, code, "7") == outcome


def test_no_row_of_the_classes_is_left_out() -> None:
    assert {status for status, _ in CLASSES} <= {status for status, _, _ in TABLE}


@pytest.mark.parametrize("wish", [None, "", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "-1"])
def test_a_wait_that_is_no_number_is_left_to_the_caller(wish: str | None) -> None:
    assert classify(429, None, wish) == Retry("alimtalk_429", None)
