"""The control at every gateway, and P3 at one: what the matrix is worth, and many claims on one payment at once."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from deploy.local.temporal import DevServer
from tests.matrix.control import careless, paired
from tests.matrix.crowd import crowd, open_shop
from tests.support.house import House, open_house, working
from tests.support.sandbox import SandboxProcess


@pytest.fixture(scope="module")
async def house(
    module_database_url: str, temporal_client: Client, dev_server: DevServer, sandbox: SandboxProcess
) -> AsyncIterator[House]:
    """Everything but a worker."""
    queue = f"matrix-{uuid.uuid4()}"
    async with open_house(
        module_database_url, temporal_client, sandbox, queue, temporal_address=dev_server.address, accept_timeout=30
    ) as opened:
        # Apart from those that the shop gives: both are orders of one sandbox.
        opened.numbers = iter(range(500_000, 600_000))
        yield opened


@pytest.mark.parametrize("guarded", [False, True])
async def test_without_the_look_up_money_leaves_twice_unless_a_guard_stops_it(house: House, guarded: bool) -> None:
    seen = await careless(house, paired(faults=("lose_answer",)), guarded=guarded)
    assert [one for one in seen if one.wrong] == []
    assert sum(one.refunds == 2 for one in seen) == (1 if guarded else 5)


async def test_twenty_claimants_of_one_payment_and_somebody_at_the_console(house: House) -> None:
    """P3: refunds that are made at once exceed what was captured."""
    async with working(house), open_shop(house) as shop:
        came = await crowd(house, shop, "portone", units=5, console_after=2)
    assert came.wrong == ()
    assert 2 <= came.refunded < 5 <= came.accepted
