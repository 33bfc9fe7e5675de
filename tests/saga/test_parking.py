"""Claims that wait for a person: found, understood, answered safely, and each answer in the audit."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from activities.claims import OpenCancel
from domain.orders import Means, Order
from tests.support.broken import MOVEMENTS, broken
from tests.support.house import House
from tests.support.orders import basket_coupon, line, order, payment
from workflows import attributes, budgets

SETTINGS: Mapping[str, Any] = {"gateway_attempts": 2, "busy_patience": 1, "gateway_read_timeout": 1}

_names = itertools.count(1)


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step in our own database is parked after two tries."""
    policy = RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=2)
    for budget in (budgets.LEDGER, budgets.LEDGER_LOCAL):
        monkeypatch.setitem(budget, "retry_policy", policy)


def mixed() -> Order:
    """Two units paid by card and mileage, with a coupon: every branch."""
    number = next(_names)
    return order(
        line(1, 10_000, 2),
        benefits=[basket_coupon(f"CP{number}", {1: 2_000})],
        payments=[payment("1", 13_000), payment("2", 5_000, Means.MILEAGE)],
        member_no=f"M{number}",
    )


def own_only() -> Order:
    """As `mixed`, without a payment that a gateway holds: its pivot is the first movement of our own."""
    number = next(_names)
    return order(
        line(1, 10_000, 2),
        benefits=[basket_coupon(f"CP{number}", {1: 2_000})],
        payments=[payment("1", 18_000, Means.MILEAGE)],
        member_no=f"M{number}",
    )


def two_cards() -> Order:
    """Three units; the first two are paid by one card each."""
    number = next(_names)
    return order(
        line(1, 10_000, 3),
        benefits=[basket_coupon(f"CP{number}", {1: 0}, minimum=30_000)],
        payments=[payment("1", 10_000), payment("2", 20_000)],
        member_no=f"M{number}",
    )


async def accepted(house: House, made: Order, selection: Mapping[int, int]) -> OpenCancel:
    asked = house.asked(await house.feed(made), selection)
    await house.cancel(asked)
    return asked


async def refused(house: House, asked: OpenCancel, parking_no: int, action: str, evidence: str | None = None) -> str:
    """Why the command was refused."""
    with pytest.raises(WorkflowUpdateFailedError) as failure:
        await house.resolve(asked.workflow_id, parking_no, action, evidence)
    cause = failure.value.cause
    assert isinstance(cause, ApplicationError)
    return str(cause.details[0]["reason"])


async def commands(house: House, asked: OpenCancel) -> list[tuple[str, bool, str | None]]:
    rows = await house.rows(
        "SELECT command, accepted, refusal, actor, actor_verified, reason FROM operator_commands"
        " WHERE claim_no = :no ORDER BY command_id",
        no=asked.claim_no,
    )
    assert all((row["actor"], row["actor_verified"], row["reason"]) == ("Lee", False, "test") for row in rows)
    return [(row["command"], row["accepted"], row["refusal"]) for row in rows]


async def steps(house: House, asked: OpenCancel) -> dict[str, str]:
    rows = await house.rows("SELECT step, status FROM claim_steps WHERE claim_no = :no", no=asked.claim_no)
    return {row["step"]: row["status"] for row in rows}


async def moved(house: House, asked: OpenCancel) -> set[str]:
    """The tables in which the claim has moved something of ours."""
    return {
        table
        for table in MOVEMENTS
        if await house.value(f"SELECT count(*) FROM {table} WHERE claim_no = :no", no=asked.claim_no)  # noqa: S608
    }


async def listed(house: House, asked: OpenCancel, query: str) -> bool:
    """Whether the claim is found by this filter of the list views."""
    found = house.temporal.list_workflows(
        f"{query} AND ExecutionStatus = 'Running' AND WorkflowId = '{asked.workflow_id}'"
    )
    return bool([one async for one in found])


async def completed(house: House, asked: OpenCancel) -> None:
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await house.balanced()


# --- a gateway that is down -----------------------------------------------------------------------------------------


