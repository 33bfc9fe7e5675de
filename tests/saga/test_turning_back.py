"""Cancel requests, aborts and lost activities at every point of a claim: never money returned and the order active."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

import bootstrap
from activities.claims import OpenCancel, TurnBack, Turned
from activities.messages import ClaimRef
from activities.refund_protocol import RefundKind
from activities.refunds import RefundActivities, RefundLeg
from activities.refusals import from_failure
from activities.settlement import CREDITS, Settle
from domain.claims import Step
from domain.orders import Means, Order
from domain.refusals import Refusal
from tests.refunds.machinery import VAULT, HeldProtocol
from tests.support.holding import Holder, When, holding
from tests.support.house import House
from tests.support.orders import basket_coupon, group, line, order, payment
from tests.support.sandbox import SandboxProcess
from tests.support.steps import Steps, run

SETTINGS: Mapping[str, Any] = {
    "gateway_read_timeout": 0.6,
    "gateway_send_window": 0.5,
    "sandbox_settling": 1.5,
    "gateway_attempts": 4,
}
"""A gateway that is given up after 0.6 s, and has certainly acted 1.5 s after the last moment of sending."""

LATE_MS = 1_000
"""Later than the caller waits, earlier than the gateway must have settled it."""

_names = itertools.count(1)


def mixed() -> Order:
    """One line of two units, paid by card and mileage, with a coupon: a claim of it has every branch."""
    member_no = f"M{next(_names)}"
    return order(
        line(1, 10_000, 2),
        groups=[group(paid=2_500, fee=2_500)],
        benefits=[basket_coupon(f"CP-{member_no}", {1: 2_000})],
        payments=[payment("1", 15_500), payment("2", 5_000, Means.MILEAGE)],
        member_no=member_no,
    )


async def consistent(house: House, asked: OpenCancel, status: str, returned: int) -> None:
    """Money returned and the order cancelled, or neither; and the books balance."""
    refunded = sum(one["amount"] for one in await house.refunds(asked.order_no))
    stands = await house.value("SELECT status FROM order_lines WHERE order_no = :no", no=asked.order_no)
    held = await house.value("SELECT count(*) FROM claim_lines WHERE claim_no = :no AND live", no=asked.claim_no)
    restocked = await house.value(
        "SELECT count(*) FROM stock_movements WHERE claim_no = :no AND kind = 'restock'", no=asked.claim_no
    )
    refunding = await house.value("SELECT sum(refunding) FROM order_payments WHERE order_no = :no", no=asked.order_no)
    if status == "REJECTED":
        assert (refunded, stands, held, restocked, refunding) == (0, "placed", 0, 0, 0)
    else:
        assert (status, refunded, stands, held, restocked) == ("COMPLETED", returned, "cancelled", 1, 1)
    assert await house.balanced(asked.order_no)


async def cancel_requests(house: House, claim_no: str) -> list[tuple[bool, str | None]]:
    """How the claim's cancel requests were audited: whether each undid it, and why not."""
    rows = await house.rows(
        "SELECT accepted, refusal, channel, actor_verified FROM operator_commands"
        " WHERE claim_no = :no AND command = 'cancel' ORDER BY command_id",
        no=claim_no,
    )
    assert all(row["channel"] == "web-ui" and not row["actor_verified"] for row in rows)
    return [(row["accepted"], row["refusal"]) for row in rows]


async def sent(house: House, claim_no: str) -> None:
    """Wait until the claim's refund is on its way."""
    await house.eventually(
        lambda: house.value("SELECT count(*) FROM refund_attempts WHERE claim_no = :no", no=claim_no), timeout=10
    )


# --- a cancel request -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def holds(idle_house: House) -> AsyncIterator[tuple[House, Holder]]:
    await idle_house.mend()
    async with holding(idle_house) as held:
        yield held


EITHER = {("open_cancel", When.BEFORE), ("open_cancel", When.AFTER), ("refund", When.BEFORE)}
"""The request and the call to the gateway set out at the same time; from then on money has moved."""


