"""A process that charges once and stays at a place: ``python -m tests.charges.runner DATABASE GATEWAY CLAIM PLACE``.

It says ``at PLACE`` when it is there and stays; otherwise it says ``done KIND``.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncEngine

from activities.charge_protocol import ArmedCharge, ChargeProtocol, ChargeResult
from gateways.payments.port import ChargeOutcome, PaymentGateway
from store.charges import Charge
from store.engine import create_engine
from tests.charges.machinery import Machinery
from tests.charges.world import VAULT
from tests.refunds.machinery import SEND_WINDOW, sandbox_gateway

PLACES = ("before_arm", "after_arm", "after_call", "after_write")


class StayingProtocol(ChargeProtocol):
    """The protocol, except that it stays at one place for ever."""

    def __init__(self, engine: AsyncEngine, gateways: Mapping[str, PaymentGateway], place: str) -> None:
        super().__init__(engine, gateways, VAULT, send_window=SEND_WINDOW)
        self._place = place

    async def _stay_at(self, place: str) -> None:
        if place == self._place:
            print(f"at {place}", flush=True)
            await asyncio.Event().wait()

    async def _arm(self, charge: Charge, gateway: PaymentGateway) -> ArmedCharge | None:
        await self._stay_at("before_arm")
        armed = await super()._arm(charge, gateway)
        await self._stay_at("after_arm")
        return armed

    async def _call(self, armed: ArmedCharge, gateway: PaymentGateway) -> ChargeOutcome:
        outcome = await super()._call(armed, gateway)
        await self._stay_at("after_call")
        return outcome

    async def _write_outcome(
        self, charge: Charge, gateway: PaymentGateway, outcome: ChargeOutcome
    ) -> ChargeResult | None:
        result = await super()._write_outcome(charge, gateway, outcome)
        await self._stay_at("after_write")
        return result


async def main(database_url: str, gateway_url: str, claim_no: str, place: str) -> None:
    engine = create_engine(database_url, pool_size=3, lock_timeout_ms=2000, statement_timeout_ms=5000)
    gateway = sandbox_gateway(gateway_url)
    gateways = {gateway.name: gateway}
    machinery = Machinery(engine, gateways, protocol=StayingProtocol(engine, gateways, place))
    result = await machinery.charge(claim_no)
    print(f"done {result.kind}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
