"""Closing payments that nobody has to make any more, also at their gateways. docs/saga.md: unpaid orders."""

from __future__ import annotations

from collections.abc import Mapping

from temporalio import activity

from activities.errors import FailureType, database_errors, retryable
from activities.messages import ClaimRef, Message
from activities.undisturbed import HEARTBEAT, Stop, undisturbed
from gateways.payments.port import AlreadyPaid, Closed, CloseOutcome, PaymentGateway, StillOpen
from store import late_money
from store.database import Engine
from store.fence import enter
from store.late_money import AwaitedPayment


class ClosedAwaited(Message):
    """`late`: money came in all the same, and the claim has a leg to be settled that gives it back."""

    late: bool = False


class ClosingActivities:
    """`heartbeat`: seconds between heartbeats."""

    def __init__(self, engine: Engine, gateways: Mapping[str, PaymentGateway], *, heartbeat: float = HEARTBEAT) -> None:
        self._engine = engine
        self._gateways = gateways
        self._heartbeat = heartbeat

    @activity.defn
    async def close_awaited(self, claim: ClaimRef) -> ClosedAwaited:
        """Close what the claim closed at the gateways too; what was paid meanwhile is booked, and goes back.

        Nothing happens before the claim is decided. Raises the retryable failure GatewayDown while one of them may be
        closed by asking again; the others are done then. Idempotent.
        """

        async def work(stop: Stop) -> ClosedAwaited:
            with database_errors():
                async with self._engine.connect() as conn:
                    awaited = await late_money.awaited_of_claim(conn, claim.claim_no)
            left = [code for payment in awaited if (code := await self._close(stop, claim.claim_no, payment))]
            with database_errors():
                async with self._engine.connect() as conn:
                    late = await late_money.late_legs_open(conn, claim.claim_no)
            if left and not late:
                raise retryable(FailureType.GATEWAY_DOWN, f"not closed: {', '.join(left)}")
            return ClosedAwaited(late=late)

        return await undisturbed(work, heartbeat=self._heartbeat)

    async def _close(self, stop: Stop, claim_no: str, payment: AwaitedPayment) -> str | None:
        """One payment; the code when it is worth another try."""
        stop.check()
        outcome = await self._ask(claim_no, payment)
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, claim_no)
                if head is None:
                    return None
                match outcome:
                    case Closed():
                        await late_money.closed_at_gateway(conn, head, payment.payment_no)
                    case AlreadyPaid(captured):
                        await late_money.book_late_capture(conn, head, payment.payment_no, captured)
                    case StillOpen(code, again=False):
                        await late_money.stays_open(conn, head, payment.payment_no, code)
                    case StillOpen(code):
                        return code
        return None

    async def _ask(self, claim_no: str, payment: AwaitedPayment) -> CloseOutcome:
        gateway = self._gateways.get(payment.gateway)
        if gateway is None:
            return StillOpen("gateway_unknown", again=False)
        # An error may be repeated under its key for ever, and closing twice does no harm: each try has its own.
        key = f"close-{claim_no}-{payment.position}-{activity.info().attempt}"
        return await gateway.close(payment.payment_ref, key)
