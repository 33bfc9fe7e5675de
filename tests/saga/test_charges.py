"""Claims that cost more than they return: charged first, once; declined, nothing has changed."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.claims import OpenCancel
from domain.orders import Means
from tests.saga.test_replay import texts
from tests.support.extra import EXTRA, TOKEN, asked_with_extra, charged, cheap_piece, give, refunds_of, taken
from tests.support.holding import When, holding
from tests.support.house import House
from tests.support.runs import completed_tasks, reset
from workflows.sweep import SweepWorkflow

SETTINGS: Mapping[str, Any] = {"gateway_attempts": 2, "gateway_read_timeout": 1}

_names = (f"extra-{number}" for number in itertools.count(1))


async def asked(house: House, means: Means = Means.CARD, *, balance: int = 0) -> OpenCancel:
    order_no = await house.feed(cheap_piece(next(_names)))
    await give(house, order_no, balance)
    return await asked_with_extra(house, order_no, means)


async def ended(house: House, one: OpenCancel, status: str) -> None:
    assert (await house.outcome(one.workflow_id))["status"] == status
    assert await house.status(one.claim_no) == status
    assert await house.balanced()


async def charged_once(house: House, one: OpenCancel) -> None:
    """By the gateway's ledger, and by ours."""
    await ended(house, one, "COMPLETED")
    (at_gateway,) = await charged(house, one.claim_no)
    (paid,) = await taken(house, one.claim_no)
    assert at_gateway["amount"] == paid["amount"] == EXTRA
    assert paid["gateway_ref"] == at_gateway["pgTid"]
    events = await events_of(house, one)
    once = ("claim.opened", "charge.taken", "claim.decided", "stock.returned", "claim.completed")
    assert {name: events.count(name) for name in once} == dict.fromkeys(once, 1)
    assert await steps(house, one) >= {("charge", "DONE"), ("restock", "DONE"), ("complete", "DONE")}


async def nothing_changed(house: House, one: OpenCancel) -> None:
    """The claim was undone, and the order stands as it stood."""
    await ended(house, one, "REJECTED")
    assert await taken(house, one.claim_no) == []
    held = "SELECT count(*) FROM claim_lines WHERE claim_no = :no AND live"
    assert await house.value(held, no=one.claim_no) == 0
    status = await house.rows("SELECT DISTINCT status FROM order_lines WHERE order_no = :no", no=one.order_no)
    assert [row["status"] for row in status] == ["placed"]
    for table in ("stock_movements", "credit_movements", "coupon_movements"):
        moved = await house.value(f"SELECT count(*) FROM {table} WHERE claim_no = :no", no=one.claim_no)  # noqa: S608
        assert moved == 0
    assert await house.value("SELECT state FROM extra_payments WHERE claim_no = :no", no=one.claim_no) == "VOID"


async def events_of(house: House, one: OpenCancel) -> list[str]:
    rows = await house.rows("SELECT event FROM claim_events WHERE claim_no = :no ORDER BY event_id", no=one.claim_no)
    return [row["event"] for row in rows]


async def steps(house: House, one: OpenCancel) -> set[tuple[str, str]]:
    rows = await house.rows("SELECT step, status FROM claim_steps WHERE claim_no = :no", no=one.claim_no)
    return {(row["step"], row["status"]) for row in rows}


async def refused(house: House, one: OpenCancel, parking_no: int, action: str, evidence: str | None = None) -> str:
    """Why the command was refused."""
    with pytest.raises(WorkflowUpdateFailedError) as failure:
        await house.resolve(one.workflow_id, parking_no, action, evidence)
    cause = failure.value.cause
    assert isinstance(cause, ApplicationError)
    return str(cause.details[0]["reason"])


async def parked(house: House, one: OpenCancel, cause: str, actions: Sequence[str], *, unknown: bool) -> int:
    """The claim waits for a person at its charge; the parking's number."""
    parking = await house.parking(one.claim_no)
    assert (parking["step"], parking["cause"], parking["actions"]) == ("charge", cause, actions)
    assert parking["outcome_unknown"] is unknown
    assert ("charge", "PARKED") in await steps(house, one)
    return int(parking["parking_no"])


