"""Counting the SQL statements that PostgreSQL was sent: it is told to write each into its log."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import AsyncConnection

_SENT = re.compile(r"\[\d+\] LOG:  (?:statement|execute [^:]*): (\w+)")
_TRANSACTION = frozenset({"BEGIN", "COMMIT", "ROLLBACK"})
_HEARD_WITHIN = 0.3
"""Seconds in which every session has heard that the settings changed; nothing tells when the last one has."""


@dataclass
class Count:
    """Statements by their first word."""

    by_verb: Counter[str] = field(default_factory=Counter)

    @property
    def transactions(self) -> int:
        return self.by_verb["BEGIN"]

    @property
    def statements(self) -> int:
        """All but those that begin and end transactions."""
        return sum(count for verb, count in self.by_verb.items() if verb not in _TRANSACTION)


@asynccontextmanager
async def counted(url: str, log: Path) -> AsyncIterator[Count]:
    """Count what the server is sent while the block runs; the count is there when it has ended."""
    count = Count()
    async with await AsyncConnection.connect(url, autocommit=True) as control:
        await _log_statements(control, "all")
        start = log.stat().st_size
        try:
            yield count
        finally:
            end = log.stat().st_size
            await _log_statements(control, "none")
        with log.open("rb") as written:
            written.seek(start)
            text = written.read(end - start).decode(errors="replace")
        count.by_verb.update(verb.upper() for verb in _SENT.findall(text))


async def _log_statements(control: psycopg.AsyncConnection[object], which: str) -> None:
    await control.execute(f"ALTER SYSTEM SET log_statement = '{which}'")
    await control.execute("SELECT pg_reload_conf()")
    await asyncio.sleep(_HEARD_WITHIN)
