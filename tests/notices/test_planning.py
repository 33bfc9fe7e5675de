"""Planning on a real database: one row per claim, event and channel, with the text that is true then."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.notices import NoticePlanner
from domain.claims import Channel, ClaimKind, LegState, NoticeEvent, NoticeState
from domain.orders import Means
from gateways.notices.texts import NoticeTexts
from policies import reading
from store import notices
from tests.notices.examples import Shop

PENDING = ((Means.CARD, 12_000, LegState.PENDING), (Means.MILEAGE, 500, LegState.PLANNED))


@pytest.fixture(scope="module")
def planner() -> NoticePlanner:
    return NoticePlanner(NoticeTexts("Asia/Seoul"), reading.default())


async def plan(engine: AsyncEngine, planner: NoticePlanner, shop: Shop, event: NoticeEvent) -> list[str]:
    async with engine.begin() as conn:
        return await planner.plan(conn, shop.claim_no, event)


async def test_a_member_is_told_on_every_channel(engine: AsyncEngine, planner: NoticePlanner, shop: Shop) -> None:
    await shop.claim(lines=3)
    to_send = await plan(engine, planner, shop, NoticeEvent.COMPLETED)
    assert to_send == [f"{shop.claim_no}-completed-alimtalk", f"{shop.claim_no}-completed-email"]
    rows = await shop.notices()
    assert {channel: row.state for (_, channel), row in rows.items()} == {
        "inbox": NoticeState.SENT,
        "email": NoticeState.PLANNED,
        "alimtalk": NoticeState.PLANNED,
    }
    inbox = rows["completed", "inbox"]
    assert (inbox.member_no, inbox.order_no, inbox.language) == (shop.member_no, shop.order_no, "ko")
    assert shop.order_no in inbox.body
    assert "셔츠 1 (화이트) 외 2건" in inbox.body
    assert "₩12,000" in inbox.body
    assert await shop.timeline() == [("notice.sent", {"channel": "inbox", "notice": "completed"})]


async def test_no_address_is_kept_with_a_notice(engine: AsyncEngine, planner: NoticePlanner, shop: Shop) -> None:
    await shop.claim()
    await plan(engine, planner, shop, NoticeEvent.COMPLETED)
    for row in (await shop.notices()).values():
        assert "buyer@mail.example" not in str(row)
        assert "1234" not in str(row)


async def test_a_guest_has_no_inbox_which_is_no_failure(
    engine: AsyncEngine, planner: NoticePlanner, shop: Shop
) -> None:
    await shop.claim(guest=True)
    to_send = await plan(engine, planner, shop, NoticeEvent.COMPLETED)
    assert len(to_send) == 2
    inbox = (await shop.notices())["completed", "inbox"]
    assert (inbox.state, inbox.code, inbox.member_no) == (NoticeState.SKIPPED, "no_inbox", None)
    assert await shop.timeline() == [
        ("notice.skipped", {"channel": "inbox", "notice": "completed", "code": "no_inbox"})
    ]


async def test_who_left_no_address_is_skipped_there(engine: AsyncEngine, planner: NoticePlanner, shop: Shop) -> None:
    await shop.claim(email=None, phone="")
    assert await plan(engine, planner, shop, NoticeEvent.COMPLETED) == []
    rows = await shop.notices()
    assert (rows["completed", "email"].state, rows["completed", "email"].code) == (NoticeState.SKIPPED, "no_email")
    assert (rows["completed", "alimtalk"].state, rows["completed", "alimtalk"].code) == (
        NoticeState.SKIPPED,
        "no_phone",
    )


async def test_the_members_own_address_serves_where_the_order_has_none(
    engine: AsyncEngine, planner: NoticePlanner, shop: Shop
) -> None:
    await shop.claim(email=None, member_email="member@mail.example")
    assert f"{shop.claim_no}-completed-email" in await plan(engine, planner, shop, NoticeEvent.COMPLETED)


async def test_planning_again_adds_nothing_and_answers_what_is_left(
    engine: AsyncEngine, planner: NoticePlanner, shop: Shop
) -> None:
    await shop.claim()
    first = await plan(engine, planner, shop, NoticeEvent.COMPLETED)
    before = await shop.notices()
    assert await plan(engine, planner, shop, NoticeEvent.COMPLETED) == first
    assert await shop.notices() == before
    async with engine.begin() as conn:
        await notices.mark(conn, first[0], NoticeState.SENT, reference="x")
    assert await plan(engine, planner, shop, NoticeEvent.COMPLETED) == first[1:]
    async with engine.connect() as conn:
        assert await planner.unsent(conn, shop.claim_no) == first[1:]
    assert [event for event, _ in await shop.timeline()] == ["notice.sent", "notice.sent"]


async def test_planning_at_once_from_many_sides_writes_one_row_each(
    engine: AsyncEngine, planner: NoticePlanner, shop: Shop
) -> None:
    await shop.claim()
    answers = await asyncio.gather(*(plan(engine, planner, shop, NoticeEvent.COMPLETED) for _ in range(8)))
    assert all(answer == answers[0] for answer in answers)
    assert len(await shop.notices()) == 3
    assert len(await shop.timeline()) == 1


async def test_what_is_pending_is_told_as_accepted_even_if_completed_is_asked(
    engine: AsyncEngine, planner: NoticePlanner, shop: Shop
) -> None:
    await shop.claim(legs=PENDING)
    await plan(engine, planner, shop, NoticeEvent.COMPLETED)
    rows = await shop.notices()
    assert {event for event, _ in rows} == {"refund_accepted"}
    assert "카드 ₩12,000 처리 중" in rows["refund_accepted", "inbox"].body
    await shop.settle()
    await plan(engine, planner, shop, NoticeEvent.COMPLETED)
    assert {event for event, _ in await shop.notices()} == {"refund_accepted", "completed"}


async def test_what_is_not_true_is_not_told(engine: AsyncEngine, planner: NoticePlanner, shop: Shop) -> None:
    await shop.claim(legs=((Means.CARD, 12_000, LegState.PLANNED),))
    assert await plan(engine, planner, shop, NoticeEvent.COMPLETED) == []
    assert await plan(engine, planner, shop, NoticeEvent.REJECTED) == []
    assert await shop.notices() == {}
    await shop.undo()
    await plan(engine, planner, shop, NoticeEvent.REJECTED)
    rejected = (await shop.notices())["rejected", "inbox"]
    assert "그대로 유지" in rejected.body
    assert "₩12,000" in rejected.body


async def test_an_option_change_names_both_variants(engine: AsyncEngine, planner: NoticePlanner, shop: Shop) -> None:
    await shop.claim(kind=ClaimKind.OPTION_CHANGE, legs=(), language="en")
    await plan(engine, planner, shop, NoticeEvent.OPTION_CHANGED)
    inbox = (await shop.notices())["option_changed", "inbox"]
    assert "셔츠 1 (화이트) was changed to 셔츠 1 (블랙)." in inbox.body
    assert "₩24,000" in inbox.body


async def test_a_language_without_texts_is_told_in_korean(
    engine: AsyncEngine, planner: NoticePlanner, shop: Shop
) -> None:
    await shop.claim(language="fr")
    await plan(engine, planner, shop, NoticeEvent.COMPLETED)
    assert {row.language for row in (await shop.notices()).values()} == {"ko"}


async def test_a_claim_that_does_not_exist_has_nothing_to_tell(engine: AsyncEngine, planner: NoticePlanner) -> None:
    async with engine.begin() as conn:
        assert await planner.plan(conn, "C-none", NoticeEvent.COMPLETED) == []


async def test_a_rolled_back_step_leaves_no_notice(engine: AsyncEngine, planner: NoticePlanner, shop: Shop) -> None:
    await shop.claim()
    async with engine.connect() as conn:
        await planner.plan(conn, shop.claim_no, NoticeEvent.COMPLETED)
        await conn.rollback()
    assert await shop.notices() == {}
    assert await shop.timeline() == []


async def test_without_a_sender_a_channel_is_not_planned(engine: AsyncEngine, shop: Shop) -> None:
    await shop.claim()
    inbox_only = NoticePlanner(NoticeTexts("Asia/Seoul"), reading.default(), senders=())
    assert await plan(engine, inbox_only, shop, NoticeEvent.COMPLETED) == []
    assert {channel for _, channel in await shop.notices()} == {Channel.INBOX}


def by_policy(notices_by: Mapping[NoticeEvent, tuple[Channel, ...]]) -> NoticePlanner:
    policy = reading.default().model_copy(update={"notices": notices_by})
    return NoticePlanner(NoticeTexts("Asia/Seoul"), policy)


async def test_the_policy_says_by_which_channels_an_event_is_told(engine: AsyncEngine, shop: Shop) -> None:
    await shop.claim()
    mail_only = by_policy({NoticeEvent.COMPLETED: (Channel.EMAIL,), NoticeEvent.REJECTED: (Channel.INBOX,)})
    assert await plan(engine, mail_only, shop, NoticeEvent.COMPLETED) == [f"{shop.claim_no}-completed-email"]
    assert set(await shop.notices()) == {("completed", "email")}


@pytest.mark.parametrize("channels", [{}, {NoticeEvent.COMPLETED: ()}])
async def test_an_event_that_the_policy_does_not_tell_is_not_planned(
    engine: AsyncEngine, shop: Shop, channels: Mapping[NoticeEvent, tuple[Channel, ...]]
) -> None:
    await shop.claim()
    assert await plan(engine, by_policy(channels), shop, NoticeEvent.COMPLETED) == []
    assert await shop.notices() == {}
    assert await shop.timeline() == []


async def test_it_is_the_event_that_is_told_whose_channels_count(engine: AsyncEngine, shop: Shop) -> None:
    """Asked for completion while a refund is pending, the customer is told that it was accepted."""
    await shop.claim(legs=PENDING)
    planner = by_policy({NoticeEvent.COMPLETED: (Channel.EMAIL,), NoticeEvent.ACCEPTED: (Channel.INBOX,)})
    assert await plan(engine, planner, shop, NoticeEvent.COMPLETED) == []
    assert set(await shop.notices()) == {("refund_accepted", "inbox")}


async def test_after_another_policy_what_was_planned_is_still_sent(engine: AsyncEngine, shop: Shop) -> None:
    """A claim under way when the shop's policy changes: nothing that was planned is dropped."""
    await shop.claim()
    first = await plan(engine, by_policy({NoticeEvent.COMPLETED: (Channel.EMAIL,)}), shop, NoticeEvent.COMPLETED)
    now = by_policy({NoticeEvent.COMPLETED: (Channel.ALIMTALK,)})
    assert first == [f"{shop.claim_no}-completed-email"]
    assert await plan(engine, now, shop, NoticeEvent.COMPLETED) == [f"{shop.claim_no}-completed-alimtalk"]
    async with engine.connect() as conn:
        assert await now.unsent(conn, shop.claim_no) == sorted([*first, f"{shop.claim_no}-completed-alimtalk"])


@pytest.mark.parametrize("lines", [1, 60])
async def test_the_statements_do_not_grow_with_the_lines(
    engine: AsyncEngine, planner: NoticePlanner, shop: Shop, lines: int
) -> None:
    await shop.claim(lines=lines)
    with counted(engine) as statements:
        await plan(engine, planner, shop, NoticeEvent.COMPLETED)
    assert len(statements) == 2
    mail = (await shop.notices())["completed", "email"].body
    assert ("외 40건" in mail) == (lines == 60)
    assert mail.count("- 셔츠") == min(lines, 20)


@contextmanager
def counted(engine: AsyncEngine) -> Iterator[list[str]]:
    statements: list[str] = []

    def count(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", count)
    yield statements
    event.remove(engine.sync_engine, "before_cursor_execute", count)
