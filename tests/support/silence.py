"""A way to the database that can fall silent: connections stay open, and nothing comes through any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url


@asynccontextmanager
async def relay_to(database_url: str, port: int = 0) -> AsyncIterator[tuple[str, Callable[[], None]]]:
    """The database by another address, by default a free one, and what makes it fall silent for good."""
    target = conninfo_to_dict(database_url)
    there_host, there_port = str(target["host"]), int(target.get("port") or 5432)
    flowing = asyncio.Event()
    flowing.set()
    pumps: set[asyncio.Task[None]] = set()

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            if not flowing.is_set():
                await asyncio.Event().wait()
            sink.write(data)
            await sink.drain()
        sink.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if there_host.startswith("/"):
            there = await asyncio.open_unix_connection(f"{there_host}/.s.PGSQL.{there_port}")
        else:
            there = await asyncio.open_connection(there_host, there_port)
        for source, sink in ((reader, there[1]), (there[0], writer)):
            pumps.add(asyncio.create_task(pump(source, sink)))

    async with await asyncio.start_server(connected, "127.0.0.1", port) as server:
        try:
            yield by_port(database_url, server.sockets[0].getsockname()[1]), flowing.clear
        finally:
            for task in pumps:
                task.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)


def by_port(database_url: str, port: int) -> str:
    """The database's address by a port of this machine."""
    url = make_url(database_url).difference_update_query(["host", "port"])
    return url.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
