"""Sends claims' events to the shop's receiver, for ever: a schedule of the worker sees to it that one is running.

One activity after the other does the work, so a claim costs no workflow task here, and a lost worker only a heartbeat.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from activities.events import EventActivities, Published

_TURNS = 50
"""Then a new run begins, so that the history stays short."""


@workflow.defn
class PublishEventsWorkflow:
    """Ends by itself once no receiver is set any more."""

    @workflow.run
    async def run(self) -> None:
        for _ in range(_TURNS):
            published: Published = await workflow.execute_activity_method(
                EventActivities.publish_events,
                start_to_close_timeout=timedelta(minutes=15),
                heartbeat_timeout=timedelta(seconds=6),
                retry_policy=RetryPolicy(
                    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=10)
                ),
                summary="send events to the shop's receiver",
            )
            if not published.again:
                return
        workflow.continue_as_new()
