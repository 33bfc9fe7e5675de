"""The main cases with a worker that forgets every workflow between two tasks, so that each task replays all before it.

What is not deterministic shows: its task fails, and is tried for ever.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.saga import test_cancel, test_charges
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
        test_charges.test_charged_first_then_completed_and_the_rest_is_refunded_over_both_payments,
        test_charges.test_declined_it_is_undone_and_nothing_has_changed,
        test_charges.test_a_gateway_down_is_parked_and_retried,
        test_charges.test_a_cancel_request_is_heard_once_nothing_is_unknown,
    ],
    ids=lambda case: case.__name__.removeprefix("test_"),
)
async def test_uncached(case: Callable[[House], Awaitable[None]], house: House) -> None:
    await case(house)
