"""A gateway that keeps no keys: between two requests of ours there is always a look-up, whatever became of the first.

There the same request again pays again, so the log of what was asked of the gateway is the proof: no two sends without
a look between them. A control shows that a gateway said to keep its keys is sent to twice in a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count, pairwise

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.refund_protocol import RefundKind
from domain.claims import LegState
from gateways.payments.port import (
    Absent,
    Conflict,
    Found,
    Misconfigured,
    NeedsAccount,
    NewKey,
    NotSent,
    Outcome,
    PaymentGateway,
    RefundCommand,
    Rejected,
    Retry,
    Undetermined,
    Unknown,
)
from gateways.payments.sandbox import SandboxGateway
from store import by_hand
from tests.refunds.machinery import Machinery
from tests.refunds.world import World

NO_LIFE = timedelta(0)


class Keyless:
    """The sandbox gateway without its keys: each request goes out under one of its own. `log` is what was asked of it.

    The first requests get `answers`, without anything being done.
    """

    def __init__(
        self, gateway: SandboxGateway, answers: Sequence[Outcome] = (), *, key_life: timedelta = NO_LIFE
    ) -> None:
        self.name = gateway.name
        self.capabilities = replace(gateway.capabilities, key_life=key_life)
        self.read = gateway.read
        self.charge = gateway.charge
        self.list_charges = gateway.list_charges
        self.find_charge = gateway.find_charge
        self.parse_webhook = gateway.parse_webhook
        self.close, self.aclose = gateway.close, gateway.aclose
        self.list_touched = gateway.list_touched
        self.log: list[str] = []
        self._gateway = gateway
        self._answers = list(answers)
        self._numbers = count(1)

    async def refund(self, command: RefundCommand) -> Outcome:
        self.log.append("send")
        if self._answers:
            return self._answers.pop(0)
        keyed_anew = replace(command, key=f"{command.key}-keyless-{next(self._numbers)}")
        return await self._gateway.refund(keyed_anew)

    async def find(self, payment_ref: str, reference: str, amount: int) -> Found | Absent | Undetermined:
        self.log.append("look")
        return await self._gateway.find(payment_ref, reference, amount)

    @property
    def blind(self) -> bool:
        """Whether anything was sent twice without a look between."""
        return ("send", "send") in pairwise(self.log)


def with_gateway(engine: AsyncEngine, gateway: PaymentGateway) -> Machinery:
    return Machinery(engine, {"sandbox": gateway})


async def refund_to_the_end(machinery: Machinery, world: World, leg_id: str) -> None:
    """Try until it is accepted, with the settling time passed and refusals reopened, as a patient operator would."""
    for _ in range(8):
        try:
            result = await machinery.refund(leg_id)
        except ApplicationError as failure:
            if failure.non_retryable:
                raise
        else:
            if result.kind is RefundKind.ACCEPTED:
                return
            if result.kind is RefundKind.REFUSED:
                async with machinery.engine.begin() as conn:
                    await by_hand.reopen_refused(conn, leg_id)
        await world.age(leg_id)
    raise AssertionError("never accepted")


ANSWERS: list[Outcome] = [
    NotSent("ConnectError"),
    Retry("in_progress"),
    Unknown("ReadTimeout", answered=False),
    Unknown("-780", answered=True),
    NewKey("bank_closed"),
    Conflict("-780"),
    NeedsAccount("account_closed"),
    Misconfigured("-401"),
    Rejected("refused"),
]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: f"{type(answer).__name__}-{answer.code}")
async def test_it_looks_before_it_sends_again(
    engine: AsyncEngine, gateway: SandboxGateway, world: World, answer: Outcome
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    keyless = Keyless(gateway, [answer, answer])
    await refund_to_the_end(with_gateway(engine, keyless), world, leg_id)
    assert keyless.log.count("send") == 3
    assert not keyless.blind
    assert world.returned(paid) == [3_000]


@pytest.mark.parametrize("fault", ["lose_answer", "error_after"])
async def test_what_was_done_without_a_word_is_never_done_again(
    engine: AsyncEngine, gateway: SandboxGateway, world: World, fault: str
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault(fault, paid.pg_tid)
    keyless = Keyless(gateway)
    await refund_to_the_end(with_gateway(engine, keyless), world, leg_id)
    assert keyless.log == ["send", "look"]
    assert world.returned(paid) == [3_000]


async def test_it_looks_after_an_attempt_that_was_too_slow_to_be_sent(
    engine: AsyncEngine, gateway: SandboxGateway, world: World
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    keyless = Keyless(gateway)
    slow = Machinery(engine, {"sandbox": keyless}, send_window=timedelta(seconds=-3))
    with pytest.raises(ApplicationError):
        await slow.refund(leg_id)
    await refund_to_the_end(with_gateway(engine, keyless), world, leg_id)
    assert keyless.log.count("send") == 1
    assert keyless.log[-2:] == ["look", "send"]
    assert world.returned(paid) == [3_000]


async def test_a_look_that_tells_nothing_lets_nothing_be_sent(
    engine: AsyncEngine, gateway: SandboxGateway, world: World
) -> None:
    """As KakaoPay's does, when the order query echoes no payload."""
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)

    class Mute(Keyless):
        async def find(self, payment_ref: str, reference: str, amount: int) -> Found | Absent | Undetermined:
            await super().find(payment_ref, reference, amount)
            return Undetermined("reference_not_echoed")

    mute = Mute(gateway, [NotSent("ConnectError")])
    machinery = with_gateway(engine, mute)
    for _ in range(3):
        with pytest.raises(ApplicationError):
            await machinery.refund(leg_id)
        await world.age(leg_id)
    assert mute.log == ["send", "look", "look"]
    assert await world.state(leg_id) is LegState.PLANNED
    assert world.returned(paid) == []


async def test_a_gateway_said_to_keep_its_keys_is_sent_to_twice_in_a_row(
    engine: AsyncEngine, gateway: SandboxGateway, world: World
) -> None:
    """The control: what the tests above look for is what a key's life brings about, and they would see it."""
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    keyed = Keyless(gateway, [NotSent("ConnectError")], key_life=timedelta(days=15))
    await refund_to_the_end(with_gateway(engine, keyed), world, leg_id)
    assert keyed.blind
