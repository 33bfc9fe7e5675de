"""Comparing our ledger with the gateways', per merchant and day. docs/reconciliation.md tells what is compared."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import groupby

from temporalio import workflow
from temporalio.common import RetryPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, FailureError, WorkflowAlreadyStartedError

from activities.messages import Message, Pace
from activities.reconciliation import (
    Batch,
    BatchAsked,
    BeginDay,
    EndDay,
    MerchantDay,
    Position,
    Reconcile,
    ReconciliationActivities,
)
from workflows import budgets, failures
from workflows.reopening import carry_on


class DayRun(Message):
    """A merchant's day, and how far a run that goes on in a new one has come."""

    day: MerchantDay
    pace: Pace
    run_ref: str
    position: Position | None = None
    compared: int = 0
    unread: int = 0
    differing: int = 0
    limited: bool = False


class Reconciled(Message):
    """How many days of merchants were compared, perhaps not to their end."""

    days: int


@workflow.defn
class ReconcileWorkflow:
    @workflow.run
    async def run(self, asked: Reconcile) -> Reconciled:
        """Compare each day by a child of its own, merchants side by side."""
        due = await workflow.execute_activity_method(
            ReconciliationActivities.days_to_reconcile, asked, summary="which days?", **budgets.RECORD
        )
        days = sorted(due.days, key=lambda one: (one.gateway, one.day))
        by_merchant = [list(own) for _, own in groupby(days, key=lambda one: one.gateway)]
        ended = await asyncio.gather(*(self._merchant(own, due.pace) for own in by_merchant))
        return Reconciled(days=sum(ended))

    async def _merchant(self, days: list[MerchantDay], pace: Pace) -> int:
        ended = 0
        for day in days:
            run = DayRun(day=day, pace=pace, run_ref=workflow.info().workflow_id)
            try:
                await workflow.execute_child_workflow(
                    ReconcileDayWorkflow.run,
                    run,
                    id=f"reconcile-{day.gateway}-{day.day}",
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    static_summary=f"{day.gateway}, {day.day}",
                )
                ended += 1
            except WorkflowAlreadyStartedError:
                workflow.logger.info("%s of %s is being compared already", day.day, day.gateway)
        return ended


@workflow.defn
class ReconcileDayWorkflow:
    @workflow.run
    async def run(self, run: DayRun) -> EndDay:
        """Compare a merchant's day in batches; claims that this reopens are carried on at once."""
        if run.position is None:
            await workflow.execute_activity_method(
                ReconciliationActivities.begin_day,
                BeginDay(**run.day.model_dump(), run_ref=run.run_ref),
                **budgets.RECORD,
            )
            run = run.model_copy(update={"position": Position()})
        code: str | None = None
        while run.position is not None:
            try:
                batch = await self._batch(run, run.position)
            except FailureError as failed:
                code = _code(failed)
                break
            run = _after(run, batch)
            for claim in batch.reopened:
                await carry_on(claim)
            if run.position is not None and workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(run)
        ended = EndDay(
            **run.day.model_dump(),
            compared=run.compared,
            unread=run.unread,
            differing=run.differing,
            limited=run.limited,
            code=code,
        )
        await workflow.execute_activity_method(ReconciliationActivities.end_day, ended, **budgets.RECORD)
        return ended

    async def _batch(self, run: DayRun, position: Position) -> Batch:
        return await workflow.execute_activity_method(
            ReconciliationActivities.reconcile_batch,
            BatchAsked(**run.day.model_dump(), position=position),
            summary=f"{position.stage.value.lower()} {position.after}".strip(),
            # Many calls to a gateway: a lost worker is noticed by its heartbeat.
            start_to_close_timeout=timedelta(minutes=30),
            heartbeat_timeout=timedelta(seconds=6),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=run.pace.gateway_first_retry),
                maximum_interval=timedelta(seconds=run.pace.gateway_longest_retry),
                maximum_attempts=run.pace.gateway_attempts,
            ),
        )


def _after(run: DayRun, batch: Batch) -> DayRun:
    return run.model_copy(
        update={
            "position": batch.next,
            "compared": run.compared + batch.compared,
            "unread": run.unread + batch.unread,
            "differing": run.differing + batch.differing,
            "limited": run.limited or batch.limited,
        }
    )


def _code(failed: FailureError) -> str:
    """Why the batch failed, the same for the same cause."""
    return failed.cause.message if isinstance(failed.cause, ApplicationError) else failures.describe(failed)
