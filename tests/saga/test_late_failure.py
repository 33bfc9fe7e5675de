"""A refund that succeeds, is told, and fails later. P6: the claim is reopened, a correction goes out, money arrives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from activities.claims import OpenCancel
from tests.support.holding import When, holding
from tests.support.house import House
from tests.support.late import fails_at_gateway, fails_late, followed, has_signalled
from tests.support.orders import line, order, payment

AMOUNT = 10_000


async def control(house: House, method: str, path: str, body: object = None) -> Mapping[str, Any]:
    response = await house.gateway.request(method, f"/control/stripe{path}", json=body)
    told: Mapping[str, Any] = response.raise_for_status().json()
    return told


async def paid(house: House, *beside: str) -> str:
    """An order paid at Stripe, of a piece for each payment; and at the sandbox by as many more as `beside` names."""
    await control(house, "DELETE", "/faults")
    others = [payment(no, AMOUNT) for no in beside]
    made = order(
        line(1, AMOUNT, 2 + len(others)),
        payments=[replace(payment("1", 2 * AMOUNT), gateway="stripe"), *others],
    )
    order_no = await house.feed(made)
    await control(house, "PUT", f"/payments/{order_no}-1", {"amount": 2 * AMOUNT})
    return order_no


async def at_stripe(house: House, order_no: str) -> list[tuple[int, str]]:
    ledger = await control(house, "GET", f"/payments/{order_no}-1")
    return [(one["amount"], one["status"]) for one in ledger["refunds"]]


async def completed(house: House) -> OpenCancel:
    """One of two pieces cancelled and given back, and told."""
    order_no = await paid(house)
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    return asked


async def books(house: House, order_no: str) -> tuple[int, int]:
    """Refunded and due, with every sum right."""
    assert await house.balanced()
    [row] = await house.rows("SELECT refunded, due FROM order_conservation WHERE order_no = :no", no=order_no)
    return row["refunded"], row["due"]


async def mails(house: House, claim_no: str) -> list[str]:
    """The claim's mails that went out, by their notice."""
    sent = [mail["Message-ID"].strip("<>").split("@")[0] for mail in house.mailbox.kept]
    return [one.removeprefix(f"{claim_no}-") for one in sent if one.startswith(claim_no)]


async def told(house: House, claim_no: str) -> list[str]:
    """What the customer's inbox holds, oldest first."""
    rows = await house.rows(
        "SELECT notice_id FROM notices WHERE claim_no = :no AND channel = 'inbox' AND state = 'SENT'"
        " ORDER BY created_at, notice_id",
        no=claim_no,
    )
    return [row["notice_id"].removeprefix(f"{claim_no}-").removesuffix("-inbox") for row in rows]


async def test_a_refund_told_as_done_that_failed_is_corrected_and_given_back_once(house: House) -> None:
    """P6, from the first mail to the last."""
    asked = await completed(house)
    assert await books(house, asked.order_no) == (AMOUNT, 0)
    assert await told(house, asked.claim_no) == ["completed"]

    await fails_at_gateway(house, asked.claim_no)
    assert await books(house, asked.order_no) == (AMOUNT, 0)
    await followed(house, asked.claim_no)
    parking = await house.parking(asked.claim_no)
    assert (parking["step"], parking["cause"], parking["outcome_unknown"]) == ("refund", "PSP_DECLINED", False)
    assert "failed later" in parking["detail"]
    assert {"retry", "settle"} <= set(parking["actions"])
    assert not {"skip", "abort"} & set(parking["actions"])
    assert await house.status(asked.claim_no) == "NEEDS_OPERATOR"
    assert await books(house, asked.order_no) == (0, AMOUNT)
    await house.eventually(lambda: _has_mail(house, asked.claim_no, "refund_failed-2-email"))
    correction = await house.rows(
        "SELECT body FROM notices WHERE claim_no = :no AND event = 'refund_failed'", no=asked.claim_no
    )
    assert all("카드" in row["body"] and "₩10,000" in row["body"] for row in correction)

    await house.resolve(asked.workflow_id, parking["parking_no"], "retry")
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await at_stripe(house, asked.order_no) == [(AMOUNT, "failed"), (AMOUNT, "succeeded")]
    assert await books(house, asked.order_no) == (AMOUNT, 0)
    assert await house.rows("SELECT key_no, state FROM refund_legs WHERE claim_no = :no", no=asked.claim_no) == [
        {"key_no": 2, "state": "SETTLED"}
    ]
    assert await told(house, asked.claim_no) == ["completed", "refund_failed-2", "completed-2"]
    assert await mails(house, asked.claim_no) == ["completed-email", "refund_failed-2-email", "completed-2-email"]
    steps = await house.rows("SELECT DISTINCT status FROM claim_steps WHERE claim_no = :no", no=asked.claim_no)
    assert {row["status"] for row in steps} == {"DONE", "SKIPPED"}


