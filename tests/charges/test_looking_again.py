"""What the sweeper is told of charges: claims that were undone after their charge had once been unknown."""

from __future__ import annotations

import pytest
from temporalio.exceptions import ApplicationError

from store import charges
from tests.charges.machinery import Machinery
from tests.charges.world import AMOUNT, World


async def undone_after_unknown(machinery: Machinery, world: World) -> str:
    """A claim that was undone after its charge had been unknown, and was looked up as absent."""
    claim_no = await world.claim()
    world.gateway.fault("error_before")
    with pytest.raises(ApplicationError):
        await machinery.charge(claim_no)
    await world.age(claim_no)
    await machinery.look_up(claim_no)
    assert await world.turn_back(claim_no)
    return claim_no


async def test_it_is_looked_at_after_an_hour_and_after_a_day(machinery: Machinery, world: World) -> None:
    claim_no = await undone_after_unknown(machinery, world)
    assert await world.suspects(claim_no) == []
    await world.age_claim(claim_no, hours=1)
    (suspect,) = await world.suspects(claim_no)
    assert await machinery.activities.look_again(suspect) is None
    assert await world.suspects(claim_no) == []
    await world.age_claim(claim_no, hours=23)
    (suspect,) = await world.suspects(claim_no)
    assert await machinery.activities.look_again(suspect) is None
    await world.age_claim(claim_no, hours=1_000)
    assert await world.suspects(claim_no) == []
    assert await world.findings(f"late_charge/{claim_no}") == []


async def test_a_charge_found_then_is_kept_for_a_person(machinery: Machinery, world: World) -> None:
    claim_no = await undone_after_unknown(machinery, world)
    await world.age_claim(claim_no, hours=2)
    late = world.gateway.charge(AMOUNT, key=f"charge-{claim_no}-1", reference=f"X-{claim_no}").json()["pgTid"]
    (suspect,) = await world.suspects(claim_no)
    assert await machinery.activities.look_again(suspect) == late
    assert await world.findings(f"late_charge/{claim_no}") == [{"payment_ref": late}]
    # Money and order are a person's to bring together: nothing is written on the claim but that it was seen.
    assert (await world.events(claim_no))[-1] == charges.LOOKED_AGAIN
    assert await world.payment(claim_no) is None


async def test_a_gateway_that_does_not_tell_is_asked_next_time(machinery: Machinery, world: World) -> None:
    claim_no = await undone_after_unknown(machinery, world)
    await world.age_claim(claim_no, hours=2)
    (suspect,) = await world.suspects(claim_no)
    world.gateway.fault("down")
    assert await machinery.activities.look_again(suspect) is None
    assert await world.suspects(claim_no) == [suspect]


async def test_a_charge_that_was_never_unknown_is_not_looked_at(machinery: Machinery, world: World) -> None:
    claim_no = await world.claim()
    world.gateway.fault("refuse")
    await machinery.charge(claim_no)
    assert await world.turn_back(claim_no)
    await world.age_claim(claim_no, hours=2)
    assert await world.suspects(claim_no) == []