@pytest.mark.parametrize("when", list(When))
@pytest.mark.parametrize("step", ["open_cancel", "refund", "settle", "send_notice", "conclude"])
async def test_cancel_requested_at_every_step(holds: tuple[House, Holder], step: str, when: When) -> None:
    house, holder = holds
    order_no = await house.feed(mixed())
    asked = house.asked(order_no, {1: 2})
    with holder.hold(asked.workflow_id, step, when) as held:
        accepting = asyncio.create_task(house.cancel(asked))
        await asyncio.wait_for(held.reached.wait(), 20)
        await house.handle(asked.workflow_id).cancel(reason="the customer changed her mind")
    await accepting
    status = (await house.outcome(asked.workflow_id))["status"]
    await consistent(house, asked, status, 15_500)
    assert status == "COMPLETED" or (step, when) in EITHER
    undone = status == "REJECTED"
    assert await cancel_requests(house, asked.claim_no) == [(undone, None if undone else "claim.decided")]


@pytest.mark.parametrize("when", list(When))
@pytest.mark.parametrize("step", ["turn_back", "undo_open", "conclude"])
async def test_cancel_requested_while_the_claim_is_undone(holds: tuple[House, Holder], step: str, when: When) -> None:
    """The undo goes on to its end; nothing is left for the request to do but to be kept in the audit."""
    house, holder = holds
    order_no = await house.feed(mixed())
    await house.fault("refuse", payment=f"{order_no}-1")
    asked = house.asked(order_no, {1: 2})
    with holder.hold(asked.workflow_id, step, when) as held:
        await house.cancel(asked)
        await asyncio.wait_for(held.reached.wait(), 20)
        await house.handle(asked.workflow_id).cancel(reason="the customer changed her mind")
    status = (await house.outcome(asked.workflow_id))["status"]
    await consistent(house, asked, status, 15_500)
    assert status == "REJECTED"
    assert await cancel_requests(house, asked.claim_no) == [(False, "claim.turned_back")]


FAULTS: Mapping[tuple[str, int | None], str] = {
    ("delay", 300): "COMPLETED",
    ("delay", LATE_MS): "COMPLETED",
    ("late", LATE_MS): "COMPLETED",
    ("lose_answer", None): "COMPLETED",
    ("error_after", None): "COMPLETED",
    ("error_before", None): "REJECTED",
    ("refuse", None): "REJECTED",
}
"""What the first refund suffers, and how its claim ends when a cancel is requested meanwhile."""


async def test_cancel_requested_while_the_gateway_is_called(house: House) -> None:
    """What the gateway did decides, not the request: it is remembered until that is known."""

    async def ends(fault: str, delay_ms: int | None) -> str:
        order_no = await house.feed(mixed())
        await house.fault(fault, payment=f"{order_no}-1", delay_ms=delay_ms)
        asked = house.asked(order_no, {1: 2})
        await house.cancel(asked)
        await sent(house, asked.claim_no)
        await house.handle(asked.workflow_id).cancel(reason="stop")
        status = str((await house.outcome(asked.workflow_id))["status"])
        await consistent(house, asked, status, 15_500)
        assert len(await cancel_requests(house, asked.claim_no)) == 1
        return status

    ended = await asyncio.gather(*(ends(*fault) for fault in FAULTS))
    assert dict(zip(FAULTS, ended, strict=True)) == FAULTS


async def test_late_refund_after_the_caller_gave_up(house: House) -> None:
    order_no = await house.feed(mixed())
    await house.fault("late", payment=f"{order_no}-1", delay_ms=LATE_MS)
    asked = house.asked(order_no, {1: 2})
    await house.cancel(asked)
    status = (await house.outcome(asked.workflow_id))["status"]
    await consistent(house, asked, status, 15_500)
    assert status == "COMPLETED"
    assert await house.value(
        "SELECT ever_unknown FROM refund_attempts WHERE claim_no = :no AND state = 'ANSWERED'", no=asked.claim_no
    )


