"""What the feed may change, what it books, and how it meets claims."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.orders import BelowMinimum, Held, LineStatus, Means, Order, PaymentStatus, Promotion
from domain.refusals import Code, Refusal
from store import coupons, feed_orders, feed_shop, fence, line_moves, stock
from store.orders import load_item, load_payments
from store.tables import coupon_movements, credit_movements, members, order_lines, stock_movements
from store.tables import coupons as coupons_table
from tests.store import shop
from tests.support import orders as made

ITEM = shop.item_of("GOODS1", "001", stock=10)
MEMBER = feed_shop.FedMember("M1", "Kim", "kim@example.com", "010-1", 5_000, 0)
COUPON = feed_shop.FedCoupon("B1", "M1", Promotion.GOODS, "Ten percent", made.NOW, "20230808O000001")
ORDER = made.order(
    made.line(1, 10_000, 3),
    made.line(2, 5_000, 1),
    benefits=(made.goods_coupon("B1", 1, 3_000),),
)
ORDER_NO = ORDER.order_no


@pytest.fixture
async def brought(conn: AsyncConnection) -> AsyncConnection:
    """A connection on which the order stands."""
    await shop.bring(conn, ORDER)
    return conn


def _with_line(order: Order, line_no: int, **changes: Any) -> Order:
    lines = tuple(replace(line, **changes) if line.line_no == line_no else line for line in order.lines)
    return replace(order, lines=lines)


async def _status(conn: AsyncConnection, line_no: int) -> LineStatus:
    line = (await shop.state_of(conn, ORDER_NO)).order.line(line_no)
    assert line is not None
    return line.status


async def _cancelled(conn: AsyncConnection, wanted: dict[int, int]) -> str:
    claim_no, _ = await shop.open_cancel(conn, ORDER_NO, wanted)
    await shop.decide(conn, claim_no)
    return claim_no


# --- items ------------------------------------------------------------------------------------------------------------


async def _stock_booked(conn: AsyncConnection) -> list[int]:
    found = await conn.execute(select(stock_movements.c.quantity).order_by(stock_movements.c.movement_id))
    return list(found.scalars())


async def test_an_item_is_given_back_as_it_was_fed(conn: AsyncConnection) -> None:
    await feed_shop.put_item(conn, ITEM)
    assert await load_item(conn, "GOODS1", "001") == ITEM


async def test_the_difference_of_stock_is_booked(conn: AsyncConnection) -> None:
    for quantity in (10, 10, 7, 12):
        await feed_shop.put_item(conn, replace(ITEM, stock=quantity))
    assert await _stock_booked(conn) == [10, -3, 5]


async def test_a_put_waits_for_a_restock_and_books_what_is_left_to_change(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await shop.bring(conn, ORDER)
        claim_no = await _cancelled(conn, {1: 2})
    async with engine.connect() as restocking, engine.connect() as feeding:
        head = await fence.enter(restocking, claim_no)
        assert head is not None
        await stock.restock(restocking, head)
        put = asyncio.create_task(feed_shop.put_item(feeding, replace(ITEM, stock=20)))
        await _until_waiting(engine)
        await restocking.commit()
        await put
        await feeding.commit()
    async with engine.begin() as conn:
        booked = await conn.execute(
            select(func.sum(stock_movements.c.quantity)).where(stock_movements.c.goods_no == "GOODS1")
        )
        item = await load_item(conn, "GOODS1", "001")
        assert item is not None
        assert (item.stock, booked.scalar_one()) == (20, 20)
        await _empty(conn)


async def _until_waiting(engine: AsyncEngine) -> None:
    """Until some connection waits for a lock."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with asyncio.timeout(5), engine.connect() as conn:
        while not (await conn.execute(waiting)).scalar_one():
            await conn.rollback()
            await asyncio.sleep(0.01)


async def _empty(conn: AsyncConnection) -> None:
    await conn.execute(text("TRUNCATE orders, items, members, coupons, claims CASCADE"))


# --- members and coupons ----------------------------------------------------------------------------------------------


