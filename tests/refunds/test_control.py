"""The control: with the look-up switched off, and the guard too, money does leave twice. So these tests can fail."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.refund_protocol import Armed, Look, RefundProtocol
from gateways.payments.port import Outcome, PaymentGateway, PaymentSnapshot
from gateways.payments.sandbox import SandboxGateway
from store import refunds
from store.refunds import Seen
from tests.refunds.machinery import SEND_WINDOW, VAULT, Machinery
from tests.refunds.world import World


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


@pytest.mark.parametrize(("protocol", "returned"), [(BlindAndUnguarded, [3_000, 3_000]), (Blind, [3_000])])
@pytest.mark.parametrize("fault", ["lose_answer", "error_after"])
async def test_what_look_up_and_guard_are_for(
    engine: AsyncEngine,
    gateway: SandboxGateway,
    world: World,
    protocol: type[RefundProtocol],
    returned: list[int],
    fault: str,
) -> None:
    paid = await world.paid(10_000)
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault(fault, paid.pg_tid)
    gateways = {"sandbox": gateway}
    blind = Machinery(engine, gateways, protocol=protocol(engine, gateways, VAULT, send_window=SEND_WINDOW))
    with pytest.raises(ApplicationError, match="did not carry"):
        await blind.refund(leg_id)
    await blind.refund(leg_id)
    assert world.returned(paid) == returned