async def test_gateway_down_is_found_understood_and_retried(house: House) -> None:
    asked = house.asked(await house.feed(mixed()), {1: 2})
    await house.fault("down")
    await house.cancel(asked)
    parking = await house.parking(asked.claim_no)
    assert parking["cause"] == "PSP_DOWN"
    await house.eventually(lambda: listed(house, asked, "NeedsOperator = true AND StuckReason = 'PSP_DOWN'"), timeout=5)
    details = await _details(house, asked)
    for told in (asked.claim_no, f"Parking {parking['parking_no']}", "PSP_DOWN", "`retry`", "`settle`", "parkingNo"):
        assert told in details
    assert "`abort`" not in details
    await house.mend()
    await house.resolve(asked.workflow_id, parking["parking_no"], "retry")
    await completed(house, asked)
    assert len(await house.refunds(asked.order_no)) == 1
    assert await commands(house, asked) == [("retry", True, None)]
    assert "COMPLETED" in await _details(house, asked)


async def test_refund_is_never_skipped_and_commands_must_fit(house: House) -> None:
    asked = house.asked(await house.feed(mixed()), {1: 2})
    await house.fault("down")
    await house.cancel(asked)
    number = (await house.parking(asked.claim_no))["parking_no"]
    assert await refused(house, asked, number, "skip") == "action.unsafe"
    assert await refused(house, asked, number, "abort") == "action.unsafe"
    assert await refused(house, asked, number, "settle") == "evidence.missing"
    assert await refused(house, asked, number, "nonsense") == "action.unsafe"
    assert await refused(house, asked, number + 1_000, "retry") == "parking.unknown"
    await house.mend()
    clicks = await asyncio.gather(
        *(house.resolve(asked.workflow_id, number, "retry") for _ in range(3)), return_exceptions=True
    )
    assert sorted(isinstance(one, WorkflowUpdateFailedError) for one in clicks) == [False, True, True]
    await completed(house, asked)
    assert await commands(house, asked) == [
        ("skip", False, "action.unsafe"),
        ("abort", False, "action.unsafe"),
        ("settle", False, "evidence.missing"),
        ("nonsense", False, "action.unsafe"),
        ("retry", False, "parking.unknown"),
        ("retry", True, None),
        ("retry", False, "parking.answered"),
        ("retry", False, "parking.answered"),
    ]


async def test_unknown_outcome_is_settled_by_the_gateways_own_reference_only(house: House) -> None:
    other = await accepted(house, mixed(), {1: 2})
    await completed(house, other)
    [taken] = await house.refunds(other.order_no)

    made = house.asked(await house.feed(mixed()), {1: 2})
    await house.fault("late", payment=f"{made.order_no}-1", delay_ms=1_300)
    await house.cancel(made)
    await house.eventually(lambda: _no_faults(house))
    await house.fault("down")
    parking = await house.parking(made.claim_no)
    assert parking["outcome_unknown"]
    number = parking["parking_no"]
    assert await refused(house, made, number, "abort") == "action.unsafe"
    assert await refused(house, made, number, "settle", taken["refundId"]) == "evidence.taken"
    await house.mend()
    [refund] = await house.eventually(lambda: house.refunds(made.order_no))
    assert await refused(house, made, number, "settle", "bank transfer 4711") == "evidence.not_found"
    await house.resolve(made.workflow_id, number, "settle", refund["refundId"])
    await completed(house, made)
    assert len(await house.refunds(made.order_no)) == 1
    [leg] = await house.rows("SELECT * FROM refund_legs WHERE claim_no = :no AND external", no=made.claim_no)
    assert (leg["settled_by"], leg["refund_ref"]) == ("GATEWAY", refund["refundId"])


async def _details(house: House, asked: OpenCancel) -> str:
    told = await house.handle(asked.workflow_id).query("__temporal_workflow_metadata")
    return str(told)


async def _no_faults(house: House) -> bool:
    return not (await house.gateway.get("/faults")).raise_for_status().json()["faults"]


