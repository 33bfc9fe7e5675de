"""Parking a claim for a person, and carrying out what the person commands. docs/saga.md: parked claims.

An accepted command changes the ledger in the transaction that accepts it; the workflow then only goes on from there. So
a command holds after a reset or a resume, and none is carried out twice.
"""

from __future__ import annotations

from temporalio import activity

from activities.errors import database_errors
from activities.evidence import Evidence
from activities.messages import Message
from activities.notices import NoticePlanner
from activities.safe_actions import is_leg, safe_actions
from activities.settlement import part_key
from domain.claims import Action, ChargeState, EffectState, LegState, Step, StepStatus, StuckReason
from domain.notices import ParkingFacts
from domain.refusals import Code
from domain.seals import sealed
from store import by_hand, charges, claims, commands, effects, parkings, payouts, private, turning_back
from store.commands import CommandRecord
from store.database import Connection, Engine
from store.fence import ClaimHead, enter
from store.parkings import Parking

ANSWERED = "parking.answered"
"""The refusal of a command whose parking is closed: by an earlier command, a new run, or the end of the claim."""

ACCOUNT_BY_API = "account.by_api"
"""The refusal of a refund account that did not come through the API: anywhere else it would stay readable."""

PAYOUT_UNTREATED = "payout.untreated"
"""The refusal of a command that could send money that a person is paying out by hand."""

CHARGE_PART = "payment"
"""What a parking of the charge is told by: a claim has one extra payment at most."""


class Park(Message):
    """`part` is the refund leg that stands still, or what else does; `detail` says what failed and what was tried."""

    claim_no: str
    step: Step
    part: str = ""
    cause: StuckReason
    detail: str


class Parked(Message):
    """`outcome_unknown`: money of this claim may or may not have moved; it can't be undone meanwhile."""

    parking_no: int
    step: Step
    part: str
    cause: StuckReason
    detail: str
    outcome_unknown: bool
    actions: tuple[Action, ...]


class Command(Message):
    """What an operator answers. `seal` proves that the service's API knows the actor; without it nobody does.

    `account_id`: where the API has kept the refund account that goes with `provideAccount`, encrypted.
    """

    claim_no: str
    parking_no: int
    action: str
    reason: str
    evidence: str | None = None
    actor: str
    channel: str
    seal: str | None = None
    account_id: int | None = None
    request_ref: str
    workflow_id: str
    run_id: str


class CommandAnswer(Message):
    """`refusal` says why a command was refused, as a slug; `status` is the claim's afterwards."""

    accepted: bool
    refusal: str | None = None
    status: str | None = None


class CancelRequest(Message):
    """A cancel request that came from the Web UI. `undoing`: it took effect."""

    claim_no: str
    reason: str
    workflow_id: str
    run_id: str
    undoing: bool


