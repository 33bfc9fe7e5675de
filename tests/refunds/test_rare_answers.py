"""Answers that the sandbox never gives but other gateways do, and what a person's retry does after a refusal."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.errors import FailureType
from activities.refund_protocol import Look, RefundKind, RefundProtocol
from domain.claims import AttemptState, LegState
from domain.findings import FindingKind
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
from store import by_hand, refunds
from store.fence import enter
from store.refunds import Seen
from store.tables import findings
from tests.refunds.machinery import SEND_WINDOW, VAULT, Machinery
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
        self.close, self.aclose = gateway.close, gateway.aclose
        self.list_touched = gateway.list_touched
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


@pytest.mark.parametrize("freed", [False, True])
async def test_an_answer_that_comes_while_the_claim_is_undone_is_kept_for_a_person(
    engine: AsyncEngine, world: World, gateway: SandboxGateway, freed: bool
) -> None:
    """Its refund was looked up, and was not there; then somebody answers that it was carried out after all."""
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    armed = await _armed(engine, leg_id)
    await world.age(leg_id)
    await with_gateway(engine, gateway).look_up(leg_id)
    assert await world.turn_back(leg_id, free=freed)
    async with engine.begin() as conn:
        head = await enter(conn, armed.leg.claim_no, None)
        assert head is not None
        assert not await refunds.accept(conn, head, armed, "R-late", pending=False)
    assert await _late(engine, leg_id) == {"refund_ref": "R-late"}
    assert not (await world.claim(leg_id)).decided
    assert await world.state(leg_id) is (LegState.VOID if freed else LegState.PLANNED)


async def test_a_refund_found_while_the_claim_is_being_undone_ends_the_try(
    engine: AsyncEngine, world: World, gateway: SandboxGateway
) -> None:
    """An activity that was believed lost looks first, and finds what the answer had denied."""
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    machinery = with_gateway(engine, OtherWords(gateway, NewKey("PROVIDER_ERROR")))
    with pytest.raises(ApplicationError):
        await machinery.refund(leg_id)
    refund = world.gateway.refund(paid.pg_tid, 3_000, key=f"refund-{leg_id}-1", reference=leg_id).json()["refundId"]
    seen = await world.seen(leg_id)
    assert await world.turn_back(leg_id, free=False)
    protocol = RefundProtocol(engine, {gateway.name: gateway}, VAULT, send_window=SEND_WINDOW)
    assert await protocol.look(seen) is Look.WRITTEN
    assert (await machinery.refund(leg_id)).kind is RefundKind.FENCED
    assert await _late(engine, leg_id) == {"refund_ref": refund}
    assert world.returned(paid) == [3_000]


async def _armed(engine: AsyncEngine, leg_id: str) -> Seen:
    async with engine.begin() as conn:
        seen = await refunds.read(conn, leg_id)
        head = await enter(conn, seen.leg.claim_no)
        assert head is not None
        armed = await refunds.arm(conn, head, seen, send_window=timedelta(seconds=1), settling=timedelta(seconds=1))
    assert isinstance(armed, Seen)
    return armed


async def _late(engine: AsyncEngine, leg_id: str) -> dict[str, str] | None:
    found = select(findings.c.detail).where(findings.c.finding_key == f"{FindingKind.LATE_REFUND}/{leg_id}")
    async with engine.connect() as conn:
        return (await conn.execute(found)).scalar_one_or_none()