# --- a step of our own that fails -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "step", "actions"),
    [
        ("coupon_movements", "coupons", ["retry", "skip"]),
        ("stock_movements", "restock", ["retry", "skip"]),
        ("credit_movements", "refund", ["retry"]),
    ],
)
async def test_failing_step_parks_only_its_branch(house: House, table: str, step: str, actions: Sequence[str]) -> None:
    asked = house.asked(await house.feed(mixed()), {1: 2})
    async with broken(house, asked.claim_no, table):
        await house.cancel(asked)
        parking = await house.parking(asked.claim_no)
        assert (parking["step"], parking["cause"], parking["actions"]) == (step, "BUG", actions)
        assert await moved(house, asked) == set(MOVEMENTS) - {table}
        assert len(await house.refunds(asked.order_no)) == 1
        assert await house.status(asked.claim_no) == "NEEDS_OPERATOR"
        await house.eventually(lambda: listed(house, asked, "NeedsOperator = true AND StuckReason = 'BUG'"), timeout=5)
        # Money has been returned: it can't be undone, and what is ours is not settled at a gateway.
        assert await refused(house, asked, parking["parking_no"], "abort") == "action.unsafe"
        assert await refused(house, asked, parking["parking_no"], "settle", "4711") == "action.unsafe"
        await house.handle(asked.workflow_id).cancel(reason="stop")
    await house.resolve(asked.workflow_id, parking["parking_no"], "retry")
    await completed(house, asked)
    assert await moved(house, asked) == set(MOVEMENTS)
    assert {"coupons": "DONE", "restock": "DONE", "refund": "DONE"}.items() <= (await steps(house, asked)).items()


async def test_points_that_fail_park_alone_and_are_taken_once_retried(house: House) -> None:
    """Also in a claim that has no credit of our own to return."""
    asked = house.asked(await house.feed(order(line(1, 10_000, points=100), member_no=f"M{next(_names)}")), {1: 1})
    async with broken(house, asked.claim_no, "credit_movements"):
        await house.cancel(asked)
        parking = await house.parking(asked.claim_no)
        assert (parking["step"], parking["part"], parking["actions"]) == ("refund", "credits", ["retry"])
        assert await moved(house, asked) == {"stock_movements"}
    await house.resolve(asked.workflow_id, parking["parking_no"], "retry")
    await completed(house, asked)
    points = "SELECT amount, owed FROM credit_movements WHERE claim_no = :no"
    assert await house.rows(points, no=asked.claim_no) == [{"amount": 0, "owed": 100}]


@pytest.mark.parametrize(("table", "step"), [("coupon_movements", "coupons"), ("stock_movements", "restock")])
async def test_skipped_step_is_left_out_for_good(house: House, table: str, step: str) -> None:
    asked = house.asked(await house.feed(mixed()), {1: 2})
    async with broken(house, asked.claim_no, table):
        await house.cancel(asked)
        parking = await house.parking(asked.claim_no)
        await house.resolve(asked.workflow_id, parking["parking_no"], "skip")
        await completed(house, asked)
    assert (await steps(house, asked))[step] == "SKIPPED"
    assert await moved(house, asked) == set(MOVEMENTS) - {table}
    assert await commands(house, asked) == [("skip", True, None)]


@pytest.mark.parametrize("by", ["abort", "cancel request"])
async def test_claim_without_a_gateway_is_undone_while_nothing_of_it_has_been_given_back(house: House, by: str) -> None:
    asked = house.asked(await house.feed(own_only()), {1: 2})
    async with broken(house, asked.claim_no, *MOVEMENTS):
        await house.cancel(asked)

        async def all_parked() -> bool:
            count = "SELECT count(*) FROM parkings WHERE claim_no = :no AND closed_at IS NULL"
            return bool(await house.value(count, no=asked.claim_no) == len(MOVEMENTS))

        await house.eventually(all_parked)
        if by == "abort":
            parking = await house.parking(asked.claim_no)
            await house.resolve(asked.workflow_id, parking["parking_no"], "abort")
        else:
            await house.handle(asked.workflow_id).cancel(reason="stop")
        assert (await house.outcome(asked.workflow_id))["status"] == "REJECTED"
    assert await moved(house, asked) == set()
    assert await house.value("SELECT status FROM order_lines WHERE order_no = :no", no=asked.order_no) == "placed"
    assert await house.balanced()
    audited = await house.rows(
        "SELECT command, accepted FROM operator_commands WHERE claim_no = :no", no=asked.claim_no
    )
    assert audited == [{"command": "abort" if by == "abort" else "cancel", "accepted": True}]
    assert not await house.value(
        "SELECT count(*) FROM parkings WHERE claim_no = :no AND closed_at IS NULL", no=asked.claim_no
    )


