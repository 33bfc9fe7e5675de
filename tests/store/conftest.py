"""A database for each file of tests, and transactions that leave nothing behind."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store.engine import create_engine
from tests.store import shop


@pytest.fixture(scope="module")
async def engine(module_database_url: str) -> AsyncIterator[AsyncEngine]:
    made = create_engine(module_database_url, pool_size=10, lock_timeout_ms=2000, statement_timeout_ms=5000)
    yield made
    await made.dispose()


@pytest.fixture
async def conn(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection whose transaction is rolled back when the test ends."""
    async with engine.connect() as connection:
        yield connection
        await connection.rollback()


@pytest.fixture
async def brought(conn: AsyncConnection) -> AsyncConnection:
    """A connection on which `shop.WITH_COUPON_AND_MILEAGE` stands."""
    await shop.bring(conn, shop.WITH_COUPON_AND_MILEAGE)
    return conn
