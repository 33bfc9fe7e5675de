"""What hurts in a gateway's own habits, at each: keys that it forgets, equal amounts, words that nobody knows."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.client import Client

from activities.claims import OpenCancel
from tests.matrix.play import paid
from tests.matrix.rows import FOREVER, GATEWAYS, PROVIDERS
from tests.matrix.stands import StandIn
from tests.support.house import House, open_house, working
from tests.support.orders import line, order
from tests.support.sandbox import SandboxProcess

MONTH = 31 * 24
"""Hours: longer than any gateway remembers a key."""


@pytest.fixture(scope="module")
async def house(module_database_url: str, temporal_client: Client, sandbox: SandboxProcess) -> AsyncIterator[House]:
    queue = f"matrix-{uuid.uuid4()}"
    async with open_house(module_database_url, temporal_client, sandbox, queue) as opened, working(opened):
        yield opened


async def bought(house: House, gateway: str) -> tuple[StandIn, str]:
    """The gateway, and an order of two equal units that was paid there."""
    order_no = await house.feed(order(line(1, 10_000, 2), payments=[paid("1", 20_000, gateway)]), email=None)
    stand = StandIn(house.gateway, gateway)
    await stand.pay(f"{order_no}-1", 20_000)
    return stand, order_no


async def parked(house: House, asked: OpenCancel, after: int = 0) -> Any:
    """The claim's parking that came after another."""

    async def ask() -> Any:
        found = await house.rows(
            "SELECT * FROM parkings WHERE claim_no = :no AND closed_at IS NULL AND parking_no > :after",
            no=asked.claim_no,
            after=after,
        )
        return found[0] if found else None

    return await house.eventually(ask, timeout=60)


@pytest.mark.parametrize("lost", ["lose_request", "lose_answer"])
async def test_a_key_that_the_gateway_has_forgotten_is_looked_up_and_never_sent_again(house: House, lost: str) -> None:
    """P4: a late retry is a new refund to a gateway that has forgotten its key."""

    async def at(gateway: str) -> None:
        stand, order_no = await bought(house, gateway)
        number = f"{order_no}-1"
        await stand.suffer(lost, number)
        await stand.suffer("error_before", number, times=FOREVER, reading=True)
        asked = house.asked(order_no, {1: 1})
        await house.cancel(asked)
        first = await parked(house, asked)
        await stand.advance(MONTH)
        async with house.engine.begin() as conn:
            await conn.execute(
                text(
                    "UPDATE refund_legs SET key_used_at = key_used_at - make_interval(hours => :h) WHERE claim_no = :no"
                ),
                {"h": MONTH, "no": asked.claim_no},
            )
        # While it can't be looked up nothing is sent.
        await house.resolve(asked.workflow_id, first["parking_no"], "retry")
        second = await parked(house, asked, first["parking_no"])
        assert len(await stand.refunds(number)) == (1 if lost == "lose_answer" else 0)
        await stand.suffer("error_before", number, reading=True)
        await house.resolve(asked.workflow_id, second["parking_no"], "retry")
        assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
        assert [one.amount for one in await stand.refunds(number)] == [10_000]
        keys = await house.rows("SELECT key FROM refund_attempts WHERE claim_no = :no ORDER BY n", no=asked.claim_no)
        assert len(keys) == (1 if lost == "lose_answer" else 2)

    await asyncio.gather(*(at(gateway) for gateway in sorted(PROVIDERS)))


async def test_an_equal_refund_is_not_taken_for_ours(house: House) -> None:
    """P11: two refunds of equal amount, and one of them is lost, because the other was taken for it."""

    async def at(gateway: str) -> None:
        stand, order_no = await bought(house, gateway)
        number = f"{order_no}-1"
        references = []
        for fault in (None, "error_before"):
            if fault is not None:
                await stand.suffer(fault, number)
            asked = house.asked(order_no, {1: 1})
            await house.cancel(asked)
            assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
            references.append((10_000, f"{asked.claim_no}-1"))
        assert [(one.amount, one.reference) for one in await stand.refunds(number)] == references

    await asyncio.gather(*(at(gateway) for gateway in GATEWAYS))
    assert await house.balanced()


@pytest.mark.parametrize("fault", ["refuse", "html_before"])
async def test_words_that_nobody_knows_park_the_claim_until_they_are_over(house: House, fault: str) -> None:
    """An unknown code, a proxy's HTML: neither a refusal nor a reason to try for ever, and nothing is lost by it."""

    async def at(gateway: str) -> None:
        stand, order_no = await bought(house, gateway)
        number = f"{order_no}-1"
        code = {"kakaopay": "-31337"}.get(gateway, "NEVER_HEARD_OF") if fault == "refuse" else None
        await stand.suffer(fault, number, times=FOREVER, code=code)
        asked = house.asked(order_no, {1: 1})
        await house.cancel(asked)
        parking = await parked(house, asked)
        assert parking["cause"] == "PSP_DOWN"
        assert await stand.refunds(number) == []
        await stand.suffer(fault, number, code=code)
        await house.resolve(asked.workflow_id, parking["parking_no"], "retry")
        assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
        assert [one.amount for one in await stand.refunds(number)] == [10_000]

    await asyncio.gather(*(at(gateway) for gateway in sorted(PROVIDERS)))


async def test_a_payment_at_a_gateway_that_is_not_configured_waits_until_it_is(house: House) -> None:
    """Nothing is lost: once a worker has the account, a retry refunds."""
    order_no = await house.feed(order(line(1, 10_000, 2), payments=[paid("1", 20_000, "newcomer")]), email=None)
    await StandIn(house.gateway, "toss").pay(f"{order_no}-1", 20_000)
    apart = house.settings.model_copy(update={"task_queue": f"{house.settings.task_queue}-apart"})
    at_toss = apart.effective_merchants["toss"]
    before, after = replace(house, settings=apart), replace(
        house, settings=apart.model_copy(update={"merchants": {"newcomer": at_toss}})
    )  # fmt: skip
    asked = before.asked(order_no, {1: 1})
    async with working(before):
        await before.cancel(asked)
        parking = await parked(before, asked)
        assert parking["cause"] == "PSP_MISCONFIGURED"
    async with working(after):
        await after.resolve(asked.workflow_id, parking["parking_no"], "retry")
        assert (await after.outcome(asked.workflow_id))["status"] == "COMPLETED"
    there = await StandIn(house.gateway, "toss").refunds(f"{order_no}-1")
    assert [(one.amount, one.reference) for one in there] == [(10_000, f"{asked.claim_no}-1")]
