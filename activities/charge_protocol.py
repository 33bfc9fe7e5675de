"""How a claim's extra payment is charged exactly once, whatever is lost on the way. docs/saga.md tells the protocol.

As with refunds (`activities.refund_protocol`): read the row; if the last try is *sent*, or was answered with an error,
ask the gateway first; write the try, then call, then write the answer. It does not matter who runs this, how often, or
how many at once. A balance of the member's own is one transaction, and nothing of this can be unknown.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import partial

from activities.errors import FailureType, database_errors, retryable
from activities.messages import Message
from activities.refund_protocol import MOST_ROUNDS, Look
from activities.undisturbed import Stop
from domain.claims import ChargeState
from gateways.payments.port import (
    UNSUPPORTED,
    Absent,
    ChargeCommand,
    ChargeOutcome,
    Done,
    Found,
    Misconfigured,
    NewKey,
    NotSent,
    PaymentGateway,
    Rejected,
    Retry,
    Undetermined,
    Unknown,
)
from store import charges
from store.charges import Charge
from store.database import Connection, Engine, each_alone
from store.fence import ClaimHead, enter
from store.private import Vault


class ChargeKind(StrEnum):
    """What a charge came to. Everything but TAKEN leaves the customer's money where it is."""

    TAKEN = "TAKEN"
    REFUSED = "REFUSED"
    """Refused for good: by the gateway, or because the balance is too low or the means is gone."""
    MISCONFIGURED = "MISCONFIGURED"
    FENCED = "FENCED"
    """The claim does not go forward any more: go by the ledger."""


class ChargeResult(Message):
    """`code`: why, for REFUSED and MISCONFIGURED; the gateway's own where it has one."""

    kind: ChargeKind
    code: str | None = None


@dataclass(frozen=True, slots=True)
class ArmedCharge:
    """A try that this process, and no other, may send before `send_before` of its own monotonic clock."""

    charge: Charge
    token: str = field(repr=False)
    send_before: float


