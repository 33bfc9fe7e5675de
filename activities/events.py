"""Sending claims' events to the shop's receiver: each until it is taken, in order per claim. docs/events.md."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from temporalio import activity

from activities.errors import database_errors
from activities.messages import Message
from activities.undisturbed import HEARTBEAT, beating
from domain.events import ClaimEvent
from domain.findings import FindingKind
from gateways.events.sender import EventSender, Send
from store import findings, outbox
from store.database import Engine
from store.findings import Finding

_AT_ONCE = 16
_LOOK_EVERY = 0.5
"""Seconds between looks into the outbox while nothing is to be sent: what a settled refund waits at most to be told."""
_FIRST_WAIT = timedelta(seconds=1)
_LONGEST_WAIT = timedelta(minutes=10)
_REPORTED_TRIES = 3
"""A claim whose event failed so often is told to a person."""


class Published(Message):
    """`again`: there is a receiver, and the next activity goes on."""

    again: bool


class EventActivities:
    """`sender` None: no receiver is set, events are only fetched. `turn`: seconds that one activity goes on for."""

    def __init__(self, engine: Engine, sender: EventSender | None, *, turn: float = 600) -> None:
        self._engine = engine
        self._sender = sender
        self._turn = turn

    @activity.defn
    async def publish_events(self) -> Published:
        """Send what is due, for one turn, or until the worker stops.

        What was sent when a worker is lost, but not written down, is sent again. Two of these at once only send twice.
        """
        if self._sender is None:
            return Published(again=False)
        over = asyncio.get_running_loop().time() + self._turn
        sending: dict[str, asyncio.Task[None]] = {}
        reported: tuple[int, str] | None = None
        try:
            async with beating(HEARTBEAT), self._sender.connected() as send:
                while not activity.is_worker_shutdown() and asyncio.get_running_loop().time() < over:
                    for event in await self._due():
                        if event.claim_no not in sending and len(sending) < _AT_ONCE:
                            sending[event.claim_no] = asyncio.create_task(self._deliver(send, event))
                    await _pause(sending)
                    for claim_no in [claim_no for claim_no, task in sending.items() if task.done()]:
                        sending.pop(claim_no).result()
                    reported = await self._report(reported)
        finally:
            for task in sending.values():
                task.cancel()
            await asyncio.gather(*sending.values(), return_exceptions=True)
        return Published(again=True)

    async def _due(self) -> list[ClaimEvent]:
        with database_errors():
            async with self._engine.begin() as conn:
                await outbox.number(conn)
            async with self._engine.connect() as conn:
                # Twice as many as can be sent: some are of claims that are being sent already.
                return await outbox.due(conn, 2 * _AT_ONCE)

    async def _deliver(self, send: Send, event: ClaimEvent) -> None:
        code = await send(event)
        if code is not None:
            activity.logger.warning("an event was not taken: %s %s", event.event_no, code)
        with database_errors():
            async with self._engine.begin() as conn:
                if code is None:
                    await outbox.delivered(conn, event)
                else:
                    await outbox.not_delivered(conn, event, code, first=_FIRST_WAIT, longest=_LONGEST_WAIT)

    async def _report(self, reported: tuple[int, str] | None) -> tuple[int, str] | None:
        """Keep a finding about what the receiver does not take, and clear it when it does; written when it changes."""
        with database_errors():
            async with self._engine.begin() as conn:
                held = await outbox.held_back(conn, tries=_REPORTED_TRIES)
                now = (0, "") if held is None else (held.claims, held.code)
                if now != reported:
                    kind = FindingKind.EVENTS_HELD
                    found = [] if held is None else [Finding(kind, "receiver", None, None, _detail(held))]
                    await findings.report(conn, kind, found)
        return now


async def _pause(sending: Mapping[str, asyncio.Task[None]]) -> None:
    """Until one of them has ended, or it is time to look again."""
    if sending:
        await asyncio.wait(sending.values(), timeout=_LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
    else:
        await asyncio.sleep(_LOOK_EVERY)


def _detail(held: outbox.Held) -> dict[str, object]:
    return {"claims": held.claims, "since": held.since.isoformat(), "code": held.code}
