"""Records one history per outcome of a claim, for the replay tests:

    python -m tests.support.record_histories [NAME …]

writes tests/histories/NAME.json for each outcome named, or for all of them (a minute). It runs the service on
real parts that it starts and stops itself. A recorded history is a promise to claims that are under way: record anew
only what never ran outside a developer's machine; a change to workflows that do goes through `workflow.patched`, with
the old histories kept.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from temporalio.client import Client
from temporalio.common import RetryPolicy, WorkflowIDReusePolicy
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.claims import OpenCancel
from api.commanding import CHANNEL
from domain.claims import Action
from domain.orders import Item, LineStatus, Means, Order, PaymentStatus, SaleMethod, SaleStatus
from domain.refusals import Refusal
from domain.seals import seal
from store import private
from store.feed_shop import put_item
from store.line_moves import move_line
from store.private import BANK_PART, HOLDER_PART, NUMBER_PART, Vault
from tests.sandbox.providers.tills import TossTill
from tests.support import late
from tests.support.broken import broken
from tests.support.extra import EXTRA, asked_with_extra, cheap_piece, give
from tests.support.holding import Holder, When, holding
from tests.support.house import House, open_house, working
from tests.support.late import fails_at_gateway, fails_late
from tests.support.orders import basket_coupon, group, line, order, payment
from tests.support.postgres import running_databases
from tests.support.sandbox import SandboxProcess
from tests.support.temporal import running_dev_server
from workflows import budgets
from workflows.cancel_order import CancelOrderWorkflow
from workflows.following import begin_following
from workflows.messages import AskedPayment, CancelOrder, GatewayTold, OperatorCommand, Reconcile
from workflows.publishing import PublishEventsWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.sweep import SweepWorkflow

FOLDER = Path(__file__).parents[1] / "histories"

SETTINGS: Mapping[str, Any] = {"gateway_attempts": 2, "gateway_read_timeout": 1, "notice_attempts": 2}


@dataclass(frozen=True)
class Recording:
    """A house whose activities can be held; each scenario answers the id of the workflow that is kept."""

    house: House
    holder: Holder

    async def open(self, name: str, made: Order, selection: Mapping[int, int]) -> OpenCancel:
        made = replace(made, member_no=f"M-{name}")
        return self.house.asked(await self.house.feed(made), selection, key=name)

    async def cancel(self, asked: OpenCancel) -> str:
        """Accepted, and run to its end."""
        await self.house.cancel(asked)
        await self.house.outcome(asked.workflow_id)
        return asked.workflow_id


def mixed() -> Order:
    return order(
        line(1, 10_000, 2),
        groups=[group(paid=2_500, fee=2_500)],
        benefits=[basket_coupon("CP1", {1: 2_000})],
        payments=[payment("1", 15_500), payment("2", 5_000, Means.MILEAGE)],
    )


def two_cards() -> Order:
    return order(line(1, 10_000, 3), payments=[payment("1", 10_000), payment("2", 20_000)])


# --- cancel claims --------------------------------------------------------------------------------------------------


async def completed(on: Recording, name: str) -> str:
    return await on.cancel(await on.open(name, mixed(), {1: 2}))


async def completed_without_a_gateway(on: Recording, name: str) -> str:
    made = order(line(1, 10_000, 2), payments=[payment("1", 20_000, Means.MILEAGE)])
    return await on.cancel(await on.open(name, made, {1: 1}))


async def completed_unpaid(on: Recording, name: str) -> str:
    """The deposit that was awaited is not to be made any more, and its gateway is asked to take none."""
    made = order(
        line(1, 10_000, status=LineStatus.AWAITING_DEPOSIT),
        payments=[
            payment("1", 9_000, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING),
            payment("2", 1_000, Means.MILEAGE),
        ],
    )
    return await on.cancel(await on.open(name, made, {1: 1}))


async def completed_with_two_payments(on: Recording, name: str) -> str:
    return await on.cancel(await on.open(name, two_cards(), {1: 3}))


async def looked_up(on: Recording, name: str) -> str:
    """The answer was lost after the gateway had acted."""
    asked = await on.open(name, mixed(), {1: 2})
    await on.house.fault("lose_answer", payment=f"{asked.order_no}-1")
    return await on.cancel(asked)


async def pending_then_settled(on: Recording, name: str) -> str:
    asked = await on.open(name, mixed(), {1: 2})
    await on.house.fault("pending", payment=f"{asked.order_no}-1")
    await on.house.cancel(asked)
    await on.house.eventually(lambda: _has_status(on.house, asked.claim_no, "REFUND_PENDING"))
    [refund] = await on.house.refunds(asked.order_no)
    (await on.house.gateway.post(f"/refunds/{refund['refundId']}/settle")).raise_for_status()
    await on.house.outcome(asked.workflow_id)
    return asked.workflow_id


async def pending_then_told(on: Recording, name: str) -> str:
    """The gateway told of the end, an hour before its claim would have asked."""
    slow = on.house.settings.model_copy(update={"poll_first": 3600, "task_queue": f"{name}-queue"})
    house = replace(on.house, settings=slow)
    async with working(house):
        asked = await Recording(house, on.holder).open(name, mixed(), {1: 2})
        await house.fault("pending", payment=f"{asked.order_no}-1")
        await house.cancel(asked)
        await house.eventually(lambda: _has_status(house, asked.claim_no, "REFUND_PENDING"))
        [refund] = await house.refunds(asked.order_no)
        (await house.gateway.post(f"/refunds/{refund['refundId']}/settle")).raise_for_status()
        leg_id = await house.value(
            "SELECT leg_id FROM refund_legs WHERE claim_no = :no AND external", no=asked.claim_no
        )
        told = GatewayTold(leg_id=leg_id)
        await house.handle(asked.workflow_id).signal(CancelOrderWorkflow.gateway_told, told)
        await house.outcome(asked.workflow_id)
    return asked.workflow_id


async def refused(on: Recording, name: str) -> str:
    asked = await on.open(name, mixed(), {1: 3})
    try:
        await on.house.cancel(asked)
    except Refusal:
        return asked.workflow_id
    raise AssertionError("three of two units were accepted")


async def compensated(on: Recording, name: str) -> str:
    asked = await on.open(name, mixed(), {1: 2})
    await on.house.fault("refuse", payment=f"{asked.order_no}-1")
    return await on.cancel(asked)


async def cancel_requested(on: Recording, name: str) -> str:
    """Turned back by a cancel request while the outcome of its first call was unknown."""
    asked = await on.open(name, mixed(), {1: 2})
    await on.house.fault("error_before", payment=f"{asked.order_no}-1")
    await on.house.cancel(asked)
    sent = "SELECT count(*) FROM refund_attempts WHERE claim_no = :no"
    await on.house.eventually(lambda: on.house.value(sent, no=asked.claim_no))
    await on.house.handle(asked.workflow_id).cancel(reason="recorded")
    await on.house.outcome(asked.workflow_id)
    return asked.workflow_id


async def parked_then_resolved(on: Recording, name: str) -> str:
    asked = await on.open(name, mixed(), {1: 2})
    await on.house.fault("down")
    await on.house.cancel(asked)
    parking = await on.house.parking(asked.claim_no)
    await on.house.mend()
    await on.house.resolve(asked.workflow_id, parking["parking_no"], "retry")
    await on.house.outcome(asked.workflow_id)
    return asked.workflow_id


async def settled_by_hand(on: Recording, name: str) -> str:
    """The second payment was refused after the first was accepted."""
    asked = await on.open(name, two_cards(), {1: 3})
    await on.house.fault("refuse", payment=f"{asked.order_no}-2")
    await on.house.cancel(asked)
    parking = await on.house.parking(asked.claim_no)
    await on.house.resolve(asked.workflow_id, parking["parking_no"], "settle", "bank transfer 4711")
    await on.house.outcome(asked.workflow_id)
    return asked.workflow_id


async def skipped(on: Recording, name: str) -> str:
    asked = await on.open(name, mixed(), {1: 2})
    async with broken(on.house, asked.claim_no, "coupon_movements"):
        await on.house.cancel(asked)
        parking = await on.house.parking(asked.claim_no)
        await on.house.resolve(asked.workflow_id, parking["parking_no"], "skip")
    await on.house.outcome(asked.workflow_id)
    return asked.workflow_id


async def aborted(on: Recording, name: str) -> str:
    asked = await on.open(name, two_cards(), {1: 3})
    await on.house.fault("down")
    await on.house.cancel(asked)
    parking = await on.house.parking(asked.claim_no)
    await on.house.resolve(asked.workflow_id, parking["parking_no"], "abort")
    await on.house.mend()
    await on.house.outcome(asked.workflow_id)
    return asked.workflow_id


async def resumed(on: Recording, name: str) -> str:
    """The run that an operator started after the first was terminated."""
    asked = await on.open(name, mixed(), {1: 2})
    await on.house.fault("down")
    await on.house.cancel(asked)
    await on.house.parking(asked.claim_no)
    await on.house.handle(asked.workflow_id).terminate(reason="recorded")
    await on.house.mend()
    await on.house.temporal.start_workflow(
        CancelOrderWorkflow.run,
        CancelOrder(claim_no=asked.claim_no),
        id=asked.workflow_id,
        task_queue=on.house.settings.task_queue,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
    )
    await on.house.outcome(asked.workflow_id)
    return asked.workflow_id


async def completed_with_a_receipt(on: Recording, name: str) -> str:
    """A cash receipt that was issued by itself is cancelled at Toss, after the claim has ended."""
    wanted = {
        "orderId": name,
        "orderName": "Goods",
        "amount": 20_000,
        "type": "소득공제",
        "customerIdentityNumber": "01012345678",
    }
    keyed = {**TossTill.auth, "Idempotency-Key": uuid.uuid4().hex}
    issued = await on.house.gateway.post("/toss/v1/cash-receipts", json=wanted, headers=keyed)
    receipt = str(issued.raise_for_status().json()["receiptKey"])
    paid = replace(payment("1", 20_000, Means.BANK_TRANSFER), gateway="toss", receipt_ref=receipt)
    asked = await on.open(name, order(line(1, 10_000, 2), payments=[paid]), {1: 1})
    await _at_toss(on.house, f"{asked.order_no}-1", "transfer")
    return await on.cancel(asked)


async def account_provided(on: Recording, name: str) -> str:
    """The refund account of a virtual account is gone: an operator brings one, by its number in the ledger."""
    paid = replace(payment("2", 20_000, Means.VIRTUAL_ACCOUNT), gateway="toss")
    asked = await on.open(name, order(line(1, 10_000, 3), payments=[payment("1", 10_000), paid]), {1: 3})
    asked = asked.model_copy(update={"has_account": True})
    await _at_toss(on.house, f"{asked.order_no}-2", "virtual_account")
    await on.house.cancel(asked)
    parking = await on.house.parking(asked.claim_no)
    secret = on.house.settings.service_secret.get_secret_value()
    parts = {BANK_PART: "088", NUMBER_PART: "110-234-567890", HOLDER_PART: "Kim"}
    async with on.house.engine.begin() as conn:
        account_id = await private.keep(conn, Vault(secret).seal(parts), account_shown=private.shown(parts))
    said = (parking["parking_no"], Action.PROVIDE_ACCOUNT.value, "recorded", None, "Lee", account_id)
    command = OperatorCommand(
        parking_no=parking["parking_no"],
        action=Action.PROVIDE_ACCOUNT.value,
        reason="recorded",
        actor="Lee",
        channel=CHANNEL,
        account_id=account_id,
        seal=seal(secret.encode(), asked.claim_no, *said),
    )
    await _command(on.house, asked.workflow_id, command)
    await on.house.eventually(lambda: _has_status(on.house, asked.claim_no, "REFUND_PENDING"))
    shown = (await on.house.gateway.get(f"/control/toss/payments/{asked.order_no}-2")).raise_for_status().json()
    [refund] = shown["refunds"]
    (await on.house.gateway.post(f"/control/toss/refunds/{refund['ref']}/settle", json={})).raise_for_status()
    await on.house.outcome(asked.workflow_id)
    return asked.workflow_id


async def _command(house: House, workflow_id: str, command: OperatorCommand) -> Any:
    return await house.handle(workflow_id).execute_update(CancelOrderWorkflow.resolve, command)


async def _at_toss(house: House, payment_ref: str, method: str) -> None:
    """A payment of 20,000 is made there."""
    body = {"amount": 20_000, "method": method}
    (await house.gateway.put(f"/control/toss/payments/{payment_ref}", json=body)).raise_for_status()


async def reopened_then_resolved(on: Recording, name: str) -> str:
    """The run that began because the refund, which had succeeded and was told, failed later."""
    asked = await on.open(name, mixed(), {1: 2})
    await on.cancel(asked)
    await fails_at_gateway(on.house, asked.claim_no)
    await late.followed(on.house, asked.claim_no)
    parking = await on.house.parking(asked.claim_no)
    await on.house.resolve(asked.workflow_id, parking["parking_no"], "retry")
    await on.house.outcome(asked.workflow_id)
    return asked.workflow_id


async def reopened_while_running(on: Recording, name: str) -> str:
    """The first refund failed while the second stood still: nobody told the run, which found it when it was to end."""
    asked = await on.open(name, two_cards(), {1: 3})
    await on.house.fault("refuse", payment=f"{asked.order_no}-2")
    await on.house.cancel(asked)
    parking = await on.house.parking(asked.claim_no)
    await fails_late(on.house, asked.claim_no)
    await on.house.mend()
    await on.house.resolve(asked.workflow_id, parking["parking_no"], "retry")
    await on.house.eventually(lambda: _parked_at(on.house, asked.claim_no, f"{asked.claim_no}-1"))
    parking = await on.house.parking(asked.claim_no)
    await on.house.resolve(asked.workflow_id, parking["parking_no"], "retry")
    await on.house.outcome(asked.workflow_id)
    return asked.workflow_id


async def reopened_when_told(on: Recording, name: str) -> str:
    """The first refund failed while the second was pending, and the run was told to take it up."""
    asked = await on.open(name, two_cards(), {1: 3})
    await on.house.fault("pending", payment=f"{asked.order_no}-2")
    await on.house.cancel(asked)
    await on.house.eventually(lambda: _has_status(on.house, asked.claim_no, "REFUND_PENDING"))
    await fails_at_gateway(on.house, asked.claim_no)
    await late.followed(on.house, asked.claim_no)
    parking = await on.house.parking(asked.claim_no)
    await on.house.resolve(asked.workflow_id, parking["parking_no"], "settle", "bank transfer 4711")
    [refund] = await on.house.refunds(asked.order_no, "2")
    (await on.house.gateway.post(f"/refunds/{refund['refundId']}/settle")).raise_for_status()
    await on.house.outcome(asked.workflow_id)
    return asked.workflow_id


# --- cancel claims that cost more than they return --------------------------------------------------------------------


async def _owing(on: Recording, name: str, means: Means = Means.CARD) -> OpenCancel:
    order_no = await on.house.feed(cheap_piece(name))
    await give(on.house, order_no, EXTRA)
    return await asked_with_extra(on.house, order_no, means, key=name)


async def charged(on: Recording, name: str) -> str:
    return await on.cancel(await _owing(on, name))


async def charged_to_a_balance(on: Recording, name: str) -> str:
    return await on.cancel(await _owing(on, name, Means.MILEAGE))


async def charge_declined(on: Recording, name: str) -> str:
    asked = await _owing(on, name)
    await on.house.fault("refuse")
    return await on.cancel(asked)


async def charge_looked_up(on: Recording, name: str) -> str:
    """The answer was lost after the gateway had acted."""
    asked = await _owing(on, name)
    await on.house.fault("lose_answer")
    return await on.cancel(asked)


async def charge_parked_then_resolved(on: Recording, name: str) -> str:
    asked = await _owing(on, name)
    await on.house.fault("down")
    await on.house.cancel(asked)
    parking = await on.house.parking(asked.claim_no)
    await on.house.mend()
    await on.house.resolve(asked.workflow_id, parking["parking_no"], "retry")
    await on.house.outcome(asked.workflow_id)
    return asked.workflow_id


async def charge_aborted(on: Recording, name: str) -> str:
    """The outcome was unknown first; looked up, nothing had been charged."""
    asked = await _owing(on, name)
    await on.house.fault("error_before", 100)
    await on.house.cancel(asked)
    parking = await on.house.parking(asked.claim_no)
    await on.house.resolve(asked.workflow_id, parking["parking_no"], "abort")
    await on.house.mend()
    await on.house.outcome(asked.workflow_id)
    return asked.workflow_id


async def charge_resumed(on: Recording, name: str) -> str:
    """The run that an operator started after the first was terminated."""
    asked = await _owing(on, name)
    await on.house.fault("down")
    await on.house.cancel(asked)
    await on.house.parking(asked.claim_no)
    await on.house.handle(asked.workflow_id).terminate(reason="recorded")
    await on.house.mend()
    await on.house.resume(asked.claim_no, asked.workflow_id)
    await on.house.outcome(asked.workflow_id)
    return asked.workflow_id


# --- option changes -------------------------------------------------------------------------------------------------


async def option_changed(on: Recording, name: str) -> str:
    asked = on.house.asked_change(await _sold(on, name, new=5), 1, "002", goods_no=name, key=name)
    await on.house.change(asked)
    await on.house.outcome(asked.workflow_id)
    return asked.workflow_id


async def option_refused(on: Recording, name: str) -> str:
    asked = on.house.asked_change(await _sold(on, name, new=0), 1, "002", goods_no=name, key=name)
    try:
        await on.house.change(asked)
    except Refusal:
        return asked.workflow_id
    raise AssertionError("a variant that is sold out was given")


async def option_rejected_after_reserving(on: Recording, name: str) -> str:
    """The line was shipped between reserving and swapping."""
    asked = on.house.asked_change(await _sold(on, name, new=5), 1, "002", goods_no=name, key=name)
    with on.holder.hold(asked.workflow_id, "swap", When.BEFORE) as held:
        changing = asyncio.create_task(on.house.change(asked))
        await asyncio.wait_for(held.reached.wait(), 20)
        async with on.house.engine.begin() as conn:
            await move_line(conn, asked.order_no, 1, LineStatus.SHIP_INSTRUCTED, None)
    await asyncio.gather(changing, return_exceptions=True)
    await on.house.outcome(asked.workflow_id)
    return asked.workflow_id


async def _sold(on: Recording, goods_no: str, *, new: int) -> str:
    """An order of variant 001 of the goods, of which 002 has `new` units in stock."""
    made = order(replace(line(1, 10_000), goods_no=goods_no), member_no=f"M-{goods_no}")
    variant = Item(goods_no, "002", "Goods", "Blue", (), 10_000, SaleStatus.ON_SALE, SaleMethod.ORDINARY, new)
    async with on.house.engine.begin() as conn:
        await put_item(conn, variant)
    return await on.house.feed(made)


# --- what gateways tell ---------------------------------------------------------------------------------------------


async def hint_followed(on: Recording, name: str) -> str:
    """A pending refund was told of, and nothing more for a minute."""
    asked = await on.open(name, mixed(), {1: 2})
    await on.house.fault("pending", payment=f"{asked.order_no}-1")
    await on.house.cancel(asked)
    await on.house.eventually(lambda: _has_status(on.house, asked.claim_no, "REFUND_PENDING"))
    payment_of_it = AskedPayment(gateway="sandbox", payment_ref=f"{asked.order_no}-1")
    await begin_following(on.house.temporal, on.house.settings.task_queue, payment_of_it)
    workflow_id = f"follow-sandbox-{asked.order_no}-1"
    async with asyncio.timeout(120):
        await on.house.handle(workflow_id).result()
    return workflow_id


# --- the sweeper ----------------------------------------------------------------------------------------------------


async def swept(on: Recording, name: str) -> str:
    """Recorded before there were charges to look at; `swept_for_all` is as it goes now."""
    return await swept_for_deliveries(on, name)


async def swept_for_charges(on: Recording, name: str) -> str:
    """Recorded before gateways were listened to."""
    return await swept_for_deliveries(on, name)


async def swept_for_deliveries(on: Recording, name: str) -> str:
    """Recorded before notices were looked after and anything was erased."""
    queue = on.house.settings.task_queue
    await on.house.temporal.execute_workflow(SweepWorkflow.run, id=name, task_queue=queue)
    return name


async def swept_for_all(on: Recording, name: str) -> str:
    """With every look of today: also at notices' deliveries, private parts, and hints that are old."""
    return await swept_for_deliveries(on, name)


