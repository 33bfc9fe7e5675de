"""The worker process: serves the workflows and their activities, keeps sweeper and publisher scheduled, stops in order.

On SIGTERM or SIGINT it takes no new work, lets running activities end within the grace of the settings, and exits.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

import bootstrap
import logs
import settings as configuration
from activities.reconciliation import Reconcile
from deploy.local.discover import resolve
from domain.policy import Policy
from policies.reading import PolicyError
from settings import Settings
from store.database import AWAY, Database, why_away
from workflows.publishing import PublishEventsWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.sweep import SweepWorkflow

log = structlog.get_logger(__name__)

SWEEPER = "claims-sweeper"
PUBLISHER = "claims-events"
_PUBLISHER_SEEN_TO = timedelta(minutes=1)
"""How often it is seen to that the publisher runs; it goes on for ever by itself."""
RECONCILER = "claims-reconciler"
_CONNECT_TRIES = 60


class DatabaseAway(Exception):
    """The database could not be reached in sixty tries."""


class TemporalAway(Exception):
    """Temporal could not be reached within a minute."""


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Raises PolicyError, NotConfigured, DatabaseAway or TemporalAway at the start."""
    policy = bootstrap.policy(settings)
    async with AsyncExitStack() as stack:
        database = bootstrap.engine(settings)
        gateways = bootstrap.gateways(settings)
        carriers = bootstrap.carriers(settings)
        bootstrap.close_later(stack, database, gateways, carriers)
        await register(settings, database, policy)
        temporal = await connect(settings)
        serving = bootstrap.activities(settings, policy, database, temporal, gateways, carriers)
        tell_who_carries(settings, policy)
        await schedule_sweeper(temporal, settings)
        await schedule_publisher(temporal, settings)
        await schedule_reconciler(temporal, settings)
        async with bootstrap.worker(settings, temporal, serving):
            log.info("worker started", task_queue=settings.task_queue, policy=policy.version)
            await stop.wait()
            log.info("worker stopping")
    # A process that exits right after its last call to Temporal can crash in the SDK's core (sdk-python#300).
    await asyncio.sleep(0.05)


def tell_who_carries(settings: Settings, policy: Policy) -> None:
    """Say at the start what a shop would only miss later: who is not told, and by which texts."""
    if settings.effective_alimtalk is None:
        log.warning("CLAIMS_ALIMTALK is not set: customers are told by inbox and mail only")
    if unnamed := bootstrap.unnamed_texts(settings, policy):
        log.warning("CLAIMS_ALIMTALK names no template for some texts", texts=unnamed)


async def register(settings: Settings, database: AsyncEngine, policy: Policy) -> None:
    """Register the policy, waiting for a database that is still starting. Raises DatabaseAway after sixty tries."""
    for _ in range(_CONNECT_TRIES):
        try:
            return await bootstrap.register_policy(settings, Database(database), policy)
        except AWAY as error:
            log.info("waiting for the database", why=why_away(error))
            failed = error
            await asyncio.sleep(1)
    raise DatabaseAway(f"the database does not answer: {why_away(failed)}") from failed


async def connect(settings: Settings) -> Client:
    """Connect, waiting for a Temporal that is still starting. Raises TemporalAway after a minute."""
    for _ in range(_CONNECT_TRIES):
        try:
            return await bootstrap.temporal_client(settings)
        except RuntimeError as error:
            log.info("waiting for Temporal", address=settings.effective_temporal_address)
            failed = error
            await asyncio.sleep(1)
    raise TemporalAway(f"Temporal at {settings.effective_temporal_address} does not answer") from failed


async def schedule_sweeper(temporal: Client, settings: Settings) -> None:
    """See to it that the sweeper runs as often as the settings say; harmless when it does already."""
    await _schedule(temporal, SWEEPER, SweepWorkflow.run, settings, timedelta(seconds=settings.sweep_every))


async def schedule_publisher(temporal: Client, settings: Settings) -> None:
    """See to it that events are sent to the shop's receiver, from now on; or no more, when none is set."""
    if settings.events_url is not None:
        await _schedule(temporal, PUBLISHER, PublishEventsWorkflow.run, settings, _PUBLISHER_SEEN_TO)
        await temporal.get_schedule_handle(PUBLISHER).trigger()
        return
    try:
        await temporal.get_schedule_handle(PUBLISHER).delete()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


async def _schedule(
    temporal: Client, name: str, run: Callable[..., Awaitable[Any]], settings: Settings, every: timedelta
) -> None:
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(run, id=name, task_queue=settings.task_queue),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )
    await _keep_scheduled(temporal, name, schedule)


async def schedule_reconciler(temporal: Client, settings: Settings) -> None:
    """See to it that the gateways are compared with daily, or, as the settings say, not by themselves."""
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            ReconcileWorkflow.run, Reconcile(), id=RECONCILER, task_queue=settings.task_queue
        ),
        spec=ScheduleSpec(
            calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(settings.reconcile_hour)])],
            time_zone_name=settings.timezone,
        ),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
        state=ScheduleState(paused=not settings.reconcile),
    )
    await _keep_scheduled(temporal, RECONCILER, schedule)


async def _keep_scheduled(temporal: Client, schedule_id: str, schedule: Schedule) -> None:
    try:
        await temporal.create_schedule(schedule_id, schedule)
    except ScheduleAlreadyRunningError:

        async def as_set(_: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(schedule)

        await temporal.get_schedule_handle(schedule_id).update(as_set)


async def main() -> None:
    settings = resolve(configuration.load())
    logs.configure(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    try:
        await serve(settings, stop)
    except (PolicyError, DatabaseAway, TemporalAway, bootstrap.NotConfigured) as error:
        raise SystemExit(f"The worker can't start: {error}") from None


if __name__ == "__main__":
    asyncio.run(main())
