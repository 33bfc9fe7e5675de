"""Reading the failure of a step: whether a rule refused it, and if not, why the claim stands still.

A regular activity fails with an ActivityError around the cause, a local one with the cause itself: both are a
FailureError, and so that is what the workflows catch.
"""

from __future__ import annotations

from collections.abc import Mapping

from temporalio.exceptions import ActivityError, ApplicationError, FailureError
from temporalio.exceptions import TimeoutError as TimedOut

from activities.errors import FailureType
from activities.refusals import from_failure, to_failure
from domain.claims import StuckReason
from domain.refusals import Refusal

CAUSES: Mapping[str, StuckReason] = {
    FailureType.GATEWAY_DOWN: StuckReason.PSP_DOWN,
    FailureType.OUTCOME_UNKNOWN: StuckReason.PSP_UNKNOWN,
    FailureType.DATABASE: StuckReason.DATABASE,
}
"""The types of failures that our activities raise on purpose; any other is a bug."""


def refusal_in(failure: BaseException | None) -> Refusal | None:
    return from_failure(failure)


def as_failure(refusal: Refusal) -> ApplicationError:
    """The refusal as an update raises it to its caller."""
    return to_failure(refusal)


def cause_of(failure: FailureError) -> StuckReason:
    leaf = leaf_of(failure)
    if isinstance(leaf, TimedOut):
        # Our activities end before their time-outs: a worker was lost, or the database hangs without saying so.
        return StuckReason.DATABASE
    kind = leaf.type if isinstance(leaf, ApplicationError) else None
    return CAUSES.get(kind or "", StuckReason.BUG)


def leaf_of(failure: BaseException) -> BaseException:
    """The failure at the bottom: what really happened."""
    while isinstance(failure, FailureError) and failure.cause is not None:
        failure = failure.cause
    return failure


def describe(failure: FailureError) -> str:
    """One line for an operator. Our failures' messages carry no personal data; a bug's is cut to its type."""
    leaf = leaf_of(failure)
    if isinstance(leaf, ApplicationError):
        known = leaf.type in CAUSES
        return leaf.message if known else f"a {leaf.type} in {_where(failure)}"
    return f"{_where(failure)} ended without an answer ({type(leaf).__name__})"


def _where(failure: FailureError) -> str:
    return failure.activity_type if isinstance(failure, ActivityError) else "a local step"
