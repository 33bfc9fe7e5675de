"""The option change of one line: reserve the new variant, swap, release the old one, tell the customer.

Two buyers, one unit left: nobody loses a held unit, for the new one is reserved before the line moves, and the old one
released only after. docs/saga.md: option changes.
"""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.claims import Turned
from activities.messages import Begun
from activities.options import OptionActivities
from domain.claims import Direction, Step, StuckReason
from domain.refusals import Code, Refusal
from workflows import failures
from workflows.claim import ClaimWorkflow, TurnedBack
from workflows.compensations import Compensations
from workflows.messages import Changed, ChangeOption, ClaimOutcome
from workflows.opening import begin


@workflow.defn
class ChangeOptionWorkflow(ClaimWorkflow):
    """One line's option change. Answers the caller once the line is changed, or the change refused."""

    @workflow.init
    def __init__(self, asked: ChangeOption) -> None:
        super().__init__(asked.claim_no)
        self._changed = False
        self._refusal: Refusal | None = None
        self._undo = Compensations()

    @workflow.run
    async def run(self, asked: ChangeOption) -> ClaimOutcome:
        return await self._hear_cancels(self._change(asked))

    @workflow.update(description="Answers once the line is changed. Sent by the service's API.")
    async def changed(self) -> Changed:
        await workflow.wait_condition(lambda: self._changed or self._refusal is not None)
        if self._refusal is not None:
            raise failures.as_failure(self._refusal)
        return Changed(claim_no=self._claim_no)

    async def _change(self, asked: ChangeOption) -> ClaimOutcome:
        begun = await begin(asked.request, OptionActivities.open_change, self._ref())
        if isinstance(begun, Refusal):
            self._refusal = begun
            await workflow.wait_condition(workflow.all_handlers_finished)
            return ClaimOutcome(claim_no=self._claim_no, status="REFUSED", code=begun.code.value, reason=begun.reason)
        self._pace = begun.pace
        try:
            return await self._forward(begun)
        except TurnedBack:
            self._refusal = self._refusal or Refusal(Code.NOT_CANCELLABLE, "claim.aborted")
            await self._undo.run()
            return await self._end(self._untold)

    async def _forward(self, begun: Begun) -> ClaimOutcome:
        standing = begun.standing
        self._decided = standing.decided
        self._untold: list[str] = []
        self._undo.add(self._undo_change)
        if standing.direction is Direction.UNDOING:
            raise TurnedBack
        if not standing.final:
            await self._step(OptionActivities.reserve, Step.RESERVE)
            await self._step(OptionActivities.swap, Step.SWAP)
            self._decided = True
        self._changed = True
        released = await self._ledger(OptionActivities.release, self._ref(), step=Step.RELEASE, summary="release")
        return await self._end(released.notice_ids)

    async def _step(self, method: object, step: Step) -> None:
        """A step before the pivot: a rule that refuses it turns the change back, and the caller is told why."""
        await self._obey_cancel()
        try:
            await self._ledger(method, self._ref(), step=step, summary=step.value, heed_cancel=True)  # type: ignore[arg-type]
        except FailureError as failed:
            refusal = failures.refusal_in(failed)
            if refusal is None:
                raise
            turned = await self._turn_back(refusal.code.value, refusal.reason)
            if turned is Turned.DECIDED:
                return
            self._refusal = refusal
            raise TurnedBack from None

    async def _undo_change(self) -> None:
        self._untold = await self._ledger(
            OptionActivities.undo_change,
            self._ref(),
            step=Step.OPEN,
            part="undo",
            summary="undo: give the reserved units back, free the line",
            cause=StuckReason.COMPENSATION_STUCK,
        )
