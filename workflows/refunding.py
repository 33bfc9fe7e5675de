"""Driving one refund leg at a gateway to its end: call, look up, wait, poll, or ask a person. docs/saga.md: refunds.

After every turn the ledger is read again, so it does not matter which run, or which command of a person, moved the leg.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.claims import Turned
from activities.messages import Pace
from activities.refund_protocol import Poll, RefundKind, RefundResult
from activities.refunds import LookUpResult, LookUpState, PollResult, RefundActivities, RefundLeg
from domain.claims import LegState, Step, StuckReason
from domain.refusals import Code
from domain.standing import LegStanding
from workflows import budgets, failures


class Claim(Protocol):
    """What a leg needs of its claim's workflow."""

    @property
    def pace(self) -> Pace: ...
    @property
    def decided(self) -> bool: ...
    @property
    def cancel_pending(self) -> bool: ...
    async def obey_cancel(self) -> None: ...
    async def turn_back(self, code: str, reason: str) -> Turned: ...
    async def park(
        self, step: Step, part: str, cause: StuckReason, detail: str, *, heed_cancel: bool = False
    ) -> None: ...
    def pivot_passed(self) -> None: ...
    def refund_pending(self, leg_id: str) -> None: ...
    def refund_ended(self, leg_id: str) -> None: ...


class GaveBack(Exception):
    """The claim turned back before this leg was accepted."""


@dataclass(frozen=True, slots=True)
class Stands:
    """Why a leg can't go on by itself. `refuses`: before the pivot this undoes the claim instead of asking a person."""

    cause: StuckReason
    detail: str
    refuses: bool = False


_REFUSING = {
    RefundKind.REFUSED: StuckReason.PSP_DECLINED,
    RefundKind.CONFLICT: StuckReason.PSP_CONFLICT,
    RefundKind.NEEDS_ACCOUNT: StuckReason.ACCOUNT_NEEDED,
}


