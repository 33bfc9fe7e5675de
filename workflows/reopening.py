"""Carrying on a claim that was reopened, from another workflow. docs/saga.md: reopening."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from domain.claims import ClaimKind
from workflows import attributes, budgets
from workflows.messages import CancelOrder

_TRIES = 6
_FIRST_PAUSE = timedelta(milliseconds=500)


class Reopened(Protocol):
    """A claim that was final, or whose run may have nothing left to do, and that has an open leg now."""

    @property
    def claim_no(self) -> str: ...
    @property
    def order_no(self) -> str: ...
    @property
    def workflow_id(self) -> str: ...


async def carry_on(reopened: Reopened) -> bool:
    """Have the claim carried on, and don't wait for it: a run that is under way is told, else a new one begins.

    One that ends at that very moment is neither told nor in the way of a new one; then both are tried again. False
    when that did not help for a quarter of a minute: the sweeper finds the claim without a workflow. Harmless to
    repeat, and for a claim that needs nothing.
    """
    pause = _FIRST_PAUSE
    for _ in range(_TRIES):
        if await _start(reopened) or await _tell(reopened):
            return True
        await workflow.sleep(pause, summary=f"claim {reopened.claim_no} is just ending")
        pause *= 2
    workflow.logger.error("reopened claim not carried on", extra={"claim_no": reopened.claim_no})
    return False


async def _start(reopened: Reopened) -> bool:
    """Begin a new run by the ledger. False when one is under way."""
    try:
        await workflow.start_child_workflow(
            attributes.CANCEL_WORKFLOW,
            CancelOrder(claim_no=reopened.claim_no),
            id=reopened.workflow_id,
            task_timeout=budgets.WORKFLOW_TASK,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            parent_close_policy=ParentClosePolicy.ABANDON,
            search_attributes=attributes.at_start(ClaimKind.CANCEL, reopened.order_no, reopened.claim_no),
            static_summary=f"Claim {reopened.claim_no}, reopened",
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


async def _tell(reopened: Reopened) -> bool:
    """Tell the run that is under way. False when there is none any more."""
    try:
        await workflow.get_external_workflow_handle(reopened.workflow_id).signal("reopened")
    except ApplicationError:
        return False
    return True
