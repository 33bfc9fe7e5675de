"""The service on real parts, for tests of the saga: database, Temporal, gateway and mail, a worker in this process."""

from __future__ import annotations

import asyncio
import gc
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

import bootstrap
from activities.claims import OpenCancel, SelectedLine
from activities.options import OpenChange
from activities.refusals import from_failure
from domain.claims import Actor, ClaimKind
from domain.orders import Item, Order, SaleMethod, SaleStatus
from domain.policy import Policy
from settings import Settings
from store.feed_orders import FedOrder, put_order
from store.feed_shop import FedMember, put_item, put_member
from tests.support.ports import free_port
from tests.support.sandbox import SandboxProcess
from workflows import attributes, budgets
from workflows.cancel_order import CancelOrderWorkflow
from workflows.change_option import ChangeOptionWorkflow
from workflows.messages import Accepted, CancelOrder, Changed, ChangeOption, OperatorCommand

T = TypeVar("T")


class Mailbox(MessageHandler):
    """Keeps what the mail server gets."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.kept.append(message)


@dataclass
class House:
    settings: Settings
    engine: AsyncEngine
    temporal: Client
    gateway: httpx.AsyncClient
    sandbox: SandboxProcess
    mailbox: Mailbox
    policy: Policy
    numbers: Any = field(default_factory=lambda: iter(range(1, 1_000_000)))

    # --- the shop ---------------------------------------------------------------------------------------------------

    async def feed(self, order: Order, *, stock: int = 10, email: str | None = "kim@example.test") -> str:
        """Feed an order, its items, its member, and its payments at the gateway, under a number of its own."""
        order_no = f"20230808O{next(self.numbers):06d}"
        payments = tuple(
            replace(one, gateway_ref=f"{order_no}-{one.payment_no}") if one.means.external else one
            for one in order.payments
        )
        order = replace(order, order_no=order_no, payments=payments)
        for payment in payments:
            if payment.means.external:
                body = {"amount": payment.amount, "currency": order.currency, "payWayCd": "11"}
                (await self.gateway.put(f"/payments/{payment.gateway_ref}", json=body)).raise_for_status()
        async with self.engine.begin() as conn:
            for line in order.lines:
                await put_item(
                    conn,
                    Item(
                        line.goods_no, line.variant_no, line.goods_name, line.variant_name, (), line.price,
                        SaleStatus.ON_SALE, SaleMethod.ORDINARY, stock,
                    ),
                )  # fmt: skip
            if order.member_no:
                await put_member(conn, FedMember(order.member_no, "Kim", "kim@example.test", "01012345678", 0, 0))
            await put_order(
                conn,
                FedOrder(order, "Kim", email, "01012345678", "20", None if order.member_no else "$argon2id$not-used"),
            )
        return order_no

    # --- claims -----------------------------------------------------------------------------------------------------

    def asked(
        self, order_no: str, selection: Mapping[int, int], *, key: str | None = None, **changes: Any
    ) -> OpenCancel:
        key = key or uuid.uuid4().hex
        asked = OpenCancel(
            claim_no=f"C-{order_no}-{key[:8]}",
            order_no=order_no,
            workflow_id=f"cancel/{order_no}/{key}",
            request_key=key,
            digest=repr(sorted(selection.items())),
            selection=tuple(SelectedLine(line_no=no, quantity=quantity) for no, quantity in selection.items()),
            reason_code="10",
            actor=Actor.MEMBER,
            language="ko",
            accept_by=datetime.now(UTC) + timedelta(minutes=2),
        )
        return asked.model_copy(update=changes)

    async def cancel(self, asked: OpenCancel) -> Accepted:
        """As the API does it. Raises the Refusal."""
        start = WithStartWorkflowOperation(
            CancelOrderWorkflow.run,
            CancelOrder(claim_no=asked.claim_no, request=asked),
            id=asked.workflow_id,
            task_queue=self.settings.task_queue,
            task_timeout=budgets.WORKFLOW_TASK,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            search_attributes=attributes.at_start(ClaimKind.CANCEL, asked.order_no, asked.claim_no),
        )
        try:
            async with asyncio.timeout(60):
                return await self.temporal.execute_update_with_start_workflow(
                    CancelOrderWorkflow.accepted,  # type: ignore[arg-type]  # the SDK's overload forgets the coroutine
                    id=asked.digest,
                    start_workflow_operation=start,
                )
        except WorkflowUpdateFailedError as failed:
            raise from_failure(failed.cause) or failed from failed

    def asked_change(
        self,
        order_no: str,
        line_no: int,
        variant_no: str,
        *,
        goods_no: str = "GOODS1",
        key: str | None = None,
        **changes: Any,
    ) -> OpenChange:
        key = key or uuid.uuid4().hex
        asked = OpenChange(
            claim_no=f"C-{order_no}-{key[:8]}",
            order_no=order_no,
            workflow_id=f"option/{order_no}/{key}",
            request_key=key,
            digest="digest",
            line_no=line_no,
            goods_no=goods_no,
            variant_no=variant_no,
            actor=Actor.MEMBER,
            language="ko",
            accept_by=datetime.now(UTC) + timedelta(minutes=2),
        )
        return asked.model_copy(update=changes)

    async def change(self, asked: OpenChange) -> Changed:
        """As the API does it. Raises the Refusal."""
        start = WithStartWorkflowOperation(
            ChangeOptionWorkflow.run,
            ChangeOption(claim_no=asked.claim_no, request=asked),
            id=asked.workflow_id,
            task_queue=self.settings.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            search_attributes=attributes.at_start(ClaimKind.OPTION_CHANGE, asked.order_no, asked.claim_no),
        )
        try:
            async with asyncio.timeout(60):
                return await self.temporal.execute_update_with_start_workflow(
                    ChangeOptionWorkflow.changed,  # type: ignore[arg-type]  # as above
                    id=asked.digest,
                    start_workflow_operation=start,
                )
        except WorkflowUpdateFailedError as failed:
            raise from_failure(failed.cause) or failed from failed

    def handle(self, workflow_id: str) -> WorkflowHandle[Any, Any]:
        return self.temporal.get_workflow_handle(workflow_id)

    async def outcome(self, workflow_id: str) -> Mapping[str, Any]:
        """How the workflow ended; waits for it."""
        async with asyncio.timeout(60):
            result: Mapping[str, Any] = await self.handle(workflow_id).result()
        return result

    async def resume(self, claim_no: str, workflow_id: str) -> WorkflowHandle[Any, Any]:
        """As `claims resume` does it: the same id, with the claim number alone."""
        return await self.temporal.start_workflow(
            CancelOrderWorkflow.run,
            CancelOrder(claim_no=claim_no),
            id=workflow_id,
            task_queue=self.settings.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        )

    async def resolve(self, workflow_id: str, parking_no: int, action: str, evidence: str | None = None) -> Any:
        return await self.handle(workflow_id).execute_update(
            CancelOrderWorkflow.resolve,
            OperatorCommand(parking_no=parking_no, action=action, reason="test", actor="Lee", evidence=evidence),
        )

    # --- looking ----------------------------------------------------------------------------------------------------

    async def fault(
        self, kind: str, times: int = 1, *, payment: str | None = None, delay_ms: int | None = None
    ) -> None:
        body = {"pgTid": payment, "kind": kind, "times": times, "delayMs": delay_ms}
        (
            await self.gateway.post("/faults", json={k: v for k, v in body.items() if v is not None or k == "pgTid"})
        ).raise_for_status()

    async def mend(self) -> None:
        (await self.gateway.delete("/faults")).raise_for_status()

    async def refunds(self, order_no: str, payment_no: str = "1") -> list[Mapping[str, Any]]:
        """What the gateway's own ledger has given back, failed refunds left out."""
        told = (await self.gateway.get(f"/payments/{order_no}-{payment_no}")).raise_for_status().json()
        return [one for one in told["refunds"] if one["status"] != "failed"]

    async def rows(self, statement: str, **values: Any) -> list[Mapping[str, Any]]:
        async with self.engine.connect() as conn:
            return [dict(row._mapping) for row in await conn.execute(text(statement), values)]

    async def value(self, statement: str, **values: Any) -> Any:
        found = await self.rows(statement, **values)
        return next(iter(found[0].values())) if found else None

    async def eventually(self, ask: Callable[[], Awaitable[T]], *, timeout: float = 30) -> T:
        """Ask until the answer is truthy."""
        async with asyncio.timeout(timeout):
            while not (answer := await ask()):
                await asyncio.sleep(0.02)
        return answer

    async def parking(self, claim_no: str) -> Mapping[str, Any]:
        """The claim's open parking; waits for it."""

        async def ask() -> Mapping[str, Any] | None:
            found = await self.rows("SELECT * FROM parkings WHERE claim_no = :no AND closed_at IS NULL", no=claim_no)
            return found[0] if found else None

        found = await self.eventually(ask)
        assert found is not None
        return found

    async def status(self, claim_no: str) -> str:
        return str(await self.value("SELECT status FROM claims WHERE claim_no = :no", no=claim_no))

    async def stock(self, goods_no: str = "GOODS1", variant_no: str = "001") -> int:
        return int(
            await self.value(
                "SELECT stock FROM items WHERE goods_no = :g AND variant_no = :v", g=goods_no, v=variant_no
            )
        )

    async def balanced(self, order_no: str | None = None) -> bool:
        """Whether every sum of every order, or of one, comes out, the books among them."""
        rows = await self.rows("SELECT order_no FROM order_differences")
        return not [row for row in rows if order_no in (None, row["order_no"])]


