"""How a refund leg is refunded exactly once, whatever is lost on the way. docs/saga.md tells the protocol.

In short: read the row; if an earlier attempt is *sent*, or was answered with an error, ask the gateway first; write the
attempt, then call, then write the answer. Nothing is sent while it is not known what became of the last try, and each
write holds only if the row is still as it was read. It does not matter who runs this, how often, or how many at once.

Money of a virtual account goes to the refund account that the claim brought. It is opened when the attempt is written,
and is in the request and nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import partial

from cryptography.exceptions import InvalidTag

from activities.errors import FailureType, database_errors, retryable
from activities.messages import Message
from activities.undisturbed import Stop
from domain.claims import AttemptState, LegState
from domain.orders import Means
from gateways.payments.port import (
    Absent,
    Conflict,
    Done,
    Found,
    Misconfigured,
    NeedsAccount,
    NewKey,
    NotSent,
    Outcome,
    PaymentGateway,
    Pending,
    RefundAccount,
    RefundCommand,
    Rejected,
    Retry,
    Undetermined,
    Unknown,
)
from store import private, refunds
from store.database import Connection, Engine, each_alone
from store.fence import ClaimHead, enter
from store.private import BANK_PART, HOLDER_PART, NUMBER_PART, Vault
from store.refunds import AttemptOutcome, Busy, Leg, Seen

MOST_ROUNDS = 8
"""How often one activity reads its row anew before it gives way to its next try."""


class RefundKind(StrEnum):
    """What a refund came to. Everything but ACCEPTED and PENDING leaves the leg without money returned."""

    ACCEPTED = "ACCEPTED"
    """Given back, by the gateway or by hand."""
    PENDING = "PENDING"
    """Accepted by the gateway, final later: poll it."""
    REFUSED = "REFUSED"
    """Refused for good."""
    BUSY = "BUSY"
    """Another refund of the same payment is under way; `holder` is its claim. No try was used up."""
    CONFLICT = "CONFLICT"
    """The payment does not hold what our ledger says: somebody else moved money."""
    NEEDS_ACCOUNT = "NEEDS_ACCOUNT"
    MISCONFIGURED = "MISCONFIGURED"
    PAYING_OUT = "PAYING_OUT"
    """A person is paying it out by hand: it is sent nowhere until the result of that is known."""
    FENCED = "FENCED"
    """The claim does not go forward any more: go by the ledger."""


class RefundResult(Message):
    """`code` is the gateway's, for REFUSED, CONFLICT, NEEDS_ACCOUNT and MISCONFIGURED; `holder` a claim number."""

    kind: RefundKind
    code: str | None = None
    holder: str | None = None


class Look(StrEnum):
    """What came of asking the gateway about an attempt."""

    WRITTEN = "WRITTEN"
    """It told, and that is written: read the row anew."""
    TOO_EARLY = "TOO_EARLY"
    """Not there, but it may still come."""
    NO_ANSWER = "NO_ANSWER"


class Poll(StrEnum):
    """Where a pending refund stands. FAILED: the leg is planned again, or has moved otherwise."""

    SETTLED = "SETTLED"
    PENDING = "PENDING"
    FAILED = "FAILED"
    NO_ANSWER = "NO_ANSWER"


@dataclass(frozen=True, slots=True)
class Armed:
    """An attempt that this process, and no other, may send before `send_before` of its own monotonic clock.

    `account`: where the money of a virtual account is to go, if the claim brought one.
    """

    seen: Seen
    send_before: float
    account: RefundAccount | None = field(default=None, repr=False)


