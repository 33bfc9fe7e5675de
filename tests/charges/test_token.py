"""The token of the means that is charged: opened right before it is sent, and told to nobody else."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.charge_protocol import ArmedCharge, ChargeKind
from domain.claims import ChargeState
from domain.orders import Means
from gateways.payments.port import ChargeCommand, ChargeOutcome, Rejected
from gateways.payments.sandbox import SandboxGateway
from tests.charges.machinery import Machinery
from tests.charges.world import TOKEN, World


class Listening(SandboxGateway):
    """The sandbox gateway, which also keeps what it was told to charge."""

    asked: list[ChargeCommand]
    refusing = False

    async def charge(self, command: ChargeCommand) -> ChargeOutcome:
        self.asked.append(command)
        return Rejected("stolen_card") if self.refusing else await super().charge(command)


@pytest.fixture
def listening(gateway: SandboxGateway) -> Listening:
    gateway.__class__ = Listening
    assert isinstance(gateway, Listening)
    gateway.asked = []
    return gateway


@pytest.fixture
def machinery(engine: AsyncEngine, listening: Listening) -> Machinery:
    return Machinery(engine, {"sandbox": listening})


@pytest.mark.parametrize("stored_no", [None, "S1"])
@pytest.mark.parametrize("refusing", [False, True])
async def test_the_token_is_sent_and_nowhere_else(
    machinery: Machinery,
    listening: Listening,
    world: World,
    caplog: pytest.LogCaptureFixture,
    stored_no: str | None,
    refusing: bool,
) -> None:
    listening.refusing = refusing
    claim_no = await world.claim(stored_no=stored_no)
    with caplog.at_level(logging.DEBUG):
        result = await machinery.charge(claim_no)
    assert result.kind is (ChargeKind.REFUSED if refusing else ChargeKind.TAKEN)
    (asked,) = listening.asked
    assert (asked.token, asked.means, asked.currency) == (TOKEN, Means.CARD, "KRW")
    assert TOKEN not in await world.everything()
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(asked)
    assert TOKEN not in repr(ArmedCharge(await world.charge(claim_no), TOKEN, 0))


async def test_a_stored_means_that_is_gone_refuses_the_charge_unsent(
    machinery: Machinery, listening: Listening, world: World
) -> None:
    claim_no = await world.claim(stored_no="S1")
    await world.forget_stored_means(claim_no)
    result = await machinery.charge(claim_no)
    assert (result.kind, result.code) == (ChargeKind.REFUSED, "means_gone")
    assert listening.asked == []
    assert (await world.row(claim_no)).state == ChargeState.REFUSED
    assert await world.turn_back(claim_no)


async def test_a_request_without_a_token_is_refused_unsent(
    machinery: Machinery, listening: Listening, world: World
) -> None:
    claim_no = await world.claim(token=None)
    assert (await machinery.charge(claim_no)).code == "means_gone"
    assert listening.asked == []
