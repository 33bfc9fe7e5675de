"""Orders and claims in a real database, written by the store's own functions."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import Actor, ClaimKind, Direction, LegState, SettledBy, Step, StepStatus
from domain.conservation import Leg
from domain.costs import Costs
from domain.extra_offers import ExtraOffer
from domain.gifts import goods_only
from domain.orders import Fault, Held, Item, Means, Order, OrderState, SaleMethod, SaleStatus
from domain.policy import Policy
from domain.pricing import price
from domain.units import take
from store import (
    charges,
    claims,
    coupons,
    feed_orders,
    feed_shop,
    fence,
    opening,
    own_credits,
    points,
    stock,
    turning_back,
)
from store.extra_payments import extra_of_claim
from store.orders import load_state
from store.tables import refund_legs
from tests.support import orders as made

WITH_COUPON_AND_MILEAGE = made.order(
    made.line(1, 10_000, 2),
    made.line(2, 5_000, 1),
    benefits=(made.basket_coupon("B1", {1: 2_000, 2: 1_000}),),
    payments=(made.payment("1", 20_000), made.payment("2", 2_000, Means.MILEAGE)),
)

_numbers = itertools.count(1)


def item_of(goods_no: str, variant_no: str, *, stock: int = 10, unit_price: int = 10_000) -> Item:
    return Item(
        goods_no=goods_no,
        variant_no=variant_no,
        goods_name="Goods",
        variant_name=f"Variant {variant_no}",
        options=(("Colour", variant_no),),
        price=unit_price,
        sale_status=SaleStatus.ON_SALE,
        sale_method=SaleMethod.ORDINARY,
        stock=stock,
    )


def fed(order: Order, *, buyer_name: str = "Kim", password_hash: str | None = None) -> feed_orders.FedOrder:
    return feed_orders.FedOrder(
        order=order,
        buyer_name=buyer_name,
        email="kim@example.com",
        phone="010-1234-5678",
        medium="pc",
        password_hash=password_hash or (None if order.member_no else "a hash"),
    )


async def bring(conn: AsyncConnection, order: Order) -> None:
    """Feed the order's items and the order."""
    for goods_no, variant_no in sorted({(line.goods_no, line.variant_no) for line in order.lines}):
        await feed_shop.put_item(conn, item_of(goods_no, variant_no))
    await feed_orders.put_order(conn, fed(order))


async def state_of(conn: AsyncConnection, order_no: str) -> OrderState:
    state = await load_state(conn, order_no)
    assert state is not None
    return state


def new_claim(order_no: str, kind: ClaimKind = ClaimKind.CANCEL, *, fault: Fault = Fault.CUSTOMER) -> opening.NewClaim:
    number = next(_numbers)
    return opening.NewClaim(
        claim_no=f"20230808C{number:06}",
        order_no=order_no,
        kind=kind,
        workflow_id=f"{kind}/{order_no}/{number}",
        request_key=f"key-{number}",
        digest="digest",
        quote_nonce=None,
        private_id=None,
        actor=Actor.MEMBER,
        language="ko",
        reason_code="10",
        fault=fault,
        policy_version=made.POLICY.version,
    )


async def open_cancel(
    conn: AsyncConnection,
    order_no: str,
    wanted: Mapping[int, int],
    *,
    fault: Fault = Fault.CUSTOMER,
    policy: Policy = made.POLICY,
    extra_by: Means = Means.CARD,
) -> tuple[str, Costs]:
    """Open a cancel claim of units per line number, at the price that it has now; its number and costs.

    What it costs beyond its refund is to be paid by the means `extra_by`.
    """
    await fence.lock_order(conn, order_no)
    state = await state_of(conn, order_no)
    selection = made.select(wanted)
    costs = price(state, selection, fault, made.NOW, policy)
    new = new_claim(order_no, fault=fault)
    held = take(state, (*goods_only(state, selection), *costs.gifts))
    gateway = "sandbox" if extra_by.external else None
    offer = ExtraOffer(extra_by, costs.extra, gateway) if costs.extra else None
    await opening.open_cancel(conn, new, state, held, costs, offer)
    return new.claim_no, costs


