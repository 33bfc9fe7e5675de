"""An extra payment from the member's own balance: one transaction, taken whole or refused."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.charge_protocol import ChargeKind
from domain.claims import ChargeState, StepStatus
from domain.orders import Means
from tests.charges.machinery import Machinery
from tests.charges.world import AMOUNT, World


@pytest.fixture
def machinery(engine: AsyncEngine) -> Machinery:
    """Without any gateway: none is asked."""
    return Machinery(engine, {})


async def own(world: World, means: Means, balance: int | None) -> str:
    return await world.claim(means, gateway=None, token=None, balance=balance)


@pytest.mark.parametrize(
    ("means", "left"), [(Means.MILEAGE, (500, AMOUNT + 500)), (Means.DEPOSIT, (AMOUNT + 500, 500))]
)
async def test_it_is_taken_from_the_balance_once(
    machinery: Machinery, world: World, means: Means, left: tuple[int, int]
) -> None:
    claim_no = await own(world, means, AMOUNT + 500)
    results = await asyncio.gather(*(machinery.charge(claim_no) for _ in range(4)))
    assert {one.kind for one in results} == {ChargeKind.TAKEN}
    assert await world.balances(claim_no) == left
    assert await world.movements(claim_no) == [("extra", means, -AMOUNT)]
    paid = await world.payment(claim_no)
    assert paid is not None
    assert (paid.means, paid.amount, paid.gateway, paid.gateway_ref) == (means, AMOUNT, None, None)
    assert (await world.claim_row(claim_no)).decided
    assert await world.step(claim_no) == StepStatus.DONE
    assert await world.events(claim_no) == ["claim.decided", "charge.taken"]


async def test_a_balance_that_is_just_enough_is_enough(machinery: Machinery, world: World) -> None:
    claim_no = await own(world, Means.MILEAGE, AMOUNT)
    assert (await machinery.charge(claim_no)).kind is ChargeKind.TAKEN
    assert await world.balances(claim_no) == (0, AMOUNT)


@pytest.mark.parametrize("means", [Means.MILEAGE, Means.DEPOSIT])
async def test_a_balance_spent_meanwhile_refuses_it_and_takes_nothing(
    machinery: Machinery, world: World, means: Means
) -> None:
    claim_no = await own(world, means, AMOUNT)
    await world.spend(claim_no, 1)
    result = await machinery.charge(claim_no)
    assert (result.kind, result.code) == (ChargeKind.REFUSED, "balance_too_low")
    assert await world.balances(claim_no) == (AMOUNT - 1, AMOUNT - 1)
    assert await world.movements(claim_no) == []
    assert await world.payment(claim_no) is None
    assert await world.turn_back(claim_no)


async def test_a_guest_has_no_balance(machinery: Machinery, world: World) -> None:
    claim_no = await own(world, Means.MILEAGE, None)
    assert (await machinery.charge(claim_no)).kind is ChargeKind.REFUSED
    assert await world.movements(claim_no) == []


async def test_a_claim_that_turned_back_takes_nothing(machinery: Machinery, world: World) -> None:
    claim_no = await own(world, Means.MILEAGE, AMOUNT)
    assert await world.turn_back(claim_no)
    assert (await machinery.charge(claim_no)).kind is ChargeKind.FENCED
    assert await world.balances(claim_no) == (AMOUNT, AMOUNT)
    assert (await world.row(claim_no)).state == ChargeState.VOID