@pytest.mark.parametrize("acts", [True, False])
async def test_cancel_requested_while_the_outcome_is_unknown_waits_for_the_look_up(house: House, acts: bool) -> None:
    order_no = await house.feed(mixed())
    if acts:
        await house.fault("late", payment=f"{order_no}-1", delay_ms=LATE_MS)
        asked = house.asked(order_no, {1: 2})
        await house.cancel(asked)
        # Once the gateway has taken the request, it acts, though it answers nobody from now on.
        await house.eventually(lambda: _no_faults(house))
        await house.fault("down")
    else:
        await house.fault("down")
        asked = house.asked(order_no, {1: 2})
        await house.cancel(asked)
    parking = await house.parking(asked.claim_no)
    assert (parking["cause"], parking["outcome_unknown"], set(parking["actions"])) == (
        "PSP_DOWN",
        True,
        {"retry", "settle"},
    )
    with pytest.raises(WorkflowUpdateFailedError):
        await house.resolve(asked.workflow_id, parking["parking_no"], "abort")

    await house.handle(asked.workflow_id).cancel(reason="stop")

    async def parked_anew() -> Mapping[str, Any] | None:
        found = await house.parking(asked.claim_no)
        return found if found["parking_no"] != parking["parking_no"] else None

    anew = await house.eventually(parked_anew)
    assert anew is not None
    assert await cancel_requests(house, asked.claim_no) == []
    with pytest.raises(WorkflowUpdateFailedError):
        await house.resolve(asked.workflow_id, parking["parking_no"], "retry")

    await house.mend()
    await house.resolve(asked.workflow_id, anew["parking_no"], "retry")
    status = (await house.outcome(asked.workflow_id))["status"]
    await consistent(house, asked, status, 15_500)
    assert status == ("COMPLETED" if acts else "REJECTED")
    assert await cancel_requests(house, asked.claim_no) == [(False, "claim.decided") if acts else (True, None)]
    assert await commands(house, asked) == [
        ("abort", False, "action.unsafe"),
        ("retry", False, "parking.answered"),
        ("retry", True, None),
    ]


async def _no_faults(house: House) -> bool:
    return not (await house.gateway.get("/faults")).raise_for_status().json()["faults"]


@pytest.fixture(scope="module")
async def unsent(worked_house: House, sandbox: SandboxProcess) -> list[OpenCancel]:
    """Claims parked because no connection to the gateway could be made: certainly nothing was done."""
    house = worked_house
    await house.mend()
    claims = [house.asked(await house.feed(mixed()), {1: 2}) for _ in range(12)]
    sandbox.kill()
    await asyncio.gather(*(house.cancel(asked) for asked in claims))
    for asked in claims:
        parking = await house.parking(asked.claim_no)
        assert (parking["cause"], parking["outcome_unknown"]) == ("PSP_DOWN", False)
        assert set(parking["actions"]) == {"retry", "settle", "abort"}
    sandbox.start()
    return claims


async def parking_no(house: House, asked: OpenCancel) -> int:
    return int((await house.parking(asked.claim_no))["parking_no"])


async def commands(house: House, asked: OpenCancel) -> list[tuple[str, bool, str | None]]:
    """The operators' commands on the claim, as audited."""
    rows = await house.rows(
        "SELECT command, accepted, refusal FROM operator_commands"
        " WHERE claim_no = :no AND command <> 'cancel' ORDER BY command_id",
        no=asked.claim_no,
    )
    return [(row["command"], row["accepted"], row["refusal"]) for row in rows]


async def test_cancel_requested_while_parked_before_the_pivot_undoes(house: House, unsent: list[OpenCancel]) -> None:
    asked = unsent.pop()
    await house.handle(asked.workflow_id).cancel(reason="stop")
    status = (await house.outcome(asked.workflow_id))["status"]
    await consistent(house, asked, status, 15_500)
    assert status == "REJECTED"
    assert await cancel_requests(house, asked.claim_no) == [(True, None)]


# --- an operator's abort --------------------------------------------------------------------------------------------