async def _has_mail(house: House, claim_no: str, notice: str) -> bool:
    return notice in await mails(house, claim_no)


async def test_it_may_fail_again_and_a_person_can_settle_it_by_hand(house: House) -> None:
    asked = await completed(house)
    await fails_at_gateway(house, asked.claim_no)
    await followed(house, asked.claim_no)
    parking = await house.parking(asked.claim_no)
    await house.resolve(asked.workflow_id, parking["parking_no"], "retry")
    await house.outcome(asked.workflow_id)

    await fails_late(house, asked.claim_no)
    assert await house.status(asked.claim_no) == "REFUNDING"
    assert await books(house, asked.order_no) == (0, AMOUNT)
    await followed(house, asked.claim_no)
    parking = await house.parking(asked.claim_no)
    await house.resolve(asked.workflow_id, parking["parking_no"], "settle", "bank transfer 4711")
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await at_stripe(house, asked.order_no) == [(AMOUNT, "failed"), (AMOUNT, "failed")]
    assert await books(house, asked.order_no) == (AMOUNT, 0)
    assert await told(house, asked.claim_no) == [
        "completed",
        "refund_failed-2",
        "completed-2",
        "refund_failed-3",
        "completed-3",
    ]


async def test_one_that_fails_while_another_is_pending_is_taken_up_at_once(house: House) -> None:
    """The run is under way: it is told, and asks a person while the other refund still takes its time."""
    order_no = await paid(house, "2")
    await house.fault("pending", payment=f"{order_no}-2")
    asked = house.asked(order_no, {1: 3})
    await house.cancel(asked)
    await house.eventually(lambda: _legs(house, asked.claim_no, "SETTLED", "PENDING"))
    await fails_late(house, asked.claim_no)
    assert await house.status(asked.claim_no) == "REFUND_PENDING"
    assert await books(house, order_no) == (0, 3 * AMOUNT)

    await followed(house, asked.claim_no)
    parking = await house.parking(asked.claim_no)
    assert parking["part"].endswith("-1")
    await house.resolve(asked.workflow_id, parking["parking_no"], "retry")
    await house.eventually(lambda: _legs(house, asked.claim_no, "SETTLED", "PENDING"))
    [refund] = await house.refunds(order_no, "2")
    (await house.gateway.post(f"/refunds/{refund['refundId']}/settle")).raise_for_status()
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await at_stripe(house, order_no) == [(2 * AMOUNT, "failed"), (2 * AMOUNT, "succeeded")]
    assert await books(house, order_no) == (3 * AMOUNT, 0)
    # Nobody had been told yet that it was done.
    assert [one for one in await told(house, asked.claim_no) if one.startswith("completed")] in (
        ["completed"],
        ["completed-2"],
    )


async def _legs(house: House, claim_no: str, *states: str) -> bool:
    rows = await house.rows("SELECT state FROM refund_legs WHERE claim_no = :no ORDER BY position", no=claim_no)
    return tuple(row["state"] for row in rows) == states


