"""Failures of activities that Temporal retries, under stable type names that a workflow decides by.

Whatever is neither named here nor a refusal (`activities.refusals`) is a bug: it is retried like the rest, and then the
claim is parked as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum

from temporalio import activity
from temporalio.exceptions import ApplicationError

from store.failures import FAILURES, passes


class FailureType(StrEnum):
    """`type` of the retryable failures."""

    DATABASE = "Database"
    """The database was away or too busy."""
    GATEWAY_DOWN = "GatewayDown"
    """The gateway could not be asked, or answered with an error that passes. Certainly nothing was done."""
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    """A refund may or may not have been carried out, and no look-up could tell yet."""


def retryable(kind: FailureType, message: str, *, after: timedelta | None = None) -> ApplicationError:
    """A failure that the retry policy repeats, not before `after`. `message` carries no personal data."""
    return ApplicationError(message, type=kind.value, next_retry_delay=after)


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn what passes by itself (deadlock, lock or statement time-out, lost connection) into a retryable failure.

    The driver's own text stays in the log: it holds statements and values, and a failure is kept in the history.
    """
    try:
        yield
    except FAILURES as error:
        if not passes(error):
            raise
        activity.logger.warning("the database did not answer in time", exc_info=error)
        raise retryable(FailureType.DATABASE, "the database did not answer in time") from None