async def events_published(on: Recording, name: str) -> str:
    """No receiver is set: it looks once, and ends."""
    queue = on.house.settings.task_queue
    await on.house.temporal.execute_workflow(PublishEventsWorkflow.run, id=name, task_queue=queue)
    return name


async def reconciled(on: Recording, name: str) -> str:
    """One merchant's day, by a child."""
    await _reconcile(on, name)
    return name


async def reconciled_day(on: Recording, name: str) -> str:
    """A day on which a refund that had succeeded is found to have failed: its claim is carried on."""
    asked = await on.open(name, mixed(), {1: 2})
    await on.cancel(asked)
    await fails_at_gateway(on.house, asked.claim_no)
    return f"reconcile-sandbox-{await _reconcile(on, name)}"


async def _reconcile(on: Recording, name: str) -> date:
    """Compare the day on which everything happened."""
    today = datetime.now(ZoneInfo(on.house.settings.timezone)).date()
    await on.house.temporal.execute_workflow(
        ReconcileWorkflow.run,
        Reconcile(gateway="sandbox", day=today),
        id=name,
        task_queue=on.house.settings.task_queue,
    )
    return today


Scenario = Callable[[Recording, str], Awaitable[str]]

OUTCOMES: Mapping[Scenario, str | None] = {
    completed: "COMPLETED",
    completed_without_a_gateway: "COMPLETED",
    completed_unpaid: "COMPLETED",
    completed_with_two_payments: "COMPLETED",
    looked_up: "COMPLETED",
    pending_then_settled: "COMPLETED",
    pending_then_told: "COMPLETED",
    refused: "REFUSED",
    compensated: "REJECTED",
    cancel_requested: "REJECTED",
    parked_then_resolved: "COMPLETED",
    settled_by_hand: "COMPLETED",
    skipped: "COMPLETED",
    aborted: "REJECTED",
    resumed: "COMPLETED",
    completed_with_a_receipt: "COMPLETED",
    account_provided: "COMPLETED",
    reopened_then_resolved: "COMPLETED",
    reopened_while_running: "COMPLETED",
    reopened_when_told: "COMPLETED",
    charged: "COMPLETED",
    charged_to_a_balance: "COMPLETED",
    charge_declined: "REJECTED",
    charge_looked_up: "COMPLETED",
    charge_parked_then_resolved: "COMPLETED",
    charge_aborted: "REJECTED",
    charge_resumed: "COMPLETED",
    option_changed: "COMPLETED",
    option_refused: "REFUSED",
    option_rejected_after_reserving: "REJECTED",
    hint_followed: None,
    reconciled: None,
    reconciled_day: None,
    swept: None,
    swept_for_charges: None,
    swept_for_deliveries: None,
    swept_for_all: None,
    events_published: None,
}
"""Every scenario, by whose name its history is kept, and the status with which its workflow ends."""


