"""A claim whose money did not arrive, or to which more was added, is open again by every row that tells of it. P6."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Integer, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import FAILED_LATER, Channel, ClaimStatus, LegState, NoticeEvent, NoticeState, Step, StepStatus
from domain.conservation import Books
from store import (
    by_hand,
    claim_details,
    claims,
    conservation,
    findings,
    notices,
    operator_list,
    order_claims,
    refunds,
    reopening,
)
from store.claim_details import ClaimDetails
from store.notices import Draft
from tests.store import shop

ORDER_NO = shop.WITH_COUPON_AND_MILEAGE.order_no


async def completed(conn: AsyncConnection) -> str:
    """A whole cancel that is final, and whose customer was told; its refund at the gateway is `R1`."""
    claim_no = await shop.cancel_all(conn, shop.WITH_COUPON_AND_MILEAGE)
    done = dict.fromkeys((Step.REFUND, Step.COMPLETE, Step.NOTIFY), StepStatus.DONE)
    await claims.set_steps(conn, claim_no, done)
    await claims.close(conn, claim_no)
    assert await claims.restate(conn, claim_no) is ClaimStatus.COMPLETED
    return claim_no


async def leg_of(conn: AsyncConnection, claim_no: str) -> str:
    found = await conn.execute(
        text("SELECT leg_id FROM refund_legs WHERE claim_no = :no AND external"), {"no": claim_no}
    )
    return str(found.scalar_one())


async def fail(conn: AsyncConnection, claim_no: str, refund_ref: str = "R1") -> bool:
    head = await shop.head_of(conn, claim_no)
    if not await reopening.refund_failed(conn, head, await leg_of(conn, claim_no), refund_ref):
        return False
    return await reopening.reopen(conn, head, FAILED_LATER)


async def details(conn: AsyncConnection, claim_no: str) -> ClaimDetails:
    found = await claim_details.load_claim(conn, claim_no)
    assert found is not None
    return found


async def books(conn: AsyncConnection) -> Books:
    """The order's books, in which nothing is wrong."""
    assert await conservation.differences(conn, ORDER_NO) == []
    found = await conservation.books_of(conn, ORDER_NO)
    assert found is not None
    return found.books


async def round_of(conn: AsyncConnection, claim_no: str) -> int:
    found = await conn.execute(text("SELECT round FROM claims WHERE claim_no = :no"), {"no": claim_no})
    return int(found.scalar_one())


async def test_what_did_not_arrive_is_due_again(brought: AsyncConnection) -> None:
    claim_no = await completed(brought)
    before = await books(brought)
    assert (before.refunded, before.due) == (22_000, 0)
    assert await fail(brought, claim_no)
    after = await books(brought)
    assert (after.refunded, after.due, after.bought) == (2_000, 20_000, before.bought)


async def test_it_stands_where_it_stood_before_its_end(brought: AsyncConnection) -> None:
    claim_no = await completed(brought)
    await fail(brought, claim_no)
    claim = await details(brought, claim_no)
    assert (claim.status, claim.closed_at) == (ClaimStatus.REFUNDING, None)
    assert {one.step: one.status for one in claim.steps} == {
        Step.OPEN: StepStatus.DONE,
        Step.CHARGE: StepStatus.SKIPPED,
        Step.REFUND: StepStatus.RUNNING,
        Step.COUPONS: StepStatus.DONE,
        Step.RESTOCK: StepStatus.DONE,
        Step.COMPLETE: StepStatus.WAITING,
        Step.NOTIFY: StepStatus.WAITING,
    }
    leg = next(one for one in claim.legs if one.gateway)
    assert (leg.state, leg.code, leg.settled_by, leg.refund_ref) == (LegState.REFUSED, FAILED_LATER, None, None)
    assert [(one.event, one.step) for one in claim.events[-2:]] == [
        ("refund.failed_later", Step.REFUND),
        ("claim.reopened", Step.COMPLETE),
    ]
    lines = await brought.execute(
        text("SELECT DISTINCT status FROM order_lines WHERE order_no = :no"), {"no": ORDER_NO}
    )
    assert lines.scalars().all() == ["cancelled"]


async def test_everybody_sees_it_open(brought: AsyncConnection) -> None:
    claim_no = await completed(brought)
    assert await claims.is_over(brought, claim_no)
    assert await findings.unfinished_claims(brought, older_than=timedelta()) == []
    await fail(brought, claim_no)
    assert not await claims.is_over(brought, claim_no)
    assert [one.claim_no for one in await findings.unfinished_claims(brought, older_than=timedelta())] == [claim_no]
    assert [one.claim_no for one in await findings.quiet_claims(brought, timedelta())] == [claim_no]
    [listed] = await operator_list.list_claims(brought, status=ClaimStatus.REFUNDING)
    assert (listed.claim_no, listed.step) == (claim_no, Step.REFUND)
    [shown] = await order_claims.claims_of_order(brought, ORDER_NO)
    assert shown.closed_at is None


