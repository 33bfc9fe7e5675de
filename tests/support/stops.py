"""Places in the database where a claim stops until the test lets it go on: exact, and seen from outside.

A trigger waits for an advisory lock that the test holds. Inside a transaction that leaves the write undone when its
writer is killed; in the commit it leaves the write done, and its writer never hears of it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

TABLES = ("claim_events", "claim_steps", "effects", "extra_payments", "notices", "refund_attempts")

INSTALL: LiteralString = """
CREATE TABLE stops (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    claim_no text NOT NULL, in_table text NOT NULL, part jsonb NOT NULL, committing boolean NOT NULL
);
CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    here integer;
BEGIN
    SELECT number INTO here FROM stops
    WHERE claim_no = NEW.claim_no AND in_table = TG_TABLE_NAME AND committing = (TG_NARGS > 0)
      AND to_jsonb(NEW) @> part;
    IF here IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock_shared(here);
    END IF;
    RETURN NULL;
END
$$;
CREATE FUNCTION opened_long_ago() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.opened_at := NEW.opened_at - interval '1 minute';
    RETURN NEW;
END
$$;
-- A sweeper passes over claims so young that their workflow may not be listed yet. Nobody waits for that here.
CREATE TRIGGER opened_long_ago BEFORE INSERT ON claims FOR EACH ROW EXECUTE FUNCTION opened_long_ago();
"""

WATCH: LiteralString = """
CREATE TRIGGER stop_inside AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION stop_here();
CREATE CONSTRAINT TRIGGER stop_committing AFTER INSERT OR UPDATE ON {table}
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION stop_here('committing')
"""


@dataclass(frozen=True, slots=True)
class Stop:
    """At the first write of a row of `table` that has `part` in it; with `committing`, when that write is committed."""

    table: str
    part: Mapping[str, object]
    committing: bool = False


class Stops:
    """The stops of one database. The connection holds every lock, so its end lets everything go."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection
        self._held: set[int] = set()

    async def set(self, claim_no: str, stop: Stop) -> int:
        """Have the claim stop there; answers the stop's number."""
        made = await self._connection.execute(
            "INSERT INTO stops (claim_no, in_table, part, committing) VALUES (%s, %s, %s, %s) RETURNING number",
            (claim_no, stop.table, json.dumps(stop.part), stop.committing),
        )
        row = await made.fetchone()
        assert row is not None
        number = int(row[0])
        await self._connection.execute("SELECT pg_advisory_lock(%s)", (number,))
        self._held.add(number)
        return number

    async def reached(self, number: int) -> bool:
        """Whether somebody stands there."""
        return await self._is(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted AND"
            " database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
            number,
        )

    async def committed(self, claim_no: str, row: Stop) -> bool:
        """Whether the claim has such a row, whoever wrote it and when."""
        asked = sql.SQL("SELECT EXISTS (SELECT FROM {} AS t WHERE claim_no = %s AND to_jsonb(t) @> %s)")
        return await self._is(asked.format(sql.Identifier(row.table)), claim_no, json.dumps(row.part))

    async def let_go(self) -> None:
        """Let everybody go on, and have nobody stop any more."""
        await self._connection.execute("DELETE FROM stops")
        for number in self._held:
            await self._connection.execute("SELECT pg_advisory_unlock(%s)", (number,))
        self._held.clear()

    async def deserted(self) -> bool:
        """Whether no other transaction is open, so that what was let go has come to its end."""
        return await self._is(
            "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND state <> 'idle')"
        )

    async def _is(self, asked: LiteralString | sql.Composed, *values: object) -> bool:
        row = await (await self._connection.execute(asked, values)).fetchone()
        return row is not None and bool(row[0])


@asynccontextmanager
async def stops_in(database_url: str) -> AsyncIterator[Stops]:
    """Put stops into a migrated database that no other test uses."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(INSTALL)
        for table in TABLES:
            await connection.execute(sql.SQL(WATCH).format(table=sql.Identifier(table)))
        yield Stops(connection)