class ChargeProtocol:
    """`vault` opens tokens, right before they are sent. `send_window`: how long an armed try may be sent.

    `clock`: monotonic seconds of this process.
    """

    def __init__(
        self,
        engine: Engine,
        gateways: Mapping[str, PaymentGateway],
        vault: Vault,
        *,
        send_window: timedelta,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._gateways = gateways
        self._vault = vault
        self._send_window = send_window
        self._clock = clock

    async def carry_out(self, claim_no: str, stop: Stop) -> ChargeResult:
        """One try, which sends at most once. Raises a retryable failure when nothing can be told, or was done, yet."""
        sent = False
        for _ in range(MOST_ROUNDS):
            charge = await self.read(claim_no)
            if (known := stands(charge)) is not None:
                return known
            if charge.gateway is None:
                await self._take_own(charge)
                continue
            gateway = self._gateways.get(charge.gateway)
            if gateway is None:
                return ChargeResult(kind=ChargeKind.MISCONFIGURED, code="gateway_unknown")
            if look_first(charge, gateway):
                await self._look_or_fail(charge)
                continue
            if sent:
                raise retryable(FailureType.GATEWAY_DOWN, f"{gateway.name} did not carry the charge out")
            if not gateway.capabilities.charges:
                return ChargeResult(kind=ChargeKind.MISCONFIGURED, code=UNSUPPORTED.code)
            stop.check()
            sent = True
            if (answer := await self._send(charge, gateway)) is not None:
                return answer
        raise retryable(FailureType.DATABASE, f"the charge of {claim_no} kept moving")

    async def read(self, claim_no: str) -> Charge:
        with database_errors():
            async with each_alone(self._engine) as conn:
                return await charges.read(conn, claim_no)

    async def look(self, charge: Charge) -> Look:
        """Ask the gateway whether our charge is there, and write what that proves.

        Found is a proof at any time. Not found is one only if the try had settled before the gateway was asked.
        """
        gateway = self._gateways.get(charge.gateway or "")
        if gateway is None:
            return Look.NO_ANSWER
        match await gateway.find_charge(charge.payment_no, charge.amount):
            case Found(payment_ref):
                await self._write(charge, partial(charges.take, charge=charge, payment_ref=payment_ref))
            case Undetermined():
                return Look.NO_ANSWER
            case Absent():
                if charge.sent and not charge.settled:
                    return Look.TOO_EARLY
                await self._write(charge, partial(charges.absent, charge=charge, new_key=key_expired(charge, gateway)))
        return Look.WRITTEN

    async def _take_own(self, charge: Charge) -> None:
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, charge.claim_no)
                if head is not None:
                    await charges.take_own(conn, head, charge)

    async def _send(self, charge: Charge, gateway: PaymentGateway) -> ChargeResult | None:
        """Write the try, call, write the answer. None: read the row anew."""
        armed = await self._arm(charge, gateway)
        if armed is None:
            return None
        # Last thing before sending, by the clock of this process: the row's deadline may be another try's by now.
        if self._clock() >= armed.send_before:
            await self._write(armed.charge, partial(charges.not_sent, charge=armed.charge, code="deadline_passed"))
            return None
        return await self._write_outcome(armed.charge, gateway, await self._call(armed, gateway))

    async def _look_or_fail(self, charge: Charge) -> None:
        match await self.look(charge):
            case Look.TOO_EARLY:
                raise retryable(
                    FailureType.OUTCOME_UNKNOWN, f"{charge.gateway} may still take the charge", after=charge.settles_in
                )
            case Look.NO_ANSWER:
                kind = FailureType.OUTCOME_UNKNOWN if charge.sent else FailureType.GATEWAY_DOWN
                raise retryable(kind, f"{charge.gateway} does not tell whether it took the charge")
            case Look.WRITTEN:
                return

    async def _arm(self, charge: Charge, gateway: PaymentGateway) -> ArmedCharge | None:
        """The try, written; None when the row has moved, or there is nothing to charge with: then it is refused."""
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, charge.claim_no)
                if head is None:
                    return None
                token = await charges.token(conn, charge, self._vault)
                if token is None:
                    await charges.refuse(conn, head, charge, "means_gone")
                    return None
                # Taken under the lock, and before the database takes its own time: never later than the row's deadline.
                send_before = self._clock() + self._send_window.total_seconds()
                armed = await charges.arm(
                    conn, head, charge, send_window=self._send_window, settling=gateway.capabilities.settling
                )
        return None if armed is None else ArmedCharge(armed, token, send_before)

    async def _call(self, armed: ArmedCharge, gateway: PaymentGateway) -> ChargeOutcome:
        charge = armed.charge
        return await gateway.charge(
            ChargeCommand(
                amount=charge.amount,
                currency=charge.currency,
                means=charge.means,
                token=armed.token,
                key=charge.key,
                reference=charge.payment_no,
            )
        )

    async def _write_outcome(
        self, charge: Charge, gateway: PaymentGateway, outcome: ChargeOutcome
    ) -> ChargeResult | None:
        """Write what came of the call, and answer it; None: read the row anew, to look up or because it has moved."""
        after: timedelta | None = None
        match outcome:
            case Done(payment_ref):
                written = await self._write(charge, partial(charges.take, charge=charge, payment_ref=payment_ref))
                return ChargeResult(kind=ChargeKind.TAKEN) if written else None
            case Unknown(code, answered):
                await self._write(charge, partial(charges.unknown, charge=charge, code=code, error_answered=answered))
                return None
            case Retry(code):
                await self._write(charge, partial(charges.unknown, charge=charge, code=code, error_answered=False))
                return None
            case Rejected(code):
                written = await self._write(charge, partial(charges.refuse, charge=charge, code=code))
                return ChargeResult(kind=ChargeKind.REFUSED, code=code) if written else None
            case Misconfigured(code):
                written = await self._write(charge, partial(charges.answered_with_error, charge=charge, code=code))
                return ChargeResult(kind=ChargeKind.MISCONFIGURED, code=code) if written else None
            case NewKey(code):
                after = outcome.after
                written = await self._write(charge, partial(charges.answered_with_error, charge=charge, code=code))
            case NotSent(code):
                written = await self._write(charge, partial(charges.not_sent, charge=charge, code=code))
        if written:
            raise retryable(FailureType.GATEWAY_DOWN, f"{gateway.name}: {code}", after=after)
        return None

    async def _write(self, charge: Charge, write: Callable[[Connection, ClaimHead], Awaitable[bool]]) -> bool:
        """Write what became known, whichever way the claim goes by now. False: the row has moved."""
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, charge.claim_no, None)
                return head is not None and await write(conn, head)


def look_first(charge: Charge, gateway: PaymentGateway) -> bool:
    """Whether the gateway must be asked before anything is sent: nobody knows what the last try did, or n must rise."""
    return charge.sent or charge.error_answered or key_expired(charge, gateway)


def key_expired(charge: Charge, gateway: PaymentGateway) -> bool:
    """Whether the gateway may have forgotten the key by now, and would take it for a new request."""
    return charge.key_age is not None and charge.key_age >= gateway.capabilities.key_life


def stands(charge: Charge) -> ChargeResult | None:
    """The answer that the row itself gives; None while something is left to do, or to find out."""
    match charge.state:
        case ChargeState.TAKEN:
            return ChargeResult(kind=ChargeKind.TAKEN)
        case ChargeState.REFUSED:
            return ChargeResult(kind=ChargeKind.REFUSED, code=charge.code)
        case ChargeState.VOID:
            return ChargeResult(kind=ChargeKind.FENCED)
        case ChargeState.PLANNED:
            return None if charge.forward else ChargeResult(kind=ChargeKind.FENCED)
        case ChargeState.SENT:
            return None
