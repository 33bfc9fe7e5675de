"""Whatever the gateway suffers, the customer is charged once, and what is written tells the truth."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.charge_protocol import ChargeKind
from activities.errors import FailureType
from activities.refunds import LookUpState
from domain.claims import ChargeState, ClaimStatus, StepStatus
from domain.orders import Means, PaymentStatus
from gateways.payments.sandbox import SandboxGateway
from tests.charges.machinery import Machinery
from tests.charges.world import AMOUNT, World
from tests.refunds.machinery import sandbox_gateway
from tests.support.ports import free_port
from tests.support.sandbox import SandboxProcess


async def test_a_charge_becomes_a_payment_and_decides_the_claim(machinery: Machinery, world: World) -> None:
    claim_no = await world.claim()
    assert (await machinery.charge(claim_no)).kind is ChargeKind.TAKEN
    (charge,) = world.taken(claim_no)
    assert (charge["amount"], charge["key"]) == (AMOUNT, f"charge-{claim_no}-1")
    paid = await world.payment(claim_no)
    assert paid is not None
    assert (paid.payment_no, paid.position, paid.means, paid.amount) == (f"X-{claim_no}", 2, Means.CARD, AMOUNT)
    assert (paid.gateway, paid.gateway_ref) == ("sandbox", charge["pgTid"])
    assert (paid.status, paid.partial_cancel) == (PaymentStatus.PAID, True)
    row = await world.row(claim_no)
    assert (row.state, row.payment_no, row.gateway_ref) == (ChargeState.TAKEN, paid.payment_no, charge["pgTid"])
    assert (await world.claim_row(claim_no)).decided
    assert await world.step(claim_no) == StepStatus.DONE
    assert await world.events(claim_no) == ["charge.sent", "claim.decided", "charge.taken"]
    assert not await world.turn_back(claim_no)


async def test_what_was_charged_can_be_refunded_at_the_gateway(machinery: Machinery, world: World) -> None:
    claim_no = await world.claim()
    await machinery.charge(claim_no)
    paid = await world.payment(claim_no)
    assert paid is not None
    assert world.gateway.refund(paid.gateway_ref, AMOUNT, balance=AMOUNT).json()["balance"] == 0


async def test_a_repeat_after_the_end_asks_nobody(machinery: Machinery, world: World) -> None:
    claim_no = await world.claim()
    await machinery.charge(claim_no)
    world.gateway.fault("down")
    assert (await machinery.charge(claim_no)).kind is ChargeKind.TAKEN
    assert (await machinery.look_up(claim_no)).state is LookUpState.ACCEPTED


@pytest.mark.parametrize("fault", ["error_before", "error_after", "lose_answer", "delay", "late"])
@pytest.mark.parametrize("times", [1, 2])
async def test_every_fault_ends_in_one_charge(
    engine: AsyncEngine, gateway: SandboxGateway, world: World, fault: str, times: int
) -> None:
    machinery = Machinery(engine, {"sandbox": gateway}, send_window=timedelta(seconds=1))
    claim_no = await world.claim()
    world.gateway.fault(fault, times=times, delay_ms=200)
    assert (await machinery.charge_stubbornly(claim_no)).kind is ChargeKind.TAKEN
    assert world.amounts(claim_no) == [AMOUNT]


@pytest.mark.parametrize("fault", ["lose_answer", "error_after"])
async def test_a_lost_answer_is_found_at_once_and_not_sent_again(
    machinery: Machinery, world: World, fault: str
) -> None:
    claim_no = await world.claim()
    world.gateway.fault(fault)
    assert (await machinery.charge(claim_no)).kind is ChargeKind.TAKEN
    row = await world.row(claim_no)
    assert (row.try_no, row.key_no, row.ever_unknown) == (1, 1, True)
    assert world.amounts(claim_no) == [AMOUNT]


async def test_not_found_counts_only_after_the_settling_time(machinery: Machinery, world: World) -> None:
    claim_no = await world.claim()
    world.gateway.fault("error_before")
    with pytest.raises(ApplicationError) as failure:
        await machinery.charge(claim_no)
    assert failure.value.type == FailureType.OUTCOME_UNKNOWN
    assert failure.value.next_retry_delay is not None
    assert 2 < failure.value.next_retry_delay.total_seconds() <= 3.3
    looked = await machinery.look_up(claim_no)
    assert looked.state is LookUpState.UNKNOWN_YET
    assert looked.wait is not None
    assert 0 < looked.wait <= 3.3
    assert not await world.turn_back(claim_no)

    await world.age(claim_no)
    assert (await machinery.look_up(claim_no)).state is LookUpState.ABSENT
    assert await world.turn_back(claim_no)
    assert world.amounts(claim_no) == []
    assert (await world.claim_row(claim_no)).status == ClaimStatus.REJECTED
    assert (await world.row(claim_no)).state == ChargeState.VOID


async def test_a_key_that_was_answered_with_an_error_is_not_used_again(machinery: Machinery, world: World) -> None:
    claim_no = await world.claim()
    world.gateway.fault("error_before")
    with pytest.raises(ApplicationError):
        await machinery.charge(claim_no)
    await world.age(claim_no)
    assert (await machinery.charge(claim_no)).kind is ChargeKind.TAKEN
    assert [one["key"] for one in world.taken(claim_no)] == [f"charge-{claim_no}-2"]


async def test_a_key_that_nobody_answered_is_used_again(machinery: Machinery, world: World) -> None:
    claim_no = await world.claim()
    world.gateway.fault("down")
    with pytest.raises(ApplicationError) as failure:
        await machinery.charge(claim_no)
    assert failure.value.type == FailureType.OUTCOME_UNKNOWN
    assert (await machinery.look_up(claim_no)).state is LookUpState.UNREACHABLE
    assert not await world.turn_back(claim_no)
    world.gateway.http.delete("/faults")
    await world.age(claim_no)
    assert (await machinery.charge(claim_no)).kind is ChargeKind.TAKEN
    assert [one["key"] for one in world.taken(claim_no)] == [f"charge-{claim_no}-1"]
    assert (await world.row(claim_no)).try_no == 2


async def test_a_key_past_its_life_is_not_used_again(
    engine: AsyncEngine, sandbox: SandboxProcess, world: World
) -> None:
    claim_no = await world.claim()
    forgetful = sandbox_gateway(sandbox.url, key_life=timedelta(days=15))
    machinery = Machinery(engine, {"sandbox": forgetful})
    world.gateway.fault("down")
    with pytest.raises(ApplicationError):
        await machinery.charge(claim_no)
    world.gateway.http.delete("/faults")
    await world.age(claim_no)
    await world.age_key(claim_no, 16)
    assert (await machinery.charge(claim_no)).kind is ChargeKind.TAKEN
    assert [one["key"] for one in world.taken(claim_no)] == [f"charge-{claim_no}-2"]
    await forgetful.aclose()


async def test_a_charge_that_comes_late_is_found_and_not_sent_again(
    engine: AsyncEngine, sandbox: SandboxProcess, world: World
) -> None:
    claim_no = await world.claim()
    hasty = sandbox_gateway(sandbox.url, read_timeout=0.1)
    machinery = Machinery(engine, {"sandbox": hasty}, send_window=timedelta(seconds=1))
    world.gateway.fault("late", delay_ms=900)
    with pytest.raises(ApplicationError) as failure:
        await machinery.charge(claim_no)
    assert failure.value.type == FailureType.OUTCOME_UNKNOWN
    assert (await machinery.charge_stubbornly(claim_no)).kind is ChargeKind.TAKEN
    assert (await world.row(claim_no)).try_no == 1
    assert world.amounts(claim_no) == [AMOUNT]
    await hasty.aclose()


async def test_a_declined_charge_takes_nothing_and_the_claim_can_be_undone(machinery: Machinery, world: World) -> None:
    claim_no = await world.claim()
    world.gateway.fault("refuse")
    result = await machinery.charge(claim_no)
    assert (result.kind, result.code) == (ChargeKind.REFUSED, "refused")
    assert (await machinery.charge(claim_no)).kind is ChargeKind.REFUSED
    assert world.amounts(claim_no) == []
    assert await world.payment(claim_no) is None
    assert not (await world.claim_row(claim_no)).decided
    assert await world.turn_back(claim_no)


async def test_no_connection_leaves_nothing_unknown(engine: AsyncEngine, world: World) -> None:
    claim_no = await world.claim()
    nobody = sandbox_gateway(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ApplicationError) as failure:
        await Machinery(engine, {"sandbox": nobody}).charge(claim_no)
    assert failure.value.type == FailureType.GATEWAY_DOWN
    assert (await world.row(claim_no)).state == ChargeState.PLANNED
    assert not (await world.row(claim_no)).ever_unknown
    assert await world.turn_back(claim_no)
    await nobody.aclose()


async def test_a_gateway_that_is_not_there_is_ours_to_mend(engine: AsyncEngine, world: World) -> None:
    claim_no = await world.claim(gateway="elsewhere")
    result = await Machinery(engine, {}).charge(claim_no)
    assert (result.kind, result.code) == (ChargeKind.MISCONFIGURED, "gateway_unknown")
    assert await world.turn_back(claim_no)


async def test_many_at_once_charge_once(machinery: Machinery, world: World) -> None:
    claim_no = await world.claim()
    world.gateway.fault("delay", delay_ms=200)
    results = await asyncio.gather(*(machinery.charge_stubbornly(claim_no) for _ in range(5)), return_exceptions=True)
    assert {getattr(one, "kind", one) for one in results} == {ChargeKind.TAKEN}
    assert world.amounts(claim_no) == [AMOUNT]
    assert (await world.events(claim_no)).count("charge.taken") == 1


async def test_a_charge_of_another_amount_is_a_persons_to_explain(machinery: Machinery, world: World) -> None:
    claim_no = await world.claim()
    world.gateway.charge(AMOUNT + 1, reference=f"X-{claim_no}").raise_for_status()
    world.gateway.fault("error_before")
    with pytest.raises(ApplicationError) as failure:
        await machinery.charge(claim_no)
    assert failure.value.type == FailureType.OUTCOME_UNKNOWN
    await world.age(claim_no)
    assert (await machinery.look_up(claim_no)).state is LookUpState.UNREACHABLE
    assert not await world.turn_back(claim_no)
