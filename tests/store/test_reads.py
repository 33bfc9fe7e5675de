"""What is read beside the order: a claim whole, the audit, the inbox, the operators' list."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import (
    Action,
    Channel,
    ClaimKind,
    ClaimStatus,
    LegState,
    NoticeEvent,
    NoticeState,
    Step,
    StepStatus,
    StuckReason,
)
from domain.costs import CouponCause
from domain.orders import Held, Means
from store import claims, coupons, feed, parkings, reads, stock
from store.own_credits import give_back
from store.tables import findings, notices, refund_legs
from tests.store import shop
from tests.support import orders as made

ORDER = made.order(
    made.line(1, 10_000, 2),
    made.line(2, 5_000, 1),
    benefits=(made.basket_coupon("B1", {1: 2_000, 2: 1_000}),),
    payments=(made.payment("1", 20_000), made.payment("2", 2_000, Means.MILEAGE)),
)
ORDER_NO = ORDER.order_no


@pytest.fixture
async def brought(conn: AsyncConnection) -> AsyncConnection:
    """A connection on which the order stands."""
    await shop.bring(conn, ORDER)
    return conn


async def _cancel_all(conn: AsyncConnection) -> str:
    """A cancel of everything, given back whole."""
    claim_no, _ = await shop.open_cancel(conn, ORDER_NO, {1: 2, 2: 1})
    head = await shop.head_of(conn, claim_no)
    await claims.decide(conn, head)
    await coupons.restore(conn, head)
    await stock.restock(conn, head)
    await give_back(conn, head)
    await conn.execute(
        update(refund_legs)
        .where(refund_legs.c.claim_no == claim_no, refund_legs.c.external)
        .values(state=LegState.SETTLED, settled_by="GATEWAY", refund_ref="R1")
    )
    await claims.restate(conn, claim_no)
    return claim_no


async def _park(conn: AsyncConnection, claim_no: str, part: str = "") -> int:
    number = await parkings.park(
        conn,
        claim_no=claim_no,
        order_no=ORDER_NO,
        step=Step.REFUND,
        part=part,
        cause=StuckReason.PSP_DOWN,
        detail="the gateway does not answer",
        outcome_unknown=False,
        actions=[Action.RETRY, Action.ABORT],
    )
    await claims.restate(conn, claim_no)
    return number


# --- a claim whole ----------------------------------------------------------------------------------------------------


async def test_a_cancel_with_everything_it_did(brought: AsyncConnection) -> None:
    claim_no = await _cancel_all(brought)
    details = await reads.claim_details(brought, claim_no)
    assert details is not None
    assert (details.kind, details.refund, details.decided) == (ClaimKind.CANCEL, 22_000, True)
    assert [(line.line_no, line.quantity, line.goods_name) for line in details.lines] == [
        (1, 2, "Goods 1"),
        (2, 1, "Goods 2"),
    ]
    assert sum(row.amount for row in details.costs) == 22_000
    assert [(leg.payment_no, leg.amount, leg.state) for leg in details.legs] == [
        ("1", 20_000, LegState.SETTLED),
        ("2", 2_000, LegState.SETTLED),
    ]
    [coupon] = details.coupons
    assert (coupon.coupon_no, coupon.cause, coupon.restored) == ("B1", CouponCause.NOTHING_LEFT, True)
    assert coupon.restored_at is not None
    assert details.steps[0].step is Step.OPEN
    assert details.steps[0].status is StepStatus.DONE
    assert [seen.event for seen in details.events] == ["claim.opened", "claim.decided"]
    assert details.events[0].facts["refund"] == 22_000
    assert [payment.refunding for payment in details.payments] == [20_000, 2_000]
    assert [group.group_no for group in details.groups] == ["G1"]


async def test_a_coupon_that_is_not_back_yet(brought: AsyncConnection) -> None:
    claim_no, _ = await shop.open_cancel(brought, ORDER_NO, {1: 2, 2: 1})
    details = await reads.claim_details(brought, claim_no)
    assert details is not None
    assert [coupon.restored_at for coupon in details.coupons] == [None]


async def test_an_option_change_names_both_variants(brought: AsyncConnection) -> None:
    await feed.put_item(brought, shop.item_of("GOODS1", "002"))
    claim_no = await shop.open_change(brought, ORDER_NO, Held(1, 1, 2), "002")
    details = await reads.claim_details(brought, claim_no)
    assert details is not None
    [line] = details.lines
    assert (line.variant_no, line.new_variant_no, line.new_variant_name) == ("001", "002", "Variant 002")


async def test_no_such_claim(brought: AsyncConnection) -> None:
    assert await reads.claim_details(brought, "NONE") is None


async def test_the_claims_of_an_order(brought: AsyncConnection) -> None:
    rejected, _ = await shop.open_cancel(brought, ORDER_NO, {2: 1})
    await shop.undo(brought, rejected)
    stands, _ = await shop.open_cancel(brought, ORDER_NO, {1: 1, 2: 1})
    found = await reads.claims_of_order(brought, ORDER_NO)
    assert [(claim.claim_no, claim.status, claim.line_nos) for claim in found] == [
        (rejected, ClaimStatus.REJECTED, (2,)),
        (stands, ClaimStatus.ACCEPTED, (1, 2)),
    ]


# --- the audit --------------------------------------------------------------------------------------------------------


async def test_every_movement_of_an_order_with_its_claim(brought: AsyncConnection) -> None:
    claim_no = await _cancel_all(brought)
    audit = await reads.audit(brought, ORDER_NO)
    assert audit is not None
    assert audit.books.books.difference == 0
    assert audit.books.books.refunded == 22_000
    assert [(leg.claim_no, leg.refund_ref) for leg in audit.legs] == [(claim_no, "R1"), (claim_no, None)]
    assert [(move.claim_no, move.line_no, move.quantity) for move in audit.stock] == [
        (claim_no, 1, 2),
        (claim_no, 2, 1),
    ]
    assert [(move.claim_no, move.kind, move.coupon_no) for move in audit.coupons] == [(claim_no, "restore", "B1")]
    assert [(move.claim_no, move.means, move.member_no, move.amount) for move in audit.credits] == [
        (claim_no, Means.MILEAGE, "M1", 2_000)
    ]


async def test_no_such_order(brought: AsyncConnection) -> None:
    assert await reads.audit(brought, "NONE") is None
    assert await reads.conservation(brought, "NONE") is None


async def test_at_most_so_many_unbalanced_orders(brought: AsyncConnection) -> None:
    await brought.execute(text("UPDATE order_payments SET amount = amount + 5 WHERE payment_no = '2'"))
    [found] = await reads.unbalanced(brought)
    assert (found.order_no, found.currency, found.books.difference) == (ORDER_NO, "KRW", 5)
    assert await reads.unbalanced(brought, 0) == []


# --- the inbox --------------------------------------------------------------------------------------------------------


def _notice(number: int, **changes: object) -> dict[str, object]:
    return {
        "notice_id": f"N{number}",
        "claim_no": f"C{number}",
        "order_no": ORDER_NO,
        "member_no": "M1",
        "event": NoticeEvent.COMPLETED,
        "channel": Channel.INBOX,
        "language": "ko",
        "subject": f"Subject {number}",
        "body": "Body",
        "state": NoticeState.SENT,
        **changes,
    }


async def _ids(conn: AsyncConnection, *, limit: int = 10, after: str | None = None) -> Sequence[str]:
    return [notice.notice_id for notice in await reads.inbox(conn, "M1", limit=limit, after=after)]


async def test_the_inbox_in_pages_newest_first(brought: AsyncConnection) -> None:
    # All of one moment: the page must not lose those.
    await brought.execute(insert(notices).values([_notice(number) for number in range(1, 6)]))
    assert await _ids(brought) == ["N5", "N4", "N3", "N2", "N1"]
    assert await _ids(brought, limit=2) == ["N5", "N4"]
    assert await _ids(brought, limit=2, after="N4") == ["N3", "N2"]
    assert await _ids(brought, after="N1") == []


async def test_the_inbox_has_only_what_was_put_into_it(brought: AsyncConnection) -> None:
    others = [
        _notice(1, channel=Channel.EMAIL),
        _notice(2, state=NoticeState.FAILED),
        _notice(3, member_no="M2"),
        _notice(4),
    ]
    await brought.execute(insert(notices).values(others))
    assert await _ids(brought) == ["N4"]


# --- operators --------------------------------------------------------------------------------------------------------


async def test_parked_claims_are_listed_with_what_they_wait_for(brought: AsyncConnection) -> None:
    claim_no, _ = await shop.open_cancel(brought, ORDER_NO, {1: 1})
    assert await reads.list_claims(brought, needs_operator=True) == []
    old = await _park(brought, claim_no)
    number = await _park(brought, claim_no)
    other = await _park(brought, claim_no, part="leg 2")
    [listed] = await reads.list_claims(brought, needs_operator=True)
    assert listed.status is ClaimStatus.NEEDS_OPERATOR
    assert [parking.parking_no for parking in listed.parkings] == [number, other]
    assert old not in (number, other)
    assert listed.parkings[0].actions == (Action.RETRY, Action.ABORT)
    assert listed.parkings[0].cause is StuckReason.PSP_DOWN
    assert await reads.list_claims(brought, needs_operator=False) == []
    details = await reads.claim_details(brought, claim_no)
    assert details is not None
    assert details.parkings == listed.parkings


async def test_the_step_listed_is_the_first_that_is_not_done(brought: AsyncConnection) -> None:
    claim_no, _ = await shop.open_cancel(brought, ORDER_NO, {1: 1})
    [listed] = await reads.list_claims(brought)
    assert listed.step is Step.REFUND
    for step in Step:
        await claims.set_step(brought, claim_no, step, StepStatus.DONE)
    [listed] = await reads.list_claims(brought)
    assert listed.step is None


async def test_claims_in_pages_by_status_and_order(brought: AsyncConnection) -> None:
    made_claims = []
    for _ in range(2):
        claim_no, _ = await shop.open_cancel(brought, ORDER_NO, {1: 1})
        await shop.decide(brought, claim_no)
        made_claims.append(claim_no)
    last, _ = await shop.open_cancel(brought, ORDER_NO, {2: 1})
    first, second = made_claims

    async def listed(**asked: object) -> list[str]:
        return [claim.claim_no for claim in await reads.list_claims(brought, **asked)]  # type: ignore[arg-type]

    assert await listed() == [last, second, first]
    assert await listed(limit=2) == [last, second]
    assert await listed(after=second) == [first]
    assert await listed(status=ClaimStatus.REFUNDING) == [second, first]
    assert await listed(order_no="ANOTHER") == []
    assert await listed(order_no=ORDER_NO, status=ClaimStatus.ACCEPTED) == [last]


async def test_findings_until_they_are_cleared(brought: AsyncConnection) -> None:
    rows: list[dict[str, object]] = [
        {
            "finding_key": f"quiet/{claim_no}",
            "kind": "quiet",
            "order_no": ORDER_NO,
            "claim_no": claim_no,
            "detail": {},
        }
        for claim_no in ("C1", "C2")
    ]
    await brought.execute(insert(findings).values(rows))
    await brought.execute(update(findings).where(findings.c.claim_no == "C1").values(cleared_at=made.NOW))
    assert [finding.claim_no for finding in await reads.open_findings(brought)] == ["C2"]