async def test_the_differences_of_balances_are_booked(conn: AsyncConnection) -> None:
    await feed_shop.put_member(conn, MEMBER)
    await feed_shop.put_member(conn, MEMBER)
    await feed_shop.put_member(conn, replace(MEMBER, mileage=4_000, deposit=50))
    found = await conn.execute(
        select(credit_movements.c.means, credit_movements.c.amount, credit_movements.c.kind).order_by(
            credit_movements.c.means, credit_movements.c.movement_id
        )
    )
    assert [tuple(row) for row in found] == [
        (Means.DEPOSIT, 50, "feed"),
        (Means.MILEAGE, 5_000, "feed"),
        (Means.MILEAGE, -1_000, "feed"),
    ]
    assert await feed_shop.get_member(conn, "M1") == replace(MEMBER, mileage=4_000, deposit=50)


async def test_a_coupon_is_given_back_as_it_was_fed_and_its_changes_are_booked(conn: AsyncConnection) -> None:
    await feed_shop.put_coupon(conn, COUPON)
    await feed_shop.put_coupon(conn, replace(COUPON, name="Another name"))
    later = replace(COUPON, used_order_no=None, expires_at=made.NOW + timedelta(days=1))
    await feed_shop.put_coupon(conn, later)
    assert await feed_shop.get_coupon(conn, "B1") == later
    booked = await conn.execute(select(coupon_movements.c.facts).order_by(coupon_movements.c.movement_id))
    assert [facts["used_order_no"] for facts in booked.scalars()] == [ORDER_NO, None]


async def test_a_coupon_that_a_claim_gave_back_is_not_set_back_to_that_order(brought: AsyncConnection) -> None:
    claim_no = await _cancelled(brought, {1: 3})
    await coupons.give_back(brought, await shop.head_of(brought, claim_no))
    with pytest.raises(Refusal) as caught:
        await feed_shop.put_coupon(brought, COUPON)
    assert (caught.value.code, caught.value.reason) == (Code.DUPLICATE, "coupon.given_back")
    assert caught.value.facts["claim_no"] == claim_no
    # Unused, or used by another order, it may well be.
    await feed_shop.put_coupon(brought, replace(COUPON, used_order_no=None))
    await feed_shop.put_coupon(brought, replace(COUPON, used_order_no="ANOTHER"))


async def test_an_order_does_not_use_a_coupon_of_another_order(brought: AsyncConnection) -> None:
    fed = await feed_orders.get_order(brought, ORDER_NO)
    assert fed is not None
    other = replace(fed, order=replace(fed.order, order_no="20230808O000099"))
    with pytest.raises(Refusal) as caught:
        await feed_orders.put_order(brought, other)
    assert (caught.value.code, caught.value.reason) == (Code.BAD_VALUE, "coupon.used_elsewhere")


async def test_what_only_an_order_names_is_a_stub_until_it_is_fed(brought: AsyncConnection) -> None:
    assert await feed_shop.get_member(brought, "M1") == feed_shop.FedMember("M1", None, None, None, 0, 0)
    assert await feed_shop.get_coupon(brought, "B1") == feed_shop.FedCoupon(
        "B1", "M1", Promotion.GOODS, None, None, ORDER_NO
    )
    await feed_shop.put_coupon(brought, COUPON)
    await feed_shop.put_member(brought, MEMBER)
    stubs = [
        (await brought.execute(select(members.c.stub))).scalar_one(),
        (await brought.execute(select(coupons_table.c.stub))).scalar_one(),
    ]
    assert stubs == [False, False]
    assert await feed_shop.get_coupon(brought, "B1") == COUPON


async def test_an_order_moves_nothing_that_was_fed(conn: AsyncConnection) -> None:
    await feed_shop.put_coupon(conn, replace(COUPON, used_order_no=None))
    await feed_shop.put_member(conn, MEMBER)
    await shop.bring(conn, ORDER)
    assert await feed_shop.get_coupon(conn, "B1") == replace(COUPON, used_order_no=None)
    assert await feed_shop.get_member(conn, "M1") == MEMBER
    item = await load_item(conn, "GOODS1", "001")
    assert item is not None
    assert item.stock == 10