class RefundProtocol:
    """`vault` opens refund accounts, right before they are sent. `send_window`: how long an armed attempt may be sent.

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

    async def carry_out(self, leg_id: str, stop: Stop) -> RefundResult:
        """One try, which sends at most once. Raises a retryable failure when nothing can be told, or was done, yet."""
        sent = False
        for _ in range(MOST_ROUNDS):
            seen = await self.read(leg_id)
            if (known := stands(seen)) is not None:
                return known
            gateway = self._gateways.get(seen.leg.gateway)
            if gateway is None:
                return RefundResult(kind=RefundKind.MISCONFIGURED, code="gateway_unknown")
            if look_first(seen, gateway):
                await self._look_or_fail(seen)
                continue
            if sent:
                raise retryable(FailureType.GATEWAY_DOWN, f"{gateway.name} did not carry {leg_id} out")
            stop.check()
            sent = True
            if (answer := await self._send(seen, gateway)) is not None:
                return answer
        raise retryable(FailureType.DATABASE, f"{leg_id} kept moving")

    async def read(self, leg_id: str) -> Seen:
        with database_errors():
            async with each_alone(self._engine) as conn:
                return await refunds.read(conn, leg_id)

    async def look(self, seen: Seen) -> Look:
        """Ask the gateway whether our refund is there, and write what that proves.

        Found is a proof at any time. Not found is one only if the attempt had settled before the gateway was asked.
        """
        gateway = self._gateways.get(seen.leg.gateway)
        if gateway is None:
            return Look.NO_ANSWER
        match await self._find(gateway, seen):
            case Found(refund_ref, pending):
                await self._write(seen, partial(refunds.accept, seen=seen, refund_ref=refund_ref, pending=pending))
            case Undetermined():
                return Look.NO_ANSWER
            case Absent(failed):
                if seen.sent and seen.attempt is not None and not seen.attempt.settled:
                    return Look.TOO_EARLY
                new_key = failed or key_expired(seen, gateway)
                await self._write(seen, partial(refunds.absent, seen=seen, new_key=new_key))
        return Look.WRITTEN

    async def poll(self, leg_id: str) -> Poll:
        """Ask how a pending refund has ended, and write it."""
        seen = await self.read(leg_id)
        if seen.leg.state is not LegState.PENDING:
            return Poll.SETTLED if seen.leg.state is LegState.SETTLED else Poll.FAILED
        gateway = self._gateways.get(seen.leg.gateway)
        if gateway is None:
            return Poll.NO_ANSWER
        match await self._find(gateway, seen):
            case Found(refund_ref, pending) if refund_ref == seen.leg.refund_ref:
                if pending:
                    return Poll.PENDING
                await self._write(seen, partial(refunds.settle_pending, seen=seen))
            case Absent(failed=True):
                await self._write(seen, partial(refunds.fail_pending, seen=seen))
            case _:
                # Neither there nor failed, or another one of ours in its place: nothing to conclude from.
                return Poll.NO_ANSWER
        moved = await self.read(leg_id)
        return Poll.SETTLED if moved.leg.state is LegState.SETTLED else Poll.FAILED

    async def _send(self, seen: Seen, gateway: PaymentGateway) -> RefundResult | None:
        """Write the attempt, call, write the answer. None: read the row anew."""
        armed = await self._arm(seen, gateway)
        if not isinstance(armed, Armed):
            return armed
        # Last thing before sending, by the clock of this process: the row's deadline may be another try's by now.
        if self._clock() >= armed.send_before:
            await self._write(armed.seen, partial(refunds.not_sent, seen=armed.seen, code="deadline_passed"))
            return None
        return await self._write_outcome(armed.seen, gateway, await self._call(armed, gateway))

    async def _look_or_fail(self, seen: Seen) -> None:
        match await self.look(seen):
            case Look.TOO_EARLY:
                wait = seen.attempt.settles_in if seen.attempt is not None else None
                raise retryable(
                    FailureType.OUTCOME_UNKNOWN, f"{seen.leg.gateway} may still carry {seen.leg.leg_id} out", after=wait
                )
            case Look.NO_ANSWER:
                kind = FailureType.OUTCOME_UNKNOWN if seen.sent else FailureType.GATEWAY_DOWN
                raise retryable(kind, f"{seen.leg.gateway} does not tell whether {seen.leg.leg_id} was carried out")
            case Look.WRITTEN:
                return

    async def _find(self, gateway: PaymentGateway, seen: Seen) -> Found | Absent | Undetermined:
        return await gateway.find(seen.leg.payment_ref, seen.leg.leg_id, seen.leg.amount)

    async def _arm(self, seen: Seen, gateway: PaymentGateway) -> Armed | RefundResult | None:
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, seen.leg.claim_no)
                if head is None:
                    return RefundResult(kind=RefundKind.FENCED)
                try:
                    account = await self._account(conn, seen.leg)
                except InvalidTag:
                    return RefundResult(kind=RefundKind.MISCONFIGURED, code="account_unreadable")
                # Taken under the lock, and before the database takes its own time: never later than the row's deadline.
                send_before = self._clock() + self._send_window.total_seconds()
                armed = await refunds.arm(
                    conn, head, seen, send_window=self._send_window, settling=gateway.capabilities.settling
                )
        match armed:
            case None:
                return None
            case Busy(holder):
                return RefundResult(kind=RefundKind.BUSY, holder=holder)
            case Seen():
                return Armed(armed, send_before, account)

    async def _account(self, conn: Connection, leg: Leg) -> RefundAccount | None:
        """The claim's refund account, for a leg of a virtual account; whether it must be there, its gateway knows.

        Raises InvalidTag when it was sealed under another service secret.
        """
        if leg.means is not Means.VIRTUAL_ACCOUNT:
            return None
        parts = await private.opened(conn, leg.private_id, self._vault)
        bank, number, holder = (parts.get(part) for part in (BANK_PART, NUMBER_PART, HOLDER_PART))
        return RefundAccount(bank, number, holder) if bank and number and holder else None

    async def _call(self, armed: Armed, gateway: PaymentGateway) -> Outcome:
        leg, attempt = armed.seen.leg, armed.seen.attempt
        if attempt is None:
            raise RuntimeError(f"{leg.leg_id} was armed without an attempt")
        return await gateway.refund(
            RefundCommand(
                payment_ref=leg.payment_ref,
                amount=leg.amount,
                key=leg.key,
                reference=leg.leg_id,
                guard=attempt.guard,
                currency=leg.currency,
                means=leg.means,
                tax_free=leg.tax_free,
                vat=leg.vat,
                account=armed.account,
            )
        )

    async def _write_outcome(self, seen: Seen, gateway: PaymentGateway, outcome: Outcome) -> RefundResult | None:
        """Write what came of the call, and answer it; None: read the row anew, to look up or because it has moved."""
        match outcome:
            case Done(refund_ref):
                return await self._accept(seen, refund_ref, RefundKind.ACCEPTED)
            case Pending(refund_ref):
                return await self._accept(seen, refund_ref, RefundKind.PENDING)
            case Unknown(code, answered):
                return await self._leave_open(seen, code, error_answered=answered)
            case Retry(code):
                return await self._leave_open(seen, code, error_answered=False)
            case Conflict(code):
                return await self._conflict(seen, gateway, code)
            case _:
                return await self._nothing_done(seen, gateway, outcome)

    async def _nothing_done(
        self, seen: Seen, gateway: PaymentGateway, outcome: NotSent | NewKey | NeedsAccount | Rejected | Misconfigured
    ) -> RefundResult | None:
        """Write an outcome that certainly moved no money: its attempt ends, and the payment is free for others."""
        code = outcome.code
        after: timedelta | None = None
        match outcome:
            case NotSent():
                written = await self._write(seen, partial(refunds.not_sent, seen=seen, code=code))
                kind = None
            case NewKey():
                written = await self._error(seen, AttemptOutcome.PASSING_ERROR, code)
                kind, after = None, outcome.after
            case NeedsAccount():
                written = await self._error(seen, AttemptOutcome.NEEDS_ACCOUNT, code)
                kind = RefundKind.NEEDS_ACCOUNT
            case Misconfigured():
                written = await self._error(seen, AttemptOutcome.MISCONFIGURED, code)
                kind = RefundKind.MISCONFIGURED
            case Rejected():
                written = await self._write(seen, partial(refunds.reject, seen=seen, code=code))
                kind = RefundKind.REFUSED
        if not written:
            return None
        if kind is None:
            raise retryable(FailureType.GATEWAY_DOWN, f"{gateway.name}: {code}", after=after)
        return RefundResult(kind=kind, code=code)

    async def _leave_open(self, seen: Seen, code: str, *, error_answered: bool) -> RefundResult | None:
        """The attempt stays sent; the next round looks it up."""
        await self._write(seen, partial(refunds.unknown, seen=seen, code=code, error_answered=error_answered))
        return None

    async def _accept(self, seen: Seen, refund_ref: str, kind: RefundKind) -> RefundResult | None:
        pending = kind is RefundKind.PENDING
        written = await self._write(seen, partial(refunds.accept, seen=seen, refund_ref=refund_ref, pending=pending))
        return RefundResult(kind=kind) if written else None

    async def _error(self, seen: Seen, outcome: AttemptOutcome, code: str) -> bool:
        return await self._write(seen, partial(refunds.answered_with_error, seen=seen, outcome=outcome, code=code))

    async def _conflict(self, seen: Seen, gateway: PaymentGateway, code: str) -> RefundResult | None:
        """The guard failed, so this request did nothing. Why, a read tells.

        Ours is there: it counts. Another refund of this payment is pending by our ledger: perhaps it has failed
        meanwhile, so it proves nothing; that one is read first. Else somebody else moved money.
        """
        match await self._find(gateway, seen):
            case Found(refund_ref, pending):
                await self._write(seen, partial(refunds.accept, seen=seen, refund_ref=refund_ref, pending=pending))
                return None
            case Undetermined():
                return await self._leave_open(seen, code, error_answered=True)
            case Absent():
                pass
        if not await self._error(seen, AttemptOutcome.CONFLICT, code):
            return None
        with database_errors():
            async with each_alone(self._engine) as conn:
                beside = await refunds.pending_beside(conn, seen.leg)
        if not beside:
            return RefundResult(kind=RefundKind.CONFLICT, code=code)
        for other in beside:
            await self.poll(other.leg.leg_id)
        return RefundResult(kind=RefundKind.BUSY, holder=beside[0].leg.claim_no)

    async def _write(self, seen: Seen, write: Callable[[Connection, ClaimHead], Awaitable[bool]]) -> bool:
        """Write what became known, whichever way the claim goes by now. False: the row has moved."""
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, seen.leg.claim_no, None)
                return head is not None and await write(conn, head)


def look_first(seen: Seen, gateway: PaymentGateway) -> bool:
    """Whether the gateway must be asked before anything is sent: nobody knows what the last try did, or n must rise."""
    if seen.attempt is None:
        return False
    return seen.attempt.state is not AttemptState.ABSENT or key_expired(seen, gateway)


def key_expired(seen: Seen, gateway: PaymentGateway) -> bool:
    """Whether the gateway may have forgotten the key by now, and would take it for a new request."""
    return seen.leg.key_age is not None and seen.leg.key_age >= gateway.capabilities.key_life


def stands(seen: Seen) -> RefundResult | None:
    """The answer that the row itself gives; None while the leg is planned, to be sent to its gateway."""
    match seen.leg.state:
        case LegState.SETTLED:
            return RefundResult(kind=RefundKind.ACCEPTED)
        case LegState.PENDING:
            return RefundResult(kind=RefundKind.PENDING)
        case LegState.REFUSED:
            return RefundResult(kind=RefundKind.REFUSED, code=seen.leg.code)
        case LegState.VOID:
            return RefundResult(kind=RefundKind.FENCED)
        case LegState.PLANNED if not seen.leg.forward and not seen.sent:
            return RefundResult(kind=RefundKind.FENCED)
        case LegState.PLANNED:
            return RefundResult(kind=RefundKind.PAYING_OUT) if seen.leg.paying_out else None
