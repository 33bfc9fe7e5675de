"""The durable store of the sandbox: one SQLite file, one transaction at a time, off the event loop."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# Times are epoch milliseconds of the wall clock, not of a monotonic one: they must mean the same after a restart.
SCHEMA = """
CREATE TABLE IF NOT EXISTS payments (
    pg_tid     TEXT PRIMARY KEY,
    amount     INTEGER NOT NULL CHECK (amount > 0),
    currency   TEXT NOT NULL,
    pay_way_cd TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS refunds (
    seq       INTEGER PRIMARY KEY,
    refund_id TEXT NOT NULL UNIQUE,
    pg_tid    TEXT NOT NULL REFERENCES payments,
    key       TEXT NOT NULL,
    amount    INTEGER NOT NULL CHECK (amount > 0),
    status    TEXT NOT NULL CHECK (status IN ('succeeded', 'pending', 'failed')),
    reference TEXT NOT NULL,
    at        INTEGER NOT NULL,
    tax_free  INTEGER,
    vat       INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_of_payment ON refunds (pg_tid, seq);

CREATE TABLE IF NOT EXISTS charges (
    seq       INTEGER PRIMARY KEY,
    charge_id TEXT NOT NULL UNIQUE,
    pg_tid    TEXT NOT NULL UNIQUE REFERENCES payments,
    key       TEXT NOT NULL,
    reference TEXT NOT NULL,
    at        INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS charges_by_reference ON charges (reference, seq);

-- One row per key that is known: its stored answer, or a request that is still to act (status is null).
CREATE TABLE IF NOT EXISTS keyed_requests (
    path      TEXT NOT NULL,
    key       TEXT NOT NULL,
    digest    TEXT NOT NULL,
    asked_for TEXT NOT NULL,     -- as JSON
    due_at    INTEGER NOT NULL,  -- not acted before this, or not answered before it once acted
    status    INTEGER,
    body      TEXT,
    PRIMARY KEY (path, key),
    CHECK ((status IS NULL) = (body IS NULL))
) STRICT;

CREATE TABLE IF NOT EXISTS faults (
    seq      INTEGER PRIMARY KEY,
    pg_tid   TEXT,
    kind     TEXT NOT NULL,
    times    INTEGER NOT NULL CHECK (times > 0),
    delay_ms INTEGER NOT NULL CHECK (delay_ms >= 0)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_fault_per_target_and_kind ON faults (ifnull(pg_tid, ''), kind);

CREATE TABLE IF NOT EXISTS messages (
    seq        INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE,
    key        TEXT NOT NULL,
    recipient  TEXT NOT NULL,
    template   TEXT NOT NULL,
    text       TEXT NOT NULL,
    reference  TEXT NOT NULL,
    at         INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS messages_by_key ON messages (key, at);
CREATE INDEX IF NOT EXISTS messages_by_reference ON messages (reference, seq);
"""


class Database:
    """One SQLite file and the one thread that talks to it. A transaction that was answered outlives SIGKILL.

    `prepare` makes the tables, each time the file is opened; None: those of our own gateway.
    """

    def __init__(self, path: Path, prepare: Callable[[sqlite3.Connection], None] | None = None) -> None:
        # One thread is the whole of concurrency control: transactions run one after the other.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._connection = self._thread.submit(_open, path, prepare or _prepare).result()

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in one transaction and return its result once that is on disk; an exception undoes it whole."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, _transact, self._connection, work)

    def close(self) -> None:
        """Finish the running transaction and close the file."""
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()


def _open(path: Path, prepare: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    prepare(connection)
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """The tables of our own gateway; a file of an earlier version gets what it lacks."""
    connection.executescript(SCHEMA)
    _add_columns(connection, "refunds", ("tax_free", "vat"))


def _add_columns(connection: sqlite3.Connection, table: str, names: tuple[str, ...]) -> None:
    """A file of an earlier version lacks them: what it holds was never told any."""
    there = {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}
    for name in names:
        if name not in there:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} INTEGER")


def _transact(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return result
