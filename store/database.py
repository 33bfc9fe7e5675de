"""Transactions for those who may not speak SQL: they open one here and hand it to the queries of this room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

Connection = AsyncConnection
Engine = AsyncEngine

PATIENCE = 8.0
"""Longest that one transaction may take, in seconds: a server that is there but silent has no other bound."""

_PARTING = 1.0
"""Seconds for taking leave of a server that was given up: the driver would wait ten for it to hear a cancel."""


class DatabaseSilent(Exception):
    """The database did not answer within `PATIENCE`."""


AWAY: tuple[type[Exception], ...] = (OperationalError, InterfaceError, PoolTimeoutError, DatabaseSilent)
"""What is raised when the database is away or too busy to answer in time."""


def why_away(error: Exception) -> str:
    """What one of `AWAY` says, in a line for logs: an address perhaps, never a password."""
    return str(error).partition("\n")[0] or f"no answer within {PATIENCE:g} seconds"


@asynccontextmanager
async def each_alone(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection on which each statement is a transaction of its own: for a step that is one statement."""
    async with engine.connect() as conn:
        await conn.execution_options(isolation_level="AUTOCOMMIT")
        yield conn


class Database:
    """One process's database. Every method raises one of `AWAY` when it can't be reached in time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """One consistent picture: repeatable read, read only."""
        async with _bounded(), self._engine.connect() as conn:
            await conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield conn
            # Nothing was written; but after a rollback the driver forgets, and drops, every prepared statement.
            await conn.commit()

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Connection]:
        """For one statement: it is a picture by itself, and needs no transaction around it."""
        async with _bounded(), each_alone(self._engine) as conn:
            yield conn

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """One transaction, committed when the block ends, rolled back when it raises."""
        async with _bounded(), self._engine.begin() as conn:
            yield conn

    async def ping(self) -> None:
        """Return when the database answers; raise one of `AWAY` when it does not."""
        async with self.asking() as conn:
            await conn.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self._engine.dispose()


@asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(PATIENCE + _PARTING), asyncio.timeout(PATIENCE):
            yield
    except TimeoutError as error:
        raise DatabaseSilent from error