async def test_abort_before_the_pivot_undoes(house: House, unsent: list[OpenCancel]) -> None:
    asked = unsent.pop()
    await house.resolve(asked.workflow_id, await parking_no(house, asked), "abort")
    status = (await house.outcome(asked.workflow_id))["status"]
    await consistent(house, asked, status, 15_500)
    assert status == "REJECTED"
    assert await commands(house, asked) == [("abort", True, None)]


async def test_abort_while_the_gateway_is_called_is_refused(house: House, unsent: list[OpenCancel]) -> None:
    """The parking that it names was answered by the retry whose call is under way."""

    async def ends(asked: OpenCancel, fault: str) -> str:
        number = await parking_no(house, asked)
        delay_ms = LATE_MS if fault in ("delay", "late") else None
        await house.fault(fault, payment=f"{asked.order_no}-1", delay_ms=delay_ms)
        await house.resolve(asked.workflow_id, number, "retry")
        with pytest.raises(WorkflowUpdateFailedError):
            await house.resolve(asked.workflow_id, number, "abort")
        status = str((await house.outcome(asked.workflow_id))["status"])
        await consistent(house, asked, status, 15_500)
        assert await commands(house, asked) == [("retry", True, None), ("abort", False, "parking.answered")]
        return status

    faults = ("delay", "late", "lose_answer", "error_before", "error_after")
    assert set(await asyncio.gather(*(ends(unsent.pop(), fault) for fault in faults))) == {"COMPLETED"}


# --- an activity that is lost alive -----------------------------------------------------------------------------------


class Lost:
    """A copy of the refund activity that stops at a place, is believed dead, and goes on when it is let go."""

    def __init__(self, house: House, leg_id: str, place: str) -> None:
        self.protocol = HeldProtocol(house.engine, bootstrap.gateways(house.settings), place)
        self._activities = RefundActivities(
            house.engine, {}, VAULT, send_window=timedelta(seconds=3), heartbeat=0.05, protocol=self.protocol
        )
        self._running = asyncio.create_task(run(self._activities.refund, RefundLeg(leg_id=leg_id)))

    async def held(self) -> None:
        await asyncio.wait_for(self.protocol.place.reached.wait(), 10)

    async def go_on(self, *, later_by: float = 0) -> Any:
        self.protocol.skew = later_by
        self.protocol.place.let_go()
        return await self._running


async def test_lost_before_arming_and_the_claim_undone(house: House, unsent: list[OpenCancel]) -> None:
    asked = unsent.pop()
    lost = Lost(house, f"{asked.claim_no}-1", "before_arm")
    await lost.held()
    await house.resolve(asked.workflow_id, await parking_no(house, asked), "abort")
    status = (await house.outcome(asked.workflow_id))["status"]
    written = await _trace(house, asked.claim_no)
    assert (await lost.go_on()).kind is RefundKind.FENCED
    assert lost.protocol.calls == 0
    assert await _trace(house, asked.claim_no) == written
    assert status == "REJECTED"
    await consistent(house, asked, status, 15_500)


async def test_lost_before_arming_and_the_leg_settled_by_hand(house: House, unsent: list[OpenCancel]) -> None:
    asked = unsent.pop()
    lost = Lost(house, f"{asked.claim_no}-1", "before_arm")
    await lost.held()
    number = await parking_no(house, asked)
    await house.resolve(asked.workflow_id, number, "settle", evidence="bank transfer 4711")
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    written = await _trace(house, asked.claim_no)
    assert (await lost.go_on()).kind is RefundKind.ACCEPTED
    assert lost.protocol.calls == 0
    assert await _trace(house, asked.claim_no) == written
    assert await house.refunds(asked.order_no) == []
    leg = await house.rows("SELECT settled_by, evidence FROM refund_legs WHERE leg_id = :no", no=f"{asked.claim_no}-1")
    assert leg == [{"settled_by": "HAND", "evidence": "bank transfer 4711"}]
    assert await house.balanced()