# --- taken ----------------------------------------------------------------------------------------------------------


async def test_charged_first_then_completed_and_the_rest_is_refunded_over_both_payments(house: House) -> None:
    one = await asked(house)
    accepted = await house.cancel(one)
    assert (accepted.refund, accepted.extra) == (0, EXTRA)
    await charged_once(house, one)
    events = await events_of(house, one)
    assert events.index("charge.taken") < events.index("stock.returned")

    rest = house.asked(one.order_no, {2: 1})
    assert (await house.cancel(rest)).refund == 32_000
    await ended(house, rest, "COMPLETED")
    legs = await house.rows(
        "SELECT payment_no, amount, state FROM refund_legs WHERE claim_no = :no ORDER BY position", no=rest.claim_no
    )
    assert [(leg["payment_no"], leg["amount"], leg["state"]) for leg in legs] == [
        ("1", 30_000, "SETTLED"),
        (f"X-{one.claim_no}", EXTRA, "SETTLED"),
    ]
    (paid,) = await taken(house, one.claim_no)
    assert [refund["amount"] for refund in await refunds_of(house, paid["gateway_ref"])] == [EXTRA]
    assert [refund["amount"] for refund in await house.refunds(one.order_no)] == [30_000]
    assert (await steps(house, rest)) >= {("charge", "SKIPPED"), ("refund", "DONE")}


@pytest.mark.parametrize("means", [Means.MILEAGE, Means.DEPOSIT])
async def test_charged_to_a_balance_of_the_members_own(house: House, means: Means) -> None:
    one = await asked(house, means, balance=EXTRA + 300)
    await house.cancel(one)
    await ended(house, one, "COMPLETED")
    (paid,) = await taken(house, one.claim_no)
    assert (paid["means"], paid["gateway"], paid["amount"]) == (means, None, EXTRA)
    balance = f"SELECT {means} FROM members JOIN orders USING (member_no) WHERE order_no = :no"  # noqa: S608
    assert await house.value(balance, no=one.order_no) == 300

    rest = house.asked(one.order_no, {2: 1})
    await house.cancel(rest)
    await ended(house, rest, "COMPLETED")
    assert await house.value(balance, no=one.order_no) == EXTRA + 300


@pytest.mark.parametrize("fault", ["lose_answer", "error_after", "error_before", "late", "delay"])
async def test_whatever_the_gateway_suffers_it_is_charged_once(house: House, fault: str) -> None:
    one = await asked(house)
    await house.fault(fault, delay_ms=1_300 if fault in ("late", "delay") else None)
    await house.cancel(one)
    # A call whose outcome is unknown is not sent again by the workflow before the look-up has decided.
    parking = await _parking_or_end(house, one)
    if parking is not None:
        await house.resolve(one.workflow_id, parking, "retry")
    await charged_once(house, one)


async def _parking_or_end(house: House, one: OpenCancel) -> int | None:
    """The number of the claim's parking once it has one; None once it is final without."""

    async def ask() -> tuple[int | None] | None:
        rows = await house.rows("SELECT parking_no FROM parkings WHERE claim_no = :no", no=one.claim_no)
        if rows:
            return (int(rows[0]["parking_no"]),)
        return (None,) if await house.status(one.claim_no) == "COMPLETED" else None

    found = await house.eventually(ask)
    assert found is not None
    return found[0]


# --- not taken ------------------------------------------------------------------------------------------------------


async def test_declined_it_is_undone_and_nothing_has_changed(house: House) -> None:
    one = await asked(house)
    await house.fault("refuse")
    await house.cancel(one)
    await nothing_changed(house, one)
    assert await charged(house, one.claim_no) == []
    [claim] = await house.rows("SELECT refusal_code, refusal_reason FROM claims WHERE claim_no = :no", no=one.claim_no)
    assert claim == {"refusal_code": "2007", "refusal_reason": "charge.declined"}
    assert (await house.outcome(one.workflow_id))["reason"] == "charge.declined"

    again = await asked_with_extra(house, one.order_no)
    await house.cancel(again)
    await charged_once(house, again)


