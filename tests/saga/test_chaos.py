"""Many orders cancelled and changed at once while all around them breaks: in the end every ledger agrees.

What is done and what breaks follows from the seed; what comes when does not. `disagreements` tells what went wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import TemporalError

from domain.orders import Means, Order
from domain.refusals import Refusal
from store.feed_shop import put_item
from tests.support.extra import asked_with_quote
from tests.support.house import House
from tests.support.ledgers import disagreements
from tests.support.orders import basket_coupon, gift, goods_coupon, group, item, line, order, payment, total
from tests.support.runs import completed_tasks, reset
from tests.support.sandbox import SandboxProcess
from tests.support.worker_process import WorkerProcess
from workflows.cancel_order import CancelOrderWorkflow
from workflows.change_option import ChangeOptionWorkflow
from workflows.messages import CancelOrder, ChangeOption

SEED = 20230808
ORDERS = 8
STOCK = 10
FAULTS = ("refuse", "error_before", "error_after", "lose_answer", "delay", "late", "pending")
PAST = datetime(2023, 1, 1, tzinfo=UTC)
"""When mileage had expired."""
LATE_MS = 1_500
"""Longer than a call waits, shorter than the gateway may take to settle."""
SETTINGS = {
    "database_pool": 20,
    "gateway_read_timeout": 1,
    "gateway_send_window": 0.5,
    "sandbox_settling": 2,
    "gateway_attempts": 3,
    "gateway_first_retry": 0.1,
    "gateway_longest_retry": 0.5,
    "busy_patience": 3,
    "notice_attempts": 2,
    "poll_first": 0.1,
    "poll_longest": 1,
    "sweep_every": 86_400,
}


@dataclass
class Chaos:
    house: House
    sandbox: SandboxProcess
    workers: tuple[WorkerProcess, ...]
    chance: Random

    async def work(self, worker: WorkerProcess) -> None:
        worker.start()
        await self.house.eventually(worker.started)

    # --- what breaks ------------------------------------------------------------------------------------------------

    async def worker_killed(self) -> None:
        worker = self.chance.choice(self.workers)
        worker.kill()
        await self.work(worker)

    async def gateway_killed(self) -> None:
        await asyncio.to_thread(self.sandbox.restart)

    async def gateway_down(self) -> None:
        """Until the round is over."""
        await self.house.fault("down")

    async def connections_cut(self) -> None:
        for _ in range(20):
            await self.house.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'worker' AND state <> 'idle'"
            )

    async def workflows_terminated(self) -> None:
        for claim in await self.open_claims():
            await self.house.handle(claim["workflow_id"]).terminate("test")

    async def workflows_cancelled(self) -> None:
        for claim in await self.open_claims():
            await self.house.handle(claim["workflow_id"]).cancel()

    async def workflows_reset(self) -> None:
        """Over or not."""
        claims = await self.house.rows("SELECT workflow_id FROM claims ORDER BY claim_no")
        for claim in self.chance.sample(claims, min(4, len(claims))):
            tasks = await completed_tasks(self.house.temporal, claim["workflow_id"])
            await reset(self.house.temporal, claim["workflow_id"], self.chance.choice(tasks))

    async def open_claims(self) -> list[Mapping[str, Any]]:
        return await self.house.rows("SELECT * FROM claims WHERE closed_at IS NULL ORDER BY claim_no")

    # --- people -----------------------------------------------------------------------------------------------------

    async def customer(self, order_no: str, chance: Random) -> None:
        """Cancel or change some of an order. However often it is asked, one request has one answer."""
        house = self.house
        line_nos = [row["line_no"] for row in await house.rows(LINES, no=order_no)]
        if chance.random() < 0.2:
            line_no = chance.choice(line_nos)
            goods_no = await house.value(
                "SELECT goods_no FROM order_lines WHERE order_no = :no AND line_no = :line", no=order_no, line=line_no
            )
            change = house.asked_change(order_no, line_no, "002", goods_no=goods_no)
            await asyncio.gather(house.change(change), return_exceptions=True)
            return
        selected = chance.sample(line_nos, chance.randint(1, len(line_nos)))
        wanted = {no: chance.randint(1, 2) for no in selected}
        try:
            asked = await asked_with_quote(house, order_no, wanted, chance.choice((Means.CARD, Means.MILEAGE)))
        except (Refusal, ValueError):  # no price, as more is selected than is left: it is for the service to refuse
            asked = house.asked(order_no, wanted)
        answers = []
        for _ in range(2):
            try:
                answers.append(await house.cancel(asked))
            except (Refusal, TemporalError):
                continue
        assert all(answer == answers[0] for answer in answers)
        for answer in answers:
            stands = await house.rows("SELECT refund, extra FROM claims WHERE claim_no = :no", no=answer.claim_no)
            assert stands == [{"refund": answer.refund, "extra": answer.extra}]

    async def operator(self, *, only_retry: bool = False) -> None:
        """Answer every parking, with a double click: one of them counts at most."""
        for parking in await self.house.rows(PARKINGS):
            action = "retry" if only_retry else self.chance.choice(parking["actions"])
            clicks = await asyncio.gather(
                *(
                    self.house.resolve(
                        parking["workflow_id"], parking["parking_no"], action, f"by-hand-{parking['parking_no']}"
                    )
                    for _ in range(2)
                ),
                return_exceptions=True,
            )
            assert sum(not isinstance(click, BaseException) for click in clicks) <= 1

    async def gateway_settles(self, *, well: bool = False) -> None:
        for leg in await self.house.rows("SELECT refund_ref FROM refund_legs WHERE state = 'PENDING'"):
            status = "succeeded" if well else self.chance.choice(("succeeded", "failed"))
            await self.house.gateway.post(f"/refunds/{leg['refund_ref']}/settle", json={"status": status})

    async def resume_the_lost(self) -> None:
        """As a person does who reads what the sweeper found."""
        for claim in await self.house.rows(UNFINISHED):
            described = await self.house.handle(claim["workflow_id"]).describe()
            if described.status is not WorkflowExecutionStatus.RUNNING:
                await self.resume(claim)

    async def resume(self, claim: Mapping[str, Any]) -> None:
        run: Any = CancelOrderWorkflow.run if claim["kind"] == "CANCEL" else ChangeOptionWorkflow.run
        asked = CancelOrder if claim["kind"] == "CANCEL" else ChangeOption
        await self.house.temporal.start_workflow(
            run,
            asked(claim_no=claim["claim_no"]),
            id=claim["workflow_id"],
            task_queue=self.house.settings.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        )

    # --- and the end of it ------------------------------------------------------------------------------------------

    async def healed(self) -> bool:
        """Whether every claim is over. What holds one up is seen to."""
        await self.gateway_settles(well=True)
        await self.resume_the_lost()
        await self.operator(only_retry=True)
        return not await self.house.rows(UNFINISHED)


LINES = "SELECT line_no FROM order_lines WHERE order_no = :no ORDER BY line_no"
PARKINGS = """
SELECT parking_no, actions, workflow_id FROM parkings JOIN claims USING (claim_no)
WHERE parkings.closed_at IS NULL ORDER BY parking_no
"""
UNFINISHED = """
SELECT claims.* FROM claims JOIN claim_steps USING (claim_no)
WHERE step = 'notify' AND claim_steps.status IN ('WAITING', 'RUNNING') ORDER BY claim_no
"""
"""Telling the customer is every claim's last step."""


