"""What-ifs of staff: any reason, anybody's rules, any time; nothing is promised and nothing is written."""

from __future__ import annotations

from typing import Any

import pytest

from api.tokens import Role
from tests.api.shop import QUOTE, Shop, basket, group, line, select
from tests.api.test_cancel import code, payload
from tests.support.house import House


@pytest.fixture
def office(idle_shop: Shop) -> dict[str, str]:
    return idle_shop.token(Role.OPERATE, "lee")


async def ask(
    shop: Shop, headers: dict[str, str], order_no: str, units: dict[int, int], reason: str = "10", **what_if: Any
) -> dict[str, Any]:
    told: dict[str, Any] = payload(
        await shop.call(QUOTE, select(order_no, units, reason=reason, whatIf=what_if), headers)
    )
    return told


async def test_it_reckons_without_a_promise(idle_shop: Shop, office: dict[str, str]) -> None:
    order_no = await idle_shop.order(line(1), line(2), groups=[group(free_from=30_000, fee=3_000)])
    quote = payload(await idle_shop.call(QUOTE, select(order_no, {1: 2}), office))
    told = await ask(idle_shop, office, order_no, {1: 2})
    assert (told["quoteToken"], told["quoteExpDtm"], told["whyNot"]) == (None, None, None)
    for part in ("totRfdAmt", "addPayAmt", "costRowList", "payList", "explainList", "benefitList", "costList"):
        assert told[part] == quote[part], part
    assert (await ask(idle_shop, office, order_no, {1: 2}, reason="50"))["totRfdAmt"] == 20_000


async def test_it_says_why_that_actor_could_not(idle_shop: Shop, office: dict[str, str]) -> None:
    order_no = await idle_shop.order(line(1, ordDtlStatCd="22"))
    assert (await ask(idle_shop, office, order_no, {1: 1}))["whyNot"] is None
    told = await ask(idle_shop, office, order_no, {1: 1}, actorCd="MEMBER")
    assert told["totRfdAmt"] == 10_000
    assert (told["whyNot"]["code"], told["whyNot"]["error"]) == ("2001", "line.status")
    refused = await idle_shop.call(QUOTE, select(order_no, {1: 1}), idle_shop.token(Role.MEMBER, "M1"))
    assert told["whyNot"]["message"] == refused.json()["message"]


async def test_shipped_goods_have_a_price_and_no_way_back(idle_shop: Shop, office: dict[str, str]) -> None:
    order_no = await idle_shop.order(line(1, ordDtlStatCd="25"))
    told = await ask(idle_shop, office, order_no, {1: 2})
    assert (told["totRfdAmt"], told["whyNot"]["error"]) == (20_000, "line.status")


async def test_it_reckons_at_another_time(idle_shop: Shop, office: dict[str, str]) -> None:
    order_no = await idle_shop.order(benefitList=[basket("C-WHAT-IF", {1: 1_000})])
    fed = {
        "mbrNo": "M1", "promoTypCd": "12", "cpnNm": "1,000", "expDtm": "2099-01-01T00:00:00Z", "usedOrdNo": order_no,
    }  # fmt: skip
    await idle_shop.put("/v1/coupons/C-WHAT-IF", fed)
    [now] = (await ask(idle_shop, office, order_no, {1: 2}))["benefitList"]
    [then] = (await ask(idle_shop, office, order_no, {1: 2}, asOfDtm="2100-01-01T00:00:00+09:00"))["benefitList"]
    assert (now["rtnCd"], then["rtnCd"]) == ("RESTORE", "FORFEIT")


@pytest.mark.parametrize("role", [Role.OPERATE, Role.VIEW])
async def test_staff_may_ask(idle_shop: Shop, role: Role) -> None:
    order_no = await idle_shop.order()
    assert (await ask(idle_shop, idle_shop.token(role, "lee"), order_no, {1: 1}))["quoteToken"] is None


async def test_customers_may_not(idle_shop: Shop) -> None:
    order_no = await idle_shop.order()
    refused = await idle_shop.call(QUOTE, select(order_no, {1: 1}, whatIf={}), idle_shop.token(Role.MEMBER, "M1"))
    told = refused.json()
    assert (told["code"], told["errors"][0]["field"]) == ("1002", "whatIf")


@pytest.mark.parametrize(
    ("what_if", "field"),
    [
        ({"actorCd": "ROBOT"}, "whatIf.actorCd"),
        ({"asOfDtm": "yesterday"}, "whatIf.asOfDtm"),
        ({"asOf": "2026-01-01T00:00:00Z"}, "whatIf.asOf"),
        ([], "whatIf"),
    ],
)
async def test_a_wrong_what_if_is_named(idle_shop: Shop, office: dict[str, str], what_if: Any, field: str) -> None:
    order_no = await idle_shop.order()
    told = (await idle_shop.call(QUOTE, select(order_no, {1: 1}, whatIf=what_if), office)).json()
    assert (told["code"], told["errors"][0]["field"]) == ("1002", field)


@pytest.mark.parametrize(
    ("units", "reason", "expected"),
    [({9: 1}, "10", "1002"), ({1: 3}, "10", "2001"), ({1: 1}, "99", "1002")],
)
async def test_what_has_no_price_is_refused(
    idle_shop: Shop, office: dict[str, str], units: dict[int, int], reason: str, expected: str
) -> None:
    order_no = await idle_shop.order()
    refused = await idle_shop.call(QUOTE, select(order_no, units, reason=reason, whatIf={}), office)
    assert code(refused) == expected


async def test_a_line_that_is_refused_hides_no_other_without_a_price(idle_shop: Shop, office: dict[str, str]) -> None:
    order_no = await idle_shop.order(line(1, ordDtlStatCd="24"), line(2))
    refused = await idle_shop.call(QUOTE, select(order_no, {1: 1, 2: 7}, whatIf={}), office)
    assert code(refused) == "2001"


async def test_a_part_of_an_unpaid_order_has_no_price(idle_shop: Shop, office: dict[str, str]) -> None:
    awaited = {"payNo": "1", "payWayCd": "21", "payAmt": 20_000, "payStatCd": "11", "partCnclPsbYn": "Y"}
    order_no = await idle_shop.order(line(1, ordDtlStatCd="10"), payments=[awaited])
    refused = await idle_shop.call(QUOTE, select(order_no, {1: 1}, whatIf={}), office)
    assert (code(refused), refused.json()["error"]) == ("2006", "order.unpaid")
    assert (await ask(idle_shop, office, order_no, {1: 2}))["totRfdAmt"] == 0


async def test_it_writes_nothing(idle_shop: Shop, office: dict[str, str], house: House) -> None:
    order_no = await idle_shop.order(line(1, ordDtlStatCd="22"))

    async def counts() -> dict[str, int]:
        tables = await house.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {
            one["tablename"]: await house.value(f'SELECT count(*) FROM "{one["tablename"]}"')  # noqa: S608
            for one in tables
        }

    before = await counts()
    assert len(before) > 20
    for actor in ("MEMBER", "GUEST", "BACK_OFFICE"):
        await ask(idle_shop, office, order_no, {1: 1}, actorCd=actor, asOfDtm="2030-01-01T00:00:00Z")
    assert await counts() == before
