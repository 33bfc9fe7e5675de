"""What the opening of a claim writes, and that undoing it takes all of it back."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import ChargeState, Step, StepStatus
from domain.orders import Means, Order, PaymentStatus
from store import claims, opening, turning_back
from store.claim_details import load_claim
from store.extra_payments import extra_of_claim, extra_of_order
from store.order_audit import load_audit
from store.tables import extra_payments, order_payments
from tests.store import shop
from tests.support import orders as made

UNPAID = made.order(
    made.line(1, 10_000, 2),
    made.gift(2, of=1),
    payments=(
        made.payment("1", 15_000, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING),
        made.payment("2", 5_000, Means.MILEAGE),
    ),
)
CHEAP_PIECE = made.order(
    made.line(1, 1_000),
    made.line(2, 29_000),
    groups=(made.group(fee=3_000, free_from=30_000),),
)
"""Cancelling line 1 costs 2,000 more than it returns."""
TAXED = made.order(
    made.line(1, 10_000, tax_free=True),
    made.line(2, 11_000, 2),
    payments=(made.payment("1", 32_000, tax_free=10_000, vat=2_000),),
)


async def _payments(conn: AsyncConnection) -> list[Any]:
    return list((await conn.execute(select(order_payments).order_by(order_payments.c.position))).all())


async def _opened(conn: AsyncConnection, order: Order, wanted: dict[int, int], **how: Any) -> str:
    await shop.bring(conn, order)
    claim_no, _ = await shop.open_cancel(conn, order.order_no, wanted, **how)
    return claim_no


# --- waiting payments -------------------------------------------------------------------------------------------------


async def test_a_waiting_payment_is_closed_by_the_claim(conn: AsyncConnection) -> None:
    claim_no = await _opened(conn, UNPAID, {1: 2})
    assert [(one.closed_by, one.refunding) for one in await _payments(conn)] == [(claim_no, 0), (None, 5_000)]
    details = await load_claim(conn, claim_no)
    assert details is not None
    assert details.closed == ("1",)
    assert [(line.line_no, line.gift) for line in details.lines] == [(1, False), (2, True)]
    assert (details.refund, [leg.means for leg in details.legs]) == (5_000, [Means.MILEAGE])
    audit = await load_audit(conn, UNPAID.order_no)
    assert audit is not None
    assert audit.books.books.difference == 0


async def test_a_closed_payment_is_awaited_again_when_the_claim_is_undone(conn: AsyncConnection) -> None:
    claim_no = await _opened(conn, UNPAID, {1: 2})
    await shop.undo(conn, claim_no)
    assert [(one.closed_by, one.refunding) for one in await _payments(conn)] == [(None, 0), (None, 0)]
    state = await shop.state_of(conn, UNPAID.order_no)
    assert [state.units_gone(line.line_no) for line in state.order.lines] == [0, 0]
    again, _ = await shop.open_cancel(conn, UNPAID.order_no, {1: 2})
    assert (await _payments(conn))[0].closed_by == again


# --- tax --------------------------------------------------------------------------------------------------------------


async def test_tax_parts_are_kept_with_the_leg_and_counted_on_the_payment(conn: AsyncConnection) -> None:
    claim_no = await _opened(conn, TAXED, {1: 1, 2: 1})
    details = await load_claim(conn, claim_no)
    assert details is not None
    assert [(leg.amount, leg.tax_free, leg.vat) for leg in details.legs] == [(21_000, 10_000, 1_000)]
    [payment] = await _payments(conn)
    assert (payment.refunding, payment.refunding_tax_free) == (21_000, 10_000)
    await shop.undo(conn, claim_no)
    [payment] = await _payments(conn)
    assert (payment.refunding, payment.refunding_tax_free) == (0, 0)


# --- what it costs beyond its refund ----------------------------------------------------------------------------------


async def test_what_it_costs_is_planned_to_be_charged(conn: AsyncConnection) -> None:
    claim_no = await _opened(conn, CHEAP_PIECE, {1: 1})
    planned = await extra_of_claim(conn, claim_no)
    assert planned is not None
    assert (planned.means, planned.gateway, planned.amount, planned.state) == (
        Means.CARD, "sandbox", 2_000, ChargeState.PLANNED
    )  # fmt: skip
    assert await extra_of_order(conn, CHEAP_PIECE.order_no) == (planned,)
    assert (await claims.standing(conn, claim_no)).steps[Step.CHARGE] is StepStatus.WAITING


async def test_nothing_is_charged_for_a_refund(conn: AsyncConnection) -> None:
    claim_no = await _opened(conn, TAXED, {1: 1})
    assert await extra_of_claim(conn, claim_no) is None
    assert (await claims.standing(conn, claim_no)).steps[Step.CHARGE] is StepStatus.SKIPPED


async def test_a_claim_that_costs_never_opens_without_an_offer(conn: AsyncConnection) -> None:
    await shop.bring(conn, CHEAP_PIECE)
    state = await shop.state_of(conn, CHEAP_PIECE.order_no)
    costs = made.Story(state).quote({1: 1})
    with pytest.raises(ValueError, match="nobody offers"):
        await opening.open_cancel(conn, shop.new_claim(CHEAP_PIECE.order_no), state, (), costs)


async def test_a_charge_never_made_is_void_when_the_claim_is_undone(conn: AsyncConnection) -> None:
    claim_no = await _opened(conn, CHEAP_PIECE, {1: 1})
    await shop.undo(conn, claim_no)
    planned = await extra_of_claim(conn, claim_no)
    assert planned is not None
    assert planned.state is ChargeState.VOID
    assert (await claims.standing(conn, claim_no)).steps[Step.CHARGE] is StepStatus.UNDONE


async def test_a_claim_whose_charge_has_an_unknown_outcome_does_not_turn_back(conn: AsyncConnection) -> None:
    claim_no = await _opened(conn, CHEAP_PIECE, {1: 1})
    await conn.execute(update(extra_payments).values(state=ChargeState.SENT))
    assert not await turning_back.turn_back(conn, await shop.head_of(conn, claim_no), "2001", "claim.aborted")


# --- what explains it -------------------------------------------------------------------------------------------------


async def test_a_claim_keeps_the_policy_and_the_numbers_that_it_was_reckoned_by(conn: AsyncConnection) -> None:
    claim_no = await _opened(conn, CHEAP_PIECE, {1: 1})
    details = await load_claim(conn, claim_no)
    assert details is not None
    assert details.policy_version == made.POLICY.version
    assert [dict(row.inputs) for row in details.costs] == [
        {"price": 1_000, "quantity": 1},
        {"free_from": 30_000, "bought": 29_000, "missing": 1_000, "fee": 3_000},
    ]
    await conn.execute(text("UPDATE claims SET policy_version = NULL"))
    earlier = await load_claim(conn, claim_no)
    assert earlier is not None
    assert earlier.policy_version is None
