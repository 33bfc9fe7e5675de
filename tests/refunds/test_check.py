"""Each leg is read at its gateway before the first of several is sent."""

from __future__ import annotations

import pytest
from temporalio.exceptions import ApplicationError

from activities.errors import FailureType
from activities.refunds import CheckResult, RefundLegs
from tests.refunds.machinery import Machinery, run
from tests.refunds.world import World


async def check(machinery: Machinery, *leg_ids: str) -> CheckResult:
    return await run(machinery.activities.check, RefundLegs(leg_ids=leg_ids))


async def test_legs_that_can_be_refunded_pass_and_nothing_is_written(machinery: Machinery, world: World) -> None:
    legs = [await world.leg(await world.paid(amount), amount) for amount in (1_000, 2_000)]
    assert await check(machinery, *legs) == CheckResult()
    assert [await world.attempts(leg_id) for leg_id in legs] == [[], []]


async def test_the_first_that_can_not_be_is_named(machinery: Machinery, world: World) -> None:
    good = await world.leg(await world.paid(), 1_000)
    unknown = await world.leg(await world.paid(known=False), 1_000)
    spent = await world.paid(1_000)
    short = await world.leg(spent, 1_000)
    world.gateway.refund(spent.pg_tid, 1, reference="dashboard").raise_for_status()
    elsewhere = await world.leg(await world.paid(), 1_000, gateway="elsewhere")
    assert await check(machinery, good, unknown, short) == CheckResult(leg_id=unknown, code="payment_unknown")
    assert await check(machinery, good, short) == CheckResult(leg_id=short, code="balance_too_low")
    assert await check(machinery, good, elsewhere) == CheckResult(leg_id=elsewhere, code="gateway_unknown")


async def test_a_leg_that_was_sent_is_left_to_its_own_protocol(machinery: Machinery, world: World) -> None:
    paid = await world.paid(1_000)
    leg_id = await world.leg(paid, 1_000)
    await machinery.refund(leg_id)
    assert await check(machinery, leg_id) == CheckResult()


async def test_a_gateway_that_does_not_tell_is_asked_again(machinery: Machinery, world: World) -> None:
    leg_id = await world.leg(await world.paid(), 1_000)
    world.gateway.fault("down")
    with pytest.raises(ApplicationError) as failure:
        await check(machinery, leg_id)
    assert failure.value.type == FailureType.GATEWAY_DOWN
