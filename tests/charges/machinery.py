"""The charge activities as tests run them: on real parts, with short times, and with places where they can be held."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.charge_protocol import ArmedCharge, ChargeProtocol, ChargeResult
from activities.charges import ChargeActivities
from activities.messages import ClaimRef
from activities.refunds import LookUpResult
from gateways.payments.port import ChargeOutcome, PaymentGateway
from store.charges import Charge
from tests.charges.world import VAULT
from tests.refunds.machinery import SEND_WINDOW, Place, run


@dataclass
class Machinery:
    """Runs the activities, each run in an environment of its own as a worker would."""

    engine: AsyncEngine
    gateways: Mapping[str, PaymentGateway]
    send_window: timedelta = SEND_WINDOW
    protocol: ChargeProtocol | None = None
    activities: ChargeActivities = field(init=False)

    def __post_init__(self) -> None:
        self.activities = ChargeActivities(
            self.engine, self.gateways, VAULT, send_window=self.send_window, heartbeat=0.05, protocol=self.protocol
        )

    async def charge(self, claim_no: str) -> ChargeResult:
        return await run(self.activities.charge, ClaimRef(claim_no=claim_no))

    async def look_up(self, claim_no: str) -> LookUpResult:
        return await run(self.activities.look_up, ClaimRef(claim_no=claim_no))

    async def charge_stubbornly(self, claim_no: str, tries: int = 6) -> ChargeResult:
        """As Temporal would: again after each retryable failure, when it says so."""
        for left in reversed(range(tries)):
            try:
                return await self.charge(claim_no)
            except ApplicationError as failure:
                if failure.non_retryable or left == 0:
                    raise
                await asyncio.sleep((failure.next_retry_delay or timedelta()).total_seconds())
        raise AssertionError("no try at all")


class HeldProtocol(ChargeProtocol):
    """The protocol, stopping once where the test wants: as an activity does whose worker is given up for dead.

    `after_read`: the row was read. `before_arm`: the try is about to be written. `after_arm`: it is, and not sent.
    `after_call`: the answer is here, not written. `skew` is added to the process's clock.
    """

    def __init__(self, engine: AsyncEngine, gateways: Mapping[str, PaymentGateway], hold_at: str) -> None:
        super().__init__(engine, gateways, VAULT, send_window=SEND_WINDOW, clock=lambda: time.monotonic() + self.skew)
        self.skew = 0.0
        self.place = Place()
        self.calls = 0
        self._hold_at = hold_at

    async def _stop_at(self, name: str) -> None:
        if name == self._hold_at and not self.place.reached.is_set():
            await self.place.stop()

    async def read(self, claim_no: str) -> Charge:
        charge = await super().read(claim_no)
        await self._stop_at("after_read")
        return charge

    async def _arm(self, charge: Charge, gateway: PaymentGateway) -> ArmedCharge | None:
        await self._stop_at("before_arm")
        armed = await super()._arm(charge, gateway)
        await self._stop_at("after_arm")
        return armed

    async def _call(self, armed: ArmedCharge, gateway: PaymentGateway) -> ChargeOutcome:
        self.calls += 1
        outcome = await super()._call(armed, gateway)
        await self._stop_at("after_call")
        return outcome
