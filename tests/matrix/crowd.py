"""P3: many people cancel parts of one payment at once, each again and again under new keys, and somebody else refunds.

Over HTTP, as customers do. However it comes out, no more goes back than was captured, and each accepted claim once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from api.main import create_app
from api.tokens import Role
from tests.api.shop import CANCEL, Shop, card, line, select
from tests.matrix.control import UNGUARDED
from tests.matrix.stands import StandIn
from tests.support.house import House

PRICE = 1_000
CLAIMANTS = 20
AGAIN = {"2005", "9001", "9002"}
"""Another claim of the order is not decided yet, or the service is busy: to be asked again, under a new key."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """`accepted` claims, of which so many were `refunded`; `calls` were made; what is not as it must be is `wrong`."""

    gateway: str
    accepted: int
    refunded: int
    calls: int
    wrong: tuple[str, ...]


@asynccontextmanager
async def open_shop(house: House) -> AsyncIterator[Shop]:
    """The API before a house, whose settings know where Temporal is."""
    app = create_app(house.settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test", timeout=120) as http:
            yield Shop(http, house.gateway, house.settings)


async def crowd(house: House, shop: Shop, gateway: str, *, units: int, console_after: int | None = None) -> Crowd:
    """Twenty claimants of a unit each on one payment for `units` of them.

    `console_after`: once so many refunds are there, somebody gives half of what is left back in the gateway's console.
    """
    captured = units * PRICE
    way = "41" if gateway == "kakaopay" else "11"
    payment = card(captured, gateway=gateway, payWayCd=way)
    goods = line(goodsNo=f"crowd-{gateway}", ordQty=units, salePrc=PRICE)
    member = f"crowd-{gateway}"
    order_no = await shop.order(goods, payments=[payment], member=member)
    stand = StandIn(house.gateway, gateway)
    await stand.pay(f"{order_no}-1", captured)
    me = shop.token(Role.MEMBER, member)
    claimants = [asyncio.create_task(_claim(house, shop, me, order_no, number)) for number in range(CLAIMANTS)]
    if console_after is not None:
        await _by_console(house, stand, f"{order_no}-1", captured, console_after)
    answers = await asyncio.gather(*claimants)
    accepted = [claim_no for claim_no, _ in answers if claim_no is not None]
    await house.eventually(lambda: _over(house, order_no), timeout=120)
    wrong, refunded = await _wrong(house, stand, order_no, accepted, captured)
    return Crowd(gateway, len(accepted), refunded, sum(calls for _, calls in answers), tuple(wrong))


async def _claim(house: House, shop: Shop, me: dict[str, str], order_no: str, number: int) -> tuple[str | None, int]:
    """The claim's number, or None when it was refused for good; and how often it was asked for."""
    calls = 0
    while True:
        calls += 1
        answer = await shop.call(CANCEL, select(order_no, {1: 1}), me, key=f"{number}-{calls}")
        told: dict[str, Any] = answer.json()
        if told["code"] == "0000":
            return str(told["payload"]["claimNo"]), calls
        if told["code"] not in AGAIN:
            return None, calls
        async with asyncio.timeout(120):
            while not await _decided(house, order_no):
                # Twenty that ask all the time would take the machine from those that they wait for.
                await asyncio.sleep(0.2)


async def _decided(house: House, order_no: str) -> bool:
    return not await house.rows(
        "SELECT 1 FROM claims WHERE order_no = :no AND decided_at IS NULL AND closed_at IS NULL", no=order_no
    )


async def _over(house: House, order_no: str) -> bool:
    return not await house.rows("SELECT 1 FROM claims WHERE order_no = :no AND closed_at IS NULL", no=order_no)


async def _by_console(house: House, stand: StandIn, payment: str, captured: int, after: int) -> None:
    async def enough() -> bool:
        return len(await stand.refunds(payment)) >= after

    await house.eventually(enough, timeout=120)
    left = captured - sum(one.amount for one in await stand.refunds(payment))
    await stand.by_console(payment, max(PRICE, left // PRICE // 2 * PRICE))


async def _stopped(house: House, order_no: str) -> bool:
    """Whether a guard has stopped a refund: only by that does the next claim know of a refund that nobody told of."""
    return bool(
        await house.rows(
            "SELECT 1 FROM refund_attempts WHERE order_no = :no AND outcome = 'CONFLICT' LIMIT 1", no=order_no
        )
    )


async def _wrong(
    house: House, stand: StandIn, order_no: str, accepted: list[str], captured: int
) -> tuple[list[str], int]:
    there = await stand.refunds(f"{order_no}-1")
    legs = await house.rows(
        "SELECT l.leg_id, l.refund_ref, l.amount, c.status, c.claim_no FROM refund_legs AS l JOIN claims AS c"
        " USING (claim_no) WHERE l.order_no = :no",
        no=order_no,
    )
    done = [leg for leg in legs if leg["status"].startswith("COMPLETED")]
    wrong = []
    if sum(one.amount for one in there) > captured:
        wrong.append(f"more went back than the {captured} that were captured: {there}")
    ours = [(one.reference, one.ref, one.amount) for one in there if one.reference != "by hand"]
    if sorted(ours) != sorted((leg["leg_id"], leg["refund_ref"], leg["amount"]) for leg in done):
        wrong.append(f"the gateway has {ours}, we have {done}")
    claims = await house.rows("SELECT claim_no, status, refund FROM claims WHERE order_no = :no", no=order_no)
    if {claim["claim_no"] for claim in claims} != set(accepted):
        wrong.append(f"accepted were {sorted(accepted)}, there are {claims}")
    # What somebody else has returned is not returned again: the last of them may have nothing to return.
    legless = {claim["claim_no"] for claim in claims} - {leg["claim_no"] for leg in legs}
    if any(claim["claim_no"] in legless and (claim["status"], claim["refund"]) != ("COMPLETED", 0) for claim in claims):
        wrong.append(f"without a refund, and not completed: {claims}")
    if any(leg["status"] != "REJECTED" for leg in legs if leg not in done):
        wrong.append(f"neither completed nor undone: {legs}")
    by_hand = [number for number, one in enumerate(there) if one.reference == "by hand"]
    if by_hand and stand.name not in UNGUARDED and by_hand != [len(there) - 1] and not await _stopped(house, order_no):
        wrong.append(f"no guard stopped the first after somebody else's refund: {there}")
    wrong += [str(row) for row in await house.rows("SELECT * FROM order_differences WHERE order_no = :no", no=order_no)]
    return wrong, len(done)
