"""Following a payment of which its gateway told something. docs/saga.md: what gateways tell unasked.

One workflow per payment, however much is told of it, and it believes nothing. Claims that wait for the payment are told
to ask their gateway at once instead of when their timer says; then our ledger is compared with what the gateway shows,
and a claim that this opened again is carried on.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.comparing import AskedPayment, Compared, ComparisonActivities
from activities.following import FOLLOW_WORKFLOW, FollowingActivities
from activities.following import begin_following as begin_following
from activities.messages import Message, Pace
from workflows import budgets, failures
from workflows.messages import GatewayTold
from workflows.reopening import carry_on

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=1)
"""Between two looks at one payment, doubling from the first while more is told: a burst costs few reads."""

QUIET = timedelta(minutes=1)
"""Nothing was told for so long: the next delivery begins anew, without a pause."""

AWAY_FIRST = timedelta(minutes=1)
AWAY_LONGEST = timedelta(hours=1)
MOST_AWAY = 10
"""A gateway that tells nothing is asked again this often, within some hours; then the daily comparison has it."""


class Followed(Message):
    """How often this run looked, and how many claims were opened again."""

    looks: int = 0
    reopened: int = 0


@workflow.defn(name=FOLLOW_WORKFLOW)
class FollowPaymentWorkflow:
    @workflow.init
    def __init__(self, payment: AskedPayment) -> None:
        self._payment = payment
        self._told = False
        self._reopened: set[str] = set()

    @workflow.signal(description="Something more was told of this payment. Sent by the service.")
    def again(self) -> None:
        self._told = True

    @workflow.run
    async def run(self, payment: AskedPayment) -> Followed:
        pause, away, looks = FIRST_PAUSE, 0, 0
        while True:
            self._told = False
            looks += 1
            await self._tell_who_waits()
            away = 0 if await self._compare() else away + 1
            await workflow.sleep(pause, summary="what is told meanwhile is followed together")
            pause = min(pause * 2, LONGEST_PAUSE)
            if not await self._told_within(_patience(away)) and away in (0, MOST_AWAY):
                return Followed(looks=looks, reopened=len(self._reopened))
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(payment)

    async def _tell_who_waits(self) -> None:
        concerned = await workflow.execute_activity_method(
            FollowingActivities.who_waits, self._payment, summary="which claims wait for it?", **budgets.RECORD
        )
        for leg in concerned.waiting:
            claim = workflow.get_external_workflow_handle(leg.workflow_id)
            try:
                await claim.signal("gateway_told", GatewayTold(leg_id=leg.leg_id))
            except FailureError:
                # Its workflow is gone: the leg has ended meanwhile, or the sweeper lists the claim.
                workflow.logger.info("nobody carries %s any more", leg.leg_id)

    async def _compare(self) -> bool:
        """Compare our ledger with the gateway, and carry on what that opened again; False when it did not tell."""
        try:
            compared: Compared = await workflow.execute_activity_method(
                ComparisonActivities.compare_payment,
                self._payment,
                summary="what does its gateway show?",
                **budgets.gateway_read(Pace()),
            )
        except FailureError as failed:
            workflow.logger.warning("a payment was not compared", extra={"detail": failures.describe(failed)})
            return False
        for claim in compared.reopened:
            self._reopened.add(claim.claim_no)
            await carry_on(claim)
        return True

    async def _told_within(self, patience: timedelta) -> bool:
        try:
            await workflow.wait_condition(
                lambda: self._told, timeout=patience, timeout_summary="until more is told, or long enough nothing"
            )
        except TimeoutError:
            return False
        return True


def _patience(away: int) -> timedelta:
    """How long to wait for more to be told, before the run ends, or asks a gateway again that was away so often."""
    return min(AWAY_FIRST * 2 ** (away - 1), AWAY_LONGEST) if away else QUIET