async def test_lost_between_arming_and_sending_keeps_the_claim_from_being_undone(
    house: House, unsent: list[OpenCancel]
) -> None:
    asked = unsent.pop()
    number = await parking_no(house, asked)
    lost = Lost(house, f"{asked.claim_no}-1", "after_arm")
    await lost.held()
    for action, evidence in (("abort", None), ("settle", " ")):
        with pytest.raises(WorkflowUpdateFailedError):
            await house.resolve(asked.workflow_id, number, action, evidence)
    # The look-up waits for the armed attempt's deadline and the settling time, then the request turns the claim back.
    await house.handle(asked.workflow_id).cancel(reason="stop")
    status = (await house.outcome(asked.workflow_id))["status"]
    assert status == "REJECTED"
    written = await _trace(house, asked.claim_no)
    assert (await lost.go_on(later_by=10)).kind is RefundKind.FENCED
    assert lost.protocol.calls == 0
    assert await _trace(house, asked.claim_no) == written
    await consistent(house, asked, status, 15_500)


async def test_lost_with_the_answer_in_its_hands(house: House, unsent: list[OpenCancel]) -> None:
    """The money has moved and only the lost activity knows: the claim can't be undone, and a look-up finds it."""
    asked = unsent.pop()
    number = await parking_no(house, asked)
    lost = Lost(house, f"{asked.claim_no}-1", "after_call")
    await lost.held()
    with pytest.raises(WorkflowUpdateFailedError):
        await house.resolve(asked.workflow_id, number, "abort")
    await house.resolve(asked.workflow_id, number, "retry")
    status = (await house.outcome(asked.workflow_id))["status"]
    assert status == "COMPLETED"
    written = await _trace(house, asked.claim_no)
    assert (await lost.go_on()).kind is RefundKind.ACCEPTED
    assert await _trace(house, asked.claim_no) == written
    await consistent(house, asked, status, 15_500)


async def test_a_leg_that_a_lost_activity_settled_meanwhile_is_not_settled_by_hand(
    house: House, unsent: list[OpenCancel]
) -> None:
    asked = unsent.pop()
    number = await parking_no(house, asked)
    steps = Steps.of(house)
    leg = RefundLeg(leg_id=f"{asked.claim_no}-1")
    assert (await run(steps.refunds.refund, leg)).kind is RefundKind.ACCEPTED
    with pytest.raises(WorkflowUpdateFailedError):
        await house.resolve(asked.workflow_id, number, "settle", evidence="bank transfer 4711")
    assert await house.value("SELECT settled_by FROM refund_legs WHERE leg_id = :no", no=leg.leg_id) == "GATEWAY"
    await house.resolve(asked.workflow_id, number, "retry")
    status = (await house.outcome(asked.workflow_id))["status"]
    assert status == "COMPLETED"
    await consistent(house, asked, status, 15_500)


async def _trace(house: House, claim_no: str) -> list[Mapping[str, Any]]:
    """Everything written about the claim and its money."""
    traced: list[Mapping[str, Any]] = []
    for statement in (
        "SELECT event, facts FROM claim_events WHERE claim_no = :no ORDER BY event_id",
        "SELECT * FROM claims WHERE claim_no = :no",
        "SELECT * FROM refund_legs WHERE claim_no = :no ORDER BY leg_id",
        "SELECT * FROM refund_attempts WHERE claim_no = :no ORDER BY leg_id, n",
    ):
        traced += await house.rows(statement, no=claim_no)
    return traced


async def test_lost_by_its_heartbeat_and_going_on(holds: tuple[House, Holder]) -> None:
    """The server gives the activity up and runs it again; the first copy goes on when the claim is over."""

    async def lost(when: When) -> None:
        house, holder = holds
        asked = house.asked(await house.feed(mixed()), {1: 2})
        with holder.hold(asked.workflow_id, "refund", when) as held:
            await house.cancel(asked)
            await asyncio.wait_for(held.reached.wait(), 20)
            status = (await house.outcome(asked.workflow_id))["status"]
            written = await _trace(house, asked.claim_no)
        await asyncio.wait_for(held.over.wait(), 20)
        assert await _trace(house, asked.claim_no) == written
        await consistent(house, asked, status, 15_500)
        assert status == "COMPLETED"

    await asyncio.gather(lost(When.BEFORE), lost(When.AFTER))