async def _has_status(house: House, claim_no: str, status: str) -> bool:
    return await house.status(claim_no) == status


async def _parked_at(house: House, claim_no: str, part: str) -> bool:
    asked = "SELECT count(*) FROM parkings WHERE claim_no = :no AND part = :part AND closed_at IS NULL"
    return bool(await house.value(asked, no=claim_no, part=part))


def anywhere(kept: Any) -> Any:
    """The history without what tells of the machine that it was recorded on: traces hold the paths of files."""
    if isinstance(kept, dict):
        return {key: anywhere(value) for key, value in kept.items() if key != "stackTrace"}
    return [anywhere(one) for one in kept] if isinstance(kept, list) else kept


async def record(names: list[str]) -> None:
    for budget in (budgets.LEDGER, budgets.LEDGER_LOCAL):
        budget["retry_policy"] = RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=2)
    async with AsyncExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="histories-")))
        databases = await stack.enter_async_context(running_databases(scratch))
        server = await stack.enter_async_context(running_dev_server(scratch / "temporal"))
        client = await Client.connect(server.address, data_converter=pydantic_data_converter, identity="recorder")
        sandbox = stack.enter_context(SandboxProcess(scratch / "sandbox"))
        url = await stack.enter_async_context(databases.fresh())
        house = await stack.enter_async_context(open_house(url, client, sandbox, "claims", **SETTINGS))
        held, holder = await stack.enter_async_context(holding(house))
        for scenario in OUTCOMES:
            if not names or scenario.__name__ in names:
                await _record(Recording(held, holder), scenario)


async def _record(on: Recording, scenario: Scenario) -> None:
    name = scenario.__name__
    workflow_id = await scenario(on, name)
    history = await on.house.handle(workflow_id).fetch_history()
    kept = anywhere(json.loads(history.to_json()))
    (FOLDER / f"{name}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    print(f"{name}: {len(history.events)} events")


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1:]))
