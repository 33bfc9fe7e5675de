"""`ordChangeFO` and `otherItms` end to end."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from api import changing
from api.tokens import Role
from tests.api.shop import CANCEL, CHANGE, DETAILS, OTHERS, POPUP, Shop, line, select
from tests.support.house import House


@pytest.fixture
def me(shop: Shop) -> dict[str, str]:
    return shop.token(Role.MEMBER, "M1")


def payload(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["payload"]


def code(answer: httpx.Response) -> str:
    return str(answer.json()["code"])


async def order_of(shop: Shop, goods_no: str, *, red: int = 0, blue: int = 5, units: int = 1) -> str:
    """An order of `units` red ones; `red` and `blue` are in stock."""
    order_no = await shop.order(line(goodsNo=goods_no, ordQty=units), stock=red)
    await shop.item(goods_no, "002", stockQty=blue)
    return order_no


def to_blue(order_no: str, goods_no: str) -> dict[str, Any]:
    return {"ordNo": order_no, "ordSeq": 1, "goodsNo": goods_no, "itmNo": "002"}


async def test_the_line_is_changed_when_the_answer_comes(shop: Shop, me: dict[str, str], house: House) -> None:
    order_no = await order_of(shop, "C-1", red=0, blue=3, units=2)
    done = payload(await shop.call(CHANGE, to_blue(order_no, "C-1"), me, key="k"))
    assert (done["ordSeq"], done["goodsNo"], done["itmNo"]) == (1, "C-1", "002")
    changed = payload(await shop.call(POPUP, {"ordNo": order_no}, me))["claimTgtList"][0]
    assert changed["itmNo"] == "002"
    assert await house.stock("C-1", "002") == 1

    async def released() -> bool:
        return await house.stock("C-1", "001") == 2

    await house.eventually(released)
    told = payload(await shop.call(DETAILS, {"ordNo": order_no, "claimNo": done["claimNo"]}, me))
    assert told["claimBusinessType"] == "40"
    assert [(one["itmNo"], one["chgItmNo"]) for one in told["claimGoodsList"]] == [("001", "002")]


async def test_repeats_get_the_first_answer_with_and_without_a_key(shop: Shop, me: dict[str, str]) -> None:
    order_no = await order_of(shop, "C-2")
    asked = to_blue(order_no, "C-2")
    answers = await asyncio.gather(*(shop.call(CHANGE, asked, me, key="k") for _ in range(20)))
    told = [payload(answer) for answer in answers]
    assert all(one == told[0] for one in told)
    assert payload(await shop.call(CHANGE, asked, me)) == told[0]
    other = await shop.call(CHANGE, {**asked, "itmNo": "001"}, me, key="k")
    assert code(other) == "2004"


async def test_an_equal_change_that_was_faster_answers_for_both(
    shop: Shop, me: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    order_no = await order_of(shop, "C-2B")
    first = payload(await shop.call(CHANGE, to_blue(order_no, "C-2B"), me))

    async def looked_before_the_first_was_done(*_: object) -> None:
        return None

    monkeypatch.setattr(changing, "_refuse_early", looked_before_the_first_was_done)
    assert payload(await shop.call(CHANGE, to_blue(order_no, "C-2B"), me)) == first


async def test_two_changes_for_the_last_unit(shop: Shop, me: dict[str, str], house: House) -> None:
    orders = [await order_of(shop, "C-3", blue=1) for _ in range(2)]
    answers = await asyncio.gather(*(shop.call(CHANGE, to_blue(order_no, "C-3"), me) for order_no in orders))
    assert Counter(code(answer) for answer in answers) == {"0000": 1, "2008": 1}
    assert await house.stock("C-3", "002") == 0
    lost = orders[0] if code(answers[0]) == "2008" else orders[1]

    async def free_again() -> bool:
        told = payload(await shop.call(POPUP, {"ordNo": lost}, me))["claimTgtList"][0]
        return (told["itmNo"], told["optChgPsbYn"]) == ("001", "Y")

    await house.eventually(free_again)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"salePrc": 9_000}, "2008"),
        ({"stockQty": 0}, "2008"),
        ({"saleStatCd": "30"}, "2008"),
        ({"saleMethCd": "20"}, "2008"),
    ],
)
async def test_a_variant_that_is_not_possible_is_refused(
    shop: Shop, me: dict[str, str], changes: dict[str, Any], expected: str
) -> None:
    order_no = await order_of(shop, "C-4")
    await shop.item("C-4", "002", **changes)
    refused = await shop.call(CHANGE, to_blue(order_no, "C-4"), me)
    assert (refused.status_code, code(refused)) == (409, expected)
    goods = payload(await shop.call(OTHERS, [{"goodsNo": "C-4", "itmNo": "001"}], me))[0]
    blue = next(one for one in goods["itmList"] if one["itmNo"] == "002")
    assert blue["chgPsbYn"] == "N"
    assert blue["reason"] == refused.json()["message"]


async def test_the_present_variant_is_no_change(shop: Shop, me: dict[str, str]) -> None:
    order_no = await order_of(shop, "C-5")
    refused = await shop.call(CHANGE, {**to_blue(order_no, "C-5"), "itmNo": "001"}, me)
    assert (code(refused), refused.json()["error"]) == ("2008", "variant.same")


async def test_a_shipped_line_can_not_be_changed(shop: Shop, me: dict[str, str]) -> None:
    order_no = await order_of(shop, "C-6")
    moved = await shop.call(f"/v1/orders/{order_no}/lines/1/status", {"ordDtlStatCd": "24"}, shop.token(Role.FEED))
    assert moved.status_code == 200, moved.text
    assert code(await shop.call(CHANGE, to_blue(order_no, "C-6"), me)) == "2001"


async def test_what_a_cancel_holds_until_it_is_final_can_not_be_changed(shop: Shop, me: dict[str, str]) -> None:
    order_no = await order_of(shop, "C-7", units=2)
    await shop.gateway.post("/faults", json={"pgTid": f"{order_no}-1", "kind": "pending", "times": 1})
    claim = payload(await shop.call(CANCEL, select(order_no, {1: 1}), me, key="k"))
    refused = await shop.call(CHANGE, to_blue(order_no, "C-7"), me)
    assert code(refused) == "2001"
    assert claim["claimNo"] in refused.json()["message"]


async def test_other_items_need_no_login(shop: Shop) -> None:
    await shop.item("C-8", "001")
    await shop.item("C-8", "002", itmNm="Blue")
    goods = payload(await shop.call(OTHERS, [{"goodsNo": "C-8", "itmNo": "001"}]))
    assert [(one["itmNo"], one["chgPsbYn"]) for one in goods[0]["itmList"]] == [("001", "N"), ("002", "Y")]
