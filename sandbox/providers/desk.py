"""How a provider's call is carried out: key first, then the fault it suffers, then the books. And the postman.

All that a call changes (fault used up, money moved, answer stored, webhook queued) is one transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import httpx
from starlette.responses import Response

from sandbox.clock import now_ms
from sandbox.connection import CutConnection
from sandbox.database import Database
from sandbox.providers import faults, keys, registry, webhooks
from sandbox.providers.faults import Fault
from sandbox.providers.keys import Held, KeyRule
from sandbox.providers.provider import Provider
from sandbox.providers.webhooks import Delivery
from sandbox.providers.wire import Call, Moment, Refused, Reply

T = TypeVar("T")

WEBHOOK_TIMEOUT_S = 10
"""How long a receiver has to answer a webhook."""


@dataclass(frozen=True, slots=True)
class Say:
    """Give this answer, not before `at`; `replayed`: it was given before under the same key."""

    reply: Reply
    at: int
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """Cut the connection without an answer."""


class Desk:
    """Takes every provider's calls, keeps the late ones going, sends webhooks. `start` and `stop` frame its life."""

    def __init__(self, database: Database, providers: Sequence[Provider]) -> None:
        self._database = database
        self._providers = {provider.name: provider for provider in providers}
        self._ahead_ms: dict[str, int] = {}
        self._late: set[asyncio.Task[Reply | None]] = set()
        self._postmen: list[asyncio.Task[None]] = []
        self._stopping = False
        self._news = asyncio.Event()

    async def start(self) -> None:
        """Open the first accounts, take up what an earlier life of this process left, and start the postmen."""

        def read(connection: sqlite3.Connection) -> tuple[dict[str, int], list[Held]]:
            for provider in self._providers.values():
                if not registry.merchants(connection, provider.name):
                    registry.put_merchant(connection, provider.name, provider.first_merchant)
            clocks = connection.execute("SELECT provider, ahead_ms FROM clocks").fetchall()
            return {row["provider"]: row["ahead_ms"] for row in clocks}, keys.all_held(connection)

        self._ahead_ms, left = await self.transact(read)
        for held in left:
            self._schedule(held)
        self._postmen = [asyncio.create_task(self._deliver(provider)) for provider in self._providers.values()]

    def stop(self) -> None:
        """Let callers that wait go without an answer; late calls and webhooks stay in the ledger for the next life."""
        self._stopping = True
        self.tell()

    def now(self, provider: str) -> int:
        """The time at a provider, in epoch milliseconds."""
        return now_ms() + self._ahead_ms.get(provider, 0)

    async def advance(self, provider: str, by_ms: int) -> None:
        """Move a provider's clock on; what has become due acts."""
        ahead_ms = self._ahead_ms.get(provider, 0) + by_ms
        # Moved before anything is waited for, so that two moves at once both count.
        self._ahead_ms[provider] = ahead_ms
        await self.transact(lambda c: c.execute("INSERT OR REPLACE INTO clocks VALUES (?, ?)", (provider, ahead_ms)))
        self.tell()

    def tell(self) -> None:
        """Wake whoever waits for a time to come or for something to send."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in one transaction."""
        return await self._database.transact(work)

    async def perform(self, provider: Provider, call: Call) -> Response:
        """Carry out a call and return its answer when it is due."""
        result = await self.transact(lambda connection: receive(connection, provider, call, self.now(provider.name)))
        self.tell()
        match result:
            case Cut():
                return CutConnection()
            case Say(reply, at, replayed):
                due = await self._sleep_until(provider.name, at)
                return render(provider, reply, replayed=replayed) if due else CutConnection()
            case Held():
                # Shielded: the end of the caller must never be the end of the act.
                late = await asyncio.shield(self._schedule(result))
                return CutConnection() if late is None else render(provider, late)

    async def read(
        self, provider: Provider, target: str | None, work: Callable[[sqlite3.Connection, int], Reply]
    ) -> Response:
        """Answer a call that changes nothing, as the fault for reads that it meets allows."""

        def answer(connection: sqlite3.Connection) -> tuple[Fault, Reply]:
            reply = work(connection, self.now(provider.name))
            return faults.take(connection, provider.name, target, "read", faults.READING), reply

        fault, reply = await self.transact(answer)
        match fault.kind:
            case "refuse":
                return render(provider, provider.refusal(fault))
            case "error_before":
                return render(provider, provider.failure(fault))
            case "lose_request" | "lose_answer":
                return CutConnection()
            case "html_before":
                return render(provider, Reply.html(fault.status or 502))
            case _:
                due = self.now(provider.name) + fault.delay_ms
                return render(provider, reply) if await self._sleep_until(provider.name, due) else CutConnection()

    def _schedule(self, held: Held) -> asyncio.Task[Reply | None]:
        task = asyncio.create_task(self._act_late(held))
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        return task

    async def _act_late(self, held: Held) -> Reply | None:
        if not await self._sleep_until(held.call.provider, held.due_at):
            return None
        provider = self._providers[held.call.provider]
        reply = await self.transact(lambda connection: act_late(connection, provider, held, self.now(provider.name)))
        self.tell()
        return reply

    async def _sleep_until(self, provider: str, at: int) -> bool:
        """Wait until then by the provider's clock; False when the process is stopping instead."""
        while not self._stopping:
            left = at - self.now(provider)
            if left <= 0:
                return True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), left / 1000)
        return False

    async def _deliver(self, provider: Provider) -> None:
        async with httpx.AsyncClient(timeout=WEBHOOK_TIMEOUT_S, trust_env=False) as http:
            while not self._stopping:
                news = self._news
                delivery = await self.transact(lambda connection: webhooks.next_due(connection, provider.name))
                left = None if delivery is None else delivery.due_at - self.now(provider.name)
                if delivery is not None and left is not None and left <= 0:
                    await self._send(http, provider, delivery)
                    continue
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), None if left is None else left / 1000)

    async def _send(self, http: httpx.AsyncClient, provider: Provider, delivery: Delivery) -> None:
        def where(connection: sqlite3.Connection) -> tuple[str | None, registry.Merchant | None]:
            merchant = registry.by_name(connection, delivery.provider, delivery.merchant)
            return webhooks.url_of(connection, delivery.provider), merchant

        url, merchant = await self.transact(where)
        taken = False
        if url is not None and merchant is not None:
            headers = {
                "Content-Type": "application/json",
                **provider.webhook_headers(delivery, merchant),
            }
            # Whatever goes wrong on the way, the receiver has not said that it has it.
            with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL):
                response = await http.post(url, content=delivery.body.encode(), headers=headers)
                taken = provider.webhook_taken(response.status_code)
        now = self.now(provider.name)
        await self.transact(
            lambda connection: webhooks.tried(connection, delivery, taken, provider.webhook_retries_ms, now)
        )