# --- orders -----------------------------------------------------------------------------------------------------------


async def test_an_order_is_given_back_as_it_was_fed(brought: AsyncConnection) -> None:
    assert await feed_orders.get_order(brought, ORDER_NO) == shop.fed(ORDER)


WHOLE = made.order(
    made.line(1, 10_000, 3, tax_free=True, points=90),
    made.gift(2, of=1),
    made.gift(3, minimum=20_000),
    groups=(made.group(fee=3_000, paid=3_000, surcharge=2_000),),
    benefits=(made.basket_coupon("B1", {1: 1_000}, minimum=20_000, below=BelowMinimum.KEEP),),
    payments=(
        made.payment("1", 24_000, tax_free=20_000, vat=300),
        made.payment("2", 10_000, Means.MILEAGE, expires=made.NOW + timedelta(days=30, microseconds=120)),
    ),
)
"""An order with everything that a feed may tell."""


async def test_everything_that_a_feed_may_tell_is_given_back(conn: AsyncConnection) -> None:
    await shop.bring(conn, WHOLE)
    assert await feed_orders.get_order(conn, WHOLE.order_no) == shop.fed(WHOLE)
    assert await load_payments(conn, WHOLE.order_no) == WHOLE.payments


async def test_times_are_read_as_utc_wherever_the_database_is(conn: AsyncConnection) -> None:
    await shop.bring(conn, WHOLE)
    await conn.execute(text("SET LOCAL TimeZone = 'Asia/Seoul'"))
    state = await shop.state_of(conn, WHOLE.order_no)
    for payments in (state.order.payments, await load_payments(conn, WHOLE.order_no)):
        expires_at = payments[1].expires_at
        assert expires_at is not None
        assert (expires_at, expires_at.tzinfo) == (WHOLE.payments[1].expires_at, UTC)
    assert await feed_orders.get_order(conn, WHOLE.order_no) == shop.fed(WHOLE)


async def test_a_collecting_group_is_given_back(conn: AsyncConnection) -> None:
    collecting = made.order(made.line(1, 10_000), groups=(made.group(fee=3_000, collect=True),))
    await shop.bring(conn, collecting)
    assert await feed_orders.get_order(conn, collecting.order_no) == shop.fed(collecting)


async def test_an_order_with_an_unknown_item_is_refused(conn: AsyncConnection) -> None:
    with pytest.raises(Refusal) as caught:
        await feed_orders.put_order(conn, shop.fed(ORDER))
    assert (caught.value.code, caught.value.reason) == (Code.NOT_FOUND, "item.unknown")
    assert caught.value.facts == {"goods_no": "GOODS1", "variant_no": "001"}


async def test_an_order_that_does_not_add_up_is_refused(brought: AsyncConnection) -> None:
    wrong = replace(ORDER, payments=(made.payment("1", 1),))
    with pytest.raises(Refusal, match=r"order\.sum"):
        await feed_orders.put_order(brought, shop.fed(wrong))
    with pytest.raises(Refusal, match=r"order\.sum"):
        await feed_orders.put_order(brought, shop.fed(replace(wrong, order_no="NEW")))


async def test_the_same_order_again_writes_nothing(engine: AsyncEngine, brought: AsyncConnection) -> None:
    before = (await brought.execute(select(order_lines.c.line_id).order_by(order_lines.c.line_id))).scalars().all()
    statements = await _statements(engine, feed_orders.put_order(brought, shop.fed(ORDER)))
    after = (await brought.execute(select(order_lines.c.line_id).order_by(order_lines.c.line_id))).scalars().all()
    assert before == after
    assert not [statement for statement in statements if not statement.lstrip().startswith("SELECT")]


async def test_lines_may_come_in_any_order(brought: AsyncConnection) -> None:
    turned = replace(ORDER, lines=tuple(reversed(ORDER.lines)))
    await feed_orders.put_order(brought, shop.fed(turned))
    assert await feed_orders.get_order(brought, ORDER_NO) == shop.fed(ORDER)


