"""What must never be is refused by the database itself, whatever the code above it believes."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import Step
from domain.orders import Fault, Held, Means
from domain.pricing import price
from store import claims, fence, opening, stock
from tests.store import shop
from tests.support import orders as made

ORDER = made.order(
    made.line(1, 10_000, 3),
    made.line(2, 5_000, 2),
    payments=(made.payment("1", 30_000), made.payment("2", 10_000, Means.MILEAGE)),
)
ORDER_NO = ORDER.order_no


@pytest.fixture
async def brought(conn: AsyncConnection) -> AsyncConnection:
    """A connection on which the order stands."""
    await shop.bring(conn, ORDER)
    return conn


async def _refused(conn: AsyncConnection, constraint: str, statement: str, **values: Any) -> None:
    with pytest.raises(IntegrityError) as caught:
        await conn.execute(text(statement), values)
    diagnosis = caught.value.orig.diag  # type: ignore[union-attr]
    assert diagnosis.constraint_name == constraint


async def _decided(conn: AsyncConnection, wanted: dict[int, int]) -> str:
    claim_no, _ = await shop.open_cancel(conn, ORDER_NO, wanted)
    await shop.decide(conn, claim_no)
    return claim_no


# --- units ------------------------------------------------------------------------------------------------------------


async def test_a_unit_is_cancelled_once(brought: AsyncConnection) -> None:
    await _decided(brought, {1: 2})
    state = await shop.state_of(brought, ORDER_NO)
    with pytest.raises(IntegrityError, match="ex_claim_lines_a_unit_once"):
        await opening.hold_lines(brought, shop.new_claim(ORDER_NO), [Held(1, 2, 1)], new_variant_no=None)
    assert state.units_gone(1) == 2


async def test_a_claim_and_an_option_change_never_hold_the_same_unit(brought: AsyncConnection) -> None:
    await _decided(brought, {1: 2})
    with pytest.raises(IntegrityError, match="ex_claim_lines_a_unit_once"):
        await shop.open_change(brought, ORDER_NO, Held(1, 1, 3), "001")


async def test_units_of_an_undone_claim_are_free_again(brought: AsyncConnection) -> None:
    claim_no, _ = await shop.open_cancel(brought, ORDER_NO, {1: 3})
    await shop.undo(brought, claim_no)
    await _decided(brought, {1: 3})
    state = await shop.state_of(brought, ORDER_NO)
    assert state.units_gone(1) == 3


async def test_the_same_unit_numbers_of_another_line_are_other_units(brought: AsyncConnection) -> None:
    await _decided(brought, {1: 2})
    await _decided(brought, {2: 2})
    state = await shop.state_of(brought, ORDER_NO)
    assert (state.units_gone(1), state.units_gone(2)) == (2, 2)


# --- claims -----------------------------------------------------------------------------------------------------------


async def test_two_undecided_cancels_of_one_order(brought: AsyncConnection) -> None:
    await shop.open_cancel(brought, ORDER_NO, {1: 1})
    with pytest.raises(IntegrityError, match="uq_claims_one_undecided_cancel"):
        await shop.open_cancel(brought, ORDER_NO, {2: 1})


async def test_a_decided_claim_is_never_undone(brought: AsyncConnection) -> None:
    claim_no = await _decided(brought, {1: 1})
    await _refused(
        brought,
        "ck_claims_never_undone_past_the_pivot",
        "UPDATE claims SET direction = 'UNDOING' WHERE claim_no = :claim_no",
        claim_no=claim_no,
    )


async def test_a_request_opens_one_claim(brought: AsyncConnection) -> None:
    claim_no = await _decided(brought, {1: 1})
    other = await _decided(brought, {2: 1})
    await _refused(
        brought,
        "uq_claims_order_no_request_key",
        "UPDATE claims SET request_key = (SELECT request_key FROM claims WHERE claim_no = :claim_no)"
        " WHERE claim_no = :other",
        claim_no=claim_no,
        other=other,
    )


async def test_a_quote_opens_one_claim(brought: AsyncConnection) -> None:
    await _decided(brought, {1: 1})
    await _decided(brought, {2: 1})
    await _refused(brought, "uq_claims_quote_nonce", "UPDATE claims SET quote_nonce = 'n'")


# --- money ------------------------------------------------------------------------------------------------------------


async def test_a_refund_above_what_was_paid(brought: AsyncConnection) -> None:
    await _refused(
        brought,
        "ck_order_payments_never_above_paid",
        "UPDATE order_payments SET refunding = amount + 1 WHERE payment_no = '1'",
    )


async def test_a_claim_whose_leg_is_above_what_is_left_of_the_payment(brought: AsyncConnection) -> None:
    await _decided(brought, {1: 3})
    state = await shop.state_of(brought, ORDER_NO)
    # Priced as if nothing had been cancelled yet.
    stale = made.fresh(ORDER)
    costs = price(stale, made.select({2: 2}), Fault.CUSTOMER, made.NOW, made.POLICY)
    with pytest.raises(IntegrityError, match="ck_order_payments_never_above_paid"):
        await opening.open_cancel(brought, shop.new_claim(ORDER_NO), state, [Held(2, 1, 2)], costs)


async def test_one_attempt_at_a_time_on_a_payment(brought: AsyncConnection) -> None:
    claim_no = await _decided(brought, {1: 1})
    arm = """
        INSERT INTO refund_attempts
            (leg_id, n, claim_no, order_no, payment_no, try_no, key, guard, state, deadline, settled_after)
        VALUES (:leg, :n, :claim_no, :order_no, '1', 1, :key, 30000, 'SENT', now(), now())
    """
    values = {"leg": f"{claim_no}-1", "claim_no": claim_no, "order_no": ORDER_NO}
    await brought.execute(text(arm), {**values, "n": 1, "key": "k1"})
    await _refused(brought, "uq_refund_attempts_one_sent_per_payment", arm, **values, n=2, key="k2")


async def test_a_leg_is_settled_by_someone(brought: AsyncConnection) -> None:
    await _decided(brought, {1: 1})
    await _refused(brought, "ck_refund_legs_settled_by_someone", "UPDATE refund_legs SET state = 'SETTLED'")


async def test_one_booking_at_the_gateway_settles_one_leg(brought: AsyncConnection) -> None:
    await _decided(brought, {1: 1})
    await _decided(brought, {1: 1})
    await _refused(
        brought, "uq_refund_legs_one_booking", "UPDATE refund_legs SET refund_ref = 'R1' WHERE payment_no = '1'"
    )


async def test_a_balance_below_zero(brought: AsyncConnection) -> None:
    savepoint = await brought.begin_nested()
    await _refused(brought, "ck_members_mileage", "UPDATE members SET mileage = -1")
    await savepoint.rollback()
    await _refused(brought, "ck_members_deposit", "UPDATE members SET deposit = -1")


async def test_a_guest_has_a_password_and_a_member_none(brought: AsyncConnection) -> None:
    await _refused(brought, "ck_orders_member_or_guest", "UPDATE orders SET password_hash = 'hash'")


# --- stock ------------------------------------------------------------------------------------------------------------


async def test_stock_below_zero(brought: AsyncConnection) -> None:
    await _refused(brought, "ck_items_stock", "UPDATE items SET stock = -1")


async def test_a_second_restock_of_a_claim_line(brought: AsyncConnection) -> None:
    claim_no = await _decided(brought, {1: 1})
    head = await fence.enter(brought, claim_no)
    assert head is not None
    await stock.restock(brought, head)
    await _refused(
        brought,
        "uq_stock_movements_one_restock_per_claim_line",
        "INSERT INTO stock_movements (movement_key, kind, goods_no, variant_no, quantity, claim_no, order_no, line_no)"
        " SELECT 'another key', kind, goods_no, variant_no, quantity, claim_no, order_no, line_no"
        " FROM stock_movements WHERE kind = 'restock'",
    )


async def test_a_movement_is_booked_once(brought: AsyncConnection) -> None:
    await _refused(
        brought,
        "uq_stock_movements_movement_key",
        "INSERT INTO stock_movements (movement_key, kind, goods_no, variant_no, quantity)"
        " SELECT movement_key, kind, goods_no, variant_no, quantity FROM stock_movements LIMIT 1",
    )


# --- operators --------------------------------------------------------------------------------------------------------


async def test_a_parking_is_answered_once(brought: AsyncConnection) -> None:
    answer = """
        INSERT INTO operator_commands
            (claim_no, parking_no, command, actor, actor_verified, channel, reason, request_ref, accepted)
        VALUES ('C', 1, 'retry', 'kim', true, 'api', 'why', :request_ref, :accepted)
    """
    await brought.execute(text(answer), {"request_ref": "a", "accepted": False})
    await brought.execute(text(answer), {"request_ref": "b", "accepted": True})
    await _refused(brought, "uq_operator_commands_one_accepted_per_parking", answer, request_ref="c", accepted=True)


# --- logs that are only ever added to ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE claim_events SET actor = 'nobody'",
        "DELETE FROM claim_events",
        "UPDATE operator_commands SET reason = 'another'",
        "DELETE FROM operator_commands",
    ],
)
async def test_a_log_is_append_only(brought: AsyncConnection, statement: str) -> None:
    claim_no = await _decided(brought, {1: 1})
    await claims.add_event(brought, claim_no, ORDER_NO, "test.event", step=Step.OPEN)
    await brought.execute(
        text(
            "INSERT INTO operator_commands"
            " (claim_no, command, actor, actor_verified, channel, reason, request_ref, accepted)"
            " VALUES ('C', 'resume', 'kim', true, 'api', 'why', 'r', true)"
        )
    )
    with pytest.raises(IntegrityError, match="append-only"):
        await brought.execute(text(statement))
