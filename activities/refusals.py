"""A refusal on its way through Temporal: a non-retryable failure whose type is the wire's code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from domain.refusals import Code, Refusal

_CODES = {code.value for code in Code}


def to_failure(refusal: Refusal) -> ApplicationError:
    """The refusal as a failure that no retry policy repeats and no log calls an error."""
    return ApplicationError(
        f"{refusal.code.value} {refusal.reason}",
        {"reason": refusal.reason, "facts": dict(refusal.facts)},
        type=refusal.code.value,
        non_retryable=True,
        category=ApplicationErrorCategory.BENIGN,
    )


def from_failure(failure: BaseException | None) -> Refusal | None:
    """The refusal inside a failure, however deep; None when it is something else."""
    while failure is not None:
        if isinstance(failure, ApplicationError) and failure.type in _CODES and failure.details:
            told: Mapping[str, Any] = failure.details[0]
            return Refusal(Code(failure.type), told["reason"], **told.get("facts", {}))
        failure = failure.__cause__ or getattr(failure, "cause", None)
    return None