async def test_an_order_without_claims_is_replaced_as_a_whole(brought: AsyncConnection) -> None:
    other = replace(
        made.order(made.line(2, 7_000, 2, group="G9"), groups=(made.group("G9"),), member_no="M2"),
        ordered_at=made.NOW,
    )
    await shop.bring(brought, other)
    assert await feed_orders.get_order(brought, ORDER_NO) == shop.fed(other)
    assert await feed_shop.get_member(brought, "M2") is not None


async def test_a_members_order_can_become_a_guests(brought: AsyncConnection) -> None:
    guests = made.order(made.line(1, 10_000), member_no=None)
    await feed_orders.put_order(brought, shop.fed(guests, password_hash="hash"))
    stored = await feed_orders.get_order(brought, ORDER_NO)
    assert stored == shop.fed(guests, password_hash="hash")


async def test_two_at_once_bring_one_order(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        for line in ORDER.lines:
            await feed_shop.put_item(conn, shop.item_of(line.goods_no, line.variant_no))

    async def bring() -> None:
        async with engine.begin() as conn:
            await feed_orders.put_order(conn, shop.fed(ORDER))

    await asyncio.gather(*(bring() for _ in range(5)))
    async with engine.begin() as conn:
        assert await feed_orders.get_order(conn, ORDER_NO) == shop.fed(ORDER)
        await _empty(conn)


async def test_many_lines_cost_no_more_statements_than_one(engine: AsyncEngine, conn: AsyncConnection) -> None:
    many = made.order(*(made.line(number, 100, 2) for number in range(1, 501)))
    one = replace(made.order(made.line(1, 100, 2)), order_no="ONE")
    for line in many.lines:
        await feed_shop.put_item(conn, shop.item_of(line.goods_no, line.variant_no))
    of_many = await _statements(engine, feed_orders.put_order(conn, shop.fed(many)))
    of_one = await _statements(engine, feed_orders.put_order(conn, shop.fed(one)))
    assert len(of_many) == len(of_one)


async def _statements(engine: AsyncEngine, running: Any) -> list[str]:
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        await running
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)
    return seen


# --- orders with claims -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        (shop.fed(ORDER, buyer_name="Lee"), "buyer_name"),
        (shop.fed(replace(ORDER, ordered_at=made.NOW)), "ordered_at"),
        (shop.fed(replace(ORDER, payments=(made.payment("2", 32_000),))), "payments"),
        (shop.fed(_with_line(ORDER, 2, price=6_000)), "lines"),
        (shop.fed(_with_line(ORDER, 2, variant_no="002")), "lines"),
        (shop.fed(replace(ORDER, lines=ORDER.lines[:1])), "lines"),
    ],
)
async def test_an_order_with_claims_is_not_rewritten(
    brought: AsyncConnection, changed: feed_orders.FedOrder, part: str
) -> None:
    await _cancelled(brought, {1: 1})
    with pytest.raises(Refusal) as caught:
        await feed_orders.put_order(brought, changed)
    assert (caught.value.code, caught.value.reason) == (Code.DUPLICATE, "order.has_claims")
    assert caught.value.facts["part"] == part


async def test_an_order_with_a_rejected_claim_is_not_rewritten(brought: AsyncConnection) -> None:
    claim_no, _ = await shop.open_cancel(brought, ORDER_NO, {1: 1})
    await shop.undo(brought, claim_no)
    with pytest.raises(Refusal, match=r"order\.has_claims"):
        await feed_orders.put_order(brought, shop.fed(ORDER, buyer_name="Lee"))


async def test_the_same_order_again_is_harmless_with_claims_too(brought: AsyncConnection) -> None:
    await _cancelled(brought, {1: 1})
    await feed_orders.put_order(brought, shop.fed(ORDER))
    assert await feed_orders.get_order(brought, ORDER_NO) == shop.fed(ORDER)


