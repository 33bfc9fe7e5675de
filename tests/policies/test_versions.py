"""A shop changes its rules while quotes and claims made by the old ones are about."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from api.main import create_app
from api.tokens import Role
from deploy.local.temporal import DevServer
from domain.claims import Actor, Channel, NoticeEvent
from domain.policy import BelowThreshold, Policy, ShippingPolicy
from policies import reading
from tests.api.shop import CANCEL, DETAILS, POPUP, QUOTE, Shop, group, line, select
from tests.support.house import House, open_house, working
from tests.support.sandbox import SandboxProcess

OLD = reading.default()
FREE_STAYS_FREE = OLD.model_copy(
    update={"version": "free-1", "shipping": ShippingPolicy(below_threshold=BelowThreshold.KEEP_FREE)}
)
"""Other rules of money: a group that falls below its threshold is still shipped free."""

LATE = tuple(
    reason.model_copy(update={"offered_to": frozenset({Actor.BACK_OFFICE})}) if reason.code == "60" else reason
    for reason in OLD.reasons
)
OTHER_WORDS = OLD.model_copy(
    update={"version": "words-1", "reasons": LATE, "notices": {NoticeEvent.COMPLETED: (Channel.INBOX,)}}
)
"""The same rules of money; one reason is the staff's now, and only completion is told, in the inbox."""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "data") as process:
        yield process


@pytest.fixture(scope="module")
async def house(
    module_database_url: str, temporal_client: Client, dev_server: DevServer, sandbox: SandboxProcess
) -> AsyncIterator[House]:
    async with open_house(
        module_database_url,
        temporal_client,
        sandbox,
        f"policies-{uuid.uuid4()}",
        temporal_address=dev_server.address,
        accept_timeout=30,
    ) as house:
        yield house


@asynccontextmanager
async def service(house: House, policy: Policy) -> AsyncIterator[Shop]:
    """API and worker, started with this policy."""
    app = create_app(house.settings, policy)
    async with app.router.lifespan_context(app), working(replace(house, policy=policy)):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test", timeout=60) as http:
            yield Shop(http, house.gateway, house.settings)


