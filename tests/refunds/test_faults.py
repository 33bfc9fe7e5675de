"""Whatever the gateway suffers, a partial refund leaves it once, and what is written tells the truth.

Partial, because a second full refund would be refused for want of money and so hide the mistake.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.errors import FailureType
from activities.refund_protocol import RefundKind
from activities.refunds import LookUpState
from domain.claims import AttemptState, ClaimStatus, LegState, SettledBy
from gateways.payments.sandbox import SandboxGateway
from store.tables import refund_legs
from tests.refunds.machinery import Machinery, sandbox_gateway
from tests.refunds.waiting import until
from tests.refunds.world import World
from tests.support.ports import free_port
from tests.support.sandbox import SandboxProcess


async def test_a_refund_is_written_with_its_pivot(machinery: Machinery, world: World) -> None:
    paid = await world.paid(10_000)
    leg_id = await world.leg(paid, 3_000)
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    (refund,) = world.refunds(paid)
    assert (refund["amount"], refund["reference"], refund["key"]) == (3_000, leg_id, f"refund-{leg_id}-1")
    leg = await world.leg_row(leg_id)
    assert (leg.state, leg.settled_by, leg.refund_ref) == (LegState.SETTLED, SettledBy.GATEWAY, refund["refundId"])
    claim = await world.claim(leg_id)
    assert claim.decided
    assert claim.status == ClaimStatus.REFUNDING
    assert await world.attempts(leg_id) == [(1, 1, AttemptState.ANSWERED)]
    assert await world.events(leg_id) == ["refund.sent", "claim.decided", "refund.done"]


@pytest.mark.parametrize(("tax_free", "vat"), [(1_000, 182), (0, None), (None, None)])
async def test_the_gateway_is_told_the_tax_parts_that_are_known(
    engine: AsyncEngine, machinery: Machinery, world: World, tax_free: int | None, vat: int | None
) -> None:
    paid = await world.paid(10_000)
    leg_id = await world.leg(paid, 3_000)
    async with engine.begin() as conn:
        parts = update(refund_legs).where(refund_legs.c.leg_id == leg_id).values(tax_free=tax_free, vat=vat)
        await conn.execute(parts)
    await machinery.refund(leg_id)
    (refund,) = world.refunds(paid)
    assert (refund.get("taxFreeAmount"), refund.get("vatAmount")) == (tax_free, vat)


async def test_a_repeat_after_the_end_asks_nobody(machinery: Machinery, world: World) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    await machinery.refund(leg_id)
    world.gateway.fault("down")
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert (await machinery.look_up(leg_id)).state is LookUpState.ACCEPTED


@pytest.mark.parametrize("fault", ["error_before", "error_after", "lose_answer", "delay", "late", "pending"])
@pytest.mark.parametrize("times", [1, 2])
async def test_every_fault_ends_in_one_refund(
    engine: AsyncEngine, gateway: SandboxGateway, world: World, fault: str, times: int
) -> None:
    machinery = Machinery(engine, {"sandbox": gateway}, send_window=timedelta(seconds=1))
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault(fault, paid.pg_tid, times=times, delay_ms=200)
    result = await machinery.refund_stubbornly(leg_id)
    assert result.kind is (RefundKind.PENDING if fault == "pending" else RefundKind.ACCEPTED)
    assert world.returned(paid) == [3_000]


async def test_a_lost_answer_is_found_at_once_and_not_sent_again(machinery: Machinery, world: World) -> None:
    """P1: a retry after a time-out is a second refund, because it has a new key."""
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("lose_answer", paid.pg_tid)
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert await world.attempts(leg_id) == [(1, 1, AttemptState.ANSWERED)]
    assert world.returned(paid) == [3_000]
    assert (await world.newest(leg_id)).ever_unknown


async def test_not_found_counts_only_after_the_settling_time(machinery: Machinery, world: World) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("error_before", paid.pg_tid)
    with pytest.raises(ApplicationError) as failure:
        await machinery.refund(leg_id)
    assert failure.value.type == FailureType.OUTCOME_UNKNOWN
    assert failure.value.next_retry_delay is not None
    assert 2 < failure.value.next_retry_delay.total_seconds() <= 3.3
    assert await world.attempts(leg_id) == [(1, 1, AttemptState.SENT)]
    looked = await machinery.look_up(leg_id)
    assert looked.state is LookUpState.UNKNOWN_YET
    assert looked.wait is not None
    assert 0 < looked.wait <= 3.3
    assert not await world.turn_back(leg_id)

    await world.age(leg_id)
    assert (await machinery.look_up(leg_id)).state is LookUpState.ABSENT
    assert await world.attempts(leg_id) == [(1, 1, AttemptState.ABSENT)]
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    # The first attempt was answered with an error, which some gateways repeat for ever under the same key.
    assert await world.attempts(leg_id) == [(1, 1, AttemptState.ABSENT), (2, 2, AttemptState.ANSWERED)]
    assert world.returned(paid) == [3_000]


async def test_a_request_without_an_answer_is_repeated_with_its_key(machinery: Machinery, world: World) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("down")
    with pytest.raises(ApplicationError, match="does not tell") as failure:
        await machinery.refund(leg_id)
    assert failure.value.type == FailureType.OUTCOME_UNKNOWN
    assert (await machinery.look_up(leg_id)).state is LookUpState.UNREACHABLE
    world.gateway.http.delete("/faults")
    await world.age(leg_id)
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert await world.attempts(leg_id) == [(1, 2, AttemptState.ANSWERED)]
    assert world.returned(paid) == [3_000]


async def test_a_refund_carried_out_late_is_found(machinery: Machinery, world: World, sandbox: SandboxProcess) -> None:
    hasty = sandbox_gateway(sandbox.url, read_timeout=0.1)
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("late", paid.pg_tid, delay_ms=700)
    with pytest.raises(ApplicationError) as failure:
        await Machinery(machinery.engine, {"sandbox": hasty}).refund(leg_id)
    await hasty.aclose()
    assert failure.value.type == FailureType.OUTCOME_UNKNOWN
    assert world.returned(paid) == []
    assert not await world.turn_back(leg_id)
    await until(lambda: world.returned(paid))
    assert (await machinery.look_up(leg_id)).state is LookUpState.ACCEPTED
    assert await world.attempts(leg_id) == [(1, 1, AttemptState.ANSWERED)]


async def test_a_gateway_that_nobody_answers_at_was_asked_nothing(machinery: Machinery, world: World) -> None:
    nobody = sandbox_gateway(f"http://127.0.0.1:{free_port()}")
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    with pytest.raises(ApplicationError) as failure:
        await Machinery(machinery.engine, {"sandbox": nobody}).refund(leg_id)
    await nobody.aclose()
    assert failure.value.type == FailureType.GATEWAY_DOWN
    assert await world.attempts(leg_id) == [(1, 1, AttemptState.ABSENT)]
    assert not (await world.newest(leg_id)).ever_unknown
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert await world.attempts(leg_id) == [(1, 2, AttemptState.ANSWERED)]


async def test_nothing_sent_can_be_undone_at_once(machinery: Machinery, world: World) -> None:
    nobody = sandbox_gateway(f"http://127.0.0.1:{free_port()}")
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    with pytest.raises(ApplicationError):
        await Machinery(machinery.engine, {"sandbox": nobody}).refund(leg_id)
    await nobody.aclose()
    assert await world.turn_back(leg_id)
    assert (await machinery.refund(leg_id)).kind is RefundKind.FENCED
    assert world.returned(paid) == []


async def test_a_final_refusal_refuses_the_leg(machinery: Machinery, world: World) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("refuse", paid.pg_tid)
    result = await machinery.refund(leg_id)
    assert (result.kind, result.code) == (RefundKind.REFUSED, "refused")
    assert await world.state(leg_id) is LegState.REFUSED
    assert not (await world.claim(leg_id)).decided
    again = await machinery.refund(leg_id)
    assert (again.kind, again.code) == (RefundKind.REFUSED, "refused")
    assert (await machinery.look_up(leg_id)).state is LookUpState.REFUSED
    assert world.returned(paid) == []


async def test_a_payment_that_the_gateway_never_heard_of_refuses_the_leg(machinery: Machinery, world: World) -> None:
    leg_id = await world.leg(await world.paid(known=False), 3_000)
    result = await machinery.refund(leg_id)
    assert (result.kind, result.code) == (RefundKind.REFUSED, "not_found")


async def test_a_gateway_that_is_not_set_up_is_said_so(machinery: Machinery, world: World) -> None:
    leg_id = await world.leg(await world.paid(), 3_000, gateway="elsewhere")
    result = await machinery.refund(leg_id)
    assert (result.kind, result.code) == (RefundKind.MISCONFIGURED, "gateway_unknown")


async def test_a_wrong_address_uses_no_try_up_for_good(
    machinery: Machinery, world: World, sandbox: SandboxProcess
) -> None:
    astray = sandbox_gateway(f"{sandbox.url}/elsewhere")
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    result = await Machinery(machinery.engine, {"sandbox": astray}).refund(leg_id)
    await astray.aclose()
    assert (result.kind, result.code) == (RefundKind.MISCONFIGURED, "no_such_path")
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert world.returned(paid) == [3_000]


async def test_a_key_used_with_another_body_is_left_for_a_new_one(machinery: Machinery, world: World) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    # Somebody else's request under our key: the money that it moved has another reference.
    stray = world.gateway.refund(paid.pg_tid, 1, key=f"refund-{leg_id}-1", reference="somebody")
    world.gateway.http.post(f"/refunds/{stray.json()['refundId']}/settle", json={"status": "failed"})
    with pytest.raises(ApplicationError) as failure:
        await machinery.refund(leg_id)
    assert failure.value.type == FailureType.OUTCOME_UNKNOWN
    await world.age(leg_id)
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert (await world.newest(leg_id)).key == f"refund-{leg_id}-2"
    assert world.returned(paid) == [3_000]


async def test_a_key_past_its_life_is_not_sent_again(
    machinery: Machinery, world: World, gateway: SandboxGateway
) -> None:
    """P4: a late retry is a new refund to a gateway that has forgotten its key."""
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    world.gateway.fault("down")
    with pytest.raises(ApplicationError):
        await machinery.refund(leg_id)
    world.gateway.http.delete("/faults")
    await world.age(leg_id)
    assert (await machinery.look_up(leg_id)).state is LookUpState.ABSENT
    await world.age_key(leg_id, days=gateway.capabilities.key_life.days + 1)
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert await world.attempts(leg_id) == [(1, 1, AttemptState.ABSENT), (2, 2, AttemptState.ANSWERED)]


async def test_a_refund_that_failed_before_it_was_looked_up_is_not_taken_for_done(
    machinery: Machinery, world: World
) -> None:
    paid = await world.paid()
    leg_id = await world.leg(paid, 3_000)
    # The gateway keeps the answer that it gave: sent again, this key would be answered "succeeded".
    first = world.gateway.refund(paid.pg_tid, 3_000, key=f"refund-{leg_id}-1", reference=leg_id, balance=10_000)
    world.gateway.fault("down")
    with pytest.raises(ApplicationError):
        await machinery.refund(leg_id)
    world.gateway.http.delete("/faults")
    world.gateway.http.post(f"/refunds/{first.json()['refundId']}/settle", json={"status": "failed"})
    await world.age(leg_id)
    assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    assert (await world.newest(leg_id)).key == f"refund-{leg_id}-2"
    assert world.returned(paid) == [3_000]
