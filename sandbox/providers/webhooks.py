"""Webhooks out: queued in the transaction of what they tell, sent afterwards, again as the provider would.

Each provider's go out one after the other. A provider without a URL tells nobody and keeps nothing.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from sandbox.providers import faults


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook on its way; the same `event_id` on each try and each duplicate. `tries`: those already made."""

    seq: int
    provider: str
    merchant: str
    target: str | None
    event_id: str
    kind: str
    body: str
    due_at: int
    tries: int


def set_url(connection: sqlite3.Connection, provider: str, url: str | None) -> None:
    """Where a provider sends its webhooks; None: nowhere, and those that were still to go are lost."""
    connection.execute("DELETE FROM webhook_targets WHERE provider = ?", (provider,))
    if url is not None:
        connection.execute("INSERT INTO webhook_targets VALUES (?, ?)", (provider, url))
    else:
        connection.execute(
            "UPDATE deliveries SET state = 'lost' WHERE provider = ? AND state IN ('due', 'held')", (provider,)
        )


def url_of(connection: sqlite3.Connection, provider: str) -> str | None:
    """Where a provider sends its webhooks."""
    row = connection.execute("SELECT url FROM webhook_targets WHERE provider = ?", (provider,)).fetchone()
    return None if row is None else str(row["url"])


def announce(
    connection: sqlite3.Connection,
    provider: str,
    merchant: str,
    target: str | None,
    kind: str,
    event_id: str,
    body: object,
    now: int,
) -> None:
    """Queue one webhook, as the fault it meets allows."""
    if url_of(connection, provider) is None:
        return
    fault = faults.take(connection, provider, target, "webhook", faults.WEBHOOK)
    state = {"webhook_lost": "lost", "webhook_reorder": "held"}.get(fault.kind, "due")
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    for _ in range(2 if fault.kind == "webhook_duplicate" else 1):
        connection.execute(
            "INSERT INTO deliveries (provider, merchant, target, event_id, kind, body, state, due_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (provider, merchant, target, event_id, kind, text, state, now + fault.delay_ms),
        )


def next_due(connection: sqlite3.Connection, provider: str) -> Delivery | None:
    """The webhook of a provider that is to go out first, due or not."""
    row = connection.execute(
        "SELECT * FROM deliveries WHERE provider = ? AND state = 'due' ORDER BY due_at, seq LIMIT 1", (provider,)
    ).fetchone()
    return None if row is None else _delivery_of(row)


def tried(
    connection: sqlite3.Connection, delivery: Delivery, taken: bool, retries_ms: tuple[int, ...], now: int
) -> None:
    """Write how a try went: done, again later, or given up. Then those held back for it may go."""
    tries = delivery.tries + 1
    if taken:
        state, due_at = "done", delivery.due_at
    elif tries <= len(retries_ms):
        state, due_at = "due", now + retries_ms[tries - 1]
    else:
        state, due_at = "dead", delivery.due_at
    connection.execute(
        "UPDATE deliveries SET state = ?, tries = ?, due_at = ? WHERE seq = ?", (state, tries, due_at, delivery.seq)
    )
    connection.execute(
        "UPDATE deliveries SET state = 'due', due_at = ? WHERE provider = ? AND state = 'held' AND seq < ?",
        (now, delivery.provider, delivery.seq),
    )


def release(connection: sqlite3.Connection, provider: str, now: int) -> None:
    """Let every webhook that was held back go, without waiting for a later one."""
    connection.execute(
        "UPDATE deliveries SET state = 'due', due_at = ? WHERE provider = ? AND state = 'held'", (now, provider)
    )


def again(connection: sqlite3.Connection, provider: str, event_id: str, now: int) -> bool:
    """Send an event once more, with the same id; False when there is none of that id."""
    row = connection.execute(
        "SELECT * FROM deliveries WHERE provider = ? AND event_id = ? ORDER BY seq LIMIT 1", (provider, event_id)
    ).fetchone()
    if row is None:
        return False
    connection.execute(
        "INSERT INTO deliveries (provider, merchant, target, event_id, kind, body, state, due_at)"
        " VALUES (?, ?, ?, ?, ?, ?, 'due', ?)",
        (provider, row["merchant"], row["target"], event_id, row["kind"], row["body"], now),
    )
    return True


def listed(connection: sqlite3.Connection, provider: str) -> list[dict[str, Any]]:
    """Every webhook of a provider, in the order they were queued."""
    rows = connection.execute("SELECT * FROM deliveries WHERE provider = ? ORDER BY seq", (provider,))
    return [
        {
            "id": row["event_id"],
            "target": row["target"],
            "kind": row["kind"],
            "state": row["state"],
            "tries": row["tries"],
            "body": row["body"],
        }
        for row in rows
    ]


def _delivery_of(row: sqlite3.Row) -> Delivery:
    return Delivery(
        row["seq"],
        row["provider"],
        row["merchant"],
        row["target"],
        row["event_id"],
        row["kind"],
        row["body"],
        row["due_at"],
        row["tries"],
    )
