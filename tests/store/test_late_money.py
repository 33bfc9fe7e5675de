"""Money that moves past any claim, in a real database: what is left, the guard of the next refund, and the books."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import ClaimStatus, ExternalState, LegState, SettledBy
from domain.conservation import Books
from domain.orders import Means, PaymentStatus
from store import by_hand, refunds
from store.claim_details import load_claim
from store.conservation import books_of, differences
from store.late_money import book_foreign_refund, book_late_capture, external_of_order, forget_foreign_refund
from store.order_audit import load_audit
from store.refunds import AttemptOutcome, Seen
from store.tables import refund_legs
from tests.store import shop
from tests.support import orders as made

ORDER = made.order(
    made.line(1, 10_000, 3), payments=(made.payment("1", 25_000), made.payment("2", 5_000, Means.MILEAGE))
)


async def _book(conn: AsyncConnection, amount: int, refund_ref: str = "console-1") -> bool:
    return await book_foreign_refund(conn, ORDER.order_no, "1", refund_ref, amount)


async def _books(conn: AsyncConnection, order_no: str = ORDER.order_no) -> Books:
    found = await books_of(conn, order_no)
    assert found is not None
    assert await differences(conn) == []
    return found.books


async def _left(conn: AsyncConnection) -> dict[str, int]:
    state = await shop.state_of(conn, ORDER.order_no)
    return {payment.payment_no: payment.left for payment in state.order.payments}


async def _armed(conn: AsyncConnection, claim_no: str, leg_id: str | None = None) -> Seen:
    """A leg of a claim, its first, with its attempt written, as right before its call."""
    seen = await refunds.read(conn, leg_id or f"{claim_no}-1")
    armed = await refunds.arm(
        conn,
        await shop.head_of(conn, claim_no),
        seen,
        send_window=timedelta(seconds=10),
        settling=timedelta(seconds=10),
    )
    assert isinstance(armed, Seen)
    return armed


async def test_p10_a_refund_made_in_the_providers_console_is_known_to_the_next_claim(conn: AsyncConnection) -> None:
    """It lowers what is left and the guard, is in the books once, and the whole returns exactly what was paid."""
    await shop.bring(conn, ORDER)
    assert await _book(conn, 12_000)
    assert not await _book(conn, 12_000)
    assert await _left(conn) == {"1": 13_000, "2": 5_000}
    assert await _books(conn) == Books(30_000, 0, 12_000, -12_000, 30_000, 0)
    first, costs = await shop.open_cancel(conn, ORDER.order_no, {1: 1})
    assert {leg.payment_no: leg.amount for leg in costs.legs} == {"1": 10_000}
    armed = await _armed(conn, first)
    assert armed.attempt is not None
    assert armed.attempt.guard == 13_000
    assert await refunds.accept(conn, await shop.head_of(conn, first), armed, "R1", pending=False)
    await shop.complete(conn, first)
    last, costs = await shop.open_cancel(conn, ORDER.order_no, {1: 2})
    assert costs.refund == 8_000
    await shop.complete(conn, last)
    assert await _books(conn) == Books(30_000, 0, 30_000, 0, 0, 0)
    state = await shop.state_of(conn, ORDER.order_no)
    assert [claim.returned_outside for claim in state.cancels] == [0, 12_000]


async def test_one_that_failed_at_the_gateway_counts_no_longer_and_stays_in_the_audit(conn: AsyncConnection) -> None:
    await shop.bring(conn, ORDER)
    await _book(conn, 12_000)
    assert not await forget_foreign_refund(conn, ORDER.order_no, "1", "console-2")
    assert await forget_foreign_refund(conn, ORDER.order_no, "1", "console-1")
    assert not await forget_foreign_refund(conn, ORDER.order_no, "1", "console-1")
    assert await _left(conn) == {"1": 25_000, "2": 5_000}
    assert await _books(conn) == Books(30_000, 0, 0, 0, 30_000, 0)
    audit = await load_audit(conn, ORDER.order_no)
    assert audit is not None
    [kept] = audit.external
    assert (kept.payment_no, kept.refund_ref, kept.amount, kept.state) == (
        "1",
        "console-1",
        12_000,
        ExternalState.FAILED,
    )
    assert await _book(conn, 12_000)
    assert await _left(conn) == {"1": 13_000, "2": 5_000}


async def test_what_a_claim_took_off_for_one_that_failed_is_owed_and_listed(conn: AsyncConnection) -> None:
    await shop.bring(conn, ORDER)
    await _book(conn, 12_000)
    claim_no, _ = await shop.open_cancel(conn, ORDER.order_no, {1: 3})
    await shop.complete(conn, claim_no)
    await forget_foreign_refund(conn, ORDER.order_no, "1", "console-1")
    found = await books_of(conn, ORDER.order_no)
    assert found is not None
    assert found.books == Books(30_000, 0, 18_000, 12_000, 0, 0)
    assert [(one.rule.value, one.difference) for one in await differences(conn)] == [("returned_outside", 12_000)]


async def test_nobody_is_to_blame_while_a_request_of_ours_has_no_answer(conn: AsyncConnection) -> None:
    """P9: what a gateway shows then may be our own refund; once that is known it is not booked beside it."""
    await shop.bring(conn, ORDER)
    claim_no, _ = await shop.open_cancel(conn, ORDER.order_no, {1: 1})
    armed = await _armed(conn, claim_no)
    assert not await _book(conn, 10_000, "R1")
    assert await refunds.accept(conn, await shop.head_of(conn, claim_no), armed, "R1", pending=True)
    assert not await _book(conn, 10_000, "R1")
    assert await external_of_order(conn, ORDER.order_no) == ()


@pytest.mark.parametrize("pending", [True, False])
async def test_one_booked_that_turns_out_to_be_ours_counts_as_ours_alone(conn: AsyncConnection, pending: bool) -> None:
    await shop.bring(conn, ORDER)
    claim_no, _ = await shop.open_cancel(conn, ORDER.order_no, {1: 1})
    head = await shop.head_of(conn, claim_no)
    armed = await _armed(conn, claim_no)
    assert await refunds.answered_with_error(conn, head, armed, AttemptOutcome.PASSING_ERROR, "PROVIDER_ERROR")
    assert await _book(conn, 10_000, "R1")
    assert await refunds.accept(conn, head, await refunds.read(conn, f"{claim_no}-1"), "R1", pending=pending)
    assert await _left(conn) == {"1": 15_000, "2": 5_000}
    assert (await _books(conn)).refunded == (0 if pending else 10_000)
    [kept] = await external_of_order(conn, ORDER.order_no)
    assert (kept.state, kept.leg_id) == (ExternalState.OURS, f"{claim_no}-1")


@pytest.mark.parametrize("found_first", [True, False])
async def test_one_that_a_person_settled_a_leg_with_is_the_same_money(conn: AsyncConnection, found_first: bool) -> None:
    """It counts as the leg; and the gateway holds less, unlike after a bank transfer."""
    await shop.bring(conn, ORDER)
    claim_no, _ = await shop.open_cancel(conn, ORDER.order_no, {1: 1})
    await shop.decide(conn, claim_no)
    if found_first:
        assert await _book(conn, 10_000)
    await by_hand.settle(conn, f"{claim_no}-1", "console-1")
    assert not await _book(conn, 10_000)
    await shop.complete(conn, claim_no)
    assert await _left(conn) == {"1": 15_000, "2": 5_000}
    assert (await _books(conn)).refunded == 10_000
    following, _ = await shop.open_cancel(conn, ORDER.order_no, {1: 1})
    armed = await _armed(conn, following)
    assert armed.attempt is not None
    assert armed.attempt.guard == 15_000


async def test_one_that_a_person_knows_as_the_leg_s_own_counts_as_the_leg_alone(conn: AsyncConnection) -> None:
    """Booked after an answer that said nothing was done; the next attempt's outcome is unknown, a person names it."""
    await shop.bring(conn, ORDER)
    claim_no, _ = await shop.open_cancel(conn, ORDER.order_no, {1: 1})
    head = await shop.head_of(conn, claim_no)
    armed = await _armed(conn, claim_no)
    assert await refunds.answered_with_error(conn, head, armed, AttemptOutcome.PASSING_ERROR, "PROVIDER_ERROR")
    assert await _book(conn, 10_000, "R1")
    await _armed(conn, claim_no)
    await shop.decide(conn, claim_no)
    await by_hand.settle_by_reference(conn, f"{claim_no}-1", "R1")
    assert await _left(conn) == {"1": 15_000, "2": 5_000}
    assert (await _books(conn)).refunded == 10_000
    [kept] = await external_of_order(conn, ORDER.order_no)
    assert (kept.state, kept.leg_id) == (ExternalState.OURS, f"{claim_no}-1")


