"""A cancel claim from request to last notice. docs/saga.md tells why in this order.

open → the extra payment, or the first external refund (the pivot) → everything else side by side → complete → notify.
Before the pivot a final refusal undoes all; after it the claim only goes forward, and what fails waits for a person.
"""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.claims import ClaimActivities, Turned
from activities.closing import ClosedAwaited, ClosingActivities
from activities.messages import Begun, Pace
from activities.receipts import GiveUpReceipts, ReceiptActivities
from activities.refunds import CheckResult, RefundActivities, RefundLegs
from activities.settlement import CREDITS, CREDITS_PART, Settle, Settled, SettlementActivities
from domain.claims import ClaimStatus, Direction, LegState, Step, StepStatus, StuckReason
from domain.refusals import Code, Refusal
from domain.standing import LegStanding, Standing
from workflows import budgets, failures
from workflows.charging import ExtraCharge
from workflows.claim import ClaimWorkflow, TurnedBack
from workflows.compensations import Compensations
from workflows.gateway_calls import GaveBack
from workflows.messages import Accepted, CancelOrder, ClaimOutcome, GatewayTold
from workflows.opening import begin
from workflows.refunding import LegRefund


@workflow.defn
class CancelOrderWorkflow(ClaimWorkflow):
    """One cancel claim. Answers the caller as soon as the claim is durably open, or refused."""

    @workflow.init
    def __init__(self, asked: CancelOrder) -> None:
        super().__init__(asked.claim_no)
        self._standing: Standing | None = None
        self._refusal: Refusal | None = None
        self._undo = Compensations()
        self._announcement: asyncio.Task[bool] | None = None
        self._corrections: dict[str, asyncio.Task[bool]] = {}
        self._notice_ids: tuple[str, ...] = ()
        self._completed = False
        self._pending: set[str] = set()
        self._driven: set[str] = set()
        self._reopened = False
        self._hinted: set[str] = set()
        self._closing: asyncio.Task[None] | None = None

    @workflow.run
    async def run(self, asked: CancelOrder) -> ClaimOutcome:
        return await self._hear_cancels(self._cancel_order(asked))

    @workflow.update(description="Answers once the claim is durably open. Sent by the service's API.")
    async def accepted(self) -> Accepted:
        await workflow.wait_condition(lambda: self._standing is not None or self._refusal is not None)
        if self._refusal is not None:
            raise failures.as_failure(self._refusal)
        standing = self._standing
        assert standing is not None  # noqa: S101 (the condition above)
        return Accepted(
            claim_no=standing.claim_no, refund=standing.refund, extra=standing.extra, currency=standing.currency
        )

    @workflow.signal(description="A leg that was settled is open again. Sent by whoever reopened the claim.")
    async def reopened(self) -> None:
        """Take it up at once, whatever else the run is waiting for; and don't end without another look."""
        self._reopened = True
        await workflow.wait_condition(lambda: self._standing is not None or self._refusal is not None)
        if self._decided:
            await self._take_up()

    @workflow.signal(description="A gateway told something of a refund: ask it. Sent by the service.")
    def gateway_told(self, told: GatewayTold) -> None:
        """Remembered until the leg waits for its end, if it doesn't yet."""
        self._hinted.add(told.leg_id)

    async def _cancel_order(self, asked: CancelOrder) -> ClaimOutcome:
        begun = await begin(asked.request, ClaimActivities.open_cancel, self._ref())
        if isinstance(begun, Refusal):
            self._refusal = begun
            await workflow.wait_condition(workflow.all_handlers_finished)
            return ClaimOutcome(claim_no=self._claim_no, status="REFUSED", code=begun.code.value, reason=begun.reason)
        self._undo.add(self._undo_open)
        while True:
            try:
                await self._forward(begun)
            except (TurnedBack, GaveBack):
                self._show(ClaimStatus.COMPENSATING, Step.OPEN)
                if self._closing is not None:
                    self._closing.cancel()
                    self._closing = None
                await self._undo.run()
            await self._told()
            status = await self._conclude(self._notice_ids)
            if status.final:
                if self._closing is not None and not self._closing.done():
                    self._show(status, Step.NOTIFY)
                    await self._closing
                outcome = await self._close(status)
                if begun.standing.receipts and status is not ClaimStatus.REJECTED:
                    await self._cancel_receipts()
                if not self._reopened:
                    return outcome
            self._reopened = False
            begun = await self._look()
            self._show(begun.standing.status, Step.REFUND)

    async def _forward(self, begun: Begun) -> None:
        """Everything up to completion. Raises TurnedBack or GaveBack when the claim turned back before the pivot."""
        standing = self._standing = begun.standing
        self._pace = begun.pace
        self._decided = standing.decided
        self._completed, self._notice_ids = False, ()
        self._correct(begun.notice_ids)
        if standing.direction is Direction.UNDOING:
            raise TurnedBack
        if standing.extra and standing.steps[Step.CHARGE] is not StepStatus.DONE:
            await ExtraCharge(self, self._claim_no, standing.extra).run()
        external = standing.external_legs
        first = None
        if external and not standing.decided:
            await self._check(external)
            first = asyncio.create_task(self._settle(external[0]))
            await workflow.wait_condition(lambda: self._decided or first.done())
            if first.done():
                first.result()
        await self._obey_cancel()
        if standing.awaited and self._closing is None:
            self._closing = asyncio.create_task(self._close_awaited())
        rest = external[1:] if first else external
        branches = [self._settle(leg) for leg in rest if leg.state is not LegState.SETTLED]
        await asyncio.gather(self._give_ours(standing), *([first] if first else []), *branches)
        await self._complete()

    # --- before the pivot -------------------------------------------------------------------------------------------

    async def _check(self, external: tuple[LegStanding, ...]) -> None:
        """With several external legs, read each at its gateway first: one that can't be refunded refuses the claim."""
        if len(external) < 2:
            return
        while True:
            await self._obey_cancel()
            try:
                checked: CheckResult = await workflow.execute_activity_method(
                    RefundActivities.check,
                    RefundLegs(leg_ids=tuple(leg.leg_id for leg in external)),
                    summary="can each payment be refunded?",
                    **budgets.gateway_call(self._pace),
                )
                break
            except FailureError as failed:
                cause, detail = failures.cause_of(failed), failures.describe(failed)
                await self._park(Step.REFUND, "", cause, detail, heed_cancel=not self._cancel_pending)
        if checked.leg_id is not None:
            turned = await self._turn_back(Code.NOT_CANCELLABLE.value, f"refund.{checked.code}")
            # While an earlier run's attempt has an unknown outcome, the first leg's look-up decides instead.
            if turned in (Turned.UNDOING, Turned.FINAL):
                raise TurnedBack

    # --- past the pivot ---------------------------------------------------------------------------------------------

    async def _give_ours(self, standing: Standing) -> None:
        """Credits, coupons and stock: in one transaction while none of them fails, else each by itself."""
        parts = [step for step in (Step.COUPONS, Step.RESTOCK) if _open(standing, step)]
        if standing.points or any(not leg.external and leg.state is LegState.PLANNED for leg in standing.legs):
            parts.append(CREDITS)
        try:
            await self._settled(
                await workflow.execute_local_activity_method(
                    SettlementActivities.settle,
                    Settle(claim_no=self._claim_no, parts=tuple(parts)),
                    summary="give back: " + ", ".join("credits" if part is CREDITS else part.value for part in parts),
                    **budgets.LEDGER_LOCAL,
                )
            )
        except FailureError:
            await asyncio.gather(*(self._give(part) for part in parts))

    async def _give(self, part: Step) -> None:
        """One part alone, so that a failing one does not hold the others back."""
        name = CREDITS_PART if part is CREDITS else part.value
        await self._settled(
            await self._ledger(
                SettlementActivities.settle,
                Settle(claim_no=self._claim_no, parts=(part,)),
                step=part,
                part=name,
                summary=f"give back: {name}",
                heed_cancel=not self._decided,
            )
        )

    async def _close_awaited(self) -> None:
        """Once the claim is decided, close at their gateways what nobody has to pay any more. Nothing waits for it.

        What was paid all the same has a leg by then, and the run goes on until that is settled. Of what can't be closed
        the gateway tells when it is paid.
        """
        await workflow.wait_condition(lambda: self._decided)
        try:
            closed: ClosedAwaited = await workflow.execute_activity_method(
                ClosingActivities.close_awaited,
                self._ref(),
                summary="close what nobody has to pay any more",
                **budgets.gateway_read(self._pace),
            )
        except FailureError as failed:
            workflow.logger.warning("awaited payments stay open", extra={"detail": failures.describe(failed)})
            return
        if closed.late:
            self._reopened = True

    async def _settled(self, settled: Settled) -> None:
        if settled.fenced:
            raise TurnedBack
        self._decided = True
        self._notice_ids = self._notice_ids or settled.notice_ids
        self._completed = settled.completed

    async def _complete(self) -> None:
        if self._completed:
            return
        while True:
            self._reopened = False  # whoever said so has written it before: this step sees it
            done: Settled = await self._ledger(
                SettlementActivities.complete, self._ref(), step=Step.COMPLETE, summary="complete"
            )
            if done.fenced:
                raise TurnedBack
            if done.completed:
                self._notice_ids = done.notice_ids
                return
            if workflow.patched("reopened-legs") and await self._take_up():
                continue
            await self._park(
                Step.COMPLETE, "complete", StuckReason.BUG, "every branch ended, yet the ledger has one open"
            )

    # --- reopened ---------------------------------------------------------------------------------------------------

    async def _settle(self, leg: LegStanding) -> None:
        """Drive a leg to its end; or, when another branch does that, wait for it."""
        if leg.leg_id in self._driven:
            await workflow.wait_condition(lambda: leg.leg_id not in self._driven)
            return
        self._driven.add(leg.leg_id)
        try:
            await LegRefund(self, leg).run()
        finally:
            self._driven.discard(leg.leg_id)

    async def _look(self) -> Begun:
        """Where the claim stands by now: a leg that was settled may be open again."""
        begun: Begun = await self._ledger(
            ClaimActivities.look_at_claim, self._ref(), step=Step.COMPLETE, summary="look where the claim stands"
        )
        return begun

    async def _take_up(self) -> bool:
        """Settle the legs that are open by now; False when there is none."""
        begun = await self._look()
        self._correct(begun.notice_ids)
        legs = [leg for leg in begun.standing.external_legs if leg.state is not LegState.SETTLED]
        await asyncio.gather(*(self._settle(leg) for leg in legs))
        return bool(legs)

    def _correct(self, notice_ids: tuple[str, ...]) -> None:
        """Tell the customer at once that money which was given back has not arrived."""
        for notice_id in notice_ids:
            if notice_id not in self._corrections:
                self._corrections[notice_id] = asyncio.create_task(self._tell([notice_id]))

    async def _told(self) -> None:
        """What the customer was to be told on the way is told, before the end is."""
        if self._announcement is not None:
            await self._announcement
            self._announcement = None
        await asyncio.gather(*self._corrections.values())

    async def _cancel_receipts(self) -> None:
        """Cancel the cash receipts of what went back. That fails by itself: the claim is over, the money returned."""
        try:
            await workflow.execute_activity_method(
                ReceiptActivities.cancel_receipts,
                self._ref(),
                summary="cancel cash receipts",
                **budgets.gateway_call(self._pace),
            )
        except FailureError as failed:
            await workflow.execute_activity_method(
                ReceiptActivities.give_up_receipts,
                GiveUpReceipts(claim_no=self._claim_no, code=failures.describe(failed)[:200]),
                summary="leave cash receipts to a person",
                **budgets.RECORD,
            )
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _undo_open(self) -> None:
        """Free what the opening held. The customer is told that nothing has changed."""
        self._notice_ids = tuple(
            await self._ledger(
                ClaimActivities.undo_open,
                self._ref(),
                step=Step.OPEN,
                part="undo",
                summary="undo: free the units",
                cause=StuckReason.COMPENSATION_STUCK,
            )
        )

    # --- what moving money asks of its claim --------------------------------------------------------------------------

    @property
    def pace(self) -> Pace:
        return self._pace

    @property
    def decided(self) -> bool:
        return self._decided

    @property
    def cancel_pending(self) -> bool:
        return self._cancel_pending

    async def obey_cancel(self) -> None:
        await self._obey_cancel()

    async def turn_back(self, code: str, reason: str) -> Turned:
        return await self._turn_back(code, reason)

    async def park(self, step: Step, part: str, cause: StuckReason, detail: str, *, heed_cancel: bool = False) -> None:
        await self._park(step, part, cause, detail, heed_cancel=heed_cancel)

    def pivot_passed(self) -> None:
        self._decided = True

    def _going(self) -> ClaimStatus:
        if self._pending:
            return ClaimStatus.REFUND_PENDING
        return ClaimStatus.REFUNDING if self._decided else ClaimStatus.ACCEPTED

    def refund_pending(self, leg_id: str) -> None:
        """Tell the list views, and once the customer, that money is on its way."""
        self._pending.add(leg_id)
        if not self._parked:
            self._show(self._going(), Step.REFUND)
        if self._announcement is None:
            self._announcement = asyncio.create_task(self._announce())

    def refund_ended(self, leg_id: str) -> None:
        self._pending.discard(leg_id)

    def gateway_told_of(self, leg_id: str) -> bool:
        return leg_id in self._hinted

    def heard_of(self, leg_id: str) -> None:
        self._hinted.discard(leg_id)

    async def _announce(self) -> bool:
        notice_ids = await self._ledger(
            SettlementActivities.announce_pending, self._ref(), step=Step.NOTIFY, summary="a refund is pending"
        )
        return await self._tell(notice_ids)


def _open(standing: Standing, step: Step) -> bool:
    return standing.steps.get(step) not in (StepStatus.DONE, StepStatus.SKIPPED)
