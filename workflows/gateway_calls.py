"""A call that moves money at a gateway, seen from the workflow: call, and without an answer find out what happened.

What is sent, and that it is sent once, is the activities' business; this says when they run and when a person is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.claims import Turned
from activities.messages import Pace
from activities.refunds import LookUpResult, LookUpState
from domain.claims import Step, StuckReason
from workflows import budgets, failures


class Claim(Protocol):
    """What moving its money needs of a claim's workflow."""

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
    def gateway_told_of(self, leg_id: str) -> bool: ...
    def heard_of(self, leg_id: str) -> None: ...


class GaveBack(Exception):
    """The claim turned back before its money was moved."""


@dataclass(frozen=True, slots=True)
class Stands:
    """Why money can't be moved by the workflow alone. `refuses`: before the pivot this undoes the claim."""

    cause: StuckReason
    detail: str
    refuses: bool = False


@dataclass(frozen=True, slots=True)
class GatewayCall:
    """`call` moves the money that `asked` names, `look_up` finds out whether it did; both are activities.

    `subject` is what the list of events calls it, `what` and `done` how a person is told (``refund of 300 at sandbox``,
    ``refunded``).
    """

    call: Callable[..., Any]
    look_up: Callable[..., Any]
    asked: Any
    summary: str
    subject: str
    what: str
    done: str

    async def make(self, claim: Claim) -> Any:
        """The answer of `call`; or, when it ended without one, where the money stands (LookUpResult), or Stands.

        A cancel request ends the tries, but never an answer that is awaited.
        """
        call = workflow.start_activity_method(
            self.call, self.asked, summary=self.summary, **budgets.gateway_call(claim.pace)
        )
        heard = not claim.decided
        await workflow.wait_condition(lambda: call.done() or (heard and claim.cancel_pending))
        if not call.done():
            # Its answer is waited for: only how the last try ended is told by "cancelled".
            call.cancel()
        try:
            return await call
        except FailureError as failed:
            return await self._find_out(claim, failed)

    async def _find_out(self, claim: Claim, lost: FailureError) -> LookUpResult | Stands:
        """The call ended without an answer: before anything else is decided, the row and the gateway are asked."""
        while True:
            try:
                found: LookUpResult = await workflow.execute_activity_method(
                    self.look_up,
                    self.asked,
                    summary=f"look up {self.subject}",
                    **budgets.gateway_read(claim.pace),
                )
            except FailureError as failed:
                return Stands(failures.cause_of(failed), f"look-up: {failures.describe(failed)}")
            match found.state:
                case LookUpState.UNKNOWN_YET:
                    await workflow.sleep(max(found.wait or 0, 0.1), summary="until the gateway must have settled it")
                case LookUpState.UNREACHABLE:
                    return Stands(
                        StuckReason.PSP_DOWN,
                        f"{self.what}: {failures.describe(lost)}; looked up: no answer either",
                    )
                case LookUpState.ABSENT:
                    return self._nothing_done(lost)
                case LookUpState.ACCEPTED | LookUpState.PENDING | LookUpState.REFUSED:
                    return found

    def _nothing_done(self, lost: FailureError) -> Stands:
        cause = failures.cause_of(lost)
        if cause is StuckReason.PSP_UNKNOWN:  # not any more
            return Stands(StuckReason.PSP_DOWN, f"{self.what}: no answer; looked up: nothing was {self.done}")
        return Stands(cause, f"{self.what}: {failures.describe(lost)}; nothing was {self.done}")


async def stand_still(claim: Claim, why: Stands, step: Step, part: str, refusal: tuple[str, str]) -> None:
    """Before the pivot a final refusal turns the claim back, with code and reason; anything else waits for a person.

    Raises GaveBack when the claim has turned back.
    """
    await claim.obey_cancel()
    if why.refuses and not claim.decided:
        turned = await claim.turn_back(*refusal)
        if turned in (Turned.UNDOING, Turned.FINAL):
            raise GaveBack
    # A request to cancel that the ledger could not obey yet must not end the waiting again and again.
    heed = not claim.decided and not claim.cancel_pending
    await claim.park(step, part, why.cause, why.detail, heed_cancel=heed)
