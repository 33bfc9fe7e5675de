"""How a refund or a charge is carried out: key first, then the fault it suffers, then the books.

All that a request changes (fault used up, money moved, answer stored) is one transaction.
"""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass

from sandbox import answers, faults, keys, ledger
from sandbox.answers import Answer, Refusal
from sandbox.clock import now_ms
from sandbox.database import Database
from sandbox.faults import Fault
from sandbox.keys import KeyedRequest, Waiting
from sandbox.ledger import RefundOrder, RefundStatus


@dataclass(frozen=True, slots=True)
class Say:
    """Give this answer, not before `at` (epoch milliseconds)."""

    answer: Answer
    at: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Cut the connection without an answer."""


class Gateway:
    """The gateway's front: takes keyed requests, keeps the late ones going. `start` and `stop` frame its life."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._late: set[asyncio.Task[Answer | None]] = set()
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Take up the late requests that an earlier life of this process left."""
        for waiting in await self._database.transact(keys.all_waiting):
            self._schedule(waiting)

    def stop(self) -> None:
        """Let callers that wait go without an answer; late requests stay in the store and act in the next life."""
        self._stopping.set()

    async def handle(self, request: KeyedRequest) -> Answer | None:
        """Carry out a request and return its answer when it is due; None: cut the connection.

        Raises Refusal when nothing was done for a reason of form, key or existence.
        """
        result = await self._database.transact(lambda connection: receive(connection, request, now_ms()))
        match result:
            case Cut():
                return None
            case Say(answer, at):
                return answer if await self._sleep_until(at) else None
            case Waiting():
                # Shielded: the end of the caller must never be the end of the act.
                return await asyncio.shield(self._schedule(result))

    def _schedule(self, waiting: Waiting) -> asyncio.Task[Answer | None]:
        task = asyncio.create_task(self._act_late(waiting))
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        return task

    async def _act_late(self, waiting: Waiting) -> Answer | None:
        if not await self._sleep_until(waiting.due_at):
            return None
        return await self._database.transact(lambda connection: act_late(connection, waiting.request, now_ms()))

    async def _sleep_until(self, at: int) -> bool:
        """Wait until then; False when the process is stopping instead."""
        while (left := at - now_ms()) > 0:
            try:
                await asyncio.wait_for(self._stopping.wait(), left / 1000)
            except TimeoutError:
                continue
            return False
        return True


def receive(connection: sqlite3.Connection, request: KeyedRequest, now: int) -> Say | Cut | Waiting:
    """Take one request: answer it from the store, or let it act as its fault allows."""
    earlier = keys.earlier_answer(connection, request, now)
    if earlier is not None:
        return Say(earlier, now)
    fault = _fault_for(connection, request)
    due_at = now + fault.delay_ms
    match fault.kind:
        case "refuse":
            return Say(answers.refused().answer, now)
        case "error_before":
            return Say(answers.internal().answer, now)
        case "error_after":
            _act(connection, request, now)
            return Say(answers.internal().answer, now)
        case "lose_answer":
            _act(connection, request, now)
            return Cut()
        case "delay":
            return Say(_act(connection, request, now, answered_at=due_at), due_at)
        case "late":
            keys.hold(connection, request, due_at)
            return Waiting(request, due_at)
        case "pending":
            return Say(_act(connection, request, now, status="pending"), now)
        case _:
            return Say(_act(connection, request, now), now)


def act_late(connection: sqlite3.Connection, request: KeyedRequest, now: int) -> Answer:
    """Carry out a request that was taken earlier, once. An error gives its key free."""
    if not keys.still_waiting(connection, request):
        raise RuntimeError(f"{request.path} {request.key} acted before it was due")
    answer = _act(connection, request, now)
    if answer.status >= 400:
        keys.release(connection, request)
    return answer


def _fault_for(connection: sqlite3.Connection, request: KeyedRequest) -> Fault:
    order = request.order
    if isinstance(order, RefundOrder):
        ledger.require_payment(connection, order.pg_tid)
        return faults.take(connection, order.pg_tid, faults.REFUND_FAULTS, or_any=True)
    return faults.take(connection, order.pg_tid, faults.CHARGE_FAULTS, or_any=True)


def _act(
    connection: sqlite3.Connection,
    request: KeyedRequest,
    now: int,
    *,
    status: RefundStatus = "succeeded",
    answered_at: int | None = None,
) -> Answer:
    """Move the money and store the answer; a refusal by the books is an answer too, stored only while held back."""
    order = request.order
    try:
        if isinstance(order, RefundOrder):
            answer = Answer(200, ledger.refund(connection, request.key, order, status, now))
        else:
            answer = Answer(200, ledger.charge(connection, request.key, order, now))
    except Refusal as refusal:
        answer = refusal.answer
    if answer.status < 400 or answered_at is not None:
        keys.store(connection, request, answer, now if answered_at is None else answered_at)
    return answer
