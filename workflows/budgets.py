"""How often and how long each kind of step is tried, in one place. docs/saga.md: attempts.

What depends on the deployment (`Pace`) is read from the worker's settings when a run begins and kept in its history.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

from activities.messages import Pace


class LocalOptions(TypedDict):
    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy


class RegularOptions(TypedDict):
    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy


class GatewayOptions(TypedDict):
    start_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy
    cancellation_type: ActivityCancellationType


WORKFLOW_TASK = timedelta(seconds=3)
"""A worker killed in its first workflow task delays the caller by this, not by the server's default of ten seconds."""

OPEN_LOCAL = LocalOptions(
    start_to_close_timeout=timedelta(seconds=5),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=50), maximum_interval=timedelta(seconds=1), maximum_attempts=3
    ),
)
OPEN = RegularOptions(
    start_to_close_timeout=timedelta(seconds=5),
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=5)),
)
"""Opening is never parked: it is tried until the database answers, and after `accept_by` that answer is a tombstone."""

LEDGER_LOCAL = LocalOptions(
    start_to_close_timeout=timedelta(seconds=10),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=50), maximum_interval=timedelta(seconds=1), maximum_attempts=3
    ),
)
LEDGER = RegularOptions(
    start_to_close_timeout=timedelta(seconds=10),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=10), maximum_attempts=10
    ),
)
"""A step in our own database: first local, then as an activity that an operator can see retrying, then parked."""

RECORD = RegularOptions(
    start_to_close_timeout=timedelta(seconds=10),
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=10)),
)
"""Recording a parking or a command: tried until the database answers, for there is nothing else to fall back on."""


def gateway_call(pace: Pace) -> GatewayOptions:
    """A call to a payment gateway. A cancel waits for its answer; a lost worker is noticed by its heartbeat."""
    return GatewayOptions(
        start_to_close_timeout=timedelta(seconds=pace.gateway_call),
        heartbeat_timeout=timedelta(seconds=6),
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=pace.gateway_first_retry),
            backoff_coefficient=2.0,
            maximum_interval=timedelta(seconds=pace.gateway_longest_retry),
            maximum_attempts=pace.gateway_attempts,
        ),
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


def gateway_read(pace: Pace) -> GatewayOptions:
    """A look-up at a gateway: a few tries, for what comes after it is a person."""
    options = gateway_call(pace)
    options["retry_policy"] = RetryPolicy(
        initial_interval=timedelta(seconds=pace.gateway_first_retry),
        maximum_interval=timedelta(seconds=pace.gateway_longest_retry),
        maximum_attempts=3,
    )
    return options


class NoticeOptions(TypedDict):
    start_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy


def notice(pace: Pace) -> NoticeOptions:
    """One notice. A try may look for an earlier one, send, and then send a text: each within its channel's deadline."""
    return NoticeOptions(
        start_to_close_timeout=timedelta(seconds=100),
        heartbeat_timeout=timedelta(seconds=6),
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=1),
            maximum_interval=timedelta(minutes=10),
            maximum_attempts=pace.notice_attempts,
        ),
    )
