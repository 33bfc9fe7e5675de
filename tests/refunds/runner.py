"""A process that refunds once and stays at a place: ``python -m tests.refunds.runner DATABASE GATEWAY LEG PLACE``.

It says ``at PLACE`` when it is there and stays; otherwise it says ``done KIND``.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.refund_protocol import Armed, RefundProtocol, RefundResult
from activities.refunds import RefundActivities, RefundLeg
from gateways.payments.port import Outcome, PaymentGateway
from store.engine import create_engine
from store.refunds import Seen
from tests.refunds.machinery import SEND_WINDOW, VAULT, sandbox_gateway

PLACES = ("before_arm", "after_arm", "after_call", "after_write")


class StayingProtocol(RefundProtocol):
    """The protocol, except that it stays at one place for ever."""

    def __init__(self, engine: AsyncEngine, gateways: Mapping[str, PaymentGateway], place: str) -> None:
        super().__init__(engine, gateways, VAULT, send_window=SEND_WINDOW)
        self._place = place

    async def _stay_at(self, place: str) -> None:
        if place == self._place:
            print(f"at {place}", flush=True)
            await asyncio.Event().wait()

    async def _arm(self, seen: Seen, gateway: PaymentGateway) -> Armed | RefundResult | None:
        await self._stay_at("before_arm")
        armed = await super()._arm(seen, gateway)
        await self._stay_at("after_arm")
        return armed

    async def _call(self, armed: Armed, gateway: PaymentGateway) -> Outcome:
        outcome = await super()._call(armed, gateway)
        await self._stay_at("after_call")
        return outcome

    async def _write_outcome(self, seen: Seen, gateway: PaymentGateway, outcome: Outcome) -> RefundResult | None:
        result = await super()._write_outcome(seen, gateway, outcome)
        await self._stay_at("after_write")
        return result


async def main(database_url: str, gateway_url: str, leg_id: str, place: str) -> None:
    engine = create_engine(database_url, pool_size=3, lock_timeout_ms=2000, statement_timeout_ms=5000)
    gateway = sandbox_gateway(gateway_url)
    gateways = {gateway.name: gateway}
    protocol = StayingProtocol(engine, gateways, place)
    activities = RefundActivities(engine, gateways, VAULT, send_window=SEND_WINDOW, protocol=protocol)
    result = await ActivityEnvironment().run(activities.refund, RefundLeg(leg_id=leg_id))
    print(f"done {result.kind}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