# --- a run that takes over while an outcome is unknown --------------------------------------------------------------


def two_cards() -> Order:
    return order(
        line(1, 10_000, 2),
        payments=[payment("1", 10_000), payment("2", 10_000)],
        member_no=f"M{next(_names)}",
    )


async def taken_over(house: House, asked: OpenCancel) -> None:
    """Terminate the claim's run, its first refund on the way, and resume it."""
    await house.handle(asked.workflow_id).terminate(reason="by mistake")
    await house.resume(asked.claim_no, asked.workflow_id)


async def test_resumed_with_a_second_payment_that_can_not_be_refunded_any_more(house: House) -> None:
    """The check would refuse the claim, but the first refund may have been carried out: that is looked up before."""
    order_no = await house.feed(two_cards())
    await house.fault("late", payment=f"{order_no}-1", delay_ms=LATE_MS)
    asked = house.asked(order_no, {1: 2})
    await house.cancel(asked)
    await house.eventually(lambda: _no_faults(house))
    elsewhere = {"amount": 1, "reference": "by another system"}
    key = {"Idempotency-Key": asked.claim_no}
    (await house.gateway.post(f"/payments/{order_no}-2/refunds", json=elsewhere, headers=key)).raise_for_status()
    await taken_over(house, asked)
    parking = await house.parking(asked.claim_no)
    assert (parking["cause"], parking["part"]) == ("PSP_CONFLICT", f"{asked.claim_no}-2")
    assert [one["amount"] for one in await house.refunds(order_no, "1")] == [10_000]
    await house.resolve(asked.workflow_id, parking["parking_no"], "settle", evidence="bank transfer 4711")
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    # The other system's 1 is booked by now, and so is that this order has given back 1 too many.
    assert not await house.balanced(order_no)


async def test_resumed_with_the_gateway_down_and_a_cancel_request_waits_for_one_person_once(house: House) -> None:
    order_no = await house.feed(two_cards())
    await house.fault("late", payment=f"{order_no}-1", delay_ms=LATE_MS)
    asked = house.asked(order_no, {1: 2})
    await house.cancel(asked)
    await house.eventually(lambda: _no_faults(house))
    await house.fault("down")
    await house.parking(asked.claim_no)
    await taken_over(house, asked)

    async def parkings() -> int:
        return int(await house.value("SELECT count(*) FROM parkings WHERE claim_no = :no", no=asked.claim_no))

    async def parked(times: int) -> bool:
        open_now = "SELECT count(*) FROM parkings WHERE claim_no = :no AND closed_at IS NULL"
        return await parkings() >= times and bool(await house.value(open_now, no=asked.claim_no))

    await house.eventually(lambda: parked(2))
    await house.handle(asked.workflow_id).cancel(reason="stop")
    await house.eventually(lambda: parked(3))
    await house.resolve(asked.workflow_id, await parking_no(house, asked), "retry")
    await house.eventually(lambda: parked(4))
    assert await parkings() == 4
    await house.mend()
    await house.resolve(asked.workflow_id, await parking_no(house, asked), "retry")
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await cancel_requests(house, asked.claim_no) == [(False, "claim.decided")]


# --- a step that commits after its undo -------------------------------------------------------------------------------


