"""What leaves or comes back with cancelled goods: gifts, earned points, expired mileage, tax parts, unpaid payments."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.settlement import CREDITS, Settle
from domain.claims import Actor, Step
from domain.orders import LineStatus, Means, Order, PaymentStatus
from domain.refusals import Refusal
from store.feed_shop import FedMember, put_member
from tests.support.house import House
from tests.support.orders import gift, line, order, payment
from tests.support.steps import Steps, run

_members = (f"M-TOGETHER-{number}" for number in itertools.count(1))
MEMBER = "SELECT mileage, points_owed FROM members WHERE member_no = :no"


async def _fed(house: House, made: Order, *, mileage: int = 0) -> str:
    order_no = await house.feed(made)
    async with house.engine.begin() as conn:
        await put_member(conn, FedMember(made.member_no or "", "Kim", "kim@example.test", None, mileage, 0))
    return order_no


async def _lines(house: House, order_no: str) -> list[str]:
    rows = await house.rows("SELECT status FROM order_lines WHERE order_no = :no ORDER BY line_no", no=order_no)
    return [row["status"] for row in rows]


async def _member(house: House, made: Order) -> Mapping[str, Any]:
    [row] = await house.rows(MEMBER, no=made.member_no)
    return row


# --- gifts ------------------------------------------------------------------------------------------------------------


async def test_a_gift_leaves_with_the_last_of_its_goods_and_its_stock_returns(house: House) -> None:
    order_no = await house.feed(order(line(1, 10_000, 2), line(2, 5_000), gift(3, 2, of=1)))
    first = house.asked(order_no, {1: 1})
    await house.cancel(first)
    await house.outcome(first.workflow_id)
    assert (await house.stock("GOODS3"), await _lines(house, order_no)) == (10, ["placed", "placed", "placed"])

    last = house.asked(order_no, {1: 1})
    await house.cancel(last)
    assert (await house.outcome(last.workflow_id))["status"] == "COMPLETED"
    assert (await house.stock("GOODS3"), await _lines(house, order_no)) == (12, ["cancelled", "placed", "cancelled"])
    assert await house.balanced()


async def test_a_gift_leaves_when_its_amount_is_missed(house: House) -> None:
    order_no = await house.feed(order(line(1, 10_000, 2), gift(2, minimum=20_000)))
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    await house.outcome(asked.workflow_id)
    assert (await house.stock("GOODS2"), await _lines(house, order_no)) == (11, ["placed", "cancelled"])


async def test_a_gift_stays_when_its_claim_is_undone(house: House) -> None:
    order_no = await house.feed(order(line(1, 10_000, 2), gift(2, of=1)))
    await house.fault("refuse", payment=f"{order_no}-1")
    asked = house.asked(order_no, {1: 2})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "REJECTED"
    assert (await house.stock("GOODS2"), await _lines(house, order_no)) == (10, ["placed", "placed"])
    again = house.asked(order_no, {1: 2})
    await house.cancel(again)
    assert (await house.outcome(again.workflow_id))["status"] == "COMPLETED"
    assert (await house.stock("GOODS2"), await _lines(house, order_no)) == (11, ["cancelled", "cancelled"])


# --- unpaid orders ----------------------------------------------------------------------------------------------------


def unpaid() -> Order:
    """15,000 are awaited on a virtual account; 5,000 in mileage are paid. A gift comes with it."""
    return order(
        line(1, 10_000, 2, status=LineStatus.AWAITING_DEPOSIT),
        gift(2, minimum=20_000, status=LineStatus.AWAITING_DEPOSIT),
        payments=[
            payment("1", 15_000, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING),
            payment("2", 5_000, Means.MILEAGE),
        ],
        member_no=next(_members),
    )


async def test_an_unpaid_order_is_closed_whole(house: House) -> None:
    made = unpaid()
    order_no = await _fed(house, made)
    with pytest.raises(Refusal) as refused:
        await house.cancel(house.asked(order_no, {1: 1}))
    assert (refused.value.code.value, refused.value.reason) == ("2006", "order.unpaid")

    asked = house.asked(order_no, {1: 2})
    assert (await house.cancel(asked)).refund == 5_000
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await house.refunds(order_no) == []
    assert (await _member(house, made))["mileage"] == 5_000
    closed = await house.rows(
        "SELECT closed_by FROM order_payments WHERE order_no = :no ORDER BY position", no=order_no
    )
    assert [row["closed_by"] for row in closed] == [asked.claim_no, None]
    assert await _lines(house, order_no) == ["cancelled", "cancelled"]
    [books] = await house.rows("SELECT * FROM order_conservation WHERE order_no = :no", no=order_no)
    assert (books["paid"], books["refunded"], books["due"], books["difference"]) == (5_000, 5_000, 0, 0)
    assert await house.balanced()


async def test_an_order_without_any_payment_yet_is_closed_too(house: House) -> None:
    waiting = payment("1", 10_000, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING)
    order_no = await house.feed(order(line(1, 10_000), payments=[waiting]))
    asked = house.asked(order_no, {1: 1})
    assert (await house.cancel(asked)).refund == 0
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert (await house.stock(), await house.balanced()) == (11, True)


async def test_an_unpaid_order_whose_claim_is_undone_is_awaited_again(house: House) -> None:
    made = order(
        line(1, 10_000, 2, status=LineStatus.AWAITING_DEPOSIT),
        payments=[
            payment("1", 15_000, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING),
            payment("2", 5_000),
        ],
    )
    order_no = await house.feed(made)
    await house.fault("refuse", payment=f"{order_no}-2")
    asked = house.asked(order_no, {1: 2})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "REJECTED"
    assert await house.value("SELECT count(*) FROM order_payments WHERE closed_by IS NOT NULL AND order_no = :no",
                             no=order_no) == 0  # fmt: skip
    [books] = await house.rows("SELECT * FROM order_conservation WHERE order_no = :no", no=order_no)
    assert (books["due"], books["difference"]) == (-15_000, 0)
    assert await _lines(house, order_no) == ["awaiting_deposit"]
    assert await house.balanced()


async def test_a_paid_virtual_account_needs_an_account_to_return_to(house: House) -> None:
    made = order(line(1, 10_000), payments=[payment("1", 10_000, Means.VIRTUAL_ACCOUNT)])
    order_no = await house.feed(made)
    with pytest.raises(Refusal) as refused:
        await house.cancel(house.asked(order_no, {1: 1}))
    assert (refused.value.code.value, refused.value.reason) == ("2007", "payment.account")
    brought = house.asked(order_no, {1: 1}, has_account=True)
    await house.cancel(brought)
    assert (await house.outcome(brought.workflow_id))["status"] == "COMPLETED"


# --- points and mileage -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mileage", "left", "owed"), [(500, 400, 0), (30, 0, 70)])
async def test_earned_points_are_taken_back_once(house: House, mileage: int, left: int, owed: int) -> None:
    """A claim without a credit of its own takes them too. What the balance lacks never comes off the money."""
    made = order(line(1, 10_000, points=100), member_no=next(_members))
    order_no = await _fed(house, made, mileage=mileage)
    asked = house.asked(order_no, {1: 1})
    assert (await house.cancel(asked)).refund == 10_000
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await _member(house, made) == {"mileage": left, "points_owed": owed}
    await run(Steps.of(house).settlement.settle, Settle(claim_no=asked.claim_no, parts=(CREDITS, Step.RESTOCK)))
    assert await _member(house, made) == {"mileage": left, "points_owed": owed}
    told = await house.rows(
        "SELECT facts FROM claim_events WHERE claim_no = :no AND event = 'points.taken_back'", no=asked.claim_no
    )
    assert [one["facts"] for one in told] == [{"points": 100, "owed": owed}]
    assert await house.balanced()


async def test_points_are_taken_from_the_mileage_that_comes_back(house: House) -> None:
    made = order(line(1, 10_000, points=100), payments=[payment("1", 10_000, Means.MILEAGE)], member_no=next(_members))
    order_no = await _fed(house, made)
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await _member(house, made) == {"mileage": 9_900, "points_owed": 0}
    assert await house.balanced()


async def test_a_claim_is_not_complete_before_its_points_are_taken(house: House) -> None:
    """Its parts are given one by one when they can't be together."""
    made = order(
        line(1, 10_000, points=100),
        payments=[payment("1", 10_000, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING)],
        member_no=next(_members),
    )
    asked = house.asked(await _fed(house, made, mileage=500), {1: 1})
    steps = Steps.of(house)
    assert (await run(steps.claims.open_cancel, asked)).standing.points == 100
    restocked = await run(steps.settlement.settle, Settle(claim_no=asked.claim_no, parts=(Step.RESTOCK,)))
    assert (restocked.completed, await _member(house, made)) == (False, {"mileage": 500, "points_owed": 0})
    taken = await run(steps.settlement.settle, Settle(claim_no=asked.claim_no, parts=(CREDITS,)))
    assert (taken.completed, await _member(house, made)) == (True, {"mileage": 400, "points_owed": 0})


