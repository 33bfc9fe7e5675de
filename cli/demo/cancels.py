"""A cancel as the storefront carries it out: asked, quoted with its reasons, sent, followed, and checked."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any

from cli import explaining
from cli.demo.scene import Scene
from cli.demo.standing import Moves
from cli.demo.stories import CancelStory
from cli.output import WAITING, line, money, table

CARD = "11"
CARD_TOKEN = "tok-demo"
"""What the gateway's payment window hands the storefront for the customer's card."""


async def cancel(scene: Scene, story: CancelStory) -> Mapping[str, Any]:
    """The quote that the claim went by. Raises CallFailed, TimeoutError: see `tell`."""
    customer = scene.customer(story.order)
    order = scene.shop.order(story.order)
    popup = await customer.popup()
    reason = next(one for one in popup["claimCausList"] if one["cd"] == story.reason)
    line(f"Order {order['ordNo']} of {order['ordManNm']}. Reason: {reason['cdNm']}.")
    before = await scene.look([story.order])

    quote = await customer.quote(story.selection, story.reason)
    _print_quote(quote)
    _check_quote(scene, story, quote)
    if story.gateway_refuses:
        payment = order["payList"][0]["pgTid"]
        fault = {"pgTid": payment, "kind": "refuse", "times": 1}
        (await scene.gateway.post("/faults", json=fault)).raise_for_status()
        line("The gateway will refuse this refund for good.", style=WAITING)

    sent = monotonic()
    accepted = await customer.cancel(story.selection, story.reason, quote["quoteToken"], _payment(quote))
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
    return quote


def _moves(story: CancelStory, order: Mapping[str, Any]) -> Moves:
    order_no = order["ordNo"]
    balance = story.mileage - story.points
    return Moves(
        taken={f"{order_no}-{len(order['payList']) + 1}": story.extra} if story.extra else {},
        refunds={f"{order_no}-{payment}": amount for payment, amount in story.refunds.items()},
        stock=story.restocked,
        coupons_back=frozenset(f"{order_no}-{end}" for end in story.coupons_back),
        mileage={order["mbrNo"]: balance} if balance else {},
    )


def _payment(quote: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """How the customer pays what the quote costs: by card, one of the ways that it offers. None: it costs nothing."""
    if not quote["addPayAmt"]:
        return None
    way = next(way for way in quote["addPayWayList"] if way["payWayCd"] == CARD and way["stPayNo"] is None)
    return {"payWayCd": CARD, "payAmt": quote["addPayAmt"], "gateway": way["gateway"], "token": CARD_TOKEN}


def _print_quote(quote: Mapping[str, Any]) -> None:
    total = ("Extra payment", quote["addPayAmt"]) if quote["addPayAmt"] else ("Refund", quote["totRfdAmt"])
    table(
        explaining.COLUMNS,
        [
            *explaining.amounts(quote, coupons=False),
            ("", "", total[0], money(total[1], quote["currency"])),
            *explaining.refunds(quote),
        ],
    )
    line(f"Reckoned by policy {quote['policyVer']}.")
    if points := explaining.points(quote["pointList"]):
        line(f"Earned points that go with the goods: {points}. They are no part of the refund.")


def _check_quote(scene: Scene, story: CancelStory, quote: Mapping[str, Any]) -> None:
    scene.expect("the quote", story.refund, quote["totRfdAmt"])
    scene.expect("the extra payment", story.extra, quote["addPayAmt"])
    scene.expect("the earned points", story.points, explaining.points(quote["pointList"]))
    explained = sum(row["amount"] for row in quote["explainList"])
    scene.expect("what the explanation sums to", quote["totRfdAmt"] - quote["addPayAmt"], explained)
    divided = sum(row["amount"] for row in quote["payExplainList"])
    scene.expect("what the explanation divides over the payments", quote["totRfdAmt"], divided)


async def _print_notice(scene: Scene, order: Mapping[str, Any], claim_no: str) -> None:
    if order["mbrNo"] is None:
        line("A guest has no inbox: it is told by mail.")
        return
    inbox = await scene.staff.get(f"/v1/members/{order['mbrNo']}/inbox")
    notices = [notice for notice in inbox["noticeList"] if notice["claimNo"] == claim_no]
    scene.expect("notices in the inbox", 1, len(notices))
    for notice in notices:
        line(f"Inbox: {notice['title']}")
