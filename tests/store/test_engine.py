"""Connections lost while idle are replaced before a step meets them; errors tell nothing of a row."""

from __future__ import annotations

import traceback

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from store import engine as engines
from store.engine import create_engine
from store.tables import members


def engine_of(url: str) -> AsyncEngine:
    return create_engine(url, pool_size=3, lock_timeout_ms=1000, statement_timeout_ms=2000)


async def end_every_session_of(engine: AsyncEngine, url: str) -> None:
    """Give `engine` two idle connections, and have the server end both."""
    async with engine.connect() as one, engine.connect() as other:
        await one.execute(text("SELECT 1"))
        await other.execute(text("SELECT 1"))
    administrator = engine_of(url)
    async with administrator.connect() as conn:
        ended = await conn.execute(
            text(
                "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
        assert ended.scalar_one() == 2
    await administrator.dispose()


async def test_a_connection_lost_while_idle_is_replaced(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "ASKED_WHEN_IDLE_FOR", 0.0)
    engine = engine_of(database_url)
    await end_every_session_of(engine, database_url)
    async with engine.connect() as one, engine.connect() as other:
        assert (await one.execute(text("SELECT 1"))).scalar_one() == 1
        assert (await other.execute(text("SELECT 1"))).scalar_one() == 1
    await engine.dispose()


async def test_one_lost_just_now_fails_its_statement_alone(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "ASKED_WHEN_IDLE_FOR", 60.0)
    engine = engine_of(database_url)
    await end_every_session_of(engine, database_url)
    with pytest.raises(OperationalError):
        async with engine.connect() as conn:
            await conn.execute(text("SELECT 1"))
    async with engine.connect() as conn:
        assert (await conn.execute(text("SELECT 1"))).scalar_one() == 1
    await engine.dispose()


async def test_an_error_names_the_constraint_and_not_the_rows_values(database_url: str) -> None:
    engine = engine_of(database_url)
    row = {"member_no": "M1", "name": "Kim Hana", "phone": "01012345678", "mileage": -1}
    with pytest.raises(IntegrityError) as caught:
        async with engine.begin() as conn:
            await conn.execute(insert(members).values(row))
    told = "".join(traceback.format_exception(caught.value))
    assert "ck_members_mileage" in told
    assert "Kim Hana" not in told
    assert "01012345678" not in told
    await engine.dispose()
