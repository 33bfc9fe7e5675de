"""A claim's extra payment: charge it, look up what became of it, look again after the claim was undone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from temporalio import activity

from activities.charge_protocol import ChargeProtocol, ChargeResult
from activities.errors import database_errors
from activities.messages import ClaimRef
from activities.refund_protocol import Look
from activities.refunds import LookUpResult, LookUpState
from activities.undisturbed import HEARTBEAT, Stop, undisturbed
from domain.claims import ChargeState
from domain.findings import FindingKind
from gateways.payments.port import Found, PaymentGateway, Undetermined
from store import charges, findings
from store.charges import Charge, ChargeSuspect
from store.database import Engine
from store.findings import Finding
from store.private import Vault

_LOOKS_AT_ONCE = 50


class ChargeActivities:
    """`send_window`: how long an armed try may be sent. `heartbeat`: seconds between heartbeats."""

    def __init__(
        self,
        engine: Engine,
        gateways: Mapping[str, PaymentGateway],
        vault: Vault,
        *,
        send_window: timedelta,
        heartbeat: float = HEARTBEAT,
        protocol: ChargeProtocol | None = None,
    ) -> None:
        self._engine = engine
        self._gateways = gateways
        self._heartbeat = heartbeat
        self._protocol = protocol or ChargeProtocol(engine, gateways, vault, send_window=send_window)

    @activity.defn
    async def charge(self, claim: ClaimRef) -> ChargeResult:
        """Charge the claim's extra payment, exactly once however often this runs.

        Raises retryable failures of the types GatewayDown (nothing was taken) and OutcomeUnknown (looked up next time).
        A cancel waits for the answer of a call that is under way, and writes it.
        """
        return await undisturbed(lambda stop: self._protocol.carry_out(claim.claim_no, stop), heartbeat=self._heartbeat)

    @activity.defn(name="look_up_charge")
    async def look_up(self, claim: ClaimRef) -> LookUpResult:
        """Find out where the charge stands after an activity ended without an answer. Never sends anything."""

        async def look(_: Stop) -> LookUpResult:
            charge = await self._protocol.read(claim.claim_no)
            if not charge.sent:
                return _standing(charge)
            match await self._protocol.look(charge):
                case Look.WRITTEN:
                    return _standing(await self._protocol.read(claim.claim_no))
                case Look.TOO_EARLY:
                    return _unknown_yet(charge)
                case Look.NO_ANSWER:
                    return LookUpResult(state=LookUpState.UNREACHABLE)

        return await undisturbed(look, heartbeat=self._heartbeat)

    @activity.defn(name="look_again_at_charges")
    async def find_late(self) -> int:
        """Ask the gateways again about undone claims whose charge was ever unknown; answers the open findings."""

        async def ask(_: Stop) -> int:
            with database_errors():
                async with self._engine.connect() as conn:
                    suspects = await charges.to_look_at_again(conn, _LOOKS_AT_ONCE)
            for suspect in suspects:
                await self.look_again(suspect)
            with database_errors():
                async with self._engine.begin() as conn:
                    return await findings.report(conn, FindingKind.LATE_CHARGE, [], complete=False)

        return await undisturbed(ask, heartbeat=self._heartbeat)

    async def look_again(self, suspect: ChargeSuspect) -> str | None:
        """Ask once more about an undone claim's charge; answers the payment that it has become, if it is there.

        That is money taken and nothing cancelled: it is kept as a finding for a person, in the transaction that ticks
        the look off. A gateway that doesn't tell is asked again next time.
        """
        charge = await self._protocol.read(suspect.claim_no)
        gateway = self._gateways.get(charge.gateway or "")
        if gateway is None:
            return None
        found = await gateway.find_charge(charge.payment_no, charge.amount)
        if isinstance(found, Undetermined):
            return None
        payment_ref = found.ref if isinstance(found, Found) else None
        kind = FindingKind.LATE_CHARGE
        detail = {"payment_ref": payment_ref}
        late = (
            [] if payment_ref is None else [Finding(kind, suspect.claim_no, suspect.order_no, suspect.claim_no, detail)]
        )
        with database_errors():
            async with self._engine.begin() as conn:
                await findings.report(conn, kind, late, complete=False)
                await charges.looked_again(conn, suspect, payment_ref)
        return payment_ref


_STATES: Mapping[ChargeState, LookUpState] = {
    ChargeState.TAKEN: LookUpState.ACCEPTED,
    ChargeState.REFUSED: LookUpState.REFUSED,
    ChargeState.PLANNED: LookUpState.ABSENT,
    ChargeState.VOID: LookUpState.ABSENT,
}


def _standing(charge: Charge) -> LookUpResult:
    if charge.sent:
        return _unknown_yet(charge)
    state = _STATES[charge.state]
    return LookUpResult(state=state, code=charge.code if state is LookUpState.REFUSED else None)


def _unknown_yet(charge: Charge) -> LookUpResult:
    wait = 0.0 if charge.settles_in is None else max(0.0, charge.settles_in.total_seconds())
    return LookUpResult(state=LookUpState.UNKNOWN_YET, wait=wait)
