"""Faults on demand, the same for every provider: a durable queue that says what the next calls suffer.

A fault is suffered by a call that would act (or read, or deliver a webhook, as the fault says): signed in, well formed,
with a key that is new. A call suffers one fault: of those that fit it, the one queued first. The same target, occasion
and kind posted again replaces the rest and keeps its place in the queue.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

Occasion = Literal["act", "read", "webhook"]
FaultKind = Literal[
    "refuse", "error_before", "error_after", "lose_request", "lose_answer", "delay", "late", "pending", "html_before",
    "html_after", "down", "unlisted", "undelivered",
    "webhook_duplicate", "webhook_reorder", "webhook_lost", "webhook_late",
]  # fmt: skip

ACTING = frozenset(
    {
        "refuse",
        "error_before",
        "error_after",
        "lose_request",
        "lose_answer",
        "delay",
        "late",
        "html_before",
        "html_after",
    }
)
"""What any call that acts can suffer."""
PENDING = frozenset({"pending"})
MESSAGE = frozenset({"unlisted", "undelivered"})
"""What a message can suffer beside one of the above: not in the lists for `delayMs`, and never delivered."""
READING = frozenset({"refuse", "error_before", "lose_request", "lose_answer", "delay", "html_before"})
WEBHOOK = frozenset({"webhook_duplicate", "webhook_reorder", "webhook_lost", "webhook_late"})

DELAYED = frozenset({"delay", "late", "unlisted", "webhook_late"})
DEFAULT_DELAY_MS = 1000


@dataclass(frozen=True, slots=True)
class Fault:
    """What one call suffers; `code` and `status` serve `refuse` and the errors, in the provider's own terms."""

    kind: str
    delay_ms: int = 0
    code: str | None = None
    status: int | None = None


NO_FAULT = Fault("none")


def put(
    connection: sqlite3.Connection, provider: str, target: str | None, occasion: Occasion, fault: Fault, times: int
) -> None:
    """Queue a fault, or replace the one of the same target, occasion and kind where it stands."""
    connection.execute(
        "INSERT INTO faults (provider, target, moment, kind, times, delay_ms, code, status)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (provider, ifnull(target, ''), moment, kind) DO UPDATE SET times = excluded.times,"
        " delay_ms = excluded.delay_ms, code = excluded.code, status = excluded.status",
        (provider, target, occasion, fault.kind, times, fault.delay_ms, fault.code, fault.status),
    )


def clear(connection: sqlite3.Connection, provider: str) -> None:
    """Remove a provider's faults. A late call that was taken before still acts."""
    connection.execute("DELETE FROM faults WHERE provider = ?", (provider,))


def listed(connection: sqlite3.Connection, provider: str) -> list[dict[str, Any]]:
    """The faults still to be suffered, in the order of the queue."""
    rows = connection.execute("SELECT * FROM faults WHERE provider = ? ORDER BY seq", (provider,))
    return [
        {
            "target": row["target"],
            "on": row["moment"],
            "kind": row["kind"],
            "times": row["times"],
            "delayMs": row["delay_ms"],
            "code": row["code"],
            "status": row["status"],
        }
        for row in rows
    ]


def is_down(connection: sqlite3.Connection, provider: str) -> bool:
    """Whether every connection of this provider is to be cut."""
    row = connection.execute("SELECT 1 FROM faults WHERE provider = ? AND kind = 'down'", (provider,)).fetchone()
    return row is not None


def take(
    connection: sqlite3.Connection, provider: str, target: str | None, occasion: Occasion, kinds: Collection[str]
) -> Fault:
    """Use up one count of the first fault of these kinds for this target or any, and return it, or NO_FAULT."""
    row = connection.execute(
        "SELECT * FROM faults WHERE provider = ? AND (target = ? OR target IS NULL) AND moment = ?"
        " AND kind IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT 1",
        (provider, target, occasion, json.dumps(list(kinds))),
    ).fetchone()
    if row is None:
        return NO_FAULT
    if row["times"] == 1:
        connection.execute("DELETE FROM faults WHERE seq = ?", (row["seq"],))
    else:
        connection.execute("UPDATE faults SET times = times - 1 WHERE seq = ?", (row["seq"],))
    return Fault(row["kind"], row["delay_ms"], row["code"], row["status"])