@asynccontextmanager
async def open_house(
    database_url: str,
    temporal: Client,
    sandbox: SandboxProcess,
    task_queue: str,
    *,
    policy: Policy | None = None,
    **changes: Any,
) -> AsyncIterator[House]:
    """A house without a worker: `working` adds one, so that tests can stop and start it.

    `policy` is by default the one that its settings name.
    """
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    settings = Settings(
        database_url=database_url,
        task_queue=task_queue,
        sandbox_url=sandbox.url,
        smtp_url=f"smtp://127.0.0.1:{controller.port}",
        **{
            "workflow_sandbox": True,
            "gateway_attempts": 3,
            "gateway_first_retry": 0.1,
            "gateway_longest_retry": 0.5,
            "gateway_read_timeout": 2,
            "gateway_send_window": 0.5,
            "sandbox_settling": 1,
            "notice_attempts": 2,
            "poll_first": 0.1,
            "graceful_shutdown": 5,
            **changes,
        },
    )
    async with AsyncExitStack() as stack:
        stack.callback(controller.stop)
        engine = bootstrap.engine(settings)
        stack.push_async_callback(engine.dispose)
        gateway = await stack.enter_async_context(httpx.AsyncClient(base_url=sandbox.url, timeout=20))
        yield House(settings, engine, temporal, gateway, sandbox, mailbox, policy or bootstrap.policy(settings))


@asynccontextmanager
async def working(house: House, **options: Any) -> AsyncIterator[None]:
    """A worker of the house, with connections of its own."""
    async with AsyncExitStack() as stack:
        engine = bootstrap.engine(house.settings)
        gateways = bootstrap.gateways(house.settings)
        carriers = bootstrap.carriers(house.settings)
        bootstrap.close_later(stack, engine, gateways, carriers)
        serving = bootstrap.activities(house.settings, house.policy, engine, house.temporal, gateways, carriers)
        async with bootstrap.worker(house.settings, house.temporal, serving, **options):
            yield
    # Workflows still open leave their coroutines behind. Collected inside ast.parse (pytest's report of a failure),
    # they make CPython 3.11 raise SystemError: recursion depth mismatch.
    gc.collect()