async def test_one_that_failed_settles_no_leg(conn: AsyncConnection) -> None:
    await shop.bring(conn, ORDER)
    await _book(conn, 10_000)
    await forget_foreign_refund(conn, ORDER.order_no, "1", "console-1")
    claim_no, _ = await shop.open_cancel(conn, ORDER.order_no, {1: 1})
    await by_hand.settle(conn, f"{claim_no}-1", "console-1")
    [kept] = await external_of_order(conn, ORDER.order_no)
    assert (kept.state, kept.leg_id) == (ExternalState.FAILED, None)


async def test_one_that_meets_a_refund_already_planned_leaves_that_as_it_is(conn: AsyncConnection) -> None:
    """Legs are never planned anew: the guard stops what the payment can't give any more, and no more is."""
    await shop.bring(conn, ORDER)
    claim_no, _ = await shop.open_cancel(conn, ORDER.order_no, {1: 2})
    await shop.decide(conn, claim_no)
    await _book(conn, 25_000)
    assert await _left(conn) == {"1": 0, "2": 5_000}
    assert await _books(conn) == Books(30_000, 0, 25_000, -5_000, 10_000, 0)
    armed = await _armed(conn, claim_no)
    assert armed.attempt is not None
    assert armed.attempt.guard == 0
    await conn.execute(
        update(refund_legs)
        .where(refund_legs.c.leg_id == f"{claim_no}-1")
        .values(state=LegState.SETTLED, settled_by=SettledBy.HAND, evidence="bank transfer 77")
    )
    assert [(one.rule.value, one.difference) for one in await differences(conn)] == [("payment_refunded", 20_000)]


