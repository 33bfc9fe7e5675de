"""Sending for real: PostgreSQL, an SMTP server and the sandbox, with everything that goes wrong between them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.errors import FailureType
from activities.evidence import Evidence
from activities.notice_deliveries import DeliveryActivities
from activities.notice_sending import NoticeSender
from activities.notices import (
    NOT_SENT,
    UNKNOWN,
    GiveUpNotice,
    NoticeActivities,
    NoticePlanner,
    SendNotice,
    SendResult,
)
from activities.parking import Park, ParkingActivities
from domain.claims import Channel, ClaimStatus, LegState, NoticeEvent, NoticeState, Step, StuckReason
from domain.notices import ParkingFacts
from domain.orders import Means
from gateways.notices.alimtalk import AlimTalkChannel
from gateways.notices.email import EmailChannel
from gateways.notices.port import NoticeChannel
from gateways.notices.shop import ShopTexts
from gateways.notices.texts import NoticeTexts
from policies import reading
from store import claims, notices, tables
from store.engine import create_engine
from tests.notices.conftest import Sender
from tests.notices.examples import Shop
from tests.notices.mail import MailServer, cut, mail_server, text_of
from tests.support.sandbox import SandboxProcess

SENT = SendResult(state=NoticeState.SENT)
MERCHANT = "orders@claims.example"
WORKFLOWS = "http://ui.example/namespaces/default/workflows"


@dataclass
class Post:
    """The activities on real channels, as a worker would run them, one call a try."""

    engine: AsyncEngine
    channels: Mapping[Channel, NoticeChannel]
    server: MailServer
    planner: NoticePlanner = field(default_factory=lambda: NoticePlanner(NoticeTexts("Asia/Seoul"), reading.default()))

    @property
    def activities(self) -> NoticeActivities:
        return NoticeActivities(self.engine, NoticeSender(self.engine, self.channels))

    async def plan(self, shop: Shop, event: NoticeEvent = NoticeEvent.COMPLETED) -> list[str]:
        async with self.engine.begin() as conn:
            return await self.planner.plan(conn, shop.claim_no, event)

    async def send(self, notice_id: str) -> SendResult:
        return await ActivityEnvironment().run(self.activities.send_notice, SendNotice(notice_id=notice_id))

    async def fails(self, notice_id: str) -> ApplicationError:
        """The failure of a try that is to be repeated."""
        with pytest.raises(ApplicationError) as failed:
            await self.send(notice_id)
        assert not failed.value.non_retryable
        return failed.value

    async def give_up(self, notice_id: str) -> SendResult:
        return await ActivityEnvironment().run(self.activities.give_up_notice, GiveUpNotice(notice_id=notice_id))

    async def sweep(self) -> int:
        sender = NoticeSender(self.engine, self.channels)
        deliveries = DeliveryActivities(self.engine, sender, after=timedelta(hours=1), shop_mail=MERCHANT)
        return await ActivityEnvironment().run(deliveries.look_after_notices)

    async def park(self, shop: Shop) -> int:
        parking = ParkingActivities(self.engine, Evidence(self.engine, {}), b"-", self.planner)
        asked = Park(claim_no=shop.claim_no, step=Step.COUPONS, cause=StuckReason.DATABASE, detail="coupons: no answer")
        parked = await ActivityEnvironment().run(parking.park, asked)
        assert parked is not None
        return parked.parking_no


def email(shop: Shop) -> str:
    return notices.notice_id(shop.claim_no, NoticeEvent.COMPLETED, Channel.EMAIL)


def alimtalk(shop: Shop) -> str:
    return notices.notice_id(shop.claim_no, NoticeEvent.COMPLETED, Channel.ALIMTALK)


@pytest.fixture
async def post(engine: AsyncEngine, sandbox: SandboxProcess) -> AsyncIterator[Post]:
    async with mail_server() as server:
        channels: dict[Channel, NoticeChannel] = {
            Channel.EMAIL: EmailChannel(server.url, "shop@claims.example", timeout=5, deadline=5, patience=60),
            Channel.ALIMTALK: AlimTalkChannel(sandbox.url),
        }
        yield Post(engine, channels, server)
        for channel in channels.values():
            await channel.close()


async def test_a_customer_is_told_on_all_three_channels(post: Post, shop: Shop, sender: Sender) -> None:
    await shop.claim()
    to_send = await post.plan(shop)
    assert [await post.send(notice) for notice in to_send] == [SENT, SENT]
    [mail] = post.server.kept
    [talk] = await sender.sent(alimtalk(shop))
    rows = await shop.notices()
    assert mail["To"] == "buyer@mail.example"
    assert text_of(mail) == rows["completed", "email"].body
    assert (talk["to"], talk["template"]) == ("01012345678", "completed_ko")
    assert talk["text"] == rows["completed", "alimtalk"].body
    assert rows["completed", "email"].reference == mail["Message-ID"]
    assert rows["completed", "alimtalk"].reference == talk["messageId"]
    assert {row.state for row in rows.values()} == {NoticeState.SENT}
    assert {row.code for row in rows.values()} == {None}
    assert sorted(facts["channel"] for event, facts in await shop.timeline() if event == "notice.sent") == [
        "alimtalk",
        "email",
        "inbox",
    ]


@pytest.fixture
def merchant(post: Post) -> Post:
    """The same, with a mail to the shop itself."""
    policy = reading.default()
    texts = ShopTexts("en", "Asia/Seoul", policy, WORKFLOWS)
    post.planner = NoticePlanner(NoticeTexts("Asia/Seoul"), policy, (Channel.SHOP,), texts)
    post.channels = {**post.channels, Channel.SHOP: post.channels[Channel.EMAIL]}
    return post


async def test_p44_the_shop_has_one_mail_of_each_event_with_nothing_of_the_customer(merchant: Post, shop: Shop) -> None:
    await shop.claim(lines=2)
    assert await merchant.plan(shop) == await merchant.plan(shop) == []  # no claim waits for the shop's mail
    assert [await merchant.sweep(), await merchant.sweep()] == [1, 0]
    [mail] = merchant.server.kept
    assert (mail["To"], mail["Message-ID"]) == (MERCHANT, f"<{shop.claim_no}-completed-shop@claims.example>")
    told = text_of(mail)
    assert {shop.order_no, shop.claim_no, "Change", "₩12,000"} <= set(told.split())
    assert f"{WORKFLOWS}/{shop.claim_no}" in told
    for private in ("김하늘", "buyer@mail.example", "1234"):
        assert private not in told + mail["Subject"]
    assert MERCHANT not in str(await shop.notices())
    assert ("notice.sent", {"channel": "shop", "notice": "completed"}) in await shop.timeline()


async def test_p44_a_mail_that_the_shop_does_not_get_is_nothing_to_the_claim(merchant: Post, shop: Shop) -> None:
    await shop.claim()
    await merchant.plan(shop)
    await shop.conclude()
    merchant.server.on_rcpt = ["451 later", "550 no such mailbox"]
    await merchant.sweep()
    waiting = (await shop.notices())["completed", "shop"]
    assert (waiting.state, waiting.code) == (NoticeState.PLANNED, "smtp_451")
    assert await merchant.sweep() == 0  # a minute later, not at once
    await shop.wait_over(waiting.notice_id)
    await merchant.sweep()
    failed = (await shop.notices())["completed", "shop"]
    assert (failed.state, failed.code) == (NoticeState.FAILED, "smtp_550")
    async with merchant.engine.begin() as conn:
        assert not await claims.notice_failed(conn, shop.claim_no)
        assert await claims.restate(conn, shop.claim_no) is ClaimStatus.COMPLETED


async def test_p44_each_parking_of_a_claim_is_told_to_the_shop_once_while_it_is_open(
    merchant: Post, shop: Shop
) -> None:
    """The second supersedes the first, which nobody has to hear of any more; a third, told, is not told again."""
    await shop.claim()
    first, second = await merchant.park(shop), await merchant.park(shop)
    assert await merchant.sweep() == 1
    [mail] = merchant.server.kept
    assert mail["Message-ID"] == f"<{shop.claim_no}-needs_operator-{second}-shop@claims.example>"
    assert {str(second), "coupons", "DATABASE"} <= set(text_of(mail).split())
    third = await merchant.park(shop)
    async with merchant.engine.begin() as conn:
        parking = ParkingFacts(third, Step.COUPONS, StuckReason.DATABASE, "coupons: no answer")
        await merchant.planner.plan_parking(conn, shop.claim_no, parking)
    assert [await merchant.sweep(), await merchant.sweep()] == [1, 0]
    async with merchant.engine.connect() as conn:
        ends = select(tables.notices.c.round, tables.notices.c.state).where(tables.notices.c.claim_no == shop.claim_no)
        assert dict([tuple(row) for row in await conn.execute(ends)]) == {
            first: NoticeState.SKIPPED,
            second: NoticeState.SENT,
            third: NoticeState.SENT,
        }


async def test_a_notice_that_ended_is_not_sent_again(post: Post, shop: Shop, sender: Sender) -> None:
    await shop.claim()
    for notice in await post.plan(shop):
        await post.send(notice)
        assert await post.send(notice) == SENT
    assert len(post.server.kept) == 1
    assert len(await sender.sent(alimtalk(shop))) == 1


async def test_a_lost_answer_of_alimtalk_is_one_message(post: Post, shop: Shop, sender: Sender) -> None:
    await shop.claim()
    await post.plan(shop)
    await sender.suffer("lose_answer")
    assert (await post.fails(alimtalk(shop))).type == UNKNOWN
    assert (await shop.notices())["completed", "alimtalk"].code == notices.UNKNOWN
    assert await post.send(alimtalk(shop)) == SENT
    [talk] = await sender.sent(alimtalk(shop))
    assert (await shop.notices())["completed", "alimtalk"].reference == talk["messageId"]


async def test_a_worker_that_died_after_sending_is_one_message(
    engine: AsyncEngine, post: Post, shop: Shop, sender: Sender
) -> None:
    await shop.claim()
    await post.plan(shop)
    await post.send(alimtalk(shop))
    # As the row stood when the worker was killed: a try had begun, and nothing more was known.
    await shop.reopen_notice(alimtalk(shop), code=notices.SENDING)
    assert await post.send(alimtalk(shop)) == SENT
    assert len(await sender.sent(alimtalk(shop))) == 1


async def test_two_senders_of_one_notice_are_one_message(
    engine: AsyncEngine, shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    await shop.claim()
    with SandboxProcess(tmp_path_factory.mktemp("ordinary") / "data") as ordinary:
        channel = AlimTalkChannel(ordinary.url)
        post = Post(engine, {Channel.ALIMTALK: channel}, MailServer())
        await post.plan(shop)
        assert await asyncio.gather(*(post.send(alimtalk(shop)) for _ in range(5))) == [SENT] * 5
        await channel.close()
    assert [event for event, _ in await shop.timeline()].count("notice.sent") == 2


async def test_alimtalk_that_is_away_is_tried_until_it_is_back(post: Post, shop: Shop, sender: Sender) -> None:
    await shop.claim()
    await post.plan(shop)
    await sender.suffer("down")
    assert (await post.fails(alimtalk(shop))).type == UNKNOWN
    assert (await post.fails(alimtalk(shop))).type == UNKNOWN
    await sender.recover()
    assert await post.send(alimtalk(shop)) == SENT
    assert len(await sender.sent(alimtalk(shop))) == 1


async def test_what_is_refused_for_good_has_failed(post: Post, shop: Shop, sender: Sender) -> None:
    await shop.claim()
    await post.plan(shop)
    await sender.suffer("refuse")
    post.server.on_rcpt = ["550 5.1.1 <buyer@mail.example> no such user"]
    failed_talk, failed_mail = await post.send(alimtalk(shop)), await post.send(email(shop))
    assert failed_talk == SendResult(state=NoticeState.FAILED, code="alimtalk_403")
    assert failed_mail == SendResult(state=NoticeState.FAILED, code="smtp_550")
    assert failed_mail.failed
    assert [facts for event, facts in await shop.timeline() if event == "notice.failed"] == [
        {"channel": "alimtalk", "notice": "completed", "code": "alimtalk_403"},
        {"channel": "email", "notice": "completed", "code": "smtp_550"},
    ]
    assert await post.send(email(shop)) == failed_mail
    assert post.server.kept == []


async def test_a_greylisted_mail_is_sent_later(post: Post, shop: Shop) -> None:
    await shop.claim()
    await post.plan(shop)
    post.server.on_rcpt = ["451 4.7.1 greylisted"]
    failure = await post.fails(email(shop))
    assert (failure.type, failure.next_retry_delay) == (NOT_SENT, timedelta(seconds=60))
    assert (await shop.notices())["completed", "email"].code == "smtp_451"
    assert await post.send(email(shop)) == SENT
    assert len(post.server.kept) == 1


async def test_a_mail_whose_answer_is_lost_is_sent_once_more_and_not_twice(post: Post, shop: Shop) -> None:
    await shop.claim()
    await post.plan(shop)
    post.server.on_data = [cut, cut]
    assert (await post.fails(email(shop))).type == UNKNOWN
    assert await post.send(email(shop)) == SendResult(state=NoticeState.FAILED, code="unknown")
    assert len(post.server.kept) == 2
    assert len({mail["Message-ID"] for mail in post.server.kept}) == 1
    assert (await post.send(email(shop))).failed
    assert len(post.server.kept) == 2


async def test_a_mail_whose_worker_is_lost_is_sent_once_more_and_not_twice(post: Post, shop: Shop) -> None:
    await shop.claim()
    await post.plan(shop)
    post.server.hang = asyncio.Event()
    lost = asyncio.create_task(post.send(email(shop)))
    await post.server.arrived.wait()
    lost.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lost
    assert (await shop.notices())["completed", "email"].code == notices.SENDING
    post.server.hang.set()
    post.server.on_data = [cut]
    assert await post.send(email(shop)) == SendResult(state=NoticeState.FAILED, code="unknown")
    assert len(post.server.kept) == 2


async def test_a_mail_whose_answer_is_lost_once_arrives(post: Post, shop: Shop) -> None:
    await shop.claim()
    await post.plan(shop)
    post.server.on_data = [cut]
    await post.fails(email(shop))
    assert await post.send(email(shop)) == SENT


async def test_after_a_try_that_surely_sent_nothing_the_answer_may_be_lost_once(post: Post, shop: Shop) -> None:
    await shop.claim()
    await post.plan(shop)
    post.server.on_rcpt = ["451 4.7.1 greylisted"]
    post.server.on_data = [cut]
    assert (await post.fails(email(shop))).type == NOT_SENT
    assert (await post.fails(email(shop))).type == UNKNOWN
    assert await post.send(email(shop)) == SENT


async def test_an_address_that_went_away_is_skipped(post: Post, shop: Shop) -> None:
    await shop.claim()
    await post.plan(shop)
    await shop.forget_email()
    assert await post.send(email(shop)) == SendResult(state=NoticeState.SKIPPED, code="no_email")
    assert post.server.connections == 0


async def test_the_members_own_address_is_used_where_the_order_has_none(post: Post, shop: Shop) -> None:
    await shop.claim(email=None, member_email="member@mail.example")
    await post.plan(shop)
    await post.send(email(shop))
    assert [mail["To"] for mail in post.server.kept] == ["member@mail.example"]


async def test_what_is_given_up_has_failed_for_what_was_last_learned(post: Post, shop: Shop) -> None:
    await shop.claim()
    await post.plan(shop)
    post.server.on_rcpt = ["452 4.2.2 full"]
    await post.fails(email(shop))
    assert await post.give_up(email(shop)) == SendResult(state=NoticeState.FAILED, code="smtp_452")
    assert await post.give_up(alimtalk(shop)) == SendResult(state=NoticeState.FAILED, code="given_up")
    assert (await post.send(email(shop))).failed
    assert post.server.kept == []


async def test_what_was_sent_can_not_be_given_up(post: Post, shop: Shop) -> None:
    await shop.claim()
    await post.plan(shop)
    await post.send(email(shop))
    assert await post.give_up(email(shop)) == SENT
    assert (await shop.notices())["completed", "email"].state == NoticeState.SENT


async def test_a_channel_without_a_sender_has_failed(engine: AsyncEngine, post: Post, shop: Shop) -> None:
    await shop.claim()
    await post.plan(shop)
    bare = Post(engine, {}, post.server)
    assert await bare.send(email(shop)) == SendResult(state=NoticeState.FAILED, code="no_such_channel")


async def test_a_notice_nobody_planned_has_failed(post: Post) -> None:
    assert await post.send("C-none-completed-email") == SendResult(state=NoticeState.FAILED, code="no_such_notice")
    assert await post.give_up("C-none-completed-email") == SendResult(state=NoticeState.FAILED, code="no_such_notice")


async def test_a_database_that_is_away_is_a_retryable_failure(post: Post, shop: Shop) -> None:
    away = create_engine("postgresql://127.0.0.1:1/none", pool_size=1, lock_timeout_ms=2000, statement_timeout_ms=5000)
    blind = Post(away, {}, post.server)
    assert (await blind.fails(email(shop))).type == FailureType.DATABASE
    await away.dispose()


async def test_failures_and_logs_hold_no_personal_data(
    post: Post, shop: Shop, sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # The test's own server tells everything it hears.
    await shop.claim(legs=((Means.CARD, 12_000, LegState.SETTLED),))
    await post.plan(shop)
    post.server.on_rcpt = ["451 4.7.1 <buyer@mail.example> greylisted", "550 <buyer@mail.example> no such user"]
    failure = await post.fails(email(shop))
    await post.send(email(shop))
    await sender.suffer("lose_answer")
    await post.fails(alimtalk(shop))
    await post.send(alimtalk(shop))
    told = "\n".join([str(failure), *(str(record.__dict__) for record in caplog.records)])
    assert "notice ended" in told
    for secret in ("buyer@mail.example", "1234-5678", "12345678", "김하늘"):
        assert secret not in told