def render(provider: Provider, reply: Reply, *, replayed: bool = False) -> Response:
    """The HTTP response of an answer."""
    headers = {**provider.headers(), **(provider.replay_headers if replayed else {})}
    return Response(reply.text, reply.status, headers, reply.media_type)


def receive(connection: sqlite3.Connection, provider: Provider, call: Call, now: int) -> Say | Cut | Held:
    """Take one call: answer it from the store, or let it act as its fault allows."""
    rule = provider.key_rule(registry.quirks(connection, provider.name, provider.quirks))
    keys.drop_given_errors(connection, rule, call, now)
    try:
        stored = keys.earlier(connection, rule, call, now)
    except Refused as refused:
        return Say(refused.reply, now)
    if stored is not None:
        return Say(stored, now, replayed=True)
    try:
        provider.admit(connection, call, now)
    except Refused as refused:
        keys.keep(connection, rule, call, refused.reply, False, now, now)
        return Say(refused.reply, now)
    fault = faults.take(connection, provider.name, call.target, "act", provider.suffers(call.operation))
    return _suffer(connection, provider, rule, call, fault, now)


def act_late(connection: sqlite3.Connection, provider: Provider, held: Held, now: int) -> Reply:
    """Carry out a call that was taken earlier, once."""
    rule = provider.key_rule(registry.quirks(connection, provider.name, provider.quirks))
    reply, acted = _act(connection, provider, held.call, Moment(now))
    keys.release(connection, rule, held, reply, acted)
    return reply


def _suffer(
    connection: sqlite3.Connection, provider: Provider, rule: KeyRule, call: Call, fault: Fault, now: int
) -> Say | Cut | Held:
    def burn(reply: Reply) -> Say:
        keys.keep(connection, rule, call, reply, False, now, now)
        return Say(reply, now)

    match fault.kind:
        case "refuse":
            return burn(provider.refusal(fault))
        case "error_before":
            return burn(provider.failure(fault))
        case "lose_request":
            return Cut()
        case "html_before":
            return Say(Reply.html(fault.status or 502), now)
        case "late":
            return keys.hold(connection, call, now, now + fault.delay_ms)
        case _:
            return _act_and_suffer(connection, provider, rule, call, fault, now)


def _act_and_suffer(
    connection: sqlite3.Connection, provider: Provider, rule: KeyRule, call: Call, fault: Fault, now: int
) -> Say | Cut:
    """It acts, and the fault is in what the caller learns of it."""

    def keep(reply: Reply, acted: bool, due: int = now) -> Reply:
        keys.keep(connection, rule, call, reply, acted, now, due)
        return reply

    reply, acted = _act(connection, provider, call, Moment(now, fault.kind == "pending"))
    match fault.kind:
        case "error_after":
            return Say(keep(provider.failure(fault), acted), now)
        case "lose_answer":
            keep(reply, acted)
            return Cut()
        case "html_after":
            keep(reply, acted)
            return Say(Reply.html(fault.status or 502), now)
        case "delay":
            due = now + fault.delay_ms
            return Say(keep(reply, acted, due), due)
        case _:
            return Say(keep(reply, acted), now)


def _act(connection: sqlite3.Connection, provider: Provider, call: Call, moment: Moment) -> tuple[Reply, bool]:
    """The answer, and whether anything was done for it. A refusal by the books is an answer too."""
    try:
        return provider.act(connection, call, moment), True
    except Refused as refused:
        return refused.reply, False