# --- money that comes in after the cancel -----------------------------------------------------------------------------

AWAITED = made.order(
    made.line(1, 10_000),
    payments=(
        made.payment("1", 9_000, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING, tax_free=1_000, vat=700),
        made.payment("2", 1_000, Means.MILEAGE),
    ),
)


async def _cancelled_unpaid(conn: AsyncConnection) -> str:
    await shop.bring(conn, AWAITED)
    claim_no, costs = await shop.open_cancel(conn, AWAITED.order_no, {1: 1})
    assert (costs.refund, costs.closed) == (1_000, ("1",))
    return claim_no


@pytest.mark.parametrize(("came_in", "parts"), [(9_000, (1_000, 700)), (9_500, (None, None))])
async def test_p34_a_deposit_after_the_cancel_goes_back_under_the_same_claim(
    conn: AsyncConnection, came_in: int, parts: tuple[int | None, int | None]
) -> None:
    """Exactly what came in, beside the refund that was quoted; the sums hold at every moment, and once is once."""
    claim_no = await _cancelled_unpaid(conn)
    await shop.complete(conn, claim_no)
    another = replace(await shop.head_of(conn, claim_no), claim_no="C-another")
    assert await book_late_capture(conn, another, "1", came_in) is None
    leg_id = await book_late_capture(conn, await shop.head_of(conn, claim_no), "1", came_in)
    assert leg_id == f"{claim_no}-2"
    assert await book_late_capture(conn, await shop.head_of(conn, claim_no), "1", came_in) is None
    claim = await load_claim(conn, claim_no)
    assert claim is not None
    assert (claim.refund, claim.status, claim.closed_at) == (1_000, ClaimStatus.REFUNDING, None)
    [late] = [leg for leg in claim.legs if leg.late]
    assert (late.payment_no, late.amount, (late.tax_free, late.vat)) == ("1", came_in, parts)
    told = [(event.event, event.facts.get("amount")) for event in claim.events]
    assert ("payment.captured_late", came_in) in told
    assert await _sums(conn) == Books(came_in + 1_000, 0, 1_000, came_in, 0, 0)
    armed = await _armed(conn, claim_no, leg_id)
    assert armed.attempt is not None
    assert (armed.attempt.guard, armed.leg.amount) == (came_in, came_in)
    assert await refunds.accept(conn, await shop.head_of(conn, claim_no), armed, "R9", pending=False)
    assert await _sums(conn) == Books(came_in + 1_000, 0, came_in + 1_000, 0, 0, 0)


async def test_p34_while_the_claim_could_still_be_undone_a_deposit_is_left_to_the_next_comparison(
    conn: AsyncConnection,
) -> None:
    claim_no = await _cancelled_unpaid(conn)
    assert await book_late_capture(conn, await shop.head_of(conn, claim_no), "1", 9_000) is None
    await shop.decide(conn, claim_no)
    assert await book_late_capture(conn, await shop.head_of(conn, claim_no), "1", 9_000) == f"{claim_no}-2"
    assert await _sums(conn) == Books(10_000, 0, 0, 10_000, 0, 0)


async def test_p34_an_undone_cancel_gives_nothing_back_of_what_comes_in(conn: AsyncConnection) -> None:
    claim_no = await _cancelled_unpaid(conn)
    await shop.undo(conn, claim_no)
    assert await book_late_capture(conn, await shop.head_of(conn, claim_no), "1", 9_000) is None
    assert await _sums(conn) == Books(1_000, 0, 0, -9_000, 10_000, 0)


async def _sums(conn: AsyncConnection) -> Books:
    return await _books(conn, AWAITED.order_no)


async def test_own_credits_have_no_console(conn: AsyncConnection) -> None:
    await shop.bring(conn, ORDER)
    with pytest.raises(LookupError):
        await book_foreign_refund(conn, ORDER.order_no, "2", "console-1", 1_000)
    assert (await conn.execute(select(refund_legs.c.leg_id))).all() == []
