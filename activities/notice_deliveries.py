"""What the sweeper does for notices, for no claim waits for it. docs/notices.md.

It looks up what became of those that were accepted, and sends the shop's own mail.

A message that turns out not to have arrived goes on as a text of ours, where texts are ours; else the notice has
failed, and its claim says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import timedelta
from functools import partial

from temporalio import activity

from activities.errors import database_errors
from activities.notice_sending import NoticeSender
from activities.notices import told_rejected
from activities.undisturbed import HEARTBEAT, beating
from domain.claims import Channel, NoticeState
from domain.notices import Route, RouteState, SentBy
from gateways.notices.port import (
    AlreadySent,
    Delivered,
    Misconfigured,
    NotDelivered,
    Outcome,
    RejectedForGood,
    Retry,
    Sent,
    Unknown,
)
from store import notice_routes, notices
from store.database import Engine
from store.notice_routes import TOLD_BY_PROVIDER, Accepted, Trying
from store.notices import Notice

_AT_ONCE = 50
_LONGEST = 60.0
"""Seconds after which no further message is begun: the rest comes with the next sweep."""

_PAUSE = timedelta(minutes=1)
_TRIES = 10
"""Of a text that follows later, and of the shop's mail."""


class DeliveryActivities:
    """`after`: how long after its acceptance a message is looked up. `shop_mail`: the shop's own address, if any."""

    def __init__(self, engine: Engine, sender: NoticeSender, *, after: timedelta, shop_mail: str | None = None) -> None:
        self._shop_mail = shop_mail
        self._engine = engine
        self._sender = sender
        self._after = after

    @activity.defn
    async def look_after_notices(self) -> int:
        """Look accepted messages up, send texts that have to follow and the shop's mail; answers how many it was."""
        over = asyncio.get_running_loop().time() + _LONGEST
        done = 0
        async with beating(HEARTBEAT), aclosing(self._work()) as work:
            async for one in work:
                if asyncio.get_running_loop().time() > over:
                    break
                await one()
                done += 1
        return done

    async def _work(self) -> AsyncGenerator[Callable[[], Awaitable[None]]]:
        """Looks first: a text may have to follow at once."""
        for message in await self._accepted():
            yield partial(self._look, message)
        for notice_id in await self._late_texts():
            yield partial(self._text, notice_id)
        for notice_id in await self._to_shop():
            yield partial(self._tell_shop, notice_id)

    async def _accepted(self) -> list[Accepted]:
        ways = self._sender.traced()
        with database_errors():
            async with self._engine.connect() as conn:
                return await notice_routes.to_look_at(conn, list(ways), self._after, _AT_ONCE)

    async def _look(self, message: Accepted) -> None:
        shown = await self._sender.traced()[message.route, message.provider].look_up(message.reference)
        with database_errors():
            async with self._engine.begin() as conn:
                match shown:
                    case Delivered(texted=False):
                        await notice_routes.arrive(conn, message)
                    case Delivered():
                        await notice_routes.fall_back(
                            conn,
                            message.notice_id,
                            message.no,
                            TOLD_BY_PROVIDER,
                            sent_by=SentBy.PROVIDER,
                            provider=message.provider,
                        )
                    case NotDelivered(code):
                        texts = self._sender.texts
                        if message.overtaken:
                            await notice_routes.fail(conn, message.notice_id, message.no, code)
                        elif message.route is Route.ALIMTALK and texts is not None:
                            await notice_routes.fall_back(
                                conn, message.notice_id, message.no, code, sent_by=SentBy.OURS, provider=texts.provider
                            )
                        else:
                            await notice_routes.reach_nobody(
                                conn, message.claim_no, message.notice_id, message.no, code
                            )
                        _log(logging.WARNING, "notice not delivered", message.notice_id, code)
                    case _:
                        await notice_routes.look_later(conn, message)

    async def _late_texts(self) -> list[str]:
        if self._sender.texts is None:
            return []
        with database_errors():
            async with self._engine.connect() as conn:
                return await notice_routes.late_texts(conn, self._sender.texts.provider, _PAUSE, _AT_ONCE)

    async def _text(self, notice_id: str) -> None:
        with database_errors():
            async with self._engine.begin() as conn:
                notice = await notices.begin(conn, notice_id)
                if notice is None or notice.state is not NoticeState.SENT:
                    return
                trying = await notice_routes.begin(conn, notice_id, Route.SMS, "")
        if notice.to is None:
            await self._reached_nobody(notice, trying, "no_phone")
            return
        outcome = await self._sender.attempt(notice, notice.to, trying)
        await self._record(notice, trying, outcome)

    async def _to_shop(self) -> list[str]:
        if self._shop_mail is None:
            return []
        with database_errors():
            async with self._engine.begin() as conn:
                return await notices.to_shop(conn, _PAUSE, _AT_ONCE)

    async def _tell_shop(self, notice_id: str) -> None:
        """Send a mail to the shop. One that fails is recorded; nothing of its claim changes."""
        carrier = self._sender.carrier(Channel.SHOP)
        if carrier is None or self._shop_mail is None:
            return
        with database_errors():
            async with self._engine.begin() as conn:
                notice = await notices.begin(conn, notice_id)
                if notice is None or notice.state is not NoticeState.PLANNED:
                    return
                trying = await notice_routes.begin(conn, notice_id, Route.EMAIL, carrier.provider)
        outcome = await self._sender.attempt(notice, self._shop_mail, trying)
        with database_errors():
            async with self._engine.begin() as conn:
                match outcome:
                    case Sent(reference) | AlreadySent(reference):
                        await notices.mark(conn, notice_id, NoticeState.SENT, reference=reference)
                        await notice_routes.accept(conn, trying, reference)
                    case Unknown(code) if trying.tries < _TRIES:
                        await notices.note(conn, notice_id, notices.UNKNOWN)
                        await notice_routes.note(conn, trying, RouteState.UNKNOWN, code)
                    case Retry(code) if trying.tries < _TRIES:
                        await notices.note(conn, notice_id, code)
                        await notice_routes.note(conn, trying, RouteState.WAITING, code)
                    case Unknown(code) | Retry(code) | RejectedForGood(code) | Misconfigured(code):
                        await notices.mark(conn, notice_id, NoticeState.FAILED, code=code)
                        await notice_routes.fail(conn, notice_id, trying.no, code)
                        _log(logging.ERROR, "the shop was not told", notice_id, code)

    async def _record(self, notice: Notice, trying: Trying, outcome: Outcome) -> None:
        match outcome:
            case Sent(reference) | AlreadySent(reference):
                with database_errors():
                    async with self._engine.begin() as conn:
                        await notice_routes.accept(conn, trying, reference)
                _log(logging.INFO, "text sent for a notice", notice.notice_id, None)
            case RejectedForGood(code) | Misconfigured(code):
                told_rejected(notice.notice_id, outcome)
                await self._reached_nobody(notice, trying, code)
            case Unknown(code) | Retry(code) if trying.tries >= _TRIES:
                await self._reached_nobody(notice, trying, code)
            case Unknown(code):
                await self._note(trying, RouteState.UNKNOWN, code)
            case Retry(code):
                await self._note(trying, RouteState.WAITING, code)

    async def _reached_nobody(self, notice: Notice, trying: Trying, code: str) -> None:
        with database_errors():
            async with self._engine.begin() as conn:
                await notice_routes.reach_nobody(conn, notice.claim_no, notice.notice_id, trying.no, code)
        _log(logging.WARNING, "notice reached nobody", notice.notice_id, code)

    async def _note(self, trying: Trying, state: RouteState, code: str) -> None:
        with database_errors():
            async with self._engine.begin() as conn:
                await notice_routes.note(conn, trying, state, code)


def _log(level: int, event: str, notice_id: str, code: str | None) -> None:
    """Numbers and codes only."""
    activity.logger.log(level, event, extra={"notice_id": notice_id, "code": code})
