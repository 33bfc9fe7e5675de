"""The tables of the providers' ledger: one SQLite file for all of them, told apart by `provider`."""

from __future__ import annotations

import sqlite3

SCHEMA = """
CREATE TABLE IF NOT EXISTS clocks (
    provider TEXT PRIMARY KEY,
    ahead_ms INTEGER NOT NULL CHECK (ahead_ms > 0)  -- how far this provider's clock was moved on
) STRICT;

CREATE TABLE IF NOT EXISTS merchants (
    provider TEXT NOT NULL,
    merchant TEXT NOT NULL,
    secret   TEXT NOT NULL,
    details  TEXT NOT NULL,  -- as JSON
    PRIMARY KEY (provider, merchant),
    UNIQUE (provider, secret)
) STRICT;

CREATE TABLE IF NOT EXISTS quirks (
    provider TEXT NOT NULL,
    name     TEXT NOT NULL,
    value    TEXT NOT NULL,  -- as JSON
    PRIMARY KEY (provider, name)
) STRICT;

CREATE TABLE IF NOT EXISTS used_tokens (
    provider TEXT NOT NULL,
    token    TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (provider, token)
) STRICT;

CREATE TABLE IF NOT EXISTS stored_means (
    provider TEXT NOT NULL,
    token    TEXT NOT NULL,
    merchant TEXT NOT NULL,
    customer TEXT NOT NULL,
    PRIMARY KEY (provider, token)
) STRICT;

CREATE TABLE IF NOT EXISTS payments (
    provider    TEXT NOT NULL,
    payment     TEXT NOT NULL,
    merchant    TEXT NOT NULL,
    order_id    TEXT NOT NULL,
    amount      INTEGER NOT NULL CHECK (amount > 0),
    tax_free    INTEGER NOT NULL CHECK (tax_free >= 0 AND tax_free <= amount),
    currency    TEXT NOT NULL,
    method      TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'captured', 'closed')),
    created_at  INTEGER NOT NULL,
    captured_at INTEGER,
    details     TEXT NOT NULL,  -- as JSON
    PRIMARY KEY (provider, payment)
) STRICT;
CREATE INDEX IF NOT EXISTS payments_by_order ON payments (provider, merchant, order_id);

CREATE TABLE IF NOT EXISTS refunds (
    seq        INTEGER PRIMARY KEY,
    provider   TEXT NOT NULL,
    payment    TEXT NOT NULL,
    ref        TEXT NOT NULL UNIQUE,
    key        TEXT,
    amount     INTEGER NOT NULL CHECK (amount > 0),
    tax_free   INTEGER NOT NULL CHECK (tax_free >= 0 AND tax_free <= amount),
    left_after INTEGER NOT NULL CHECK (left_after >= 0),
    status     TEXT NOT NULL CHECK (status IN ('succeeded', 'pending', 'failed')),
    reference  TEXT NOT NULL,
    origin     TEXT NOT NULL CHECK (origin IN ('api', 'console')),
    at         INTEGER NOT NULL,
    details    TEXT NOT NULL,  -- as JSON
    FOREIGN KEY (provider, payment) REFERENCES payments
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_of_payment ON refunds (provider, payment, seq);

CREATE TABLE IF NOT EXISTS receipts (
    seq      INTEGER PRIMARY KEY,
    provider TEXT NOT NULL,
    merchant TEXT NOT NULL,
    receipt  TEXT NOT NULL,
    amount   INTEGER NOT NULL,
    kind     TEXT NOT NULL CHECK (kind IN ('issue', 'cancel')),
    at       INTEGER NOT NULL,
    details  TEXT NOT NULL  -- as JSON
) STRICT;

-- A call that acts: its stored answer under its key, or a call that is still to act (status is null).
CREATE TABLE IF NOT EXISTS calls (
    id        INTEGER PRIMARY KEY,
    provider  TEXT NOT NULL,
    merchant  TEXT NOT NULL,
    operation TEXT NOT NULL,
    path      TEXT NOT NULL,
    target    TEXT,
    key       TEXT,
    digest    TEXT NOT NULL,
    body      TEXT NOT NULL,     -- as JSON; emptied once it has acted
    at        INTEGER NOT NULL,
    due_at    INTEGER NOT NULL,  -- not acted before this, or not answered before it once acted
    status    INTEGER,
    answer    TEXT,
    CHECK ((status IS NULL) = (answer IS NULL))
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_call_per_key ON calls (provider, merchant, path, key) WHERE key IS NOT NULL;

CREATE TABLE IF NOT EXISTS faults (
    seq      INTEGER PRIMARY KEY,
    provider TEXT NOT NULL,
    target   TEXT,
    moment   TEXT NOT NULL CHECK (moment IN ('act', 'read', 'webhook')),
    kind     TEXT NOT NULL,
    times    INTEGER NOT NULL CHECK (times > 0),
    delay_ms INTEGER NOT NULL CHECK (delay_ms >= 0),
    code     TEXT,
    status   INTEGER
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_fault_of_a_kind ON faults (provider, ifnull(target, ''), moment, kind);

CREATE TABLE IF NOT EXISTS webhook_targets (
    provider TEXT PRIMARY KEY,
    url      TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS deliveries (
    seq       INTEGER PRIMARY KEY,
    provider  TEXT NOT NULL,
    merchant  TEXT NOT NULL,
    target    TEXT,
    event_id  TEXT NOT NULL,
    kind      TEXT NOT NULL,
    body      TEXT NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('due', 'held', 'done', 'dead', 'lost')),
    due_at    INTEGER NOT NULL,
    tries     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (provider, state, due_at, seq);

CREATE TABLE IF NOT EXISTS templates (
    provider TEXT NOT NULL,
    code     TEXT NOT NULL,
    sender   TEXT NOT NULL,
    text     TEXT NOT NULL,
    approved INTEGER NOT NULL CHECK (approved IN (0, 1)),
    PRIMARY KEY (provider, code)
) STRICT;

CREATE TABLE IF NOT EXISTS messages (
    seq         INTEGER PRIMARY KEY,
    provider    TEXT NOT NULL,
    merchant    TEXT NOT NULL,
    ref         TEXT NOT NULL UNIQUE,
    batch       TEXT NOT NULL,
    position    INTEGER NOT NULL,
    key         TEXT,
    recipient   TEXT NOT NULL,
    template    TEXT NOT NULL,
    text        TEXT NOT NULL,
    reference   TEXT NOT NULL,
    at          INTEGER NOT NULL,
    listed_at   INTEGER NOT NULL,
    settles_at  INTEGER NOT NULL,
    outcome     TEXT NOT NULL CHECK (outcome IN ('delivered', 'failed')),
    details     TEXT NOT NULL  -- as JSON
) STRICT;
CREATE INDEX IF NOT EXISTS messages_of_batch ON messages (provider, batch, position);
CREATE INDEX IF NOT EXISTS messages_by_reference ON messages (provider, reference, seq);
"""


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables that aren't there. What is deleted is overwritten: a late call may have held an account."""
    connection.execute("PRAGMA secure_delete = ON")
    connection.executescript(SCHEMA)
