"""The refund protocol with its safeguards switched off, to prove that the tests can fail."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from activities.refund_protocol import Armed, Look, RefundProtocol
from gateways.payments.port import Outcome, PaymentGateway, PaymentSnapshot
from store import refunds
from store.refunds import Seen


class Blind(RefundProtocol):
    """Takes every unknown outcome for a failure, and tries again under a new key."""

    async def look(self, seen: Seen) -> Look:
        await self._write(seen, partial(refunds.absent, seen=seen, new_key=True))
        return Look.WRITTEN


class BlindAndUnguarded(Blind):
    """And asks the gateway to check nothing: its guard is whatever the payment holds."""

    async def _call(self, armed: Armed, gateway: PaymentGateway) -> Outcome:
        payment = await gateway.read(armed.seen.leg.payment_ref)
        assert isinstance(payment, PaymentSnapshot)
        assert armed.seen.attempt is not None
        attempt = replace(armed.seen.attempt, guard=payment.balance)
        return await super()._call(replace(armed, seen=replace(armed.seen, attempt=attempt)), gateway)
