"""Idempotency keys: what was answered under a key, and which keys are still at work. Scoped by path, kept for good.

Each function is called inside the transaction of the act, so that an act and its stored answer stand or fall together.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass

from sandbox import answers
from sandbox.answers import Answer
from sandbox.ledger import ChargeOrder, RefundOrder

Order = RefundOrder | ChargeOrder


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request under a key: `digest` stands for its body, `order` is what it asks for."""

    path: str
    key: str
    digest: str
    order: Order


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that was taken and acts at `due_at` (epoch milliseconds)."""

    request: KeyedRequest
    due_at: int


def earlier_answer(connection: sqlite3.Connection, request: KeyedRequest, now: int) -> Answer | None:
    """The answer stored under this key; None when the key is new.

    Raises `idempotency_mismatch` for another body, and `in_progress` while the first request is not answered.
    """
    # A delayed refusal held its key only until it was given: error answers are not stored.
    connection.execute(
        "DELETE FROM keyed_requests WHERE path = ? AND key = ? AND status >= 400 AND due_at <= ?",
        (request.path, request.key, now),
    )
    row = connection.execute(
        "SELECT * FROM keyed_requests WHERE path = ? AND key = ?", (request.path, request.key)
    ).fetchone()
    if row is None:
        return None
    if row["digest"] != request.digest:
        raise answers.idempotency_mismatch()
    if row["status"] is None or row["due_at"] > now:
        raise answers.in_progress()
    return Answer(row["status"], json.loads(row["body"]), replayed=True)


def hold(connection: sqlite3.Connection, request: KeyedRequest, due_at: int) -> None:
    """Take a request that acts at `due_at`, also after a restart."""
    _write(connection, request, due_at, None)


def store(connection: sqlite3.Connection, request: KeyedRequest, answer: Answer, due_at: int) -> None:
    """Keep the answer; until `due_at` the key counts as at work. An error is kept no longer than that."""
    _write(connection, request, due_at, answer)


def release(connection: sqlite3.Connection, request: KeyedRequest) -> None:
    """Forget a request that was taken: it came to nothing."""
    connection.execute("DELETE FROM keyed_requests WHERE path = ? AND key = ?", (request.path, request.key))


def still_waiting(connection: sqlite3.Connection, request: KeyedRequest) -> bool:
    """Whether a taken request has not acted yet."""
    row = connection.execute(
        "SELECT 1 FROM keyed_requests WHERE path = ? AND key = ? AND status IS NULL", (request.path, request.key)
    ).fetchone()
    return row is not None


def all_waiting(connection: sqlite3.Connection) -> list[Waiting]:
    """Every request that was taken and has not acted."""
    rows = connection.execute("SELECT * FROM keyed_requests WHERE status IS NULL ORDER BY due_at")
    return [
        Waiting(KeyedRequest(row["path"], row["key"], row["digest"], _load_order(row["asked_for"])), row["due_at"])
        for row in rows
    ]


def _write(connection: sqlite3.Connection, request: KeyedRequest, due_at: int, answer: Answer | None) -> None:
    connection.execute(
        "INSERT INTO keyed_requests (path, key, digest, asked_for, due_at, status, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (path, key) DO UPDATE SET"
        " due_at = excluded.due_at, status = excluded.status, body = excluded.body",
        (
            request.path,
            request.key,
            request.digest,
            _dump_order(request.order),
            due_at,
            None if answer is None else answer.status,
            None if answer is None else json.dumps(answer.body),
        ),
    )


def _dump_order(order: Order) -> str:
    return json.dumps({"kind": type(order).__name__, "fields": asdict(order)})


def _load_order(text: str) -> Order:
    stored = json.loads(text)
    kinds: dict[str, type[Order]] = {kind.__name__: kind for kind in (RefundOrder, ChargeOrder)}
    return kinds[stored["kind"]](**stored["fields"])