@pytest.fixture
async def chaos(idle_house: House, sandbox: SandboxProcess, tmp_path: Path) -> AsyncIterator[Chaos]:
    house = idle_house
    settings = SETTINGS | {
        "workflow_sandbox": True,
        "database_url": f"{house.settings.database_url}&application_name=worker",
        "temporal_address": house.temporal.service_client.config.target_host,
        "task_queue": house.settings.task_queue,
        "sandbox_url": house.settings.sandbox_url,
        "smtp_url": house.settings.smtp_url,
    }
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    async with asynccontextmanager(_working)(folders, settings) as workers:
        made = Chaos(house, sandbox, workers, Random(SEED))
        await asyncio.gather(*(made.work(worker) for worker in workers))
        yield made


async def _working(folders: list[Path], settings: Mapping[str, object]) -> AsyncIterator[tuple[WorkerProcess, ...]]:
    workers = tuple(WorkerProcess(folder, settings) for folder in folders)
    try:
        yield workers
    finally:
        for worker in workers:
            worker.kill()


async def test_every_ledger_agrees_after_chaos(chaos: Chaos) -> None:
    house, chance = chaos.house, chaos.chance
    order_nos = [await fed(house, number, chance) for number in range(ORDERS)]
    troubles = [
        chaos.worker_killed,
        chaos.gateway_down,
        chaos.workflows_terminated,
        chaos.connections_cut,
        chaos.workflows_reset,
        chaos.gateway_killed,
        chaos.workflows_cancelled,
    ]
    chance.shuffle(troubles)
    for trouble in troubles:
        for kind in chance.sample(FAULTS, len(FAULTS)):
            await house.fault(kind, delay_ms=LATE_MS)
        customers = [chaos.customer(order_no, Random(chance.random())) for order_no in order_nos]
        await asyncio.gather(trouble(), *customers)
        assert await house.balanced()
        await house.mend()
        await chaos.gateway_settles()
        await chaos.operator()
    await house.eventually(chaos.healed, timeout=60)
    assert await disagreements(house, order_nos, STOCK) == []


