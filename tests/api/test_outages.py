"""Postgres, Temporal or the worker away: 503 within seconds, nothing half accepted, and the same key finds out."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from api.main import create_app
from api.tokens import Role
from settings import Settings
from tests.api.shop import CANCEL, POPUP, QUOTE, Shop, select
from tests.support.house import House, working
from tests.support.ports import free_port
from tests.support.silence import relay_to


@asynccontextmanager
async def api_of(house: House, **changes: Any) -> AsyncIterator[Shop]:
    """Another API of the same house, with other settings."""
    settings: Settings = house.settings.model_copy(update=changes)
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test", timeout=60) as http:
            yield Shop(http, house.gateway, settings)


def check(answer: httpx.Response, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, code), answer.text
    assert int(answer.headers["retry-after"]) > 0


@pytest.fixture
def me(idle_shop: Shop) -> dict[str, str]:
    return idle_shop.token(Role.MEMBER, "M1")


async def test_without_temporal_quotes_go_on_and_cancels_are_told_that_nothing_started(
    idle_shop: Shop, house: House, me: dict[str, str]
) -> None:
    order_no = await idle_shop.order()
    async with api_of(house, temporal_address=f"127.0.0.1:{free_port()}") as alone:
        assert (await alone.call(QUOTE, select(order_no, {1: 1}), me)).status_code == 200
        began = time.monotonic()
        check(await alone.call(CANCEL, select(order_no, {1: 1}), me, key="k"), "9001")
        assert time.monotonic() - began < 5
        health = await alone.get("/health")
        check(health, "9001")
        assert health.json()["payload"]["temporal"] == "down"
        assert health.json()["payload"]["postgres"] == "up"
    assert await house.value("SELECT count(*) FROM claims WHERE order_no = :no", no=order_no) == 0
    async with working(house):
        answer = await idle_shop.call(CANCEL, select(order_no, {1: 1}), me, key="k")
        assert answer.status_code == 200, answer.text


async def test_without_a_database_every_call_is_503_at_once(house: House, me: dict[str, str]) -> None:
    async with api_of(house, database_url=f"postgresql://nobody@127.0.0.1:{free_port()}/none") as alone:
        began = time.monotonic()
        for path, body in ((POPUP, {"ordNo": "20230808O000001"}), (CANCEL, select("20230808O000001", {1: 1}))):
            check(await alone.call(path, body, me, key="k"), "9001")
        assert time.monotonic() - began < 5
        health = await alone.get("/health")
        check(health, "9001")
        assert health.json()["payload"]["postgres"] == "down"


async def test_a_silent_database_is_503_within_seconds(house: House, me: dict[str, str]) -> None:
    held: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with api_of(house, database_url=f"postgresql://nobody@127.0.0.1:{port}/none") as alone:
        began = time.monotonic()
        check(await alone.call(POPUP, {"ordNo": "20230808O000001"}, me), "9001")
        assert time.monotonic() - began < 10
    for writer in held:
        writer.close()
    silent.close()


async def test_a_database_that_falls_silent_is_503_within_seconds(
    idle_shop: Shop, house: House, me: dict[str, str]
) -> None:
    order_no = await idle_shop.order()
    database_url = house.settings.database_url
    assert database_url is not None
    async with relay_to(database_url) as (url, fall_silent), api_of(house, database_url=url) as behind:
        assert (await behind.call(POPUP, {"ordNo": order_no}, me)).status_code == 200
        fall_silent()
        began = time.monotonic()
        check(await behind.call(POPUP, {"ordNo": order_no}, me), "9001")
        assert time.monotonic() - began < 12


async def test_without_a_worker_a_cancel_is_not_confirmed_and_the_same_key_finds_it(
    idle_shop: Shop, house: House, me: dict[str, str]
) -> None:
    order_no = await idle_shop.order()
    asked = select(order_no, {1: 1})
    unheard: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    async with api_of(house, accept_timeout=1) as hasty:
        check(await hasty.call(CANCEL, asked, me, key="k"), "9002")
        other = await hasty.call(CANCEL, select(order_no, {1: 2}), me, key="k")
        assert other.json()["code"] == "2004"
    gc.collect()
    assert unheard == []
    health = await idle_shop.get("/health")
    assert health.json()["payload"]["temporal"] == "up"
    async with working(house):
        answer = await idle_shop.call(CANCEL, asked, me, key="k")
        assert answer.status_code == 200, answer.text
        assert await house.value("SELECT count(*) FROM claims WHERE order_no = :no", no=order_no) == 1
        well = await idle_shop.get("/health")
        assert (well.status_code, well.json()["payload"]["worker"]) == (200, "up")
        gateways = well.json()["payload"]["gateways"]
        assert gateways == dict.fromkeys(("sandbox", "toss", "stripe", "portone", "kakaopay"), "up")


async def test_a_request_that_waited_too_long_is_never_carried_out(
    idle_shop: Shop, house: House, me: dict[str, str]
) -> None:
    order_no = await idle_shop.order()
    asked = select(order_no, {1: 1})
    async with api_of(house, accept_timeout=1, accept_within=0.5) as hasty:
        check(await hasty.call(CANCEL, asked, me, key="k"), "9002")
        async with working(house):
            answer = await idle_shop.call(CANCEL, asked, me, key="k")
    assert (answer.status_code, answer.json()["code"]) == (409, "2009")
    assert await house.value("SELECT count(*) FROM claims WHERE order_no = :no", no=order_no) == 0


async def test_a_request_whose_workflow_was_terminated_is_unconfirmed_until_it_is_too_late(
    idle_shop: Shop, house: House, me: dict[str, str]
) -> None:
    order_no = await idle_shop.order()
    asked = select(order_no, {1: 1})
    async with api_of(house, accept_timeout=1) as hasty:
        check(await hasty.call(CANCEL, asked, me, key="k"), "9002")
        # Other files' orders on the same server have the same numbers.
        mine = f'OrderNo = "{order_no}" AND TaskQueue = "{house.settings.task_queue}"'
        [found] = [one async for one in house.temporal.list_workflows(mine)]
        await house.handle(found.id).terminate("test")
        check(await hasty.call(CANCEL, asked, me, key="k"), "9002")
    async with house.engine.begin() as conn:
        earlier = "UPDATE requests SET first_at = first_at - interval '10 minutes' WHERE order_no = :no"
        await conn.execute(text(earlier), {"no": order_no})
    late = await idle_shop.call(CANCEL, asked, me, key="k")
    assert (late.status_code, late.json()["code"]) == (409, "2009")