async def test_failing_undo_parks_the_claim_and_is_tried_again(house: House) -> None:
    asked = house.asked(await house.feed(mixed()), {1: 2})
    await house.fault("refuse", payment=f"{asked.order_no}-1")
    async with broken(house, asked.claim_no, "claim_events", also="NEW.event = 'claim.rejected'"):
        await house.cancel(asked)
        parking = await house.parking(asked.claim_no)
        assert (parking["cause"], parking["actions"]) == ("COMPENSATION_STUCK", ["retry"])
        assert await house.status(asked.claim_no) == "NEEDS_OPERATOR"
    await house.resolve(asked.workflow_id, parking["parking_no"], "retry")
    assert (await house.outcome(asked.workflow_id))["status"] == "REJECTED"
    assert await house.value("SELECT count(*) FROM claim_lines WHERE claim_no = :no AND live", no=asked.claim_no) == 0
    assert await house.balanced()


# --- two payments at a gateway --------------------------------------------------------------------------------------


async def test_both_payments_are_refunded(house: House) -> None:
    asked = await accepted(house, two_cards(), {1: 3})
    await completed(house, asked)
    for number, amount in (("1", 10_000), ("2", 20_000)):
        assert [one["amount"] for one in await house.refunds(asked.order_no, number)] == [amount]


async def test_first_payment_refused_undoes_all(house: House) -> None:
    asked = house.asked(await house.feed(two_cards()), {1: 3})
    await house.fault("refuse", payment=f"{asked.order_no}-1")
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "REJECTED"
    assert await house.refunds(asked.order_no, "1") == await house.refunds(asked.order_no, "2") == []
    assert await moved(house, asked) == set()
    assert await house.balanced()


async def test_payment_that_does_not_hold_enough_refuses_before_anything_is_sent(house: House) -> None:
    asked = house.asked(await house.feed(two_cards()), {1: 3})
    elsewhere = await house.gateway.post(
        f"/payments/{asked.order_no}-2/refunds",
        json={"amount": 1, "reference": "by another system"},
        headers={"Idempotency-Key": asked.claim_no},
    )
    elsewhere.raise_for_status()
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "REJECTED"
    assert await house.value("SELECT count(*) FROM refund_attempts WHERE claim_no = :no", no=asked.claim_no) == 0
    assert await house.refunds(asked.order_no, "1") == []
    assert (
        await house.value("SELECT refusal_reason FROM claims WHERE claim_no = :no", no=asked.claim_no)
        == "refund.balance_too_low"
    )


async def test_gateway_down_at_the_check_is_parked_with_nothing_sent(house: House) -> None:
    asked = house.asked(await house.feed(two_cards()), {1: 3})
    await house.fault("down")
    await house.cancel(asked)
    parking = await house.parking(asked.claim_no)
    assert (parking["cause"], parking["outcome_unknown"], parking["part"]) == ("PSP_DOWN", False, "")
    assert set(parking["actions"]) == {"retry", "abort"}
    await house.resolve(asked.workflow_id, parking["parking_no"], "abort")
    assert (await house.outcome(asked.workflow_id))["status"] == "REJECTED"
    assert await house.value("SELECT count(*) FROM refund_attempts WHERE claim_no = :no", no=asked.claim_no) == 0


async def test_second_payment_refused_holds_nothing_else_back_and_is_settled_by_hand(house: House) -> None:
    """P5: the refund failed, and the order counts as cancelled all the same."""
    asked = house.asked(await house.feed(two_cards()), {1: 3})
    await house.fault("refuse", payment=f"{asked.order_no}-2")
    await house.cancel(asked)
    parking = await house.parking(asked.claim_no)
    assert (parking["cause"], set(parking["actions"])) == ("PSP_DECLINED", {"retry", "settle"})

    async def ours_given() -> bool:
        return {"coupon_movements", "stock_movements"} <= await moved(house, asked)

    await house.eventually(ours_given)
    assert [one["amount"] for one in await house.refunds(asked.order_no, "1")] == [10_000]
    await house.resolve(asked.workflow_id, parking["parking_no"], "settle", "bank transfer 4711")
    await completed(house, asked)
    assert await house.refunds(asked.order_no, "2") == []
    legs = await house.rows(
        "SELECT settled_by, evidence FROM refund_legs WHERE claim_no = :no ORDER BY position", no=asked.claim_no
    )
    assert [tuple(leg.values()) for leg in legs] == [("GATEWAY", None), ("HAND", "bank transfer 4711")]