class ParkingActivities:
    """`evidence` proves what operators name; `planner` writes the shop's mail that a claim needs a person."""

    def __init__(self, engine: Engine, evidence: Evidence, service_secret: bytes, planner: NoticePlanner) -> None:
        self._engine = engine
        self._planner = planner
        self._evidence = evidence
        self._secret = service_secret

    @activity.defn
    async def park(self, asked: Park) -> Parked | None:
        """Open a parking with the actions that are safe as the ledger stands; it supersedes one of the same part.

        None: what stood still has gone on meanwhile, as a reset run may not know. It goes on by the ledger.
        """
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, asked.claim_no, None)
                if head is None:
                    raise LookupError(asked.claim_no)
                if await self._gone_on(conn, head, asked):
                    return None
                unknown = await turning_back.outcome_unknown(conn, asked.claim_no)
                actions = await self._safe_actions(conn, head, asked.step, asked.part)
                parking_no = await parkings.park(
                    conn,
                    claim_no=asked.claim_no,
                    order_no=head.order_no,
                    step=asked.step,
                    part=asked.part,
                    cause=asked.cause,
                    detail=asked.detail,
                    outcome_unknown=unknown,
                    actions=actions,
                )
                if asked.part not in ("", "undo"):
                    await claims.set_step(conn, asked.claim_no, asked.step, StepStatus.PARKED, asked.cause.value)
                await claims.add_event(
                    conn,
                    asked.claim_no,
                    head.order_no,
                    "claim.parked",
                    step=asked.step,
                    cause=asked.cause.value,
                    parking_no=parking_no,
                )
                await claims.restate(conn, asked.claim_no)
                await self._planner.plan_parking(
                    conn, asked.claim_no, ParkingFacts(parking_no, asked.step, asked.cause, asked.detail)
                )
                return Parked(
                    parking_no=parking_no,
                    step=asked.step,
                    part=asked.part,
                    cause=asked.cause,
                    detail=asked.detail,
                    outcome_unknown=unknown,
                    actions=actions,
                )

    async def _gone_on(self, conn: Connection, head: ClaimHead, asked: Park) -> bool:
        """Nobody is asked about a claim that is final, nor about a refund or a charge that the gateway has accepted."""
        if head.status.final:
            return True
        if asked.step is Step.CHARGE:
            return (await charges.read(conn, head.claim_no)).state is ChargeState.TAKEN
        if not is_leg(asked.step, asked.part):
            return False
        return await by_hand.leg_state(conn, asked.part) in (LegState.PENDING, LegState.SETTLED)

    @activity.defn
    async def command(self, asked: Command) -> CommandAnswer:
        """Check, carry out and audit a command, in one transaction. A refused one is audited too."""
        unproven = (
            await self._evidence.why_unproven(asked.claim_no, asked.parking_no, asked.evidence)
            if asked.action == Action.SETTLE
            else None
        )
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, asked.claim_no, None)
                if head is not None and await commands.accepted_before(
                    conn, asked.parking_no, asked.request_ref, asked.run_id
                ):
                    return CommandAnswer(accepted=True, status=head.status)
                parking = await parkings.find(conn, asked.claim_no, asked.parking_no)
                refusal = await self._why_not(conn, head, parking, asked) or unproven
                after = None if head is None else head.status.value
                if head is not None and parking is not None and refusal is None:
                    await self._carry_out(conn, head, parking, asked)
                    after = await claims.restate(conn, asked.claim_no)
                await commands.record(conn, self._record(asked, head, after, refusal))
                return CommandAnswer(accepted=refusal is None, refusal=refusal, status=after)

    @activity.defn
    async def record_cancel_request(self, asked: CancelRequest) -> None:
        """Audit a cancel request. The engine tells no name, so its actor is unverified."""
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, asked.claim_no, None)
                await commands.record(
                    conn,
                    CommandRecord(
                        claim_no=asked.claim_no,
                        order_no=None if head is None else head.order_no,
                        parking_no=None,
                        command="cancel",
                        actor="unknown",
                        verified=False,
                        channel="web-ui",
                        reason=asked.reason or "-",
                        evidence=None,
                        request_ref="cancel",
                        workflow_id=asked.workflow_id,
                        run_id=asked.run_id,
                        before=None if head is None else head.status.value,
                        after=None if head is None else head.status.value,
                        accepted=asked.undoing,
                        refusal=None if asked.undoing else _why_not_undone(head),
                    ),
                )

    async def _why_not(
        self, conn: Connection, head: ClaimHead | None, parking: Parking | None, asked: Command
    ) -> str | None:
        if head is None:
            return "claim.unknown"
        if parking is None:
            return "parking.unknown"
        if not parking.open:
            return ANSWERED
        leg = parking.part if is_leg(parking.step, parking.part) else None
        if leg and asked.action != Action.SETTLE and await payouts.untreated(conn, leg):
            return PAYOUT_UNTREATED
        if asked.action not in await self._safe_actions(conn, head, parking.step, parking.part):
            return "action.unsafe"
        if asked.action == Action.PROVIDE_ACCOUNT:
            return await self._why_not_account(conn, asked)
        if asked.action == Action.SETTLE:
            evidence = (asked.evidence or "").strip()
            if parking.step is Step.CHARGE:
                return await self._why_not_settle_charge(conn, head.claim_no, evidence)
            return await self._why_not_settle(conn, parking.part, evidence)
        return None

    async def _safe_actions(self, conn: Connection, head: ClaimHead, step: Step, part: str) -> tuple[Action, ...]:
        leg = part if is_leg(step, part) else None
        return safe_actions(
            head,
            step,
            money_may_move=await turning_back.outcome_unknown(conn, head.claim_no)
            or await payouts.untreated_of_claim(conn, head.claim_no),
            settles_by_hand=await self._settles_by_hand(conn, head.claim_no, step, part),
            takes_account=leg is not None and await by_hand.takes_account(conn, leg),
            paying_out=leg is not None and await payouts.untreated(conn, leg) is not None,
        )

    async def _why_not_account(self, conn: Connection, asked: Command) -> str | None:
        """Only the API can bring an account: it seals its number, after it has encrypted and kept the account."""
        if asked.account_id is None or not self._proven(asked):
            return ACCOUNT_BY_API
        return None if await private.account_shown(conn, asked.account_id) else "account.unknown"

    async def _settles_by_hand(self, conn: Connection, claim_no: str, step: Step, part: str) -> bool:
        """Whether what stands still is money at a gateway, where a person may see what became of it."""
        if step is Step.CHARGE:
            return (await charges.read(conn, claim_no)).gateway is not None
        return is_leg(step, part)

    async def _why_not_settle_charge(self, conn: Connection, claim_no: str, evidence: str) -> str | None:
        if not evidence:
            return "evidence.missing"
        charge = await charges.read(conn, claim_no)
        if charge.state not in (ChargeState.PLANNED, ChargeState.SENT):
            return "action.unsafe"
        return "evidence.taken" if await charges.reference_taken(conn, charge, evidence) else None

    async def _why_not_settle(self, conn: Connection, leg_id: str, evidence: str) -> str | None:
        """A leg that the gateway took on meanwhile, as an activity believed lost may find, is not settled by hand."""
        if not evidence:
            return "evidence.missing"
        if await by_hand.leg_state(conn, leg_id) not in (LegState.PLANNED, LegState.REFUSED):
            return "action.unsafe"
        if await by_hand.reference_taken(conn, leg_id, evidence):
            return "evidence.taken"
        return None

    async def _carry_out(self, conn: Connection, head: ClaimHead, parking: Parking, asked: Command) -> None:
        action = Action(asked.action)
        if action is Action.RETRY and parking.step is Step.REFUND and parking.part:
            await by_hand.reopen_refused(conn, parking.part)
        elif action is Action.SETTLE and parking.step is Step.CHARGE:
            charge = await charges.read(conn, head.claim_no)
            await charges.take(conn, head, charge, (asked.evidence or "").strip())
        elif action is Action.SETTLE:
            await self._settle(conn, head, parking.part, asked)
        elif action is Action.PROVIDE_ACCOUNT and asked.account_id is not None:
            await by_hand.use_account(conn, parking.part, asked.account_id)
        elif action is Action.SKIP:
            stands = await effects.tombstone(conn, part_key(head.claim_no, parking.step), head.claim_no)
            if stands is EffectState.TOMBSTONE:  # else it happened after all
                await claims.set_step(conn, head.claim_no, parking.step, StepStatus.SKIPPED, "skipped by operator")
        elif action is Action.ABORT:
            await turning_back.turn_back(conn, head, Code.NOT_CANCELLABLE.value, "claim.aborted")
        await parkings.answer(conn, parking.parking_no, action)
        account = {} if asked.account_id is None else {"account": await private.account_shown(conn, asked.account_id)}
        await claims.add_event(
            conn,
            head.claim_no,
            head.order_no,
            f"operator.{action.name.lower()}",
            actor=asked.actor,
            step=parking.step,
            parking_no=parking.parking_no,
            **account,
        )

    async def _settle(self, conn: Connection, head: ClaimHead, leg_id: str, asked: Command) -> None:
        """Settle a leg by hand: this is the pivot, if none was before, and so decides the claim in this transaction.

        If it was being paid out by hand, that payout has succeeded.
        """
        evidence = (asked.evidence or "").strip()
        await payouts.close_paid(conn, head, leg_id, actor=asked.actor, evidence=evidence)
        if await by_hand.attempt_sent(conn, leg_id):
            await by_hand.settle_by_reference(conn, leg_id, evidence)
        else:
            await by_hand.settle(conn, leg_id, evidence)
        await claims.decide(conn, head)
        await claims.set_step(conn, head.claim_no, Step.REFUND, StepStatus.RUNNING)

    def _proven(self, asked: Command) -> bool:
        return sealed(
            asked.seal,
            self._secret,
            asked.claim_no,
            asked.parking_no,
            asked.action,
            asked.reason,
            asked.evidence,
            asked.actor,
            asked.account_id,
        )

    def _record(self, asked: Command, head: ClaimHead | None, after: str | None, refusal: str | None) -> CommandRecord:
        verified = self._proven(asked)
        return CommandRecord(
            claim_no=asked.claim_no,
            order_no=None if head is None else head.order_no,
            parking_no=asked.parking_no,
            command=asked.action,
            actor=asked.actor,
            verified=verified,
            channel=asked.channel if verified else "web-ui",
            reason=asked.reason,
            evidence=asked.evidence,
            request_ref=asked.request_ref,
            workflow_id=asked.workflow_id,
            run_id=asked.run_id,
            before=None if head is None else head.status.value,
            after=after,
            accepted=refusal is None,
            refusal=refusal,
        )


def _why_not_undone(head: ClaimHead | None) -> str:
    return "claim.decided" if head is not None and head.decided else "claim.turned_back"
