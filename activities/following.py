"""Following what a gateway tells unasked: which payment it is about, and which claims wait for that payment.

Nothing here believes a delivery: whoever is told asks the gateway.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from activities.comparing import AskedPayment
from activities.errors import database_errors
from activities.messages import Message
from activities.undisturbed import HEARTBEAT, beating
from store import webhooks
from store.database import Engine, each_alone
from store.webhooks import Delivery, WaitingLeg

FOLLOW_WORKFLOW = "FollowPaymentWorkflow"
AGAIN = "again"
"""The signal that something more was told of the payment."""

_LEFT_OVER = timedelta(minutes=1)
"""An older delivery that was not followed is not going to be by the process that took it in."""

_AT_ONCE = 200


class Concerned(Message):
    """Who waits for a payment."""

    waiting: tuple[WaitingLeg, ...]


async def begin_following(temporal: Client, task_queue: str, payment: AskedPayment) -> None:
    """Have a payment followed: returns once that is durable. One that is followed already is looked at once more.

    Raises RPCError when Temporal did not confirm it; repeating it does no harm.
    """
    await temporal.start_workflow(
        FOLLOW_WORKFLOW,
        payment,
        id=f"follow-{payment.gateway}-{payment.payment_ref}",
        task_queue=task_queue,
        start_signal=AGAIN,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        static_summary=f"Follow payment {payment.payment_ref} at {payment.gateway}",
    )


class FollowingActivities:
    """`keep_hints`: how long a delivery is kept after it was followed."""

    def __init__(self, engine: Engine, temporal: Client, *, keep_hints: timedelta = timedelta(days=30)) -> None:
        self._engine = engine
        self._temporal = temporal
        self._keep_hints = keep_hints

    @activity.defn
    async def who_waits(self, payment: AskedPayment) -> Concerned:
        """The claims that wait for this payment at its gateway."""
        with database_errors():
            async with each_alone(self._engine) as conn:
                legs = await webhooks.waiting_legs(conn, payment.gateway, payment.payment_ref)
        return Concerned(waiting=tuple(legs))

    @activity.defn
    async def follow_left_over(self) -> int:
        """Follow deliveries that were kept and then left: Temporal was away, or a process died. Answers how many."""
        async with beating(HEARTBEAT):
            with database_errors():
                async with self._engine.connect() as conn:
                    left = await webhooks.not_followed(conn, older_than=_LEFT_OVER, limit=_AT_ONCE)
            for delivery in left:
                await self._follow(delivery)
        return len(left)

    @activity.defn
    async def forget_followed(self) -> int:
        """Delete what gateways told, and was followed, long ago; answers how many deliveries."""
        with database_errors():
            async with beating(HEARTBEAT), self._engine.begin() as conn:
                return await webhooks.forget(conn, self._keep_hints)

    async def _follow(self, delivery: Delivery) -> None:
        with database_errors():
            async with each_alone(self._engine) as conn:
                named = await webhooks.payments_named(conn, delivery)
        for payment_ref in named:
            payment = AskedPayment(gateway=delivery.gateway, payment_ref=payment_ref)
            await begin_following(self._temporal, activity.info().task_queue, payment)
        with database_errors():
            async with each_alone(self._engine) as conn:
                await webhooks.followed(conn, delivery)
