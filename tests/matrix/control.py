"""The control of the matrix: with the look-up switched off money does leave twice, at each gateway. So it can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import bootstrap
from activities.refund_protocol import RefundProtocol
from activities.refunds import RefundActivities
from store.private import Vault
from tests.matrix.play import order_of
from tests.matrix.rows import GATEWAYS, ROWS, Cell, Kill, Row, Shape
from tests.matrix.stands import StandIn
from tests.refunds.blind import Blind, BlindAndUnguarded
from tests.support.house import House

MISLEADING = ("lose_answer", "error_after", "html_after", "delay")
"""Faults after which the money has moved, and a careless caller believes that it has not."""

UNGUARDED = frozenset({"stripe"})
"""Gateways that are asked for no guard amount: there nothing but the look-up is between a customer and two refunds."""


AT_REST = """
SELECT 1 FROM claims WHERE claim_no = :no
AND (closed_at IS NOT NULL OR EXISTS (SELECT FROM parkings AS p WHERE p.claim_no = :no AND p.closed_at IS NULL))
"""


@dataclass(frozen=True, slots=True)
class Doubled:
    """How often a part of a payment was refunded, by the gateway's own ledger; it `should` be."""

    gateway: str
    fault: str
    guarded: bool
    refunds: int
    should: int

    @property
    def wrong(self) -> bool:
        return self.refunds != self.should


def _row(gateway: str, fault: str) -> Row | None:
    return next((row for row in ROWS if row.name == fault and gateway in row.gateways), None)


def paired(gateway: str | None = None, faults: Sequence[str] = MISLEADING) -> list[tuple[str, str]]:
    """Each gateway with each fault of these that its stand-in plays."""
    return [(name, fault) for name in GATEWAYS if gateway in (None, name) for fault in faults if _row(name, fault)]


async def careless(house: House, pairs: Sequence[tuple[str, str]], *, guarded: bool) -> list[Doubled]:
    """Refund a part of a payment for each pair without ever looking it up; `guarded`: but with the guard."""
    protocol = Blind if guarded else BlindAndUnguarded
    settings = house.settings.model_copy(update={"task_queue": f"{house.settings.task_queue}-{protocol.__name__}"})
    async with _careless_worker(replace(house, settings=settings), protocol) as blind:
        return list(await asyncio.gather(*(_one(blind, *pair, guarded=guarded) for pair in pairs)))


async def _one(house: House, gateway: str, fault: str, *, guarded: bool) -> Doubled:
    row = _row(gateway, fault)
    assert row is not None
    order = order_of(Cell(gateway, row, Shape.PART, Kill.NEVER))
    order_no = await house.feed(order, email=None)
    stand = StandIn(house.gateway, gateway)
    await stand.pay(f"{order_no}-1", order.payments[0].amount)
    delay = int((house.settings.effective_gateway_read_timeout + 1) * 1000) if fault == "delay" else None
    await stand.suffer(fault, f"{order_no}-1", delay_ms=delay)
    asked = house.asked(order_no, {1: 2})
    await house.cancel(asked)

    async def at_rest() -> bool:
        # At KakaoPay every refusal looks alike: one who never looks is refused by the guard until a person is asked.
        return bool(await house.rows(AT_REST, no=asked.claim_no))

    await house.eventually(at_rest, timeout=60)
    there = await stand.refunds(f"{order_no}-1")
    should = 1 if guarded and gateway not in UNGUARDED else 2
    return Doubled(gateway, fault, guarded, len(there), should)


@asynccontextmanager
async def _careless_worker(house: House, protocol: type[RefundProtocol]) -> AsyncIterator[House]:
    """The house with a worker in this process whose refunds go by `protocol`."""
    settings = house.settings
    window = timedelta(seconds=settings.gateway_send_window)
    async with AsyncExitStack() as stack:
        engine, gateways, carriers = (
            bootstrap.engine(settings), bootstrap.gateways(settings), bootstrap.carriers(settings)
        )  # fmt: skip
        bootstrap.close_later(stack, engine, gateways, carriers)
        vault = Vault(settings.service_secret.get_secret_value())
        careful = bootstrap.activities(settings, house.policy, engine, house.temporal, gateways, carriers)
        blind = RefundActivities(
            engine, gateways, vault, send_window=window, protocol=protocol(engine, gateways, vault, send_window=window)
        )
        serving = [
            getattr(blind, one.__name__) if isinstance(getattr(one, "__self__", None), RefundActivities) else one
            for one in careful
        ]
        async with bootstrap.worker(settings, house.temporal, serving):
            yield house
