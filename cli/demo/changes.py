"""Option changes as the storefront carries them out: of one order, and of several at once for the last unit."""

from __future__ import annotations

import asyncio
from time import monotonic

from cli.demo.scene import Scene
from cli.demo.standing import Moves
from cli.demo.stories import ChangeStory, RaceStory
from cli.output import WAITING, line, table
from cli.service import Refused

IMPOSSIBLE = "2008"


async def change(scene: Scene, story: ChangeStory) -> None:
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


async def race(scene: Scene, story: RaceStory) -> None:
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
