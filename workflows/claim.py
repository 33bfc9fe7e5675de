"""What every claim's workflow has in common: steps that park when they fail, a person's answer, a cancel request.

docs/saga.md: parked claims; cancel requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from activities.claims import ClaimActivities, TurnBack, Turned
from activities.messages import ClaimRef, Pace
from activities.notices import GiveUpNotice, NoticeActivities, SendNotice
from activities.parking import ACCOUNT_BY_API, ANSWERED, CancelRequest, Command, Park, Parked, ParkingActivities
from activities.settlement import Conclude, SettlementActivities
from domain.claims import Action, ClaimStatus, Step, StuckReason
from domain.refusals import Code
from workflows import attributes, budgets, details, failures
from workflows.messages import ClaimOutcome, CommandResult, OperatorCommand

T = TypeVar("T")

ABORTED = "claim.aborted"
"""Why a claim turned back that a person called off."""


class TurnedBack(Exception):
    """The claim has turned to undoing: leave the way forward."""


class ClaimWorkflow:
    """Base of the claim workflows. Its state is a cache of the ledger: a resumed run starts from the ledger again."""

    def __init__(self, claim_no: str) -> None:
        self._claim_no = claim_no
        self._pace = Pace()
        self._decided = False
        self._cancel_reason: str | None = None
        self._cancel_answered = False
        self._parked: dict[int, Parked] = {}
        self._answered: set[int] = set()
        self._aborted = False
        self._turned_back_by: str | None = None

    # --- people -----------------------------------------------------------------------------------------------------

    @workflow.update(
        description='Answer a parking: {"parkingNo": 1, "action": "retry", "reason": "…", "actor": "your name"}'
    )
    async def resolve(self, command: OperatorCommand) -> CommandResult:
        """Carry out a person's command on a parked step. Refused ones are kept in the audit too."""
        update = workflow.current_update_info()
        info = workflow.info()
        asked = Command(
            claim_no=self._claim_no,
            parking_no=command.parking_no,
            action=command.action,
            reason=command.reason,
            evidence=command.evidence,
            actor=command.actor,
            channel=command.channel,
            seal=command.seal,
            account_id=command.account_id,
            request_ref=update.id if update else "",
            workflow_id=info.workflow_id,
            run_id=info.run_id,
        )
        answer = await workflow.execute_activity_method(
            ParkingActivities.command, asked, summary=f"command {command.action}", **budgets.RECORD
        )
        if answer.accepted or answer.refusal == ANSWERED:
            # A reset tells a run again what its parking was answered with before. The ledger knows: on by the ledger.
            self._answered.add(command.parking_no)
        if not answer.accepted:
            refusal = answer.refusal or "command.unfit"
            hint = f": {details.account_by_api(self._claim_no)}" if refusal == ACCOUNT_BY_API else ""
            raise ApplicationError(
                f"refused: {refusal}{hint}", {"reason": refusal, "facts": {}}, type=Code.COMMAND_UNFIT.value
            )
        if command.action == Action.ABORT:
            self._aborted, self._turned_back_by = True, ABORTED
        return CommandResult(
            claim_no=self._claim_no,
            parking_no=command.parking_no,
            action=command.action,
            status=answer.status or "",
        )

    @resolve.validator
    def check_resolve(self, command: OperatorCommand) -> None:
        """Only what is malformed is refused here: a refusal by a validator leaves no trace."""
        if not command.reason.strip():
            raise ApplicationError("a reason is required", type=Code.REQUIRED.value)
        if not command.actor.strip():
            raise ApplicationError("an actor is required", type=Code.REQUIRED.value)
        if command.model_extra and command.seal is None:
            # Perhaps an account. Refused here it leaves no trace, and so does not stay in the history.
            raise ApplicationError(
                f"unknown fields. {details.account_by_api(self._claim_no)}", type=Code.BAD_VALUE.value
            )

    async def _hear_cancels(self, saga: Coroutine[Any, Any, T]) -> T:
        """Run the saga to its end. A cancel request does not stop it: it is read where the saga may turn back."""
        task = asyncio.create_task(saga)
        while not task.done():
            try:
                await workflow.wait([task])
            except asyncio.CancelledError:
                self._cancel_reason = workflow.cancellation_reason() or "-"
        return task.result()

    # --- turning back -----------------------------------------------------------------------------------------------

    @property
    def _cancel_pending(self) -> bool:
        """A cancel request was heard that has not had its answer yet."""
        return self._cancel_reason is not None and not self._cancel_answered

    async def _obey_cancel(self) -> None:
        """Turn back if a cancel request asks for it and the ledger allows it. Raises TurnedBack.

        While an outcome is unknown the request stays remembered.
        """
        if not self._cancel_pending:
            return
        turned = await self._turn_back(Code.NOT_CANCELLABLE.value, ABORTED)
        if turned is Turned.OUTCOME_UNKNOWN:
            return
        if self._cancel_pending:  # else another branch has answered it meanwhile
            await self._answer_cancel(undoing=turned is Turned.UNDOING)
        if turned is Turned.UNDOING:
            raise TurnedBack

    async def _answer_cancel(self, *, undoing: bool) -> None:
        self._cancel_answered = True
        info = workflow.info()
        await workflow.execute_activity_method(
            ParkingActivities.record_cancel_request,
            CancelRequest(
                claim_no=self._claim_no,
                reason=self._cancel_reason or "-",
                workflow_id=info.workflow_id,
                run_id=info.run_id,
                undoing=undoing,
            ),
            summary="record the cancel request",
            **budgets.RECORD,
        )

    async def _turn_back(self, code: str, reason: str) -> Turned:
        turned: Turned = await self._ledger(
            ClaimActivities.turn_back,
            TurnBack(claim_no=self._claim_no, code=code, reason=reason),
            step=Step.OPEN,
            part="undo",
            summary=f"turn back: {reason}",
        )
        if turned is Turned.UNDOING:
            self._turned_back_by = reason
        if turned is Turned.DECIDED:
            self._decided = True
        return turned

    # --- steps ------------------------------------------------------------------------------------------------------

    async def _ledger(
        self,
        method: Callable[..., Any],
        asked: Any,
        *,
        step: Step,
        summary: str,
        part: str = "",
        cause: StuckReason | None = None,
        heed_cancel: bool = False,
    ) -> Any:
        """A step in our own database: local, then regular, then a person. Raises only a refusal's failure.

        `heed_cancel`: the step may be the pivot; while it is parked a cancel request turns the claim back.
        """
        try:
            return await workflow.execute_local_activity_method(method, asked, summary=summary, **budgets.LEDGER_LOCAL)
        except FailureError as failed:
            if failures.refusal_in(failed):
                raise
        while True:
            try:
                return await workflow.execute_activity_method(method, asked, summary=summary, **budgets.LEDGER)
            except FailureError as failed:
                if failures.refusal_in(failed):
                    raise
                stuck = cause or failures.cause_of(failed)
                await self._park(step, part, stuck, failures.describe(failed), heed_cancel=heed_cancel)
                if heed_cancel:
                    await self._obey_cancel()

    async def _park(self, step: Step, part: str, cause: StuckReason, detail: str, *, heed_cancel: bool = False) -> None:
        """Wait for a person, visibly. Returns once the parking is answered: the ledger then says what came of it.

        With `heed_cancel` a cancel request ends the waiting too, before the pivot. Raises TurnedBack after an abort.
        """
        self._show(ClaimStatus.NEEDS_OPERATOR, step, cause)
        parking = await workflow.execute_activity_method(
            ParkingActivities.park,
            Park(claim_no=self._claim_no, step=step, part=part, cause=cause, detail=detail),
            summary=f"park: {cause.value}",
            **budgets.RECORD,
        )
        if parking is not None:
            await self._wait_for_answer(parking, heed_cancel=heed_cancel)
        if self._aborted:
            raise TurnedBack
        if self._parked:
            workflow.set_current_details(details.parked(self._claim_no, self._parked.values()))
            return
        workflow.set_current_details(f"Claim {self._claim_no} goes on.")
        self._show(self._going(), step)

    async def _wait_for_answer(self, parking: Parked, *, heed_cancel: bool) -> None:
        self._parked[parking.parking_no] = parking
        workflow.set_current_details(details.parked(self._claim_no, self._parked.values()))
        await workflow.wait_condition(
            lambda: parking.parking_no in self._answered or (heed_cancel and self._cancel_pending and not self._decided)
        )
        del self._parked[parking.parking_no]

    def _going(self) -> ClaimStatus:
        """Where the claim stands while nothing of it waits for a person."""
        return ClaimStatus.ACCEPTED

    def _show(self, status: ClaimStatus, step: Step, cause: StuckReason | None = None) -> None:
        """Tell the list views where the claim stands. Only at turning points: each costs an event."""
        stuck = attributes.STUCK_REASON
        workflow.upsert_search_attributes(
            [
                attributes.CLAIM_STATUS.value_set(status.value),
                attributes.CLAIM_STEP.value_set(step.value),
                attributes.NEEDS_OPERATOR.value_set(status is ClaimStatus.NEEDS_OPERATOR),
                stuck.value_set(cause.value) if cause else stuck.value_unset(),
            ]
        )

    # --- the end ----------------------------------------------------------------------------------------------------

    async def _tell(self, notice_ids: list[str] | tuple[str, ...]) -> bool:
        """Send the notices side by side; True when one of them failed for good. A failed notice never stops a claim."""
        failed = await asyncio.gather(*(self._send(notice_id) for notice_id in notice_ids))
        return any(failed)

    async def _send(self, notice_id: str) -> bool:
        channel = notice_id.rsplit("-", 1)[-1]
        try:
            sent = await workflow.execute_activity_method(
                NoticeActivities.send_notice,
                SendNotice(notice_id=notice_id),
                summary=f"tell the customer by {channel}",
                **budgets.notice(self._pace),
            )
        except FailureError as failed:
            sent = await workflow.execute_activity_method(
                NoticeActivities.give_up_notice,
                GiveUpNotice(notice_id=notice_id, code=failures.describe(failed)[:200]),
                summary=f"give {channel} up",
                **budgets.RECORD,
            )
        return sent.failed

    async def _end(self, notice_ids: list[str] | tuple[str, ...]) -> ClaimOutcome:
        """Tell the customer, write down how that went, and show the final status."""
        return await self._close(await self._conclude(notice_ids))

    async def _conclude(self, notice_ids: list[str] | tuple[str, ...]) -> ClaimStatus:
        """Tell the customer, and write down how that went. The status is not final when the claim was reopened."""
        failed = await self._tell(notice_ids)
        status = await self._ledger(
            SettlementActivities.conclude,
            Conclude(claim_no=self._claim_no, failed=failed),
            step=Step.NOTIFY,
            summary="conclude",
        )
        return ClaimStatus(status)

    async def _close(self, status: ClaimStatus) -> ClaimOutcome:
        """Show the final status, and let everybody who asked something have their answer."""
        if self._cancel_pending:
            await self._answer_cancel(undoing=False)
        self._show(status, Step.NOTIFY)
        why = f": {self._turned_back_by}" if self._turned_back_by else ""
        workflow.set_current_details(f"Claim {self._claim_no}: {status.value}{why}.")
        await workflow.wait_condition(workflow.all_handlers_finished)
        return ClaimOutcome(claim_no=self._claim_no, status=status.value, reason=self._turned_back_by)

    def _ref(self) -> ClaimRef:
        return ClaimRef(claim_no=self._claim_no)
