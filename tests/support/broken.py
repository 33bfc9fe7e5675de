"""A database that fails for one claim: a defect of ours, or a row that something is wrong with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import text

from tests.support.house import House

MOVEMENTS = ("coupon_movements", "credit_movements", "stock_movements")


@asynccontextmanager
async def broken(house: House, claim_no: str, *tables: str, also: str = "true") -> AsyncIterator[None]:
    """Every insert into these tables for this claim fails meanwhile, if `also` holds for the row `NEW`."""
    try:
        await _execute(
            house,
            [
                "CREATE OR REPLACE FUNCTION fail_for_test() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'broken by a test'; END $$",
                *(
                    f"CREATE TRIGGER broken_for_test BEFORE INSERT ON {table} FOR EACH ROW"
                    f" WHEN (NEW.claim_no = '{claim_no}' AND {also}) EXECUTE FUNCTION fail_for_test()"
                    for table in tables
                ),
            ],
        )
        yield
    finally:
        await _execute(house, [f"DROP TRIGGER IF EXISTS broken_for_test ON {table}" for table in tables])


async def _execute(house: House, statements: Sequence[str]) -> None:
    async with house.engine.begin() as conn:
        for statement in statements:
            await conn.execute(text(statement))
