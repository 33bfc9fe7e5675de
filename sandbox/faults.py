"""Faults on demand: a durable queue that says what the next requests suffer.

A fault is suffered by a request that would act: well formed, on a known payment, with a key that is new. Replays and
refusals of form don't use one up. A request suffers one fault: of those that fit it, the one queued first. The same
target and kind posted again replaces count and delay and keeps its place in the queue.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sandbox.wire import FaultBody

DEFAULT_DELAY_MS = 1000

REFUND_FAULTS = frozenset({"refuse", "error_before", "error_after", "lose_answer", "delay", "late", "pending"})
CHARGE_FAULTS = REFUND_FAULTS - {"pending"}
"""A charge has no pending state; it leaves that fault to the next refund."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What one request suffers. `delay_ms` is 0 but for delay and late."""

    kind: str
    delay_ms: int = 0


NO_FAULT = Fault("none")


def put(connection: sqlite3.Connection, body: FaultBody) -> None:
    """Queue a fault, or replace the one of the same target and kind where it stands."""
    # Down takes everything with it, so it has one row whatever payment was named.
    pg_tid = None if body.kind == "down" else body.pg_tid
    connection.execute(
        "INSERT INTO faults (pg_tid, kind, times, delay_ms) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (ifnull(pg_tid, ''), kind) DO UPDATE SET times = excluded.times, delay_ms = excluded.delay_ms",
        (pg_tid, body.kind, body.times, _delay_of(body)),
    )


def clear(connection: sqlite3.Connection) -> None:
    """Remove every fault. A late request that was taken before still acts."""
    connection.execute("DELETE FROM faults")


def listed(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """The faults still to be suffered, in the order of the queue."""
    rows = connection.execute("SELECT pg_tid, kind, times, delay_ms FROM faults ORDER BY seq")
    return [
        {"pgTid": row["pg_tid"], "kind": row["kind"], "times": row["times"], "delayMs": row["delay_ms"]} for row in rows
    ]


def is_down(connection: sqlite3.Connection) -> bool:
    """Whether every connection is to be cut."""
    return connection.execute("SELECT 1 FROM faults WHERE kind = 'down'").fetchone() is not None


def take(connection: sqlite3.Connection, target: str | None, kinds: Collection[str], *, or_any: bool) -> Fault:
    """Use up one count of the first fault of these kinds for this target, and return it; NO_FAULT when there is none.

    `or_any`: the faults for any payment fit too.
    """
    row = connection.execute(
        "SELECT seq, kind, times, delay_ms FROM faults"
        " WHERE (pg_tid = ? OR (pg_tid IS NULL AND ?)) AND kind IN (SELECT value FROM json_each(?))"
        " ORDER BY seq LIMIT 1",
        (target, or_any, json.dumps(list(kinds))),
    ).fetchone()
    if row is None:
        return NO_FAULT
    if row["times"] == 1:
        connection.execute("DELETE FROM faults WHERE seq = ?", (row["seq"],))
    else:
        connection.execute("UPDATE faults SET times = times - 1 WHERE seq = ?", (row["seq"],))
    return Fault(row["kind"], row["delay_ms"])


def _delay_of(body: FaultBody) -> int:
    if body.kind not in ("delay", "late"):
        return 0
    return DEFAULT_DELAY_MS if body.delay_ms is None else body.delay_ms
