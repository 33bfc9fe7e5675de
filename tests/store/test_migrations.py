"""The migrations make exactly what `store.tables` says, whoever runs them and however often."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url, text

from store.migrate import upgrade
from store.tables import metadata
from tests.support.postgres import Databases

# Alembic's own comparison does not look at checks, exclusions, sequences and the conditions of indexes.
CATALOGUE = """
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'sequence', sequencename, data_type::text, '' FROM pg_sequences WHERE schemaname = 'public'
UNION ALL
SELECT 'column', table_name, column_name,
       concat_ws(' ', data_type, is_nullable, column_default, identity_generation)
FROM information_schema.columns
WHERE table_schema = 'public' AND table_name NOT IN (SELECT table_name FROM information_schema.views)
"""


def _catalogue(url: str) -> set[tuple[str, ...]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(CATALOGUE).fetchall()
    return {row for row in rows if row[1] != "alembic_version"}


def _empty(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


def _create_from_tables(url: str) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    metadata.create_all(engine)
    engine.dispose()


def _differences(url: str) -> list[object]:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        found: list[object] = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    return found


async def test_nothing_is_left_to_migrate(database_url: str) -> None:
    assert await asyncio.to_thread(_differences, database_url) == []


async def test_migrations_and_tables_make_the_same_catalogue(databases: Databases) -> None:
    async with databases.fresh() as migrated, databases.fresh() as created:
        await asyncio.to_thread(_empty, created)
        await asyncio.to_thread(_create_from_tables, created)
        assert _catalogue(migrated) == _catalogue(created)


async def test_a_column_that_no_migration_makes_is_found(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE members DROP COLUMN phone")
    assert await asyncio.to_thread(_differences, database_url) != []


async def test_two_at_once_from_nothing(database_url: str) -> None:
    await asyncio.to_thread(_empty, database_url)
    await asyncio.gather(*(asyncio.to_thread(upgrade, database_url) for _ in range(2)))
    assert await asyncio.to_thread(_differences, database_url) == []


async def test_upgrading_again_keeps_the_data(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO members (member_no) VALUES ('M1')")
    await asyncio.to_thread(upgrade, database_url)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM members").fetchone() == (1,)


async def test_a_migration_that_fails_leaves_nothing(databases: Databases) -> None:
    async with databases.fresh() as url:
        await asyncio.to_thread(_empty, url)
        with psycopg.connect(url) as connection:
            # The second migration meets a function of its own name.
            connection.execute("CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'")
        with pytest.raises(Exception, match="refuse_change"):
            await asyncio.to_thread(upgrade, url)
        assert _catalogue(url) == set()
        engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
        with engine.connect() as connection:
            assert connection.execute(text("SELECT to_regclass('orders')")).scalar_one() is None
        engine.dispose()