async def test_a_balance_spent_meanwhile_undoes_it(house: House) -> None:
    one = await asked(house, Means.MILEAGE, balance=EXTRA)
    async with holding(house) as (held_house, holder):
        with holder.hold(one.workflow_id, "charge", When.BEFORE) as held:
            await held_house.cancel(one)
            await held.reached.wait()
            await give(house, one.order_no, EXTRA - 1)
        await nothing_changed(held_house, one)
    balance = "SELECT mileage FROM members JOIN orders USING (member_no) WHERE order_no = :no"
    assert await house.value(balance, no=one.order_no) == EXTRA - 1


# --- a person ------------------------------------------------------------------------------------------------------


async def test_a_gateway_down_is_parked_and_retried(house: House) -> None:
    one = await asked(house)
    await house.fault("down")
    await house.cancel(one)
    number = await parked(house, one, "PSP_DOWN", ["retry", "settle"], unknown=True)
    assert await house.status(one.claim_no) == "NEEDS_OPERATOR"
    details = str(await house.handle(one.workflow_id).query("__temporal_workflow_metadata"))
    for told in ("whether a charge of this claim was carried out", "`retry`", "the charge is looked up first"):
        assert told in details
    assert await refused(house, one, number, "abort") == "action.unsafe"
    assert await refused(house, one, number, "skip") == "action.unsafe"
    assert await refused(house, one, number, "settle") == "evidence.missing"
    assert await refused(house, one, number, "settle", "tid_1") == "evidence.unseen"
    await house.mend()
    await house.resolve(one.workflow_id, number, "retry")
    await charged_once(house, one)


async def test_what_certainly_was_not_taken_may_be_called_off(house: House) -> None:
    one = await asked(house)
    await house.fault("error_before", 100)
    await house.cancel(one)
    number = await parked(house, one, "PSP_DOWN", ["retry", "settle", "abort"], unknown=False)
    await house.resolve(one.workflow_id, number, "abort")
    await nothing_changed(house, one)
    assert await charged(house, one.claim_no) == []


