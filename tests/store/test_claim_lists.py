"""The claims of an order, the operators' list of claims, and what the sweeper found."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import Action, ClaimStatus, Step, StepStatus, StuckReason
from store import claims, parkings
from store.claim_details import load_claim
from store.findings import open_findings
from store.operator_list import list_claims
from store.order_claims import claims_of_order
from store.tables import findings
from tests.store import shop
from tests.support import orders as made

ORDER_NO = shop.WITH_COUPON_AND_MILEAGE.order_no


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


async def test_the_claims_of_an_order(brought: AsyncConnection) -> None:
    rejected, _ = await shop.open_cancel(brought, ORDER_NO, {2: 1})
    await shop.undo(brought, rejected)
    stands, _ = await shop.open_cancel(brought, ORDER_NO, {1: 1, 2: 1})
    found = await claims_of_order(brought, ORDER_NO)
    assert [(claim.claim_no, claim.status, claim.line_nos) for claim in found] == [
        (rejected, ClaimStatus.REJECTED, (2,)),
        (stands, ClaimStatus.ACCEPTED, (1, 2)),
    ]


async def test_parked_claims_are_listed_with_what_they_wait_for(brought: AsyncConnection) -> None:
    claim_no, _ = await shop.open_cancel(brought, ORDER_NO, {1: 1})
    assert await list_claims(brought, needs_operator=True) == []
    old = await _park(brought, claim_no)
    number = await _park(brought, claim_no)
    other = await _park(brought, claim_no, part="leg 2")
    [listed] = await list_claims(brought, needs_operator=True)
    assert listed.status is ClaimStatus.NEEDS_OPERATOR
    assert [parking.parking_no for parking in listed.parkings] == [number, other]
    assert old not in (number, other)
    assert listed.parkings[0].actions == (Action.RETRY, Action.ABORT)
    assert listed.parkings[0].cause is StuckReason.PSP_DOWN
    assert await list_claims(brought, needs_operator=False) == []
    details = await load_claim(brought, claim_no)
    assert details is not None
    assert details.parkings == listed.parkings


async def test_the_step_listed_is_the_first_that_is_not_done(brought: AsyncConnection) -> None:
    claim_no, _ = await shop.open_cancel(brought, ORDER_NO, {1: 1})
    [listed] = await list_claims(brought)
    assert listed.step is Step.REFUND
    for step in Step:
        await claims.set_step(brought, claim_no, step, StepStatus.DONE)
    [listed] = await list_claims(brought)
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
        return [claim.claim_no for claim in await list_claims(brought, **asked)]  # type: ignore[arg-type]

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
    assert [finding.claim_no for finding in await open_findings(brought)] == ["C2"]