class LegRefund:
    """One external leg of a claim."""

    def __init__(self, claim: Claim, leg: LegStanding) -> None:
        self._claim = claim
        self._leg = leg
        self._asked = RefundLeg(leg_id=leg.leg_id)
        self._waited = timedelta()
        self._wait = timedelta(seconds=1)

    async def run(self) -> None:
        """Return once the leg is settled. Raises GaveBack when the claim turned back instead."""
        if self._leg.state is LegState.SETTLED:
            return
        while True:
            await self._claim.obey_cancel()
            result = await self._refund()
            if isinstance(result, Stands):
                await self._stand_still(result)
            elif result.kind is RefundKind.ACCEPTED:
                self._claim.pivot_passed()
                return
            elif result.kind is RefundKind.PENDING:
                self._claim.pivot_passed()
                self._claim.refund_pending(self._leg.leg_id)
                settled = await self._settles()
                self._claim.refund_ended(self._leg.leg_id)
                if settled:
                    return
                await self._stand_still(Stands(StuckReason.PSP_DECLINED, "the refund was accepted and failed later"))
            elif result.kind is RefundKind.FENCED:
                raise GaveBack
            elif result.kind is RefundKind.BUSY:
                await self._wait_for(result.holder or "another claim")
            else:
                await self._stand_still(self._why(result))

    # --- one call ---------------------------------------------------------------------------------------------------

    async def _refund(self) -> RefundResult | Stands:
        """Call the gateway, as often as the budget allows. When that ends without an answer, look up what happened."""
        call = workflow.start_activity_method(
            RefundActivities.refund,
            self._asked,
            summary=f"refund {self._leg.amount} to {self._leg.means.value} ({self._leg.leg_id})",
            **budgets.gateway_call(self._claim.pace),
        )
        heard = not self._claim.decided
        await workflow.wait_condition(lambda: call.done() or (heard and self._claim.cancel_pending))
        if not call.done():
            # Its answer is waited for: only how the last try ended is told by "cancelled".
            call.cancel()
        try:
            return await call
        except FailureError as failed:
            return await self._look_up(failed)

    async def _look_up(self, lost: FailureError) -> RefundResult | Stands:
        """The call ended without an answer: before anything else is decided, the row and the gateway are asked."""
        while True:
            try:
                found: LookUpResult = await workflow.execute_activity_method(
                    RefundActivities.look_up,
                    self._asked,
                    summary=f"look up {self._leg.leg_id}",
                    **budgets.gateway_read(self._claim.pace),
                )
            except FailureError as failed:
                return Stands(failures.cause_of(failed), f"look-up: {failures.describe(failed)}")
            match found.state:
                case LookUpState.ACCEPTED:
                    return RefundResult(kind=RefundKind.ACCEPTED)
                case LookUpState.PENDING:
                    return RefundResult(kind=RefundKind.PENDING)
                case LookUpState.REFUSED:
                    return RefundResult(kind=RefundKind.REFUSED, code=found.code)
                case LookUpState.UNKNOWN_YET:
                    await workflow.sleep(max(found.wait or 0, 0.1), summary="until the gateway must have settled it")
                case LookUpState.UNREACHABLE:
                    return Stands(
                        StuckReason.PSP_DOWN,
                        f"{self._tried()}: {failures.describe(lost)}; looked up: no answer either",
                    )
                case LookUpState.ABSENT:
                    cause = failures.cause_of(lost)
                    if cause is StuckReason.PSP_UNKNOWN:  # not any more
                        return Stands(
                            StuckReason.PSP_DOWN, f"{self._tried()}: no answer; looked up: nothing was refunded"
                        )
                    return Stands(cause, f"{self._tried()}: {failures.describe(lost)}; nothing was refunded")

    def _tried(self) -> str:
        return f"refund of {self._leg.amount} at {self._leg.gateway}"

    def _why(self, result: RefundResult) -> Stands:
        detail = f"{self._leg.gateway} answered {result.code}"
        if (cause := _REFUSING.get(result.kind)) is not None:
            return Stands(cause, detail, refuses=True)
        return Stands(StuckReason.PSP_MISCONFIGURED, detail)

    # --- what comes of it -------------------------------------------------------------------------------------------

    async def _stand_still(self, why: Stands) -> None:
        """Before the pivot a final refusal turns the claim back; anything else waits for a person."""
        await self._claim.obey_cancel()
        if why.refuses and not self._claim.decided:
            turned = await self._claim.turn_back(Code.NOT_CANCELLABLE.value, f"refund.{why.cause.value.lower()}")
            if turned in (Turned.UNDOING, Turned.FINAL):
                raise GaveBack
        # A request to cancel that the ledger could not obey yet must not end the waiting again and again.
        heed = not self._claim.decided and not self._claim.cancel_pending
        await self._claim.park(Step.REFUND, self._leg.leg_id, why.cause, why.detail, heed_cancel=heed)

    async def _wait_for(self, holder: str) -> None:
        """Another refund of this payment is under way. No attempt is used up; patience is."""
        patience = timedelta(seconds=self._claim.pace.busy_patience)
        if self._waited >= patience:
            self._waited, self._wait = timedelta(), timedelta(seconds=1)
            await self._stand_still(
                Stands(StuckReason.PAYMENT_BUSY, f"claim {holder} has a refund of this payment without an answer")
            )
            return
        try:
            await workflow.wait_condition(
                lambda: self._claim.cancel_pending and not self._claim.decided,
                timeout=self._wait,
                timeout_summary=f"payment busy with claim {holder}",
            )
        except TimeoutError:
            self._waited += self._wait
            self._wait = min(self._wait * 2, timedelta(seconds=30))

    async def _settles(self) -> bool:
        """Poll a pending refund until the gateway tells how it ended; True when the money is returned."""
        wait = self._claim.pace.poll_first
        while True:
            await workflow.sleep(wait, summary=f"{self._leg.leg_id} is pending at {self._leg.gateway}")
            wait = min(wait * 2, self._claim.pace.poll_longest)
            try:
                polled: PollResult = await workflow.execute_activity_method(
                    RefundActivities.poll,
                    self._asked,
                    summary=f"ask how {self._leg.leg_id} ended",
                    **budgets.gateway_read(self._claim.pace),
                )
            except FailureError as failed:
                workflow.logger.warning("a poll had no answer", extra={"detail": failures.describe(failed)})
                continue
            if polled.state is Poll.SETTLED:
                return True
            if polled.state is Poll.FAILED:
                return False
