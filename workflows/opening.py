"""How a run of a claim begins: by opening the claim, or by reading where it stands. Neither is ever parked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.claims import ClaimActivities
from activities.messages import Begun, ClaimRef
from domain.refusals import Refusal
from workflows import budgets, failures


async def begin(request: Any | None, opening: Callable[..., Any], claim: ClaimRef) -> Begun | Refusal:
    """Open the claim from `request` with the activity `opening`, or resume it when there is no request.

    The first try is local, so that the caller is answered in the first workflow task. If it ends without an answer the
    step is repeated until the database gives one: the claim, a refusal, or the tombstone of a request that came too
    long ago.
    """
    method, asked = (ClaimActivities.resume, claim) if request is None else (opening, request)
    try:
        return await workflow.execute_local_activity_method(
            method, asked, summary=_summary(request), **budgets.OPEN_LOCAL
        )
    except FailureError as failed:
        if refusal := failures.refusal_in(failed):
            return refusal
    try:
        return await workflow.execute_activity_method(method, asked, summary=_summary(request), **budgets.OPEN)
    except FailureError as failed:
        if refusal := failures.refusal_in(failed):
            return refusal
        raise


def _summary(request: Any | None) -> str:
    return "resume: read where the claim stands" if request is None else "open the claim"
