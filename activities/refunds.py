"""Refunds at a payment gateway: refund a leg, look up what became of it, poll a pending one, check before sending."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from temporalio import activity

from activities.errors import FailureType, database_errors, retryable
from activities.messages import Message
from activities.refund_protocol import Look, Poll, RefundProtocol, RefundResult
from activities.undisturbed import HEARTBEAT, Stop, undisturbed
from domain.claims import LegState
from domain.findings import FindingKind
from gateways.payments.port import Found, NoSuchPayment, PaymentGateway, PaymentSnapshot, Undetermined
from store import findings, refunds
from store.database import Engine
from store.findings import Finding
from store.private import Vault
from store.refunds import Seen, Suspect


class RefundLeg(Message):
    leg_id: str


class LookUpState(StrEnum):
    """Where a leg stands once its row, and if need be its gateway, was asked.

    ABSENT: no refund of it is under way, the leg stands where it stood before its last attempt. UNKNOWN_YET: not there,
    but it may still come. UNREACHABLE: the gateway does not tell.
    """

    ACCEPTED = "ACCEPTED"
    PENDING = "PENDING"
    REFUSED = "REFUSED"
    ABSENT = "ABSENT"
    UNKNOWN_YET = "UNKNOWN_YET"
    UNREACHABLE = "UNREACHABLE"

    @property
    def unknown(self) -> bool:
        """While this is so, the claim is neither undone nor goes on."""
        return self in (LookUpState.UNKNOWN_YET, LookUpState.UNREACHABLE)


class LookUpResult(Message):
    """`wait`: for UNKNOWN_YET, seconds until asking again decides. `code`: for REFUSED, the gateway's."""

    state: LookUpState
    wait: float | None = None
    code: str | None = None


class PollResult(Message):
    """FAILED: the leg is planned again under a new key; refund it anew."""

    state: Poll


class RefundLegs(Message):
    leg_ids: tuple[str, ...]


class CheckResult(Message):
    """The first leg that its gateway could not refund, and why; both None when every leg can be."""

    leg_id: str | None = None
    code: str | None = None


class RefundActivities:
    """`vault` opens refund accounts. `send_window`: how long an armed attempt may be sent.

    `heartbeat`: seconds between heartbeats.
    """

    def __init__(
        self,
        engine: Engine,
        gateways: Mapping[str, PaymentGateway],
        vault: Vault,
        *,
        send_window: timedelta,
        heartbeat: float = HEARTBEAT,
        protocol: RefundProtocol | None = None,
    ) -> None:
        self._engine = engine
        self._gateways = gateways
        self._heartbeat = heartbeat
        self._protocol = protocol or RefundProtocol(engine, gateways, vault, send_window=send_window)

    @activity.defn
    async def refund(self, leg: RefundLeg) -> RefundResult:
        """Refund a leg, exactly once however often this runs.

        Raises retryable failures of the types GatewayDown (nothing was done) and OutcomeUnknown (looked up next time).
        A cancel waits for the answer of a call that is under way, and writes it.
        """
        return await undisturbed(lambda stop: self._protocol.carry_out(leg.leg_id, stop), heartbeat=self._heartbeat)

    @activity.defn(name="look_up_refund")
    async def look_up(self, leg: RefundLeg) -> LookUpResult:
        """Find out where a leg stands after an activity ended without an answer. Never sends anything."""

        async def look(_: Stop) -> LookUpResult:
            seen = await self._protocol.read(leg.leg_id)
            if not seen.sent:
                return _standing(seen)
            match await self._protocol.look(seen):
                case Look.WRITTEN:
                    return _standing(await self._protocol.read(leg.leg_id))
                case Look.TOO_EARLY:
                    return _unknown_yet(seen)
                case Look.NO_ANSWER:
                    return LookUpResult(state=LookUpState.UNREACHABLE)

        return await undisturbed(look, heartbeat=self._heartbeat)

    @activity.defn(name="poll_refund")
    async def poll(self, leg: RefundLeg) -> PollResult:
        """Ask how a pending refund ended. One that failed is planned again, under a new key."""

        async def ask(_: Stop) -> PollResult:
            return PollResult(state=await self._protocol.poll(leg.leg_id))

        return await undisturbed(ask, heartbeat=self._heartbeat)

    @activity.defn(name="check_refunds")
    async def check(self, legs: RefundLegs) -> CheckResult:
        """Read each payment at its gateway before the first refund is sent, while all can still be undone.

        Legs that were tried already are left out. Raises the retryable failure GatewayDown when a gateway doesn't tell.
        """

        async def ask(_: Stop) -> CheckResult:
            with database_errors():
                async with self._engine.connect() as conn:
                    seen = await refunds.read_all(conn, legs.leg_ids)
            for leg_id in legs.leg_ids:
                if (code := await self._not_refundable(seen[leg_id])) is not None:
                    return CheckResult(leg_id=leg_id, code=code)
            return CheckResult()

        return await undisturbed(ask, heartbeat=self._heartbeat)

    async def look_again(self, suspect: Suspect) -> str | None:
        """Ask once more about an undone claim's refund that was ever unknown; answers its reference if it is there.

        That is money returned and the order active: it is kept as a finding for a person, in the transaction that ticks
        the look off. A gateway that doesn't tell is asked again next time.
        """
        seen = await self._protocol.read(suspect.leg_id)
        gateway = self._gateways.get(seen.leg.gateway)
        if gateway is None:
            return None
        found = await gateway.find(seen.leg.payment_ref, seen.leg.leg_id, seen.leg.amount)
        if isinstance(found, Undetermined):
            return None
        refund_ref = found.ref if isinstance(found, Found) else None
        kind = FindingKind.LATE_REFUND
        detail = {"refund_ref": refund_ref}
        late = [] if refund_ref is None else [Finding(kind, suspect.leg_id, suspect.order_no, suspect.claim_no, detail)]
        with database_errors():
            async with self._engine.begin() as conn:
                await findings.report(conn, kind, late, complete=False)
                await refunds.looked_again(conn, suspect, refund_ref)
        return refund_ref

    async def _not_refundable(self, seen: Seen) -> str | None:
        leg = seen.leg
        if leg.state is not LegState.PLANNED or seen.attempt is not None:
            return None
        gateway = self._gateways.get(leg.gateway)
        if gateway is None:
            return "gateway_unknown"
        match await gateway.read(leg.payment_ref):
            case NoSuchPayment():
                return "payment_unknown"
            case PaymentSnapshot(balance):
                return "balance_too_low" if balance < leg.amount else None
            case Undetermined(code):
                raise retryable(FailureType.GATEWAY_DOWN, f"{gateway.name}: {code}")


_STATES: Mapping[LegState, LookUpState] = {
    LegState.SETTLED: LookUpState.ACCEPTED,
    LegState.PENDING: LookUpState.PENDING,
    LegState.REFUSED: LookUpState.REFUSED,
    LegState.PLANNED: LookUpState.ABSENT,
    LegState.VOID: LookUpState.ABSENT,
}


def _standing(seen: Seen) -> LookUpResult:
    if seen.sent:
        return _unknown_yet(seen)
    state = _STATES[seen.leg.state]
    return LookUpResult(state=state, code=seen.leg.code if state is LookUpState.REFUSED else None)


def _unknown_yet(seen: Seen) -> LookUpResult:
    wait = 0.0 if seen.attempt is None else max(0.0, seen.attempt.settles_in.total_seconds())
    return LookUpResult(state=LookUpState.UNKNOWN_YET, wait=wait)