async def test_two_charges_under_our_reference_are_a_persons_to_explain(house: House) -> None:
    """Whatever happened at the gateway: the claim takes the one that a person names, once it is seen there."""
    one = await asked(house)
    body = {"amount": EXTRA, "currency": "KRW", "payWayCd": "11", "reference": f"X-{one.claim_no}"}
    twin = await house.gateway.post("/charges", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
    stranger = await house.gateway.post(
        "/charges", json=body | {"reference": "other"}, headers={"Idempotency-Key": uuid.uuid4().hex}
    )
    await house.fault("lose_answer")
    await house.cancel(one)
    number = await parked(house, one, "PSP_DOWN", ["retry", "settle"], unknown=True)
    assert len(await charged(house, one.claim_no)) == 2
    assert await refused(house, one, number, "settle", stranger.json()["pgTid"]) == "evidence.not_found"
    assert await refused(house, one, number, "settle", f"{one.order_no}-1") == "evidence.taken"
    await house.resolve(one.workflow_id, number, "settle", twin.json()["pgTid"])
    await ended(house, one, "COMPLETED")
    (paid,) = await taken(house, one.claim_no)
    assert paid["gateway_ref"] == twin.json()["pgTid"]


async def test_a_balance_has_nothing_to_settle_at_a_gateway(house: House) -> None:
    one = await asked(house, Means.MILEAGE, balance=EXTRA)
    async with house.engine.begin() as conn:
        await conn.execute(text("CREATE FUNCTION no_extra() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                                " RAISE EXCEPTION 'broken by a test'; END $$"))  # fmt: skip
        await conn.execute(
            text(
                "CREATE TRIGGER no_extra BEFORE INSERT ON credit_movements FOR EACH ROW WHEN (NEW.kind = 'extra')"
                " EXECUTE FUNCTION no_extra()"
            )
        )
    try:
        await house.cancel(one)
        number = await parked(house, one, "BUG", ["retry", "abort"], unknown=False)
        assert await refused(house, one, number, "settle", "tid_1") == "action.unsafe"
    finally:
        async with house.engine.begin() as conn:
            await conn.execute(text("DROP FUNCTION no_extra() CASCADE"))
    await house.resolve(one.workflow_id, number, "retry")
    await ended(house, one, "COMPLETED")


# --- called off, terminated, reset ----------------------------------------------------------------------------------


async def test_a_cancel_request_is_heard_once_nothing_is_unknown(house: House) -> None:
    one = await asked(house)
    await house.fault("error_before", 100)
    await house.cancel(one)
    sent = "SELECT count(*) FROM extra_payments WHERE claim_no = :no AND ever_unknown"
    await house.eventually(lambda: house.value(sent, no=one.claim_no))
    await house.handle(one.workflow_id).cancel(reason="stop")
    await nothing_changed(house, one)
    assert await charged(house, one.claim_no) == []
    audited = await house.rows("SELECT command, accepted FROM operator_commands WHERE claim_no = :no", no=one.claim_no)
    assert audited == [{"command": "cancel", "accepted": True}]


async def test_a_cancel_request_after_the_charge_does_nothing(house: House) -> None:
    one = await asked(house)
    async with holding(house) as (held_house, holder):
        with holder.hold(one.workflow_id, "charge", When.AFTER) as held:
            await held_house.cancel(one)
            await held.reached.wait()
            await house.handle(one.workflow_id).cancel(reason="stop")
        await charged_once(held_house, one)
    audited = await house.rows("SELECT command, accepted FROM operator_commands WHERE claim_no = :no", no=one.claim_no)
    assert audited == [{"command": "cancel", "accepted": False}]


async def test_terminated_while_parked_and_resumed(house: House) -> None:
    one = await asked(house)
    await house.fault("down")
    await house.cancel(one)
    await house.parking(one.claim_no)
    await house.handle(one.workflow_id).terminate(reason="test")
    await house.mend()
    await house.resume(one.claim_no, one.workflow_id)
    await charged_once(house, one)


@pytest.mark.parametrize("fault", [None, "refuse"])
async def test_reset_to_every_task_when_all_is_over(house: House, fault: str | None) -> None:
    one = await asked(house)
    if fault is not None:
        await house.fault(fault)
    await house.cancel(one)
    ends = (await house.outcome(one.workflow_id))["status"]
    first = (await house.handle(one.workflow_id).describe()).run_id
    for task in await completed_tasks(house.temporal, one.workflow_id, first):
        run = await reset(house.temporal, one.workflow_id, task, first)
        again = await house.temporal.get_workflow_handle(one.workflow_id, run_id=run).result()
        assert again["status"] == ends
    if fault is None:
        await charged_once(house, one)
    else:
        await nothing_changed(house, one)


# --- the sweeper, and what is told ------------------------------------------------------------------------------------


async def test_a_charge_that_comes_after_the_claim_was_undone_is_found(house: House) -> None:
    one = await asked(house)
    await house.fault("error_before", 100)
    await house.cancel(one)
    number = (await house.parking(one.claim_no))["parking_no"]
    await house.resolve(one.workflow_id, number, "abort")
    await nothing_changed(house, one)
    await house.mend()
    body = {"amount": EXTRA, "currency": "KRW", "payWayCd": "11", "reference": f"X-{one.claim_no}"}
    late = await house.gateway.post("/charges", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
    async with house.engine.begin() as conn:
        undone = "UPDATE claims SET closed_at = closed_at - interval '2 hours' WHERE claim_no = :no"
        await conn.execute(text(undone), {"no": one.claim_no})
    queue = house.settings.task_queue
    swept = await house.temporal.execute_workflow(SweepWorkflow.run, id=f"sweep-{uuid.uuid4()}", task_queue=queue)
    assert swept.late_charges == 1
    [finding] = await house.rows("SELECT * FROM findings WHERE kind = 'late_charge'")
    assert (finding["claim_no"], finding["detail"]) == (one.claim_no, {"payment_ref": late.json()["pgTid"]})


async def test_the_token_is_in_no_history(house: House) -> None:
    one = await asked(house)
    await house.fault("lose_answer")
    await house.cancel(one)
    await charged_once(house, one)
    history = await house.handle(one.workflow_id).fetch_history()
    told = "\n".join(texts(json.loads(history.to_json())))
    assert one.claim_no in told
    assert TOKEN not in told