async def test_one_that_fails_while_another_is_parked_is_found_at_the_end(house: House) -> None:
    """Nobody tells the run: it finds the leg open when it wants to complete."""
    order_no = await paid(house, "2")
    await house.fault("refuse", payment=f"{order_no}-2")
    asked = house.asked(order_no, {1: 3})
    await house.cancel(asked)
    other = await house.parking(asked.claim_no)
    await fails_late(house, asked.claim_no)
    await house.mend()
    await house.resolve(asked.workflow_id, other["parking_no"], "retry")
    await house.eventually(lambda: _legs(house, asked.claim_no, "REFUSED", "SETTLED"))
    parking = await house.parking(asked.claim_no)
    assert (parking["cause"], parking["part"].endswith("-1")) == ("PSP_DECLINED", True)
    await house.resolve(asked.workflow_id, parking["parking_no"], "retry")
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await books(house, order_no) == (3 * AMOUNT, 0)
    # The customer was told nothing before all of it had arrived, so there was nothing to correct.
    assert await told(house, asked.claim_no) == ["completed"]


async def test_one_that_fails_while_the_customer_is_being_told_is_never_told_as_done(house: House) -> None:
    """The very run that was telling it goes on, and what it had not sent yet is not sent any more."""
    async with holding(house) as (held_house, holder):
        order_no = await paid(house)
        asked = held_house.asked(order_no, {1: 1})
        with holder.hold(asked.workflow_id, "send_notice", When.BEFORE) as held:
            await held_house.cancel(asked)
            await held.reached.wait()
            await fails_late(held_house, asked.claim_no)
            assert await house.status(asked.claim_no) == "REFUNDING"
        parking = await house.parking(asked.claim_no)
        await held_house.resolve(asked.workflow_id, parking["parking_no"], "retry")
        assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await at_stripe(house, order_no) == [(AMOUNT, "failed"), (AMOUNT, "succeeded")]
    assert await books(house, order_no) == (AMOUNT, 0)
    sent = await house.rows(
        "SELECT notice_id, state, code FROM notices WHERE claim_no = :no AND channel <> 'inbox'", no=asked.claim_no
    )
    untold = [row["notice_id"] for row in sent if row["code"] == "overtaken"]
    assert untold
    assert all(row["state"] == "SENT" for row in sent if row["code"] != "overtaken")
    gone = await mails(house, asked.claim_no)
    assert [one for one in gone if f"{asked.claim_no}-{one}" in untold] == []
    assert gone[-2:] == ["refund_failed-2-email", "completed-2-email"]


async def test_one_that_fails_when_all_was_told_and_the_run_is_about_to_end_keeps_it(house: House) -> None:
    """A new run can't begin yet, so this one is told; it looks again before it ends."""
    async with holding(house) as (held_house, holder):
        order_no = await paid(house)
        asked = held_house.asked(order_no, {1: 1})
        telling = holder.hold(asked.workflow_id, "send_notice", When.BEFORE)
        # The last thing of such a run is to answer a cancel request that came too late.
        ending = holder.hold(asked.workflow_id, "record_cancel_request", When.BEFORE)
        with ending as held:
            with telling as told_last:
                await held_house.cancel(asked)
                await told_last.reached.wait()
                await house.handle(asked.workflow_id).cancel(reason="test")
            await held.reached.wait()
            notify = "SELECT status FROM claim_steps WHERE claim_no = :no AND step = 'notify'"
            assert await house.value(notify, no=asked.claim_no) == "DONE"
            await fails_at_gateway(house, asked.claim_no)
            following = await followed(house, asked.claim_no)
            await house.eventually(lambda: has_signalled(following))
        parking = await house.parking(asked.claim_no)
        await held_house.resolve(asked.workflow_id, parking["parking_no"], "retry")
        assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await at_stripe(house, order_no) == [(AMOUNT, "failed"), (AMOUNT, "succeeded")]
    assert await told(house, asked.claim_no) == ["completed", "refund_failed-2", "completed-2"]


async def test_carrying_on_a_claim_again_and_again_harms_nothing(house: House) -> None:
    asked = await completed(house)
    await fails_at_gateway(house, asked.claim_no)
    await followed(house, asked.claim_no)
    parking = await house.parking(asked.claim_no)
    for _ in range(2):
        again = await followed(house, asked.claim_no)
        await house.eventually(lambda again=again: has_signalled(again))  # type: ignore[misc]
    await house.resolve(asked.workflow_id, parking["parking_no"], "retry")
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await at_stripe(house, asked.order_no) == [(AMOUNT, "failed"), (AMOUNT, "succeeded")]
    assert await told(house, asked.claim_no) == ["completed", "refund_failed-2", "completed-2"]
