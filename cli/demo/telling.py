"""Carries out a story as the storefront would, tells it, and checks what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any

from cli.demo.scene import Scene
from cli.demo.standing import Moves
from cli.demo.stories import CancelStory, ChangeStory, RaceStory, Story
from cli.output import WAITING, line, money, table
from cli.service import Refused

MEANS = {"11": "card", "32": "mileage"}
IMPOSSIBLE = "2008"


async def tell(scene: Scene, story: Story) -> None:
    """Raises CallFailed for a call that does not go as the story goes, TimeoutError for a claim that does not end."""
    match story:
        case CancelStory():
            await _cancel(scene, story)
        case ChangeStory():
            await _change(scene, story)
        case RaceStory():
            await _race(scene, story)


# --- cancels ----------------------------------------------------------------------------------------------------------


async def _cancel(scene: Scene, story: CancelStory) -> None:
    customer = scene.customer(story.order)
    order = scene.shop.order(story.order)
    popup = await customer.popup()
    reason = next(one for one in popup["claimCausList"] if one["cd"] == story.reason)
    line(f"Order {order['ordNo']} of {order['ordManNm']}. Reason: {reason['cdNm']}.")
    before = await scene.look([story.order])

    quote = await customer.quote(story.selection, story.reason)
    _print_quote(quote, {one["ordSeq"]: one for one in popup["claimTgtList"]})
    scene.expect("the quote", story.refund, quote["totRfdAmt"])
    if story.gateway_refuses:
        payment = order["payList"][0]["pgTid"]
        fault = {"pgTid": payment, "kind": "refuse", "times": 1}
        (await scene.gateway.post("/faults", json=fault)).raise_for_status()
        line("The gateway will refuse this refund for good.", style=WAITING)

    sent = monotonic()
    accepted = await customer.cancel(story.selection, story.reason, quote["quoteToken"])
    line(f"Accepted after {monotonic() - sent:.2f} s as claim {accepted['claimNo']}; what happens to it:")
    claim = await scene.follow(customer, accepted["claimNo"], sent)
    scene.expect("the claim", "REJECTED" if story.gateway_refuses else "COMPLETED", claim["claimStatCd"])
    if claim["rjctReason"]:
        line(f"The customer is told: {claim['rjctReason']}")

    scene.compare(before, await scene.look([story.order]), _moves(story, order))
    if story.gateway_refuses:
        after = {one["ordSeq"]: one for one in (await customer.popup())["claimTgtList"]}
        for line_no, units in story.selection.items():
            scene.expect(f"units of line {line_no} that can be cancelled", units, after[line_no]["claimPsbQty"])
    await _print_notice(scene, order, accepted["claimNo"])
    await scene.link(accepted["claimNo"])


def _moves(story: CancelStory, order: Mapping[str, Any]) -> Moves:
    order_no = order["ordNo"]
    return Moves(
        refunds={f"{order_no}-{payment}": amount for payment, amount in story.refunds.items()},
        stock=story.restocked,
        coupons_back=frozenset(f"{order_no}-{end}" for end in story.coupons_back),
        mileage={order["mbrNo"]: story.mileage} if story.mileage else {},
    )


def _print_quote(quote: Mapping[str, Any], lines: Mapping[int, Mapping[str, Any]]) -> None:
    currency = quote["currency"]
    goods = [
        (f"{lines[row['ordSeq']]['goodsNm']} × {row['claimQty']}", money(row["costAmt"], currency))
        for row in quote["costRowList"]
        if row["costGbCd"] == "GOODS"
    ]
    coupons = [(row["reason"], money(-row["dcAmt"], currency)) for row in quote["benefitList"]]
    fees = [(row["reason"], money(-row["aplyAdtnAmt"], currency)) for row in quote["costList"]]
    means = [
        (f"  of it to payment {row['payNo']}, {MEANS[row['payWayCd']]}", money(row["rfdAmt"], currency))
        for row in quote["payList"]
    ]
    table(
        ("Quote", ">Amount"),
        [*goods, *coupons, *fees, ("Refund", money(quote["totRfdAmt"], currency)), *means],
    )


async def _print_notice(scene: Scene, order: Mapping[str, Any], claim_no: str) -> None:
    if order["mbrNo"] is None:
        line(f"A guest has no inbox; told by mail to {order['email']}.")
        return
    inbox = await scene.staff.get(f"/v1/members/{order['mbrNo']}/inbox")
    notices = [notice for notice in inbox["noticeList"] if notice["claimNo"] == claim_no]
    scene.expect("notices in the inbox", 1, len(notices))
    for notice in notices:
        line(f"Inbox: {notice['title']}")


# --- option changes ---------------------------------------------------------------------------------------------------


async def _change(scene: Scene, story: ChangeStory) -> None:
    customer = scene.customer(story.order)
    old, new = f"{story.goods_no}/{story.old_variant}", f"{story.goods_no}/{story.new_variant}"
    line(f"Order {customer.order_no}, line {story.line_no}.")
    await _print_variants(scene, story)
    before = await scene.look([story.order], [new])
    sent = monotonic()
    changed = await customer.change(story.line_no, story.goods_no, story.new_variant)
    line(f"Changed after {monotonic() - sent:.2f} s by claim {changed['claimNo']}; what happens to it:")
    claim = await scene.follow(customer, changed["claimNo"], sent)
    scene.expect("the claim", "COMPLETED", claim["claimStatCd"])
    units = _units(scene, story.order, story.line_no)
    scene.compare(before, await scene.look([story.order], [new]), Moves(stock={old: units, new: -units}))
    scene.expect("the line's variant", story.new_variant, await _variant(scene, story.order, story.line_no))
    await scene.link(changed["claimNo"])


async def _race(scene: Scene, story: RaceStory) -> None:
    customers = {name: scene.customer(name) for name in story.orders}
    old, new = f"{story.goods_no}/{story.old_variant}", f"{story.goods_no}/{story.new_variant}"
    before = await scene.look(story.orders, [new])
    answers = await asyncio.gather(
        *(one.change(story.line_no, story.goods_no, story.new_variant) for one in customers.values()),
        return_exceptions=True,
    )
    winners: dict[str, str] = {}
    for (name, customer), answer in zip(customers.items(), answers, strict=True):
        if isinstance(answer, Refused) and answer.code == IMPOSSIBLE:
            line(f"Order {customer.order_no} is refused: {answer}", style=WAITING)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            line(f"Order {customer.order_no} gets it, by claim {answer['claimNo']}.")
            winners[name] = answer["claimNo"]
    scene.expect("orders that got the last unit", 1, len(winners))
    for name, claim_no in winners.items():
        claim = await scene.follow(customers[name], claim_no, monotonic())
        scene.expect("the claim", "COMPLETED", claim["claimStatCd"])
    scene.compare(before, await scene.look(story.orders, [new]), Moves(stock={old: 1, new: -1}))
    for name in story.orders:
        expected = story.new_variant if name in winners else story.old_variant
        scene.expect(f"the variant of order {name}", expected, await _variant(scene, name, story.line_no))
    for claim_no in winners.values():
        await scene.link(claim_no)


async def _print_variants(scene: Scene, story: ChangeStory) -> None:
    found = await scene.customer(story.order).variants(story.goods_no, story.old_variant)
    table(
        ("Variant", "Option", ">Stock", "Can be had", "Why not"),
        [(one["itmNo"], one["itmNm"], str(one["stockQty"]), one["chgPsbYn"], one["reason"] or "") for one in found],
    )


def _units(scene: Scene, name: str, line_no: int) -> int:
    lines = scene.shop.order(name)["ordDtlList"]
    units: int = next(one["ordQty"] for one in lines if one["ordSeq"] == line_no)
    return units


async def _variant(scene: Scene, name: str, line_no: int) -> str:
    order = await scene.staff.get(f"/v1/orders/{scene.shop.numbers[name]}")
    return str(next(one["itmNo"] for one in order["ordDtlList"] if one["ordSeq"] == line_no))