async def fed(house: House, number: int, chance: Random) -> str:
    """An order whose goods, each its own, come in a second variant that its lines can be changed to."""
    made = random_order(number, chance)
    async with house.engine.begin() as conn:
        for one in made.lines:
            await put_item(conn, item(goods_no=one.goods_no, price=one.price, stock=STOCK))
    return await house.feed(made, stock=STOCK)


def random_order(number: int, chance: Random) -> Order:
    """A member's order of one to three lines with a gift, coupons, points, and several means.

    Shipping that cancels may charge, and with it more than the cheap units of line 1 return.
    """
    lines = [
        replace(
            line(
                no,
                chance.choice((777, 9_900, 30_000)) if no > 1 else 777,
                chance.randint(2, 7),
                tax_free=chance.random() < 0.5,
                points=chance.choice((0, 100)),
            ),
            goods_no=f"chaos-{number}-{no}",
        )
        for no in range(1, chance.randint(2, 4))
    ]
    worth = {one.line_no: one.price * one.quantity for one in lines}
    goods = sum(worth.values())
    present = gift(9, 2, of=1) if chance.random() < 0.5 else gift(9, minimum=goods // 2)
    benefits = [goods_coupon(f"goods-{number}", 1, chance.randint(1, worth[1] // 4))]
    shares = {no: chance.randint(1, one // 4) for no, one in worth.items()}
    benefits.append(basket_coupon(f"basket-{number}", shares, minimum=chance.choice((0, goods // 2))))
    shipping = [
        chance.choice(
            (
                group(fee=2_500, paid=2_500, surcharge=1_000),
                group(fee=3_000, free_from=goods // 2),
                group(fee=3_000, free_from=goods - benefits[0].amount),
            )
        )
    ]
    amount = total(lines, shipping, benefits)
    mileage, deposit, pay = (chance.randint(1, amount // 4) for _ in range(3))
    parts = [(mileage, Means.MILEAGE), (deposit, Means.DEPOSIT)]
    parts += [(pay, Means.SIMPLE_PAY), (amount - mileage - deposit - pay, Means.CARD)]
    chance.shuffle(parts)
    payments = [payment(str(no), part, means, **_parts(part, means)) for no, (part, means) in enumerate(parts, start=1)]
    gifted = replace(present, goods_no=f"chaos-{number}-9")
    member_no = f"chaos-{number}"
    return order(*lines, gifted, groups=shipping, benefits=benefits, payments=payments, member_no=member_no)


def _parts(amount: int, means: Means) -> Mapping[str, Any]:
    """A card's gateway was told how much of the payment is free of tax, and the VAT in the rest."""
    if means is Means.CARD:
        return {"tax_free": amount // 3, "vat": (amount - amount // 3) // 11}
    return {"expires": PAST} if means is Means.MILEAGE else {}
