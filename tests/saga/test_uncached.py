"""The main cases with a worker that forgets every workflow between two tasks, so that each task replays all before it.

What is not deterministic shows: its task fails, and is tried for ever.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.saga import test_cancel
from tests.support.house import House, working


@pytest.fixture(scope="module")
async def worked_house(idle_house: House) -> AsyncIterator[House]:
    async with working(idle_house, max_cached_workflows=0):
        yield idle_house


@pytest.mark.parametrize(
    "case",
    [
        test_cancel.test_whole_cancel_gives_everything_back,
        test_cancel.test_refused_refund_is_undone_whole,
        test_cancel.test_lost_answer_is_looked_up_not_sent_again,
        test_cancel.test_gateway_down_parks_and_a_retry_completes,
        test_cancel.test_pending_refund_is_told_then_settled,
        test_cancel.test_second_cancel_of_an_undecided_order_is_refused,
    ],
    ids=lambda case: case.__name__.removeprefix("test_"),
)
async def test_uncached(case: Callable[[House], Awaitable[None]], house: House) -> None:
    await case(house)