async def test_pending_refund_does_not_hide_a_parked_branch(house: House) -> None:
    """The second payment's first call fails, so that its refund is pending only after the coupon's parking."""
    asked = house.asked(await house.feed(two_cards()), {1: 3})
    for fault in ("error_before", "pending"):
        await house.fault(fault, payment=f"{asked.order_no}-2")
    async with broken(house, asked.claim_no, "coupon_movements"):
        await house.cancel(asked)
        parking = await house.parking(asked.claim_no)

        async def announced() -> bool:
            told = "SELECT state FROM notices WHERE claim_no = :no AND event = 'refund_accepted' AND channel = 'email'"
            return bool(await house.value(told, no=asked.claim_no) == "SENT")

        await house.eventually(announced)
        assert await shown(house, asked) == ("NEEDS_OPERATOR", True)
    await house.resolve(asked.workflow_id, parking["parking_no"], "retry")

    async def goes_on() -> bool:
        return await shown(house, asked) == ("REFUND_PENDING", False)

    await house.eventually(goes_on)
    [refund] = await house.refunds(asked.order_no, "2")
    (await house.gateway.post(f"/refunds/{refund['refundId']}/settle")).raise_for_status()
    await completed(house, asked)


async def shown(house: House, asked: OpenCancel) -> tuple[str, bool]:
    """What the list views are told of the claim."""
    told = (await house.handle(asked.workflow_id).describe()).typed_search_attributes
    return told[attributes.CLAIM_STATUS], told[attributes.NEEDS_OPERATOR]


async def test_payment_busy_for_a_moment_is_waited_for(house: House) -> None:
    order_no = await house.feed(two_cards())
    first, second = house.asked(order_no, {1: 2}), house.asked(order_no, {1: 1})
    await house.fault("delay", payment=f"{order_no}-2", delay_ms=700)
    await house.cancel(first)
    # The first leg is accepted, and the second's call has no answer yet.
    await house.eventually(lambda: _no_faults(house))
    await house.cancel(second)
    await completed(house, second)
    await completed(house, first)
    events = await house.rows(
        "SELECT claim_no, event FROM claim_events WHERE order_no = :no AND facts->>'payment_no' = '2'"
        " ORDER BY event_id",
        no=order_no,
    )
    assert [tuple(one.values()) for one in events] == [
        (claim.claim_no, event) for claim in (first, second) for event in ("refund.sent", "refund.done")
    ]
    assert await house.rows("SELECT * FROM parkings WHERE order_no = :no", no=order_no) == []


async def test_payment_busy_with_another_claim_waits_then_asks_a_person(house: House) -> None:
    order_no = await house.feed(two_cards())
    first = house.asked(order_no, {1: 2})
    await house.fault("late", payment=f"{order_no}-2", delay_ms=1_400)
    await house.cancel(first)
    # The first leg is accepted, so another claim may be opened; the second's outcome is unknown, and stays so.
    await house.eventually(lambda: _no_faults(house))
    await house.fault("down")
    holder = await house.parking(first.claim_no)
    assert holder["outcome_unknown"]

    second = house.asked(order_no, {1: 1})
    await house.cancel(second)
    busy = await house.parking(second.claim_no)
    assert busy["cause"] == "PAYMENT_BUSY"
    assert first.claim_no in busy["detail"]
    assert await house.value("SELECT count(*) FROM refund_attempts WHERE claim_no = :no", no=second.claim_no) == 0

    await house.mend()
    await house.resolve(first.workflow_id, holder["parking_no"], "retry")
    await completed(house, first)
    await house.resolve(second.workflow_id, busy["parking_no"], "retry")
    await completed(house, second)
    assert sum(one["amount"] for one in await house.refunds(order_no, "2")) == 20_000