async def test_the_same_order_again_is_harmless_when_a_claim_took_an_extra_payment(conn: AsyncConnection) -> None:
    cheap = made.order(made.line(1, 1_000, 2), made.line(2, 29_000), groups=(made.group(fee=3_000, free_from=31_000),))
    await shop.bring(conn, cheap)
    claim_no, _ = await shop.open_cancel(conn, ORDER_NO, {1: 1})
    await shop.complete(conn, claim_no)
    assert [(one.payment_no, one.amount, one.extra) for one in await load_payments(conn, ORDER_NO)] == [
        ("1", 31_000, False),
        (f"X-{claim_no}", 2_000, True),
    ]
    assert await feed_orders.get_order(conn, ORDER_NO) == shop.fed(cheap)
    await feed_orders.put_order(conn, shop.fed(cheap))
    assert len(await load_payments(conn, ORDER_NO)) == 2


async def test_the_same_order_again_is_harmless_when_a_claim_closed_a_payment(conn: AsyncConnection) -> None:
    unpaid = made.order(
        made.line(1, 10_000, status=LineStatus.AWAITING_DEPOSIT),
        payments=(made.payment("1", 10_000, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING),),
    )
    await shop.bring(conn, unpaid)
    await shop.open_cancel(conn, ORDER_NO, {1: 1})
    [payment] = await load_payments(conn, ORDER_NO)
    assert (payment.closed, payment.waiting) == (True, False)
    await feed_orders.put_order(conn, shop.fed(unpaid))
    assert await feed_orders.get_order(conn, ORDER_NO) == shop.fed(unpaid)
    assert await load_payments(conn, ORDER_NO) == (payment,)


async def test_a_whole_line_moves_forward_with_the_order(brought: AsyncConnection) -> None:
    await _cancelled(brought, {1: 1})
    await feed_orders.put_order(brought, shop.fed(_with_line(ORDER, 2, status=LineStatus.SHIPPED)))
    assert await _status(brought, 2) is LineStatus.SHIPPED
    with pytest.raises(Refusal) as caught:
        await feed_orders.put_order(brought, shop.fed(ORDER))
    assert (caught.value.code, caught.value.reason) == (Code.BAD_VALUE, "move.backward")


async def test_a_line_with_cancelled_units_does_not_move_with_the_order(brought: AsyncConnection) -> None:
    await _cancelled(brought, {1: 1})
    with pytest.raises(Refusal) as caught:
        await feed_orders.put_order(brought, shop.fed(_with_line(ORDER, 1, status=LineStatus.SHIPPED)))
    assert (caught.value.code, caught.value.reason) == (Code.DUPLICATE, "move.units_gone")
    assert caught.value.facts["left"] == 2


async def test_a_line_cancelled_whole_stays_so_when_the_order_says_so_too(brought: AsyncConnection) -> None:
    await _cancelled(brought, {2: 1})
    assert await _status(brought, 2) is LineStatus.CANCELLED
    cancelled = _with_line(ORDER, 2, status=LineStatus.CANCELLED)
    await feed_orders.put_order(brought, shop.fed(_with_line(cancelled, 1, status=LineStatus.SHIP_INSTRUCTED)))
    assert await _status(brought, 1) is LineStatus.SHIP_INSTRUCTED
    with pytest.raises(Refusal, match=r"move\.units_gone"):
        await feed_orders.put_order(brought, shop.fed(_with_line(ORDER, 1, status=LineStatus.SHIP_INSTRUCTED)))


# --- the warehouse ----------------------------------------------------------------------------------------------------


async def _refused(conn: AsyncConnection, line_no: int, status: LineStatus, quantity: int | None) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await line_moves.move_line(conn, ORDER_NO, line_no, status, quantity)
    return caught.value


async def test_a_whole_line_moves_with_or_without_its_quantity(brought: AsyncConnection) -> None:
    assert await line_moves.move_line(brought, ORDER_NO, 1, LineStatus.SHIP_INSTRUCTED, None) == 3
    assert await line_moves.move_line(brought, ORDER_NO, 1, LineStatus.SHIPPED, 3) == 3
    assert await line_moves.move_line(brought, ORDER_NO, 1, LineStatus.SHIPPED, None) == 3
    assert await _status(brought, 1) is LineStatus.SHIPPED


