"""`claims show` tells why a claim's money is what it is: its explanation, its policy, gifts, points, extra payment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from api.tokens import Role
from tests.api.shop import CANCEL, QUOTE, Shop, basket, gift, group, line, select
from tests.cli.console import Console
from tests.support.house import House


async def _completed(shop: Shop, house: House, order_no: str, units: Mapping[int, int], **payment: Any) -> str:
    """The number of a claim that cancels these units, once it is over."""
    member = shop.token(Role.MEMBER, "M1")
    asked = select(order_no, units)
    quote = (await shop.call(QUOTE, asked, member)).json()["payload"]
    if payment:
        asked["addPayInfo"] = {"payAmt": quote["addPayAmt"], **payment}
    answer = (await shop.call(CANCEL, {**asked, "quoteToken": quote["quoteToken"]}, member)).json()
    assert answer["code"] == "0000", answer
    claim_no = str(answer["payload"]["claimNo"])

    async def over() -> bool:
        return (await house.status(claim_no)).startswith("COMPLETED")

    await house.eventually(over)
    return claim_no


async def test_every_amount_with_its_rule_and_what_else_left(claims: Console, shop: Shop, house: House) -> None:
    order_no = await shop.order(
        line(1, earnPntAmt=300),
        gift(2, giftOfOrdSeq=1),
        groups=[group(paid=3_000, fee=3_000)],
        benefitList=[basket("SHOWN-B", {1: 1_000})],
        holder={"mileage": 100},
    )
    claim_no = await _completed(shop, house, order_no, {1: 2})
    ran = await claims("show", claim_no)
    assert (ran.code, ran.err) == (0, "")
    for row in (
        r"Policy +\S+",
        r"2 +Goods 2 \(a gift, left with the goods\) +Red +1 +0 KRW",
        r"UNITS +line 1 .+ 20,000 KRW",
        r"COUPON_SHARE +line 1, coupon SHOWN-B .+ -1,000 KRW",
        r"GIFT +line 2 .+ 0 KRW",
        r"GROUP_CANCELLED +group D1 .+ 3,000 KRW",
        r"Refund +22,000 KRW",
        r"ALLOCATION_EXTERNAL_FIRST .+ 22,000 KRW",
        r"Go with the goods +300",
        r"Taken off the mileage +100",
        r"Still owed +200",
        r"SHOWN-B +RESTORE +Y +SHOWN-B .*",
    ):
        assert re.search(rf"^{row}$", ran.out, re.MULTILINE), row


async def test_an_extra_payment_and_what_became_of_it(claims: Console, shop: Shop, house: House) -> None:
    order_no = await shop.order(
        line(1, ordQty=1, salePrc=1_000),
        line(2, ordQty=1, salePrc=29_000),
        groups=[group(free_from=30_000, fee=3_000)],
    )
    claim_no = await _completed(shop, house, order_no, {1: 1}, payWayCd="11", gateway="sandbox", token="tok-show")
    ran = await claims("show", claim_no)
    assert (ran.code, ran.err) == (0, "")
    for row in (
        r"SHIPPING_THRESHOLD +group D1 .+ -3,000 KRW",
        r"Extra payment +2,000 KRW",
        r"Amount +2,000 KRW",
        r"By +sandbox",
        r"State +TAKEN",
        rf"Became payment +X-{claim_no}",
    ):
        assert re.search(rf"^{row}$", ran.out, re.MULTILINE), row
    assert "tok-show" not in ran.out


async def test_a_payment_that_nobody_has_to_make_any_more(claims: Console, shop: Shop, house: House) -> None:
    awaited = {"payNo": "1", "payWayCd": "21", "payAmt": 20_000, "payStatCd": "11", "partCnclPsbYn": "Y"}
    order_no = await shop.order(line(1, ordDtlStatCd="10"), payments=[awaited])
    claim_no = await _completed(shop, house, order_no, {1: 2})
    ran = await claims("show", claim_no)
    assert (ran.code, ran.err) == (0, "")
    for row in (
        r"WAITING_PAYMENT +order .+ -20,000 KRW",
        r"Refund +0 KRW",
        r"Payments that nobody has to make +1",
    ):
        assert re.search(rf"^{row}$", ran.out, re.MULTILINE), row
