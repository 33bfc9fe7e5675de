"""Cancelling on real parts: what a customer gets back, and that it adds up."""

from __future__ import annotations

import asyncio

import pytest

from domain.orders import Means
from domain.refusals import Refusal
from tests.support.house import House
from tests.support.orders import basket_coupon, group, line, order, payment


async def test_whole_cancel_gives_everything_back(house: House) -> None:
    """P36: a cancel that refunds nothing until somebody remembers. Here the one call does all of it."""
    made = order(
        line(1, 10_000, 2),
        groups=[group(paid=2_500, fee=2_500)],
        benefits=[basket_coupon("CP1", {1: 2_000})],
        payments=[payment("1", 15_500), payment("2", 5_000, Means.MILEAGE)],
    )
    order_no = await house.feed(made)
    asked = house.asked(order_no, {1: 2})

    accepted = await house.cancel(asked)
    assert (accepted.refund, accepted.extra, accepted.currency) == (20_500, 0, "KRW")

    ended = await house.outcome(asked.workflow_id)
    assert ended["status"] == "COMPLETED"
    assert [one["amount"] for one in await house.refunds(order_no)] == [15_500]
    assert await house.stock() == 12
    assert await house.value("SELECT mileage FROM members WHERE member_no = 'M1'") == 5_000
    assert await house.value("SELECT used_order_no FROM coupons WHERE coupon_no = 'CP1'") is None
    assert await house.value("SELECT status FROM order_lines WHERE order_no = :no", no=order_no) == "cancelled"
    assert await house.balanced()
    steps = await house.rows(
        "SELECT step, status FROM claim_steps WHERE claim_no = :no ORDER BY position", no=asked.claim_no
    )
    assert [(one["step"], one["status"]) for one in steps] == [
        ("open", "DONE"),
        ("charge", "SKIPPED"),
        ("refund", "DONE"),
        ("coupons", "DONE"),
        ("restock", "DONE"),
        ("complete", "DONE"),
        ("notify", "DONE"),
    ]


async def test_a_mail_that_can_not_be_sent_holds_nothing_up(house: House) -> None:
    """P43: a mail failure blocks the cancel. Here the money is back, and the claim only says that a notice failed."""
    order_no = await house.feed(order(line(1, 10_000, 2)), email="no address at all")
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED_NOTICE_FAILED"
    assert [one["amount"] for one in await house.refunds(order_no)] == [10_000]
    told = await house.rows("SELECT channel, state FROM notices WHERE claim_no = :no", no=asked.claim_no)
    assert {(one["channel"], one["state"]) for one in told if one["state"] == "FAILED"} == {("email", "FAILED")}
    assert await house.balanced()


async def test_refused_refund_is_undone_whole(house: House) -> None:
    order_no = await house.feed(order(line(1, 10_000, 2)))
    stock = await house.stock()
    await house.fault("refuse", payment=f"{order_no}-1")
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    ended = await house.outcome(asked.workflow_id)
    assert ended["status"] == "REJECTED"
    assert await house.refunds(order_no) == []
    assert await house.stock() == stock
    assert await house.value("SELECT refunding FROM order_payments WHERE order_no = :no", no=order_no) == 0
    assert await house.value("SELECT status FROM order_lines WHERE order_no = :no", no=order_no) == "placed"
    assert await house.balanced()

    again = house.asked(order_no, {1: 2})
    await house.cancel(again)
    assert (await house.outcome(again.workflow_id))["status"] == "COMPLETED"
    assert sum(one["amount"] for one in await house.refunds(order_no)) == 20_000


async def test_lost_answer_is_looked_up_not_sent_again(house: House) -> None:
    order_no = await house.feed(order(line(1, 10_000, 3)))
    await house.fault("lose_answer", payment=f"{order_no}-1")
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert [one["amount"] for one in await house.refunds(order_no)] == [10_000]


async def test_gateway_down_parks_and_a_retry_completes(house: House) -> None:
    order_no = await house.feed(order(line(1, 10_000, 3)))
    await house.fault("down")
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    parking = await house.parking(asked.claim_no)
    assert parking["cause"] in ("PSP_DOWN", "PSP_UNKNOWN")
    assert await house.status(asked.claim_no) == "NEEDS_OPERATOR"
    await house.mend()
    await house.resolve(asked.workflow_id, parking["parking_no"], "retry")
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert [one["amount"] for one in await house.refunds(order_no)] == [10_000]
    assert await house.balanced()


async def test_fifty_different_keys_for_one_unit(house: House) -> None:
    order_no = await house.feed(order(line(1, 10_000, 1)), stock=7)
    answers = await asyncio.gather(
        *(house.cancel(house.asked(order_no, {1: 1})) for _ in range(50)), return_exceptions=True
    )
    refused = [one for one in answers if isinstance(one, Refusal)]
    assert len(refused) == 49, [one for one in answers if not isinstance(one, Refusal)]
    assert {one.code.value for one in refused} <= {"2001", "2005"}

    async def restocked() -> bool:
        return await house.stock() == 8

    await house.eventually(restocked)


async def test_pending_refund_is_told_then_settled(house: House) -> None:
    """P7: a pending refund can not be told from one that is done."""
    order_no = await house.feed(order(line(1, 10_000, 2)))
    await house.fault("pending", payment=f"{order_no}-1")
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)

    async def pending() -> bool:
        return await house.status(asked.claim_no) == "REFUND_PENDING"

    await house.eventually(pending)
    [refund] = await house.refunds(order_no)
    await house.gateway.post(f"/refunds/{refund['refundId']}/settle")
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    events = {
        one["event"] for one in await house.rows("SELECT event FROM notices WHERE claim_no = :no", no=asked.claim_no)
    }
    assert events == {"refund_accepted", "completed"}


async def test_second_cancel_of_an_undecided_order_is_refused(house: House) -> None:
    order_no = await house.feed(order(line(1, 10_000, 3)))
    await house.fault("down")
    first = house.asked(order_no, {1: 1})
    await house.cancel(first)
    with pytest.raises(Refusal) as refused:
        await house.cancel(house.asked(order_no, {1: 1}))
    assert refused.value.code.value == "2005"
    assert refused.value.facts["claim_no"] == first.claim_no
    parking = await house.parking(first.claim_no)
    await house.mend()
    await house.resolve(first.workflow_id, parking["parking_no"], "retry")
    await house.outcome(first.workflow_id)
