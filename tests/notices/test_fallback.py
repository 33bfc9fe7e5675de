"""Whom AlimTalk can't reach gets one text message by exactly one side; and nobody at all is told as a failed notice.

P44: a customer has one message per event and channel, whichever way it goes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.notice_deliveries import DeliveryActivities
from activities.notice_sending import NoticeSender
from activities.notices import NoticeActivities, NoticePlanner, SendNotice, SendResult
from domain.claims import Channel, ClaimStatus, NoticeEvent, NoticeState, StepStatus
from domain.notices import SentBy
from gateways.notices.nhn import NhnAccount, NhnAlimTalk
from gateways.notices.solapi import SolapiAccount, SolapiTexts
from gateways.notices.texts import NoticeTexts
from policies import reading
from store import notice_routes, tables
from tests.notices.examples import Shop
from tests.notices.provider import stand_in
from tests.sandbox.providers.control import Control
from tests.support.sandbox import SandboxProcess

SENT = SendResult(state=NoticeState.SENT)
SENDER = "0" * 40
TEXT_SENDER = "0215880000"
ACCOUNT = SolapiAccount(SecretStr("NCSSANDBOX"), SecretStr("solapi_sandbox"), TEXT_SENDER)


@dataclass
class Desk:
    """AlimTalk by NHN and texts by Solapi, as a worker has them, one call a try."""

    engine: AsyncEngine
    sender: NoticeSender
    nhn: Control
    solapi: Control

    async def plan(self, shop: Shop) -> str:
        await shop.claim()
        planner = NoticePlanner(NoticeTexts("Asia/Seoul"), reading.default(), (Channel.ALIMTALK,))
        async with self.engine.begin() as conn:
            [notice_id] = await planner.plan(conn, shop.claim_no, NoticeEvent.COMPLETED)
        return notice_id

    async def send(self, notice_id: str) -> SendResult:
        activities = NoticeActivities(self.engine, self.sender)
        return await ActivityEnvironment().run(activities.send_notice, SendNotice(notice_id=notice_id))

    async def sweep(self) -> int:
        deliveries = DeliveryActivities(self.engine, self.sender, after=timedelta(0))
        return await ActivityEnvironment().run(deliveries.look_after_notices)

    async def routes(self, notice_id: str) -> list[tuple[str, str, str, str, str | None]]:
        routes = tables.notice_routes.c
        asked = select(routes.route, routes.sent_by, routes.provider, routes.state, routes.code)
        async with self.engine.connect() as conn:
            found = await conn.execute(asked.where(routes.notice_id == notice_id).order_by(routes.no))
            return [tuple(row) for row in found]

    def texts(self, notice_id: str) -> list[dict[str, str]]:
        return self.solapi.messages(f"{notice_id}-sms")


@pytest.fixture
def controls(sandbox: SandboxProcess) -> Iterator[tuple[Control, Control]]:
    with ExitStack() as stack:
        nhn = stack.enter_context(stand_in(sandbox.url, "nhn", SENDER))
        yield nhn, stack.enter_context(stand_in(sandbox.url, "solapi", "KA01PF_SANDBOX"))


async def _desk(
    engine: AsyncEngine,
    sandbox: SandboxProcess,
    controls: tuple[Control, Control],
    *,
    ours: bool,
    provider: bool = False,
) -> AsyncIterator[Desk]:
    number = TEXT_SENDER if provider else None
    account = NhnAccount(SecretStr("sandboxappkey"), SecretStr("sandboxsecret"), SENDER, {}, number)
    alimtalk = NhnAlimTalk(f"{sandbox.url}/nhn", account)
    texts = SolapiTexts(f"{sandbox.url}/solapi", ACCOUNT, settling=3600)
    yield Desk(engine, NoticeSender(engine, {Channel.ALIMTALK: alimtalk}, texts if ours else None), *controls)
    await alimtalk.close()
    await texts.close()


@pytest.fixture
async def desk(engine: AsyncEngine, sandbox: SandboxProcess, controls: tuple[Control, Control]) -> AsyncIterator[Desk]:
    """Texts are ours."""
    async for it in _desk(engine, sandbox, controls, ours=True):
        yield it


@pytest.fixture
async def silent(
    engine: AsyncEngine, sandbox: SandboxProcess, controls: tuple[Control, Control]
) -> AsyncIterator[Desk]:
    """Nobody sends texts."""
    async for it in _desk(engine, sandbox, controls, ours=False):
        yield it


@pytest.fixture
async def theirs(
    engine: AsyncEngine, sandbox: SandboxProcess, controls: tuple[Control, Control]
) -> AsyncIterator[Desk]:
    """Texts are NHN's."""
    async for it in _desk(engine, sandbox, controls, ours=False, provider=True):
        yield it


