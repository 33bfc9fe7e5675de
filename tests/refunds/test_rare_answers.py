"""Answers that the sandbox never gives but other gateways do, and what a person's retry does after a refusal."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.errors import FailureType
from activities.refund_protocol import RefundKind
from domain.claims import AttemptState, LegState
from gateways.payments.port import (
    Absent,
    Conflict,
    Found,
    NeedsAccount,
    NewKey,
    Outcome,
    PaymentGateway,
    RefundCommand,
    Retry,
    Undetermined,
)
from gateways.payments.sandbox import SandboxGateway
from store import by_hand
from tests.refunds.machinery import Machinery
from tests.refunds.world import World


class OtherWords:
    """The sandbox gateway, except that it gives one answer of another gateway, without doing anything."""

    def __init__(self, gateway: SandboxGateway, answer: Outcome, *, then_mute: bool = False) -> None:
        self.name = gateway.name
        self.capabilities = gateway.capabilities
        self.read = gateway.read
        self.charge = gateway.charge
        self.list_charges = gateway.list_charges
        self.find_charge = gateway.find_charge
        self.parse_webhook = gateway.parse_webhook
        self.aclose = gateway.aclose
        self._gateway = gateway
        self._answer: Outcome | None = answer
        self._mute = then_mute

    async def refund(self, command: RefundCommand) -> Outcome:
        answer, self._answer = self._answer, None
        return answer or await self._gateway.refund(command)

    async def find(self, payment_ref: str, reference: str, amount: int) -> Found | Absent | Undetermined:
        if self._mute:
            return Undetermined("mute")
        return await self._gateway.find(payment_ref, reference, amount)


def with_gateway(engine: AsyncEngine, gateway: PaymentGateway) -> Machinery:
    return Machinery(engine, {"sandbox": gateway})


async def test_an_error_that_passes_is_tried_again_with_a_new_key(
    engine: AsyncEngine, gateway: SandboxGateway, world: World
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    machinery = with_gateway(engine, OtherWords(gateway, NewKey("bank_closed", timedelta(seconds=7))))
    with pytest.raises(ApplicationError, match="bank_closed") as failure:
        await machinery.refund(leg_id)
    assert failure.value.type == FailureType.GATEWAY_DOWN
    assert failure.value.next_retry_delay == timedelta(seconds=7)
    assert not (await world.newest(leg_id)).ever_unknown
    # Nothing was done, so nothing need settle.
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert await world.attempts(leg_id) == [(1, 1, AttemptState.ABSENT), (2, 2, AttemptState.ANSWERED)]
    assert world.returned(paid) == [3_000]


async def test_a_refund_account_may_be_needed(engine: AsyncEngine, gateway: SandboxGateway, world: World) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    machinery = with_gateway(engine, OtherWords(gateway, NeedsAccount("account_closed")))
    result = await machinery.refund(leg_id)
    assert (result.kind, result.code) == (RefundKind.NEEDS_ACCOUNT, "account_closed")
    assert await world.state(leg_id) is LegState.PLANNED
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert (await world.newest(leg_id)).key == f"refund-{leg_id}-2"


async def test_a_key_still_at_work_keeps_its_number(engine: AsyncEngine, gateway: SandboxGateway, world: World) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    machinery = with_gateway(engine, OtherWords(gateway, Retry("in_progress")))
    with pytest.raises(ApplicationError) as failure:
        await machinery.refund(leg_id)
    assert failure.value.type == FailureType.OUTCOME_UNKNOWN
    await world.age(leg_id)
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert await world.attempts(leg_id) == [(1, 2, AttemptState.ANSWERED)]


async def test_a_conflict_that_no_read_explains_is_unknown(
    engine: AsyncEngine, gateway: SandboxGateway, world: World
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    mute = OtherWords(gateway, Conflict("balance_mismatch"), then_mute=True)
    with pytest.raises(ApplicationError) as failure:
        await with_gateway(engine, mute).refund(leg_id)
    assert failure.value.type == FailureType.OUTCOME_UNKNOWN
    assert not await world.turn_back(leg_id)


async def test_a_person_may_have_a_refused_refund_tried_again(
    engine: AsyncEngine, machinery: Machinery, world: World
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("refuse", paid.pg_tid)
    assert (await machinery.refund(leg_id)).kind is RefundKind.REFUSED
    async with engine.begin() as conn:
        await by_hand.reopen_refused(conn, leg_id)
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert await world.attempts(leg_id) == [(1, 1, AttemptState.ABSENT), (2, 2, AttemptState.ANSWERED)]
    assert world.returned(paid) == [3_000]


async def test_a_refused_refund_that_is_there_after_all_is_adopted_by_a_retry(
    engine: AsyncEngine, machinery: Machinery, world: World
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("refuse", paid.pg_tid)
    await machinery.refund(leg_id)
    world.gateway.refund(paid.pg_tid, 3_000, key="elsewhere", reference=leg_id).raise_for_status()
    async with engine.begin() as conn:
        await by_hand.reopen_refused(conn, leg_id)
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert world.returned(paid) == [3_000]
