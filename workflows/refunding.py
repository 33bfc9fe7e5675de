"""Driving one refund leg at a gateway to its end: call, look up, wait, poll, or ask a person. docs/saga.md: refunds.

After every turn the ledger is read again, so it does not matter which run, or which command of a person, moved the leg.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.comparing import Compared, ComparisonActivities
from activities.refund_protocol import Poll, RefundKind, RefundResult
from activities.refunds import LookUpResult, LookUpState, PollResult, RefundActivities, RefundLeg
from domain.claims import FAILED_LATER, LegState, Step, StuckReason
from domain.refusals import Code
from domain.standing import LegStanding
from workflows import budgets, failures
from workflows.gateway_calls import Claim, GatewayCall, GaveBack, Stands, stand_still
from workflows.reopening import carry_on

_REFUSING = {
    RefundKind.REFUSED: StuckReason.PSP_DECLINED,
    RefundKind.CONFLICT: StuckReason.PSP_CONFLICT,
    RefundKind.NEEDS_ACCOUNT: StuckReason.ACCOUNT_NEEDED,
}

_FOUND = {
    LookUpState.ACCEPTED: RefundKind.ACCEPTED,
    LookUpState.PENDING: RefundKind.PENDING,
    LookUpState.REFUSED: RefundKind.REFUSED,
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
                if result.kind is RefundKind.CONFLICT and workflow.patched("conflict-compared"):
                    await self._compare()
                await self._stand_still(self._why(result))

    # --- one call ---------------------------------------------------------------------------------------------------

    async def _refund(self) -> RefundResult | Stands:
        """Call the gateway, as often as the budget allows. When that ends without an answer, look up what happened."""
        answer: RefundResult | LookUpResult | Stands = await GatewayCall(
            RefundActivities.refund,
            RefundActivities.look_up,
            self._asked,
            summary=f"refund {self._leg.amount} to {self._leg.means.value} ({self._leg.leg_id})",
            subject=self._leg.leg_id,
            what=f"refund of {self._leg.amount} at {self._leg.gateway}",
            done="refunded",
        ).make(self._claim)
        if isinstance(answer, LookUpResult):
            return RefundResult(kind=_FOUND[answer.state], code=answer.code)
        return answer

    async def _compare(self) -> None:
        """Somebody else moved money of this payment: that goes into the books now, so that the next is right."""
        try:
            compared: Compared = await workflow.execute_activity_method(
                ComparisonActivities.compare_payment_of,
                self._asked,
                summary=f"what does {self._leg.gateway} show of its payment?",
                **budgets.gateway_read(self._claim.pace),
            )
        except FailureError as failed:
            # The daily comparison comes to it.
            workflow.logger.warning("a payment was not compared", extra={"detail": failures.describe(failed)})
            return
        for claim in compared.reopened:
            await carry_on(claim)

    def _why(self, result: RefundResult) -> Stands:
        if result.kind is RefundKind.PAYING_OUT:
            return Stands(StuckReason.PAYOUT_OPEN, "its payout by hand has no result yet")
        if result.code == FAILED_LATER:
            detail = f"{self._leg.gateway} had refunded it, and that refund failed later: the money did not arrive"
        else:
            detail = f"{self._leg.gateway} answered {result.code}"
        if (cause := _REFUSING.get(result.kind)) is not None:
            return Stands(cause, detail, refuses=True)
        return Stands(StuckReason.PSP_MISCONFIGURED, detail)

    # --- what comes of it -------------------------------------------------------------------------------------------

    async def _stand_still(self, why: Stands) -> None:
        refusal = (Code.NOT_CANCELLABLE.value, f"refund.{why.cause.value.lower()}")
        await stand_still(self._claim, why, Step.REFUND, self._leg.leg_id, refusal)

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
        """Ask about a pending refund until it has ended, on a timer and when told to; True: the money is returned.

        What the gateway told before this began counts too: perhaps it told of the end before it answered the call.
        """
        wait = self._claim.pace.poll_first
        while True:
            if not await self._told_within(wait):
                wait = min(wait * 2, self._claim.pace.poll_longest)
            # Before asking: what is told from now on may be newer than the answer.
            self._claim.heard_of(self._leg.leg_id)
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

    async def _told_within(self, seconds: float) -> bool:
        """Whether the gateway told something of this leg before the timer ran out."""
        try:
            await workflow.wait_condition(
                lambda: self._claim.gateway_told_of(self._leg.leg_id),
                timeout=seconds,
                timeout_summary=f"{self._leg.leg_id} is pending at {self._leg.gateway}",
            )
        except TimeoutError:
            return False
        return True