async def test_points_stay_when_the_claim_is_undone(house: House) -> None:
    made = order(line(1, 10_000, points=100), member_no=next(_members))
    order_no = await _fed(house, made, mileage=500)
    await house.fault("refuse", payment=f"{order_no}-1")
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "REJECTED"
    assert await _member(house, made) == {"mileage": 500, "points_owed": 0}


async def test_expired_mileage_comes_back_with_a_new_date(house: House) -> None:
    made = order(
        line(1, 5_000),
        payments=[payment("1", 5_000, Means.MILEAGE, expires=datetime.now(UTC) - timedelta(days=1))],
        member_no=next(_members),
    )
    order_no = await _fed(house, made)
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    await house.outcome(asked.workflow_id)
    [back] = await house.rows(
        "SELECT amount, expires_at - at AS lasts FROM credit_movements WHERE claim_no = :no", no=asked.claim_no
    )
    days = house.policy.refund.mileage_days
    assert back["amount"] == 5_000
    assert abs(back["lasts"] - timedelta(days=days)) < timedelta(minutes=1)


# --- tax --------------------------------------------------------------------------------------------------------------


async def test_tax_parts_are_returned_piece_by_piece_to_the_last(house: House) -> None:
    made = order(
        line(1, 10_000, tax_free=True),
        line(2, 11_000, 2),
        payments=[payment("1", 32_000, tax_free=10_000, vat=2_000)],
    )
    order_no = await house.feed(made)
    for selection in ({2: 1}, {1: 1, 2: 1}):
        asked = house.asked(order_no, selection, actor=Actor.BACK_OFFICE)
        await house.cancel(asked)
        assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    legs = await house.rows("SELECT amount, tax_free, vat FROM refund_legs WHERE order_no = :no ORDER BY leg_id",
                            no=order_no)  # fmt: skip
    assert sorted((leg["amount"], leg["tax_free"], leg["vat"]) for leg in legs) == [
        (11_000, 0, 1_000),
        (21_000, 10_000, 1_000),
    ]
    [paid] = await house.rows("SELECT refunding, refunding_tax_free FROM order_payments WHERE order_no = :no",
                              no=order_no)  # fmt: skip
    assert paid == {"refunding": 32_000, "refunding_tax_free": 10_000}
    assert await house.balanced()
