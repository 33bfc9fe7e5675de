"""A real PostgreSQL for tests: one server per run, and any number of fresh, migrated databases on it."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.local.postgres import Cluster, prepare
from deploy.local.supervisor import Supervisor
from store.migrate import upgrade

TEMPLATE = "migrated"
HASTY = ("-c", "fsync=off", "-c", "full_page_writes=off")
"""The tests' data need not outlive the machine."""


class Databases:
    """Makes databases on one server. Each starts as the newest migration leaves an empty one."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._numbers = itertools.count(1)

    async def migrate_template(self) -> None:
        """Make the database that all others are copies of."""
        await self._do(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        await asyncio.to_thread(upgrade, self._cluster.url(TEMPLATE))

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[str]:
        """A new database's address; the database is dropped at the end, whoever is still connected."""
        name = f"test_{next(self._numbers)}"
        await self._do(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
        yield self._cluster.url(name)
        await self._do(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    async def _do(self, statement: sql.Composed) -> None:
        url = self._cluster.url("postgres")
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute(statement)


@asynccontextmanager
async def running_databases(folder: Path) -> AsyncIterator[Databases]:
    """A server with its files in `folder`, which exists; stopped at the end."""
    cluster = await asyncio.to_thread(prepare, folder / "postgres")
    child = cluster.child()
    async with Supervisor(folder / "logs", Path("/"), report=lambda *_: None) as supervisor:
        await supervisor.start(dataclasses.replace(child, argv=(*child.argv, *HASTY)))
        databases = Databases(cluster)
        await databases.migrate_template()
        yield databases