async def test_a_wrong_quantity_is_told_the_right_one(brought: AsyncConnection) -> None:
    refusal = await _refused(brought, 1, LineStatus.SHIPPED, 4)
    assert (refusal.code, refusal.reason, refusal.facts["left"]) == (Code.BAD_VALUE, "move.quantity_wrong", 3)


async def test_held_units_make_the_quantity_needed(brought: AsyncConnection) -> None:
    await shop.open_cancel(brought, ORDER_NO, {1: 2})
    missing = await _refused(brought, 1, LineStatus.SHIPPED, None)
    assert (missing.code, missing.reason, missing.facts["left"]) == (Code.REQUIRED, "move.quantity_needed", 1)
    wrong = await _refused(brought, 1, LineStatus.SHIPPED, 3)
    assert (wrong.code, wrong.reason, wrong.facts["left"]) == (Code.BAD_VALUE, "move.quantity_wrong", 1)
    assert await line_moves.move_line(brought, ORDER_NO, 1, LineStatus.SHIPPED, 1) == 1


@pytest.mark.parametrize("quantity", [None, 0, 1])
async def test_a_line_with_nothing_left_never_moves(brought: AsyncConnection, quantity: int | None) -> None:
    await shop.open_cancel(brought, ORDER_NO, {2: 1})
    refusal = await _refused(brought, 2, LineStatus.SHIPPED, quantity)
    assert (refusal.code, refusal.reason) == (Code.NOT_CANCELLABLE, "move.none_left")


async def test_an_undone_claim_gives_the_units_back_to_the_warehouse(brought: AsyncConnection) -> None:
    claim_no, _ = await shop.open_cancel(brought, ORDER_NO, {1: 3})
    await shop.undo(brought, claim_no)
    assert await line_moves.move_line(brought, ORDER_NO, 1, LineStatus.SHIPPED, None) == 3


async def test_a_line_being_changed_still_has_its_units(brought: AsyncConnection) -> None:
    await feed_shop.put_item(brought, shop.item_of("GOODS1", "002"))
    await shop.open_change(brought, ORDER_NO, Held(1, 1, 3), "002")
    assert await line_moves.move_line(brought, ORDER_NO, 1, LineStatus.SHIP_INSTRUCTED, None) == 3


async def test_a_line_never_moves_back(brought: AsyncConnection) -> None:
    await line_moves.move_line(brought, ORDER_NO, 1, LineStatus.SHIPPED, None)
    refusal = await _refused(brought, 1, LineStatus.SHIP_INSTRUCTED, None)
    assert (refusal.code, refusal.reason) == (Code.BAD_VALUE, "move.backward")


async def test_only_claims_cancel_a_line(brought: AsyncConnection) -> None:
    refusal = await _refused(brought, 1, LineStatus.CANCELLED, 3)
    assert (refusal.code, refusal.reason) == (Code.BAD_VALUE, "move.cancelled")


async def test_lines_and_orders_that_are_not_there(brought: AsyncConnection) -> None:
    assert (await _refused(brought, 9, LineStatus.SHIPPED, None)).reason == "line.unknown"
    with pytest.raises(Refusal, match=r"order\.unknown"):
        await line_moves.move_line(brought, "NONE", 1, LineStatus.SHIPPED, None)


async def test_a_move_waits_for_a_claim_that_is_being_opened(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await shop.bring(conn, ORDER)
    async with engine.connect() as opening, engine.connect() as moving:
        await shop.open_cancel(opening, ORDER_NO, {1: 1})
        move = asyncio.create_task(line_moves.move_line(moving, ORDER_NO, 1, LineStatus.SHIPPED, None))
        await _until_waiting(engine)
        await opening.commit()
        with pytest.raises(Refusal, match=r"move\.quantity_needed"):
            await move
        await moving.rollback()
    async with engine.begin() as conn:
        await _empty(conn)
