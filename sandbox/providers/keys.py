"""Idempotency keys, as each provider has them: what was answered under a key, which are at work, which are refused.

Each function is called inside the transaction of the act, so that an act and its stored answer stand or fall together.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sandbox.providers.wire import Call, Refused, Reply

KEEPS = frozenset({"worst", "always", "never"})
"""The ways to play whether an error is kept."""


def is_kept(acted: bool, unproven: object) -> bool:
    """Whether an error is kept under its key, where nobody knows: `always`, `never` or `worst`.

    `worst`: kept when nothing was done, so that the key is burnt, and not kept when something was, so that a repeat
    does it again.
    """
    return unproven == "always" or (unproven == "worst" and not acted)


@dataclass(frozen=True, slots=True)
class KeyRule:
    """How a provider treats a key that it has seen.

    `replay`: the stored answer again, for `life_ms`, and `in_flight` until it is given; `refuse`: `in_flight` for
    `life_ms`, whatever the body; `none`: keys mean nothing. `keeps(answer, acted)`: whether this answer burns the key.
    """

    mode: Literal["replay", "refuse", "none"]
    life_ms: int
    in_flight: Reply
    keeps: Callable[[Reply, bool], bool]
    other_body: Reply | None = None
    """What another body under the same key gets; None: bodies are not compared."""


@dataclass(frozen=True, slots=True)
class Held:
    """A call that was taken and acts at `due_at`."""

    id: int
    call: Call
    due_at: int


def earlier(connection: sqlite3.Connection, rule: KeyRule, call: Call, now: int) -> Reply | None:
    """The answer stored under this call's key; None when the key is new, or none, or means nothing.

    Raises Refused while the first call is at work, or when the rule refuses a used key.
    """
    if rule.mode == "none" or call.key is None:
        return None
    row = connection.execute(
        "SELECT * FROM calls WHERE provider = ? AND merchant = ? AND path = ? AND key = ?",
        (call.provider, call.merchant, call.path, call.key),
    ).fetchone()
    if row is None:
        return None
    if row["at"] + rule.life_ms <= now:
        _forget(connection, row["id"], acted=row["status"] is not None)
        return None
    if rule.mode == "refuse" or row["status"] is None or row["due_at"] > now:
        raise Refused(rule.in_flight)
    if rule.other_body is not None and row["digest"] != call.digest:
        raise Refused(rule.other_body)
    return Reply(row["status"], row["answer"])


def keep(
    connection: sqlite3.Connection, rule: KeyRule, call: Call, reply: Reply, acted: bool, now: int, due: int
) -> None:
    """Store the answer under the call's key, if the rule does; until `due` the key counts as at work."""
    if rule.mode == "none" or call.key is None or not (rule.keeps(reply, acted) or due > now):
        return
    # Only what a replay needs; the body may hold an account number.
    _write(connection, call, "{}", now, due, reply)


def hold(connection: sqlite3.Connection, call: Call, now: int, due: int) -> Held:
    """Take a call that acts at `due`, also after a restart."""
    cursor = _write(connection, call, json.dumps(call.body), now, due, None)
    return Held(int(cursor.lastrowid or 0), call, due)


def all_held(connection: sqlite3.Connection) -> list[Held]:
    """Every call that was taken and has not acted."""
    rows = connection.execute("SELECT * FROM calls WHERE status IS NULL ORDER BY due_at")
    return [
        Held(
            row["id"],
            Call(
                row["provider"],
                row["merchant"],
                row["operation"],
                row["path"],
                row["target"],
                row["key"],
                json.loads(row["body"]),
            ),
            row["due_at"],
        )
        for row in rows
    ]


def release(connection: sqlite3.Connection, rule: KeyRule, held: Held, reply: Reply, acted: bool) -> None:
    """A held call has acted: store its answer, or forget it."""
    if rule.mode == "none" or held.call.key is None or not rule.keeps(reply, acted):
        connection.execute("DELETE FROM calls WHERE id = ?", (held.id,))
    else:
        connection.execute(
            "UPDATE calls SET status = ?, answer = ?, body = '{}' WHERE id = ?", (reply.status, reply.text, held.id)
        )


def drop_given_errors(connection: sqlite3.Connection, rule: KeyRule, call: Call, now: int) -> None:
    """Forget a delayed answer that held its key only until it was given."""
    row = connection.execute(
        "SELECT id, status, answer FROM calls WHERE provider = ? AND merchant = ? AND path = ? AND key = ?"
        " AND status IS NOT NULL AND due_at <= ?",
        (call.provider, call.merchant, call.path, call.key, now),
    ).fetchone()
    if row is not None and not rule.keeps(Reply(row["status"], row["answer"]), row["status"] < 400):
        connection.execute("DELETE FROM calls WHERE id = ?", (row["id"],))


def _forget(connection: sqlite3.Connection, call_id: int, *, acted: bool) -> None:
    # One that has still to act goes on without its key.
    statement = "DELETE FROM calls WHERE id = ?" if acted else "UPDATE calls SET key = NULL WHERE id = ?"
    connection.execute(statement, (call_id,))


def _write(
    connection: sqlite3.Connection, call: Call, body: str, now: int, due: int, reply: Reply | None
) -> sqlite3.Cursor:
    return connection.execute(
        "INSERT INTO calls (provider, merchant, operation, path, target, key, digest, body, at, due_at, status, answer)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            call.provider,
            call.merchant,
            call.operation,
            call.path,
            call.target,
            call.key,
            call.digest,
            body,
            now,
            due,
            None if reply is None else reply.status,
            None if reply is None else reply.text,
        ),
    )