async def open_change(conn: AsyncConnection, order_no: str, held: Held, new_variant_no: str) -> str:
    await fence.lock_order(conn, order_no)
    new = new_claim(order_no, ClaimKind.OPTION_CHANGE)
    await opening.open_change(conn, new, "KRW", held, new_variant_no)
    return new.claim_no


async def head_of(conn: AsyncConnection, claim_no: str) -> fence.ClaimHead:
    head = await fence.enter(conn, claim_no, None)
    assert head is not None
    return head


async def decide(conn: AsyncConnection, claim_no: str) -> None:
    await claims.decide(conn, await head_of(conn, claim_no))
    await claims.restate(conn, claim_no)


async def settle(conn: AsyncConnection, claim_no: str) -> None:
    """All of its refund arrived, from gateways and of our own."""
    await conn.execute(
        update(refund_legs)
        .where(
            refund_legs.c.claim_no == claim_no, refund_legs.c.external, refund_legs.c.state.in_(("PLANNED", "PENDING"))
        )
        .values(state=LegState.SETTLED, settled_by=SettledBy.GATEWAY)
    )
    await own_credits.give_back(conn, await head_of(conn, claim_no))


async def give_back(conn: AsyncConnection, claim_no: str) -> None:
    """Its coupons, stock and own credits are back, and the points of its units are taken."""
    head = await head_of(conn, claim_no)
    await coupons.give_back(conn, head)
    await own_credits.lock_member(conn, head)
    await own_credits.give_back(conn, head)
    await points.take_back(conn, head)
    await stock.restock(conn, head)
    for step in (Step.COUPONS, Step.RESTOCK):
        await claims.set_step_unless_skipped(conn, claim_no, step, StepStatus.DONE)


async def take_points(conn: AsyncConnection, claim_no: str) -> None:
    """The points of its units are taken back."""
    await points.take_back(conn, await head_of(conn, claim_no))


async def take_extra(conn: AsyncConnection, claim_no: str) -> None:
    """What it costs beyond its refund is paid, which decides the claim."""
    head, charge = await head_of(conn, claim_no), await charges.read(conn, claim_no)
    if charge.gateway is None:
        assert await charges.take_own(conn, head, charge)
    else:
        assert await charges.take(conn, head, charge, f"pg-{charge.payment_no}")


async def complete(conn: AsyncConnection, claim_no: str) -> None:
    """The whole way of a claim, to its end: charged, refunded, given back, closed."""
    if (await extra_of_claim(conn, claim_no)) is not None:
        await take_extra(conn, claim_no)
    await decide(conn, claim_no)
    await give_back(conn, claim_no)
    await settle(conn, claim_no)
    await claims.close(conn, claim_no)
    await claims.restate(conn, claim_no)


async def cancel_all(conn: AsyncConnection, order: Order) -> str:
    """A cancel of everything, given back whole."""
    claim_no, _ = await open_cancel(conn, order.order_no, {line.line_no: line.quantity for line in order.lines})
    await decide(conn, claim_no)
    await give_back(conn, claim_no)
    await conn.execute(
        update(refund_legs)
        .where(refund_legs.c.claim_no == claim_no, refund_legs.c.external)
        .values(state=LegState.SETTLED, settled_by="GATEWAY", refund_ref="R1")
    )
    await claims.restate(conn, claim_no)
    return claim_no


async def undo(conn: AsyncConnection, claim_no: str) -> None:
    head = await head_of(conn, claim_no)
    assert await turning_back.turn_back(conn, head, "2001", "units.gone")
    await turning_back.free(conn, replace(head, direction=Direction.UNDOING))
    await claims.restate(conn, claim_no)


async def legs_of(conn: AsyncConnection, order_no: str) -> list[Leg]:
    found = await conn.execute(
        select(refund_legs.c.payment_no, refund_legs.c.amount, refund_legs.c.state).where(
            refund_legs.c.order_no == order_no
        )
    )
    return [Leg(row.payment_no, row.amount, LegState(row.state)) for row in found]
