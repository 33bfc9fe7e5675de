"""Starting a claim's workflow and waiting until it answers: opened, refused, or not known. docs/saga.md: accepting.

One call starts the workflow and asks it, so that an equal repeat gets the recorded answer. What the call's failures
tell about the claim is decided here, and nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

import structlog
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.temporal import Temporal, never_sent
from domain.claims import ClaimKind
from domain.refusals import Code, Refusal
from workflows import attributes, budgets
from workflows.failures import refusal_in

Result = TypeVar("Result")

_log = structlog.get_logger()

_RECONNECT_SECONDS = 1.5
_RECONNECT_PAUSE = 0.1
_FIRST_LOOK_SECONDS = 0.05
_LONGEST_LOOK_SECONDS = 1.0
_OPEN_SECONDS = 5.0
"""How long an opening that began in time may still take: `workflows.budgets.OPEN`."""


@dataclass(frozen=True, slots=True)
class Start(Generic[Result]):
    """What to start and ask; `read` makes the caller's answer of the workflow's.

    `seconds_left`: until the request is too late to be carried out; below 0 it is already.
    """

    kind: ClaimKind
    order_no: str
    claim_no: str
    workflow_id: str
    digest: str
    workflow: Any
    argument: Any
    update: Any
    read: Callable[[Any], Result]
    gateway: str | None
    seconds_left: float


class Acceptance:
    """Carries requests to Temporal. `patience` is how long a caller waits, in seconds."""

    def __init__(self, temporal: Temporal, task_queue: str, patience: float) -> None:
        self._temporal = temporal
        self._task_queue = task_queue
        self._patience = patience

    async def accept(self, start: Start[Result], look_up: Callable[[], Awaitable[Result | None]]) -> Result:
        """The workflow's answer, or the ledger's where the workflow can't give it.

        `look_up` reads the claims table: the first answer to this request, None when there is no claim, KEY_REUSED
        when another request has the key. Raises what the workflow refuses; UNAVAILABLE when nothing was started;
        UNCONFIRMED when it is not known; TOO_LATE when nothing was, or ever will be.
        """
        try:
            async with asyncio.timeout(self._patience):
                return await self._answer(start, look_up)
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            raise Refusal(Code.UNCONFIRMED, "request.unconfirmed", claim_no=None) from error
        except WorkflowUpdateFailedError as error:
            refusal = refusal_in(error.cause)
            if refusal is not None:
                raise refusal from error
            _log.warning("update failed without a refusal", claim_no=start.claim_no, cause=str(error.cause))
        except RPCError as error:
            _log.warning("temporal call failed", claim_no=start.claim_no, status=str(error.status), cause=error.message)
            if never_sent(error):
                raise Refusal(Code.UNAVAILABLE, "temporal.away") from error
            raise Refusal(Code.UNCONFIRMED, "request.unconfirmed") from error
        return await self._from_ledger(start, look_up)

    async def _answer(self, start: Start[Result], look_up: Callable[[], Awaitable[Result | None]]) -> Result:
        """The answer of the workflow, or of the ledger where the workflow is there but does not know this update.

        A start becomes known a moment before its update: an equal request that falls between the two asks again, once
        more when the workflow has ended meanwhile. A run that never will know it (resumed, reset) is heard through the
        ledger.
        """
        pause = _FIRST_LOOK_SECONDS
        ended = False
        while True:
            try:
                return await self._ask(start)
            except WorkflowAlreadyStartedError:
                _log.info("workflow is there, this update is not", claim_no=start.claim_no)
            answer = await look_up()
            if answer is not None:
                return answer
            if ended:
                return await self._from_ledger(start, look_up)
            ended = not await self._runs(await self._temporal.client(), start)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_LOOK_SECONDS)

    async def _ask(self, start: Start[Result]) -> Result:
        """One call; repeated only while no connection can be made, since then nothing was sent."""
        client = await self._temporal.client()
        give_up = asyncio.get_running_loop().time() + _RECONNECT_SECONDS
        while True:
            operation = self._operation(start)
            try:
                answer = await client.execute_update_with_start_workflow(
                    start.update, id=start.digest, start_workflow_operation=operation
                )
            except RPCError as error:
                if not never_sent(error) or asyncio.get_running_loop().time() > give_up:
                    raise
                await asyncio.sleep(_RECONNECT_PAUSE)
            else:
                return start.read(answer)
            finally:
                _hear(operation)

    def _operation(self, start: Start[Result]) -> WithStartWorkflowOperation[Any, Any]:
        summary = "Cancel" if start.kind is ClaimKind.CANCEL else "Change option"
        memo: Mapping[str, Any] = {"digest": start.digest}
        return WithStartWorkflowOperation(
            start.workflow,
            start.argument,
            id=start.workflow_id,
            task_queue=self._task_queue,
            task_timeout=budgets.WORKFLOW_TASK,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            search_attributes=attributes.at_start(start.kind, start.order_no, start.claim_no, start.gateway),
            memo=memo,
            static_summary=f"{summary} {start.order_no}, claim {start.claim_no}",
        )

    async def _from_ledger(self, start: Start[Result], look_up: Callable[[], Awaitable[Result | None]]) -> Result:
        """The workflow ended without this answer: what the claims table knows, else whether to repeat."""
        answer = await look_up()
        if answer is not None:
            return answer
        running = await self._runs(await self._temporal.client(), start)
        if running or start.seconds_left + _OPEN_SECONDS > 0:
            raise Refusal(Code.UNCONFIRMED, "request.running")
        answer = await look_up()
        if answer is not None:
            return answer
        raise Refusal(Code.TOO_LATE, "request.too_late")

    async def _runs(self, client: Client, start: Start[Result]) -> bool:
        """Whether the request's workflow is running. Raises KEY_REUSED when it is another body's."""
        try:
            described = await client.get_workflow_handle(start.workflow_id).describe(
                rpc_timeout=timedelta(seconds=self._patience)
            )
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise Refusal(Code.UNCONFIRMED, "request.unconfirmed") from error
        digest = await described.memo_value("digest", None)
        # A resumed run has no digest: its claim is in the table, and was looked for before.
        if digest is not None and digest != start.digest:
            raise Refusal(Code.KEY_REUSED, "key.other_body")
        return described.status is WorkflowExecutionStatus.RUNNING


def _hear(operation: WithStartWorkflowOperation[Any, Any]) -> None:
    """Look at how the start ended, as the call has told already: one that nobody looks at is logged as an error."""
    asyncio.ensure_future(operation.workflow_handle()).add_done_callback(
        lambda started: None if started.cancelled() else started.exception()
    )
