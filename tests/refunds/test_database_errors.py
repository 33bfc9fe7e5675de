"""What the database suffers: what passes is retried under one type, what does not is a bug."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.errors import FailureType, database_errors
from activities.refund_protocol import RefundKind
from gateways.payments.sandbox import SandboxGateway
from store.engine import create_engine
from tests.refunds.machinery import Machinery
from tests.refunds.waiting import until
from tests.refunds.world import World
from tests.support.ports import free_port


async def test_a_lock_not_had_in_time_is_retried(
    module_database_url: str, engine: AsyncEngine, gateway: SandboxGateway, world: World
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    hasty = create_engine(module_database_url, pool_size=2, lock_timeout_ms=50, statement_timeout_ms=5000)
    machinery = Machinery(hasty, {"sandbox": gateway})
    async with engine.begin() as conn:
        await conn.execute(text("SELECT 1 FROM orders WHERE order_no = :no FOR UPDATE"), {"no": paid.order_no})
        with pytest.raises(ApplicationError) as failure:
            await machinery.refund(leg_id)
    assert failure.value.type == FailureType.DATABASE
    assert failure.value.__cause__ is None
    assert not failure.value.non_retryable
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    await hasty.dispose()


async def test_a_lost_connection_is_retried(engine: AsyncEngine) -> None:
    with pytest.raises(ApplicationError) as failure, database_errors():
        async with engine.begin() as conn:
            await conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert failure.value.type == FailureType.DATABASE


async def test_a_statement_that_takes_too_long_is_retried(engine: AsyncEngine) -> None:
    with pytest.raises(ApplicationError) as failure, database_errors():
        async with engine.begin() as conn:
            await conn.execute(text("SET LOCAL statement_timeout = 50"))
            await conn.execute(text("SELECT pg_sleep(5)"))
    assert failure.value.type == FailureType.DATABASE


async def test_no_server_is_retried() -> None:
    nobody = create_engine(
        f"postgresql://nobody@127.0.0.1:{free_port()}/none", pool_size=1, lock_timeout_ms=50, statement_timeout_ms=100
    )
    with pytest.raises(ApplicationError) as failure, database_errors():
        async with nobody.connect():
            pass
    assert failure.value.type == FailureType.DATABASE


async def test_a_full_pool_is_retried(module_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small = create_engine(module_database_url, pool_size=1, lock_timeout_ms=50, statement_timeout_ms=100)
    monkeypatch.setattr(small.pool, "_timeout", 0.05)
    async with small.connect():
        with pytest.raises(ApplicationError) as failure, database_errors():
            async with small.connect():
                pass
    assert failure.value.type == FailureType.DATABASE
    await small.dispose()


async def test_a_bug_stays_what_it_is(engine: AsyncEngine) -> None:
    with pytest.raises(DBAPIError), database_errors():
        async with engine.begin() as conn:
            await conn.execute(text("SELECT nothing FROM nowhere"))
    with pytest.raises(KeyError), database_errors():
        raise KeyError("x")


async def test_an_answer_that_could_not_be_written_is_found_again(
    module_database_url: str, engine: AsyncEngine, gateway: SandboxGateway, world: World
) -> None:
    """The order stays locked by somebody else from the arming on: the money has left, and the row does not say so."""
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("delay", paid.pg_tid, delay_ms=300)
    hasty = create_engine(module_database_url, pool_size=2, lock_timeout_ms=50, statement_timeout_ms=5000)
    machinery = Machinery(hasty, {"sandbox": gateway})
    running = asyncio.create_task(machinery.refund(leg_id))
    await until(lambda: world.returned(paid))
    async with engine.begin() as conn:
        await conn.execute(text("SELECT 1 FROM orders WHERE order_no = :no FOR UPDATE"), {"no": paid.order_no})
        with pytest.raises(ApplicationError) as failure:
            await running
    assert failure.value.type == FailureType.DATABASE
    assert (await world.seen(leg_id)).sent
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert world.returned(paid) == [3_000]
    await hasty.dispose()
