"""Answers that the sandbox never gives to a charge but other gateways do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.charge_protocol import ChargeKind
from activities.errors import FailureType
from domain.claims import ChargeState
from gateways.payments.port import ChargeCommand, ChargeOutcome, Misconfigured, NewKey, Retry
from gateways.payments.sandbox import SandboxGateway
from tests.charges.machinery import Machinery
from tests.charges.world import AMOUNT, World


class OtherWords:
    """The sandbox gateway, except that it gives one answer of another gateway, without doing anything."""

    def __init__(self, gateway: SandboxGateway, answer: ChargeOutcome) -> None:
        self.name = gateway.name
        self.capabilities = gateway.capabilities
        self.read, self.find, self.refund = gateway.read, gateway.find, gateway.refund
        self.list_charges, self.find_charge = gateway.list_charges, gateway.find_charge
        self.parse_webhook = gateway.parse_webhook
        self.close, self.aclose = gateway.close, gateway.aclose
        self.list_touched = gateway.list_touched
        self.keys: list[str] = []
        self._gateway = gateway
        self._answer: ChargeOutcome | None = answer

    async def charge(self, command: ChargeCommand) -> ChargeOutcome:
        self.keys.append(command.key)
        answer, self._answer = self._answer, None
        return answer or await self._gateway.charge(command)


async def test_an_error_that_passes_is_tried_again_with_a_new_key(
    engine: AsyncEngine, gateway: SandboxGateway, world: World
) -> None:
    claim_no = await world.claim()
    other = OtherWords(gateway, NewKey("issuer_asleep", timedelta(seconds=7)))
    machinery = Machinery(engine, {"sandbox": other})
    with pytest.raises(ApplicationError, match="issuer_asleep") as failure:
        await machinery.charge(claim_no)
    assert failure.value.type == FailureType.GATEWAY_DOWN
    assert failure.value.next_retry_delay == timedelta(seconds=7)
    assert not (await world.row(claim_no)).ever_unknown
    # Nothing was done, so nothing need settle.
    assert (await machinery.charge(claim_no)).kind is ChargeKind.TAKEN
    assert other.keys == [f"charge-{claim_no}-1", f"charge-{claim_no}-2"]
    assert world.amounts(claim_no) == [AMOUNT]


async def test_what_is_ours_to_mend_is_tried_again_with_a_new_key(
    engine: AsyncEngine, gateway: SandboxGateway, world: World
) -> None:
    claim_no = await world.claim()
    machinery = Machinery(engine, {"sandbox": OtherWords(gateway, Misconfigured("bad_credentials"))})
    result = await machinery.charge(claim_no)
    assert (result.kind, result.code) == (ChargeKind.MISCONFIGURED, "bad_credentials")
    assert (await world.row(claim_no)).state == ChargeState.PLANNED
    assert (await machinery.charge(claim_no)).kind is ChargeKind.TAKEN
    assert [one["key"] for one in world.taken(claim_no)] == [f"charge-{claim_no}-2"]


async def test_an_error_answered_after_all_the_same_charge_was_taken_is_not_sent_again(
    engine: AsyncEngine, gateway: SandboxGateway, world: World
) -> None:
    claim_no = await world.claim()
    machinery = Machinery(engine, {"sandbox": OtherWords(gateway, Misconfigured("bad_credentials"))})
    await machinery.charge(claim_no)
    world.gateway.charge(AMOUNT, reference=f"X-{claim_no}").raise_for_status()
    assert (await machinery.charge(claim_no)).kind is ChargeKind.TAKEN
    assert world.amounts(claim_no) == [AMOUNT]


async def test_a_key_still_at_work_keeps_its_number(engine: AsyncEngine, gateway: SandboxGateway, world: World) -> None:
    claim_no = await world.claim()
    machinery = Machinery(engine, {"sandbox": OtherWords(gateway, Retry("in_progress"))})
    with pytest.raises(ApplicationError) as failure:
        await machinery.charge(claim_no)
    assert failure.value.type == FailureType.OUTCOME_UNKNOWN
    await world.age(claim_no)
    assert (await machinery.charge(claim_no)).kind is ChargeKind.TAKEN
    assert [one["key"] for one in world.taken(claim_no)] == [f"charge-{claim_no}-1"]


async def test_a_gateway_that_takes_no_charges_is_never_asked_to(
    engine: AsyncEngine, gateway: SandboxGateway, world: World
) -> None:
    claim_no = await world.claim()
    unable = OtherWords(gateway, NewKey("never"))
    unable.capabilities = replace(gateway.capabilities, charges=False)
    result = await Machinery(engine, {"sandbox": unable}).charge(claim_no)
    assert (result.kind, result.code) == (ChargeKind.MISCONFIGURED, "charges_unsupported")
    assert unable.keys == []
    assert await world.turn_back(claim_no)
