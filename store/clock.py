"""The database's clock: the one clock that every process agrees on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection


async def now(conn: AsyncConnection) -> datetime:
    """The time as the statement runs, aware UTC; not that of the transaction's start."""
    told: datetime = (await conn.execute(select(func.clock_timestamp()))).scalar_one()
    return told
