"""The sweeper: on a schedule, looks for what no workflow sees of itself. docs/saga.md: the sweeper."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError

from activities.audit import AuditActivities
from activities.charges import ChargeActivities
from activities.following import FollowingActivities
from activities.messages import Message
from activities.notice_deliveries import DeliveryActivities


class Sweep(Message):
    """How many findings of each kind are open; None where the look itself failed and comes with the next sweep."""

    without_workflow: int | None
    quiet: int | None
    attempts_of_final: int | None
    late_refunds: int | None
    unbalanced: int | None
    late_charges: int | None = None
    left_over_deliveries: int | None = None
    """Those that gateways had told us, and that were followed only now."""
    notices: int | None = None
    """How many notices it looked after: no findings."""
    erased: int | None = None
    """Private parts that nobody needed any more, and that are gone now."""
    forgotten: int | None = None
    """What gateways had told, and was followed long ago: gone now too."""


@workflow.defn
class SweepWorkflow:
    @workflow.run
    async def run(self) -> Sweep:
        return Sweep(
            without_workflow=await self._look(AuditActivities.find_claims_without_workflow),
            quiet=await self._look(AuditActivities.find_quiet_claims),
            attempts_of_final=await self._look(AuditActivities.find_attempts_of_final_claims),
            late_refunds=await self._look(AuditActivities.look_again),
            unbalanced=await self._look(AuditActivities.find_unbalanced_orders),
            # A sweep that began before there were charges ends as it began.
            late_charges=await self._look(ChargeActivities.find_late) if workflow.patched("late-charges") else None,
            left_over_deliveries=(
                await self._look(FollowingActivities.follow_left_over)
                if workflow.patched("left-over-deliveries")
                else None
            ),
            notices=await self._look(DeliveryActivities.look_after_notices)
            if workflow.patched("notice-deliveries")
            else None,
            erased=(
                await self._look(AuditActivities.erase_private_parts) if workflow.patched("erase-private") else None
            ),
            forgotten=(
                await self._look(FollowingActivities.forget_followed) if workflow.patched("forget-followed") else None
            ),
        )

    async def _look(self, method: Callable[..., Any]) -> int | None:
        try:
            found: int = await workflow.execute_activity_method(
                method,
                start_to_close_timeout=timedelta(minutes=2),
                # No other sweep begins while this one waits for a worker that was lost.
                heartbeat_timeout=timedelta(seconds=6),
                retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=3),
            )
        except FailureError as failed:
            workflow.logger.warning("a look of the sweeper failed", exc_info=failed)
            return None
        return found