async def test_what_arrives_is_told_as_delivered_and_not_texted(desk: Desk, shop: Shop) -> None:
    notice_id = await desk.plan(shop)
    assert await desk.send(notice_id) == SENT
    assert await desk.routes(notice_id) == [("alimtalk", "ours", "nhn", "ACCEPTED", None)]
    await desk.sweep()
    assert await desk.routes(notice_id) == [("alimtalk", "ours", "nhn", "DELIVERED", None)]
    assert desk.texts(notice_id) == []
    assert ("notice.delivered", "nhn") in [(event, facts.get("provider")) for event, facts in await shop.timeline()]


async def test_a_template_that_is_refused_is_seen_and_the_customer_texted_once(
    desk: Desk, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    notice_id = await desk.plan(shop)
    desk.nhn.fault("refuse", notice_id)
    assert await desk.send(notice_id) == SENT
    assert await desk.routes(notice_id) == [
        ("alimtalk", "ours", "nhn", "FAILED", "nhn_-3005"),
        ("sms", "ours", "solapi", "ACCEPTED", None),
    ]
    assert await desk.send(notice_id) == SENT
    await desk.sweep()
    [text] = desk.texts(notice_id)
    assert "￦12,000" in text["text"]
    assert "notice is refused for what we sent" in caplog.text
    assert ("notice.rerouted", "sms") in [(event, facts.get("route")) for event, facts in await shop.timeline()]


async def test_a_text_whose_answer_is_lost_is_found_and_sent_once(desk: Desk, shop: Shop) -> None:
    notice_id = await desk.plan(shop)
    desk.nhn.fault("refuse", notice_id)
    desk.solapi.fault("lose_answer")
    # In no list yet: absence is not believed before the list can have it, so nothing is sent blindly.
    desk.solapi.fault("unlisted", delayMs=60_000)
    with pytest.raises(ApplicationError):
        await desk.send(notice_id)
    with pytest.raises(ApplicationError) as waiting:
        await desk.send(notice_id)
    assert waiting.value.next_retry_delay is not None
    assert waiting.value.next_retry_delay > timedelta(minutes=30)
    desk.solapi.advance(60_001)
    assert await desk.send(notice_id) == SENT
    assert len(desk.texts(notice_id)) == 1


async def test_what_did_not_arrive_is_texted_later_by_us(desk: Desk, shop: Shop) -> None:
    notice_id = await desk.plan(shop)
    desk.nhn.fault("undelivered", notice_id)
    assert await desk.send(notice_id) == SENT
    assert desk.texts(notice_id) == []
    await desk.sweep()
    await desk.sweep()
    assert await desk.routes(notice_id) == [
        ("alimtalk", "ours", "nhn", "FAILED", "nhn_MRC02"),
        ("sms", "ours", "solapi", "DELIVERED", None),
    ]
    assert len(desk.texts(notice_id)) == 1
    [kept] = desk.nhn.messages(notice_id)
    assert kept["route"] == "alimtalk"
    assert (await shop.notices())["completed", "alimtalk"].state == NoticeState.SENT


async def test_what_the_provider_texts_we_do_not(theirs: Desk, shop: Shop) -> None:
    notice_id = await theirs.plan(shop)
    theirs.nhn.fault("undelivered", notice_id)
    assert await theirs.send(notice_id) == SENT
    await theirs.sweep()
    await theirs.sweep()
    assert await theirs.routes(notice_id) == [
        ("alimtalk", "ours", "nhn", "FAILED", notice_routes.TOLD_BY_PROVIDER),
        ("sms", "provider", "nhn", "ACCEPTED", None),
    ]
    assert theirs.texts(notice_id) == []
    [kept] = theirs.nhn.messages(notice_id)
    assert kept["route"] == "sms"
    assert (await shop.notices())["completed", "alimtalk"].state == NoticeState.SENT


async def test_what_reached_nobody_is_told_by_its_claim(silent: Desk, shop: Shop) -> None:
    notice_id = await silent.plan(shop)
    silent.nhn.fault("undelivered", notice_id)
    assert await silent.send(notice_id) == SENT
    await shop.conclude()
    await silent.sweep()
    row = (await shop.notices())["completed", "alimtalk"]
    assert (row.state, row.code) == (NoticeState.FAILED, "nhn_MRC02")
    assert await shop.stands() == (ClaimStatus.COMPLETED_NOTICE_FAILED, StepStatus.FAILED)
    assert ("notice.failed", {"channel": "alimtalk", "notice": "completed", "code": "nhn_MRC02"}) in (
        await shop.timeline()
    )


async def test_what_is_not_true_any_more_is_not_texted(desk: Desk, shop: Shop) -> None:
    """P42: the claim was reopened since; its end will be told anew, and not as it was."""
    notice_id = await desk.plan(shop)
    desk.nhn.fault("undelivered", notice_id)
    await desk.send(notice_id)
    async with desk.engine.begin() as conn:
        await conn.execute(update(tables.claims).where(tables.claims.c.claim_no == shop.claim_no).values(round=2))
    await desk.sweep()
    await desk.sweep()
    assert await desk.routes(notice_id) == [("alimtalk", "ours", "nhn", "FAILED", "nhn_MRC02")]
    assert desk.texts(notice_id) == []
    assert (await shop.notices())["completed", "alimtalk"].state == NoticeState.SENT


async def test_a_text_that_waits_is_not_begun_twice_nor_after_its_claim_was_reopened(desk: Desk, shop: Shop) -> None:
    """P42: AlimTalk's failure may be seen twice, and the claim reopened between that and the text."""
    notice_id = await desk.plan(shop)
    await desk.send(notice_id)
    async with desk.engine.begin() as conn:
        for _ in range(2):
            await notice_routes.fall_back(conn, notice_id, 1, "nhn_MRC02", sent_by=SentBy.OURS, provider="solapi")
        await conn.execute(update(tables.claims).where(tables.claims.c.claim_no == shop.claim_no).values(round=2))
        assert await notice_routes.late_texts(conn, "solapi", timedelta(0), 9) == []
        await conn.execute(update(tables.claims).where(tables.claims.c.claim_no == shop.claim_no).values(round=1))
        assert await notice_routes.late_texts(conn, "solapi", timedelta(0), 9) == [notice_id]
    assert [(route, state) for route, _, _, state, _ in await desk.routes(notice_id)] == [
        ("alimtalk", "FAILED"),
        ("sms", "WAITING"),
    ]


async def test_no_row_holds_a_number(desk: Desk, shop: Shop) -> None:
    notice_id = await desk.plan(shop)
    desk.nhn.fault("refuse", notice_id)
    await desk.send(notice_id)
    async with desk.engine.connect() as conn:
        rows = (await conn.execute(select(tables.notice_routes))).all()
    assert rows
    for told in (rows, await shop.timeline()):
        assert "1234-5678" not in str(told)
        assert "12345678" not in str(told)
