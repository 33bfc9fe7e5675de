"""The migrations make exactly what `store.tables` says, whoever runs them and however often."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url, text

from store.migrate import config, upgrade
from store.tables import metadata
from tests.support.postgres import Databases

# Alembic's own comparison does not look at checks, exclusions, sequences and the conditions of indexes. Triggers are
# made by migrations alone, as functions and views are.
CATALOGUE = """
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 't'
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


async def test_claims_opened_before_policies_keep_what_they_planned(databases: Databases) -> None:
    """What became of a coupon was told by two columns; it is one word since."""
    async with databases.fresh() as url:
        await asyncio.to_thread(_empty, url)
        await asyncio.to_thread(_upgrade_to, url, "0003")
        with psycopg.connect(url) as connection:
            connection.execute(BEFORE_POLICIES)
        await asyncio.to_thread(upgrade, url)
        with psycopg.connect(url) as connection:
            kept = connection.execute('SELECT coupon_no, "returning" FROM claim_coupons ORDER BY coupon_no').fetchall()
            assert kept == [("B1", "restore"), ("B2", "extend"), ("B3", "forfeit")]
            assert connection.execute("SELECT inputs FROM claim_costs").fetchall() == [({},)]
            assert connection.execute("SELECT policy_version FROM claims").fetchall() == [(None,)]
            assert connection.execute("SELECT difference FROM order_conservation").fetchall() == [(0,)]
            assert connection.execute("SELECT * FROM order_differences").fetchall() == []


BEFORE_POLICIES = """
INSERT INTO members (member_no) VALUES ('M1');
INSERT INTO items VALUES ('G1', '001', 'Goods', 'Red', '[]', 1000, 'on_sale', 'ordinary', 5);
INSERT INTO coupons (coupon_no) VALUES ('B1'), ('B2'), ('B3');
INSERT INTO orders VALUES ('O1', 'M1', NULL, 'Kim', NULL, NULL, 'pc', 'KRW', now());
INSERT INTO order_groups VALUES ('O1', 'D1', 1, 'P1', 0, 0, 0, 0);
INSERT INTO order_lines (order_no, line_no, goods_no, goods_name, variant_no, variant_name, quantity, price, group_no,
                         status, tax_free)
VALUES ('O1', 1, 'G1', 'Goods', '001', 'Red', 1, 1000, 'D1', 'placed', false);
INSERT INTO order_payments VALUES ('O1', '1', 1, 'card', 1000, 'paid', 'sandbox', 'pg-1', true, 1000);
INSERT INTO claims (claim_no, order_no, kind, workflow_id, request_key, digest, actor, reason_code, fault, currency,
                    refund, extra, status)
VALUES ('C1', 'O1', 'CANCEL', 'w', 'k', 'd', 'MEMBER', '10', 'CUSTOMER', 'KRW', 1000, 0, 'ACCEPTED');
INSERT INTO claim_lines (claim_no, line_no, order_no, first, quantity, goods_no, variant_no, variant_name, units)
VALUES ('C1', 1, 'O1', 1, 1, 'G1', '001', 'Red', '[1,2)');
INSERT INTO claim_costs VALUES ('C1', 1, 'goods', 'units', 1000, 1, NULL, NULL, 1);
INSERT INTO claim_coupons VALUES ('C1', 'B1', 'basket_coupon', 'nothing_left', true, NULL),
    ('C1', 'B2', 'basket_coupon', 'nothing_left', true, 30), ('C1', 'B3', 'basket_coupon', 'nothing_left', false, NULL);
INSERT INTO refund_legs (leg_id, claim_no, order_no, position, payment_no, means, external, gateway, amount)
VALUES ('C1-1', 'C1', 'O1', 1, '1', 'card', true, 'sandbox', 1000);
"""


def _upgrade_to(url: str, revision: str) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        command.upgrade(config(connection), revision)
    engine.dispose()


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
