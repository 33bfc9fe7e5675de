"""The control: with the look-up switched off the customer does pay twice. So these tests can fail."""

from __future__ import annotations

from functools import partial

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.charge_protocol import ChargeKind, ChargeProtocol
from activities.refund_protocol import Look
from gateways.payments.sandbox import SandboxGateway
from store import charges
from store.charges import Charge
from tests.charges.machinery import Machinery
from tests.charges.world import AMOUNT, VAULT, World
from tests.refunds.machinery import SEND_WINDOW


class Blind(ChargeProtocol):
    """Takes every unknown outcome for a failure, and tries again under a new key."""

    async def look(self, charge: Charge) -> Look:
        await self._write(charge, partial(charges.absent, charge=charge, new_key=True))
        return Look.WRITTEN


@pytest.mark.parametrize(("protocol", "taken"), [(Blind, [AMOUNT, AMOUNT]), (ChargeProtocol, [AMOUNT])])
@pytest.mark.parametrize("fault", ["lose_answer", "error_after"])
async def test_what_the_look_up_is_for(
    engine: AsyncEngine,
    gateway: SandboxGateway,
    world: World,
    protocol: type[ChargeProtocol],
    taken: list[int],
    fault: str,
) -> None:
    claim_no = await world.claim()
    world.gateway.fault(fault)
    gateways = {"sandbox": gateway}
    machinery = Machinery(engine, gateways, protocol=protocol(engine, gateways, VAULT, send_window=SEND_WINDOW))
    if protocol is Blind:
        with pytest.raises(ApplicationError, match="did not carry"):
            await machinery.charge(claim_no)
    assert (await machinery.charge(claim_no)).kind is ChargeKind.TAKEN
    assert world.amounts(claim_no) == taken