async def test_steps_of_an_undone_claim_hold_nothing(idle_house: House) -> None:
    house, steps = idle_house, Steps.of(idle_house)
    order_no = await house.feed(mixed(), stock=10)
    asked = house.asked(order_no, {1: 2})
    await run(steps.claims.open_cancel, asked)
    turn_back = TurnBack(claim_no=asked.claim_no, code="2001", reason="claim.aborted")
    assert await run(steps.claims.turn_back, turn_back) is Turned.UNDOING
    await run(steps.claims.undo_open, ClaimRef(claim_no=asked.claim_no))
    before = await _trace(house, asked.claim_no)

    # An equal try finds the claim as it stands, and opens nothing anew.
    again = await run(steps.claims.open_cancel, asked)
    assert again.standing.final
    for parts in ((Step.COUPONS, CREDITS, Step.RESTOCK), (Step.RESTOCK,)):
        assert (await run(steps.settlement.settle, Settle(claim_no=asked.claim_no, parts=parts))).fenced
    assert (await run(steps.settlement.complete, ClaimRef(claim_no=asked.claim_no))).fenced
    assert await run(steps.settlement.announce_pending, ClaimRef(claim_no=asked.claim_no)) == []
    refund = await run(steps.refunds.refund, RefundLeg(leg_id=f"{asked.claim_no}-1"))
    assert refund.kind is RefundKind.FENCED
    assert await run(steps.claims.turn_back, turn_back) is Turned.FINAL

    assert await _trace(house, asked.claim_no) == before
    await consistent(house, asked, "REJECTED", 0)
    assert await house.stock() == 10
    assert await house.value("SELECT count(*) FROM coupons WHERE used_order_no = :no", no=order_no) == 1


async def test_a_step_that_waits_for_the_lock_while_the_claim_turns_back_does_nothing(idle_house: House) -> None:
    """It has begun before the undo, and reads the direction only under the lock that the undo held."""
    house, steps = idle_house, Steps.of(idle_house)
    order_no = await house.feed(order(line(1, 10_000, 2), payments=[payment("1", 20_000, Means.MILEAGE)]), stock=10)
    asked = house.asked(order_no, {1: 2})
    await run(steps.claims.open_cancel, asked)
    async with house.engine.begin() as conn:
        await conn.exec_driver_sql(f"SELECT 1 FROM orders WHERE order_no = '{order_no}' FOR UPDATE")  # noqa: S608
        late = asyncio.create_task(
            run(steps.settlement.settle, Settle(claim_no=asked.claim_no, parts=(CREDITS, Step.RESTOCK)))
        )
        await house.eventually(lambda: house.value("SELECT count(*) FROM pg_locks WHERE NOT granted"))
        await conn.exec_driver_sql(f"UPDATE claims SET direction = 'UNDOING' WHERE claim_no = '{asked.claim_no}'")  # noqa: S608
    assert (await late).fenced
    assert await house.stock() == 10
    assert await house.value("SELECT count(*) FROM credit_movements WHERE claim_no = :no", no=asked.claim_no) == 0
    await run(steps.claims.undo_open, ClaimRef(claim_no=asked.claim_no))


async def test_an_opening_after_its_tombstone_is_refused(idle_house: House) -> None:
    house, steps = idle_house, Steps.of(idle_house)
    order_no = await house.feed(mixed(), stock=10)
    asked = house.asked(order_no, {1: 2})
    too_late = asked.model_copy(update={"accept_by": datetime.now(UTC) - timedelta(seconds=1)})
    for tried in (too_late, asked):  # the second is an earlier try that is only now carried out
        with pytest.raises(ApplicationError) as refused:
            await run(steps.claims.open_cancel, tried)
        refusal = from_failure(refused.value)
        assert refusal is not None
        assert refusal.code.value == "2009"
    assert await house.rows("SELECT * FROM claims WHERE order_no = :no", no=order_no) == []
    assert await house.rows("SELECT * FROM claim_lines WHERE order_no = :no", no=order_no) == []
    assert await house.value("SELECT sum(refunding) FROM order_payments WHERE order_no = :no", no=order_no) == 0


async def test_a_request_that_comes_too_late_is_refused_and_the_workflow_completes(house: House) -> None:
    order_no = await house.feed(mixed())
    asked = house.asked(order_no, {1: 2}, accept_by=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(Refusal) as refused:
        await house.cancel(asked)
    assert refused.value.code.value == "2009"
    assert (await house.outcome(asked.workflow_id))["status"] == "REFUSED"
