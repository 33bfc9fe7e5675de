"""The refund activities as tests run them: on real parts, with short times, and with places where they can be held."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.refund_protocol import Armed, RefundProtocol, RefundResult
from activities.refunds import LookUpResult, PollResult, RefundActivities, RefundLeg
from gateways.payments.port import Outcome, PaymentGateway
from gateways.payments.sandbox import SandboxGateway
from store.private import Vault
from store.refunds import Seen

T = TypeVar("T")

VAULT = Vault("tests")
SEND_WINDOW = timedelta(seconds=3)
SETTLING = timedelta(seconds=0.3)


def sandbox_gateway(
    url: str, *, settling: timedelta = SETTLING, read_timeout: float = 5, key_life: timedelta = timedelta(days=15)
) -> SandboxGateway:
    return SandboxGateway(url, connect_timeout=1, read_timeout=read_timeout, settling=settling, key_life=key_life)


@dataclass
class Machinery:
    """Runs the activities, each run in an environment of its own as a worker would."""

    engine: AsyncEngine
    gateways: Mapping[str, PaymentGateway]
    send_window: timedelta = SEND_WINDOW
    protocol: RefundProtocol | None = None
    activities: RefundActivities = field(init=False)

    def __post_init__(self) -> None:
        self.activities = RefundActivities(
            self.engine, self.gateways, VAULT, send_window=self.send_window, heartbeat=0.05, protocol=self.protocol
        )

    async def refund(self, leg_id: str) -> RefundResult:
        return await run(self.activities.refund, RefundLeg(leg_id=leg_id))

    async def look_up(self, leg_id: str) -> LookUpResult:
        return await run(self.activities.look_up, RefundLeg(leg_id=leg_id))

    async def poll(self, leg_id: str) -> PollResult:
        return await run(self.activities.poll, RefundLeg(leg_id=leg_id))

    async def refund_stubbornly(self, leg_id: str, tries: int = 6) -> RefundResult:
        """As Temporal would: again after each retryable failure, when it says so."""
        for left in reversed(range(tries)):
            try:
                return await self.refund(leg_id)
            except ApplicationError as failure:
                if failure.non_retryable or left == 0:
                    raise
                await asyncio.sleep((failure.next_retry_delay or timedelta()).total_seconds())
        raise AssertionError("no try at all")


async def run(activity: Callable[[Any], Coroutine[Any, Any, T]], argument: Any) -> T:
    return await ActivityEnvironment().run(activity, argument)


class Place:
    """A place where a run stops until it is let go on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._open = asyncio.Event()

    def let_go(self) -> None:
        self._open.set()

    async def stop(self) -> None:
        self.reached.set()
        await self._open.wait()


class HeldProtocol(RefundProtocol):
    """The protocol, stopping once where the test wants: as an activity does whose worker is given up for dead.

    `after_read`: the row was read. `before_arm`: the attempt is about to be written. `after_arm`: it is, and not sent.
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

    async def read(self, leg_id: str) -> Seen:
        seen = await super().read(leg_id)
        await self._stop_at("after_read")
        return seen

    async def _arm(self, seen: Seen, gateway: PaymentGateway) -> Armed | RefundResult | None:
        await self._stop_at("before_arm")
        armed = await super()._arm(seen, gateway)
        await self._stop_at("after_arm")
        return armed

    async def _call(self, armed: Armed, gateway: PaymentGateway) -> Outcome:
        self.calls += 1
        outcome = await super()._call(armed, gateway)
        await self._stop_at("after_call")
        return outcome