async def test_only_the_refund_that_settled_the_leg_can_fail_and_only_once(brought: AsyncConnection) -> None:
    claim_no = await completed(brought)
    assert not await fail(brought, claim_no, "R2")
    assert await fail(brought, claim_no)
    assert not await fail(brought, claim_no)
    assert await round_of(brought, claim_no) == 2


async def test_nothing_fails_of_a_claim_that_is_undone(brought: AsyncConnection) -> None:
    claim_no, _ = await shop.open_cancel(brought, ORDER_NO, {1: 2, 2: 1})
    await shop.undo(brought, claim_no)
    assert not await fail(brought, claim_no)
    with pytest.raises(ValueError, match="undone"):
        await reopening.reopen(brought, await shop.head_of(brought, claim_no), FAILED_LATER)


async def test_a_claim_under_way_stays_so_and_nobody_need_be_told_anew(brought: AsyncConnection) -> None:
    claim_no = await shop.cancel_all(brought, shop.WITH_COUPON_AND_MILEAGE)
    assert not await fail(brought, claim_no)
    claim = await details(brought, claim_no)
    assert claim.status is ClaimStatus.REFUNDING
    assert "claim.reopened" not in [one.event for one in claim.events]
    assert (await books(brought)).due == 20_000
    assert await round_of(brought, claim_no) == 1


async def test_a_claim_under_way_that_has_told_of_its_money_tells_anew(brought: AsyncConnection) -> None:
    claim_no = await shop.cancel_all(brought, shop.WITH_COUPON_AND_MILEAGE)
    await claims.set_steps(brought, claim_no, {Step.REFUND: StepStatus.DONE})
    draft = Draft(Channel.EMAIL, NoticeState.PLANNED, "-", "-")
    for round_no in (1, 2):
        told = await notices.facts(brought, claim_no)
        assert told is not None
        notice = notices.notice_id(claim_no, NoticeEvent.ACCEPTED, Channel.EMAIL, round_no)
        assert await notices.plan(brought, told, NoticeEvent.ACCEPTED, [draft]) == [notice]
        if round_no == 1:
            assert await fail(brought, claim_no)
            assert await notices.unsent(brought, claim_no) == []
    [refund] = [one.status for one in (await details(brought, claim_no)).steps if one.step is Step.REFUND]
    assert refund is StepStatus.RUNNING


_ATTEMPTED = text(
    """
    INSERT INTO refund_attempts (leg_id, n, claim_no, order_no, payment_no, try_no, key, guard, state, outcome,
                                 armed_at, deadline, settled_after, error_answered, moved_at)
    SELECT leg_id, :n, claim_no, order_no, payment_no, :n, leg_id || '-' || :n, 0, :state, :outcome,
           now(), now(), now(), false, now()
    FROM refund_legs WHERE claim_no = :claim_no AND external
    """
).bindparams(bindparam("n", type_=Integer))


async def test_of_several_attempts_the_newest_has_failed(brought: AsyncConnection) -> None:
    claim_no = await completed(brought)
    for n, state, outcome in ((1, "ABSENT", "NOT_SENT"), (2, "ANSWERED", "DONE")):
        await brought.execute(_ATTEMPTED, {"claim_no": claim_no, "n": n, "state": state, "outcome": outcome})
    await fail(brought, claim_no)
    outcomes = await brought.execute(text("SELECT outcome FROM refund_attempts ORDER BY n"))
    assert outcomes.scalars().all() == ["NOT_SENT", "FAILED_LATER"]


async def test_the_claims_that_wait_for_a_payment_are_named_until_it_is_given_back(brought: AsyncConnection) -> None:
    claim_no = await completed(brought)
    leg = (await refunds.read(brought, await leg_of(brought, claim_no))).leg
    assert await reopening.failed_on(brought, leg.gateway, leg.payment_ref) == []
    await fail(brought, claim_no)
    [waiting] = await reopening.failed_on(brought, leg.gateway, leg.payment_ref)
    assert (waiting.claim_no, waiting.order_no) == (claim_no, ORDER_NO)
    assert await reopening.failed_on(brought, "another", leg.payment_ref) == []
    await by_hand.settle(brought, leg.leg_id, "bank transfer 4711")
    assert await reopening.failed_on(brought, leg.gateway, leg.payment_ref) == []
