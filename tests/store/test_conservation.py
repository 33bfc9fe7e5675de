"""The database's own sums: always balanced, the same as the domain's, and off as soon as one row is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.claims import LegState
from domain.conservation import Books, books
from domain.differences import Sum
from domain.orders import Fault, LineStatus, Means, Order, PaymentStatus
from domain.policy import Policy
from domain.refusals import Refusal
from store import conservation
from tests.store import shop
from tests.support import orders as made
from tests.support import random_orders

REACH = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    # Each example costs a transaction: a failing one is shown as it was found.
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


async def _by_view(conn: AsyncConnection, order_no: str) -> Books:
    found = await conservation.books_of(conn, order_no)
    assert found is not None
    return found.books


async def _by_domain(conn: AsyncConnection, order_no: str, *, extra_owed: int = 0) -> Books:
    state = await shop.state_of(conn, order_no)
    extra_paid = sum(payment.amount for payment in state.order.payments if payment.extra)
    return books(state, await shop.legs_of(conn, order_no), extra_paid, extra_owed)


async def _agreed(conn: AsyncConnection, order_no: str, *, extra_owed: int = 0) -> Books:
    """The books, once view and domain agree on every term, the sum is right, and so is every other one."""
    seen = await _by_view(conn, order_no)
    assert seen == await _by_domain(conn, order_no, extra_owed=extra_owed)
    assert seen.difference == 0
    assert await conservation.differences(conn, order_no) == []
    return seen


@REACH
@given(order=random_orders.orders(4, everything=True), policy=random_orders.policies(), data=st.data())
async def test_random_orders_balance_at_every_moment(
    engine: AsyncEngine, order: Order, policy: Policy, data: st.DataObject
) -> None:
    async with engine.connect() as conn:
        await shop.bring(conn, order)
        await _agreed(conn, order.order_no)
        for _ in range(3):
            state = await shop.state_of(conn, order.order_no)
            left = {line.line_no: state.units_left(line) for line in order.lines if not line.gift}
            left = {line_no: units for line_no, units in left.items() if units}
            if not left:
                break
            unpaid = any(payment.waiting for payment in state.order.payments)
            wanted = left if unpaid else data.draw(random_orders.partial_cancels(left))
            fault = data.draw(random_orders.FAULTS)
            try:
                claim_no, costs = await shop.open_cancel(conn, order.order_no, wanted, fault=fault, policy=policy)
            except Refusal:
                continue  # a coupon or rounding forbids this piece
            await _agreed(conn, order.order_no, extra_owed=costs.extra)
            match data.draw(st.sampled_from(["undo", "complete", "decide"])):
                case "undo":
                    await shop.undo(conn, claim_no)
                case "complete":
                    await shop.complete(conn, claim_no)
                case "decide" if costs.extra:
                    await shop.take_extra(conn, claim_no)
                case "decide":
                    await shop.decide(conn, claim_no)
            await _agreed(conn, order.order_no)
        await conn.rollback()


# --- the terms, by name -----------------------------------------------------------------------------------------------

SHIPPED = made.order(
    made.line(1, 30_000, 3, group="G1"),
    made.line(2, 10_000, 1, group="G2"),
    groups=(made.group("G1", fee=3_000, free_from=50_000), made.group("G2", fee=2_500, paid=2_500)),
    benefits=(made.basket_coupon("B1", {1: 10_000, 2: 1_000}, minimum=50_000),),
)


async def test_an_order_before_any_claim(conn: AsyncConnection) -> None:
    await shop.bring(conn, SHIPPED)
    assert await _agreed(conn, SHIPPED.order_no) == Books(
        paid=91_500, extra_paid=0, refunded=0, due=0, bought=89_000, fees=2_500
    )


async def test_shares_are_rounded_half_up_and_add_up(conn: AsyncConnection) -> None:
    odd = made.order(made.line(1, 100, 3), benefits=(made.goods_coupon("B1", 1, 100),))
    await shop.bring(conn, odd)
    bought = []
    for _ in range(3):
        claim_no, _ = await shop.open_cancel(conn, odd.order_no, {1: 1})
        await shop.decide(conn, claim_no)
        bought.append((await _agreed(conn, odd.order_no)).bought)
    # Shares of the first n of 3 units of 100: 33, 67, 100.
    assert bought == [200 - 67, 100 - 33, 0]


async def test_a_coupon_taken_back_and_a_fee_charged(conn: AsyncConnection) -> None:
    await shop.bring(conn, SHIPPED)
    claim_no, costs = await shop.open_cancel(conn, SHIPPED.order_no, {1: 2})
    await shop.decide(conn, claim_no)
    seen = await _agreed(conn, SHIPPED.order_no)
    assert (seen.bought, seen.fees) == (40_000, 2_500 + 3_000)
    assert seen.due == costs.refund == 91_500 - 40_000 - 5_500


async def test_a_group_without_goods_keeps_no_fee(conn: AsyncConnection) -> None:
    await shop.bring(conn, SHIPPED)
    claim_no, _ = await shop.open_cancel(conn, SHIPPED.order_no, {2: 1}, fault=Fault.SELLER)
    await shop.decide(conn, claim_no)
    assert (await _agreed(conn, SHIPPED.order_no)).fees == 0


async def test_refunds_are_due_until_they_are_settled(conn: AsyncConnection) -> None:
    await shop.bring(conn, SHIPPED)
    claim_no, costs = await shop.open_cancel(conn, SHIPPED.order_no, {1: 3, 2: 1})
    before = await _agreed(conn, SHIPPED.order_no)
    await shop.decide(conn, claim_no)
    await shop.settle(conn, claim_no)
    after = await _agreed(conn, SHIPPED.order_no)
    assert (before.refunded, before.due) == (0, costs.refund)
    assert (after.refunded, after.due) == (91_500, 0)


async def test_a_rejected_claim_is_as_never_made(conn: AsyncConnection) -> None:
    await shop.bring(conn, SHIPPED)
    before = await _agreed(conn, SHIPPED.order_no)
    claim_no, _ = await shop.open_cancel(conn, SHIPPED.order_no, {1: 2})
    await shop.undo(conn, claim_no)
    assert await _agreed(conn, SHIPPED.order_no) == before


async def test_a_waiting_payment_is_owed(conn: AsyncConnection) -> None:
    unpaid = made.order(
        made.line(1, 10_000, 1),
        payments=(
            made.payment("1", 9_000, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING),
            made.payment("2", 1_000, Means.MILEAGE),
        ),
    )
    await shop.bring(conn, unpaid)
    seen = await _agreed(conn, unpaid.order_no)
    assert (seen.paid, seen.due, seen.bought) == (1_000, -9_000, 10_000)


async def test_a_payment_that_a_claim_closed_is_not_owed_any_more(conn: AsyncConnection) -> None:
    unpaid = made.order(
        made.line(1, 10_000, 1),
        payments=(
            made.payment("1", 9_000, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING),
            made.payment("2", 1_000, Means.MILEAGE),
        ),
    )
    await shop.bring(conn, unpaid)
    before = await _agreed(conn, unpaid.order_no)
    claim_no, _ = await shop.open_cancel(conn, unpaid.order_no, {1: 1})
    assert (await _agreed(conn, unpaid.order_no)).due == 1_000
    await shop.undo(conn, claim_no)
    assert await _agreed(conn, unpaid.order_no) == before


async def test_an_extra_payment_is_owed_until_it_is_taken_and_paid_from_then_on(conn: AsyncConnection) -> None:
    cheap = made.order(made.line(1, 1_000), made.line(2, 29_000), groups=(made.group(fee=3_000, free_from=30_000),))
    await shop.bring(conn, cheap)
    claim_no, costs = await shop.open_cancel(conn, cheap.order_no, {1: 1})
    assert costs.extra == 2_000
    owed = await _agreed(conn, cheap.order_no, extra_owed=2_000)
    assert (owed.paid, owed.extra_paid, owed.due, owed.bought, owed.fees) == (30_000, 0, -2_000, 29_000, 3_000)
    await shop.take_extra(conn, claim_no)
    taken = await _agreed(conn, cheap.order_no)
    assert (taken.paid, taken.extra_paid, taken.due) == (30_000, 2_000, 0)
    # Like any other payment it goes back when the rest is cancelled, and the fee with it.
    rest, _ = await shop.open_cancel(conn, cheap.order_no, {2: 1})
    await shop.complete(conn, rest)
    assert (await _agreed(conn, cheap.order_no)).refunded == 32_000


async def test_a_surcharge_is_a_fee_of_its_group(conn: AsyncConnection) -> None:
    remote = made.order(
        made.line(1, 10_000, group="G1"),
        made.line(2, 5_000, group="G2"),
        groups=(made.group("G1", surcharge=4_000), made.group("G2", fee=2_500, paid=2_500, surcharge=1_000)),
    )
    await shop.bring(conn, remote)
    assert (await _agreed(conn, remote.order_no)).fees == 7_500
    await shop.open_cancel(conn, remote.order_no, {1: 1})
    assert (await _agreed(conn, remote.order_no)).fees == 3_500


async def test_a_gift_keeps_no_group_and_costs_nothing(conn: AsyncConnection) -> None:
    """Of group G1 only a gift is left, one that was shipped: its fee went back."""
    gift = made.gift(3, minimum=1, status=LineStatus.SHIPPED)
    with_gift = made.order(
        made.line(1, 10_000),
        gift,
        made.line(2, 5_000, group="G2"),
        groups=(made.group(fee=3_000, paid=3_000), made.group("G2")),
    )
    await shop.bring(conn, with_gift)
    await shop.open_cancel(conn, with_gift.order_no, {1: 1})
    seen = await _agreed(conn, with_gift.order_no)
    assert (seen.bought, seen.fees, seen.due) == (5_000, 0, 13_000)


async def test_amounts_near_the_limit_do_not_overflow(conn: AsyncConnection) -> None:
    units = 2**31 - 1
    price = 10**15 // units
    large = made.order(made.line(1, price, units), benefits=(made.goods_coupon("B1", 1, price * units // 3),))
    await shop.bring(conn, large)
    claim_no, _ = await shop.open_cancel(conn, large.order_no, {1: units - 7})
    await shop.decide(conn, claim_no)
    await _agreed(conn, large.order_no)


# --- what is wrong is seen --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        "UPDATE refund_legs SET amount = amount - 1",
        "UPDATE refund_legs SET state = 'VOID'",
        "UPDATE order_payments SET amount = amount + 1",
        "UPDATE claim_lines SET live = false",
        "UPDATE claim_costs SET amount = amount - 1 WHERE kind = 'fee_charged'",
        "DELETE FROM claim_coupons",
        "UPDATE order_groups SET fee_paid = fee_paid + 1",
        "UPDATE order_lines SET price = price + 1",
        "UPDATE order_benefit_shares SET amount = amount + 3 WHERE coupon_no = 'B2'",
    ],
)
async def test_one_wrong_row_is_listed(conn: AsyncConnection, wrong: str) -> None:
    # B1 is taken back by the claim, B2 still stands.
    keeps = made.goods_coupon("B2", 1, 3_000)
    order = made.order(*SHIPPED.lines, groups=SHIPPED.groups, benefits=(*SHIPPED.benefits, keeps))
    await shop.bring(conn, order)
    claim_no, _ = await shop.open_cancel(conn, order.order_no, {1: 2})
    await shop.decide(conn, claim_no)
    assert await conservation.differences(conn) == []
    await conn.execute(text(wrong))
    found = [one for one in await conservation.differences(conn) if one.rule is Sum.BOOKS]
    assert [(one.order_no, one.claim_no, one.subject) for one in found] == [(order.order_no, None, order.order_no)]
    assert found[0].difference == -(await _by_view(conn, order.order_no)).difference != 0


@pytest.mark.parametrize("view", ["order_conservation", "order_differences"])
async def test_one_order_is_reckoned_without_reading_the_others(conn: AsyncConnection, view: str) -> None:
    await _bring_many(conn, 1)
    alone = await _rows_read(conn, view, "O000")
    await _bring_many(conn, 12)
    # Not the same number: as statistics of so few rows come in, PostgreSQL may read one of the small tables whole.
    assert await _rows_read(conn, view, "O000") < 13 * alone / 2


async def test_all_orders_are_gone_through_batch_by_batch(
    conn: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conservation, "BATCH", 2)
    await _bring_many(conn, 5)
    assert await conservation.differences(conn) == []
    await conn.execute(text("UPDATE order_payments SET amount = amount + 1 WHERE order_no <> 'O003'"))
    assert [found.order_no for found in await conservation.differences(conn)] == ["O000", "O001", "O002", "O004"]
    assert [found.order_no for found in await conservation.differences(conn, limit=3)] == ["O000", "O001", "O002"]
    assert [found.order_no for found in await conservation.differences(conn, "O001")] == ["O001"]


async def test_pages_go_through_all_orders_and_never_cut_one(
    conn: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conservation, "BATCH", 2)
    monkeypatch.setattr(conservation, "PAGE", 4)
    await _bring_many(conn, 7)
    await conn.execute(text("UPDATE order_payments SET amount = amount + 1, refunding = refunding + 1"))

    async def pages(limit: int) -> list[tuple[list[str], str | None]]:
        found = []
        after: str | None = ""
        while after is not None:
            page = await conservation.page_of_differences(conn, after, limit=limit)
            after = page.next_after
            found.append(([one.order_no[-1] for one in page.differences], after))
        return found

    # Two rows of each order: its books, and what the payment counts as returned. A page ends after four orders.
    assert await pages(100) == [(list("00112233"), "O003"), (list("445566"), None)]
    assert await pages(5) == [
        (list("0011"), "O001"),
        (list("2233"), "O003"),
        (list("4455"), "O005"),
        (list("66"), None),
    ]
    # One order alone has more rows than the page: what is left of it is asked for by its number.
    assert [orders for orders, _ in await pages(1)] == [[str(number)] for number in range(7)] + [[]]


async def _bring_many(conn: AsyncConnection, count: int) -> None:
    """Orders ``O000`` … that are not there yet, each with a claim."""
    for number in range(count):
        order_no = f"O{number:03}"
        if await conservation.books_of(conn, order_no) is None:
            coupons = tuple(replace(one, coupon_no=f"{one.coupon_no}-{order_no}") for one in SHIPPED.benefits)
            await shop.bring(conn, replace(SHIPPED, order_no=order_no, benefits=coupons))
            claim_no, _ = await shop.open_cancel(conn, order_no, {1: 2})
            await shop.decide(conn, claim_no)


async def _rows_read(conn: AsyncConnection, view: str, order_no: str) -> int:
    """How many rows of tables PostgreSQL looks at to reckon one order."""
    await conn.execute(text("SET LOCAL enable_seqscan = off"))
    explained = await conn.execute(
        text(f"EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM {view} WHERE order_no = :order_no"),  # noqa: S608
        {"order_no": order_no},
    )
    return _count(explained.scalar_one()[0]["Plan"])


def _count(node: dict[str, Any]) -> int:
    own = 0
    if "Relation Name" in node:
        removed = node.get("Rows Removed by Filter", 0)
        own = int((node["Actual Rows"] + removed) * node["Actual Loops"])
    return own + sum(_count(child) for child in node.get("Plans", []))


def test_legs_are_due_unless_settled_or_void() -> None:
    """The view's words are the domain's: a new state must be placed there too."""
    assert {state.value for state in LegState} == {"PLANNED", "PENDING", "SETTLED", "REFUSED", "VOID"}