def payload(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["payload"]


async def finished(shop: Shop, me: dict[str, str], order_no: str, claim_no: str) -> Any:
    """The claim's details once it is final and the customer is told."""
    async with asyncio.timeout(30):
        while True:
            told = payload(await shop.call(DETAILS, {"ordNo": order_no, "claimNo": claim_no}, me))
            steps = {step["step"]: step["status"] for step in told["progressList"]}
            if steps["notify"] in ("DONE", "FAILED"):
                return told
            await asyncio.sleep(0.05)


async def free_by_threshold(shop: Shop) -> str:
    return await shop.order(line(1), line(2), groups=[group(free_from=30_000, fee=3_000)])


async def test_a_quote_by_older_rules_is_refused_with_the_new_one_when_amounts_differ(house: House) -> None:
    async with service(house, OLD) as shop:
        me = shop.token(Role.MEMBER, "M1")
        order_no = await free_by_threshold(shop)
        asked = select(order_no, {1: 2})
        old = payload(await shop.call(QUOTE, asked, me))
        assert (old["totRfdAmt"], old["policyVer"]) == (17_000, OLD.version)
    async with service(house, FREE_STAYS_FREE) as shop:
        refused = await shop.call(CANCEL, {**asked, "quoteToken": old["quoteToken"]}, me)
        assert (refused.status_code, refused.json()["code"]) == (409, "2002")
        new = refused.json()["payload"]
        assert (new["totRfdAmt"], new["policyVer"]) == (20_000, "free-1")
        assert await house.value("SELECT count(*) FROM claims WHERE order_no = :no", no=order_no) == 0
        accepted = payload(await shop.call(CANCEL, {**asked, "quoteToken": new["quoteToken"]}, me))
        told = await finished(shop, me, order_no, accepted["claimNo"])
    assert (accepted["totRfdAmt"], told["policyVer"]) == (20_000, "free-1")
    assert [one["amount"] for one in await house.refunds(order_no)] == [20_000]


async def test_a_worker_by_other_rules_than_the_quote_moves_nothing(house: House) -> None:
    """While a deploy is under way the API may be newer than the worker: the opening has the last word."""
    async with service(house, OLD) as shop:
        me = shop.token(Role.MEMBER, "M1")
        order_no = await free_by_threshold(shop)
    newer = create_app(house.settings, FREE_STAYS_FREE)
    async with newer.router.lifespan_context(newer), working(replace(house, policy=OLD)):
        transport = httpx.ASGITransport(newer, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test", timeout=60) as http:
            shop = Shop(http, house.gateway, house.settings)
            quote = payload(await shop.call(QUOTE, select(order_no, {1: 2}), me))
            token = {"quoteToken": quote["quoteToken"]}
            refused = await shop.call(CANCEL, {**select(order_no, {1: 2}), **token}, me)
    assert (quote["totRfdAmt"], refused.json()["code"]) == (20_000, "2002")
    assert await house.refunds(order_no) == []


async def test_a_quote_by_older_rules_goes_through_when_its_amounts_stand(house: House) -> None:
    """The claim carries the version that it was opened with, keeps it, and is told as that version says."""
    async with service(house, OLD) as shop:
        me = shop.token(Role.MEMBER, "M1")
        order_no = await free_by_threshold(shop)
        asked = select(order_no, {1: 2})
        quote = payload(await shop.call(QUOTE, asked, me))
    async with service(house, OTHER_WORDS) as shop:
        accepted = payload(await shop.call(CANCEL, {**asked, "quoteToken": quote["quoteToken"]}, me))
        told = await finished(shop, me, order_no, accepted["claimNo"])
    assert (accepted["totRfdAmt"], told["policyVer"], told["claimStatCd"]) == (17_000, "words-1", "COMPLETED")
    channels = await house.rows("SELECT event, channel FROM notices WHERE order_no = :no", no=order_no)
    assert channels == [{"event": "completed", "channel": "inbox"}]
    async with service(house, OLD) as shop:
        again = payload(await shop.call(DETAILS, {"ordNo": order_no, "claimNo": accepted["claimNo"]}, me))
    assert again == told


async def test_an_event_that_is_not_told_leaves_the_claim_completed(house: House) -> None:
    silent = OLD.model_copy(update={"version": "silent-1", "notices": {}})
    async with service(house, silent) as shop:
        me = shop.token(Role.MEMBER, "M1")
        order_no = await shop.order()
        accepted = payload(await shop.call(CANCEL, select(order_no, {1: 1}), me, key="k"))
        told = await finished(shop, me, order_no, accepted["claimNo"])
    assert told["claimStatCd"] == "COMPLETED"
    assert await house.rows("SELECT * FROM notices WHERE order_no = :no", no=order_no) == []


async def test_a_reason_that_is_the_staffs_is_neither_offered_nor_taken_from_a_customer(house: House) -> None:
    async with service(house, OTHER_WORDS) as shop:
        me, staff = shop.token(Role.MEMBER, "M1"), shop.token(Role.OPERATE)
        order_no = await shop.order()
        offered = payload(await shop.call(POPUP, {"ordNo": order_no}, me))["claimCausList"]
        assert [reason["cd"] for reason in offered] == ["10", "20", "30", "50", "70"]
        for path in (QUOTE, CANCEL):
            refused = await shop.call(path, select(order_no, {1: 1}, reason="60"), me, key="k")
            assert (refused.status_code, refused.json()["code"]) == (400, "1002"), refused.text
        quote = payload(await shop.call(QUOTE, select(order_no, {1: 1}, reason="60"), staff))
        assert quote["totRfdAmt"] == 10_000
