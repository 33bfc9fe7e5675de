"""The control: with the look-up switched off, and the guard too, money does leave twice. So these tests can fail."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.refund_protocol import RefundProtocol
from gateways.payments.sandbox import SandboxGateway
from tests.refunds.blind import Blind, BlindAndUnguarded
from tests.refunds.machinery import SEND_WINDOW, VAULT, Machinery
from tests.refunds.world import World


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
