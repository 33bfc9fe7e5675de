"""Whether a cell came out as it must: by the gateways' own ledgers, by ours, and by what people were told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.claims import StuckReason
from tests.matrix.ground import Ground
from tests.matrix.rows import Cell, Ends


@dataclass(frozen=True, slots=True)
class Result:
    """`ends`: the claim's status in the end; `parked`: why a person was asked; `wrong`: what is not as it must be."""

    cell: Cell
    ends: str
    parked: StuckReason | None
    wrong: Sequence[str] = field(default_factory=tuple)


async def judge(ground: Ground, cell: Cell, claim_no: str, order_no: str, seen: Sequence[str]) -> Result:
    """Compare. `seen`: what went wrong while it was played."""
    house = ground.house
    status = await house.status(claim_no)
    causes = {
        StuckReason(row["cause"])
        for row in await house.rows("SELECT DISTINCT cause FROM parkings WHERE claim_no = :no", no=claim_no)
    }
    ends, parks = cell.row.end(cell.shape, cell.kill)
    wrong = list(seen)
    if not status.startswith(ends):
        wrong.append(f"it is {status}, not {ends}")
    if causes != ({parks} if parks else set()):
        wrong.append(f"parked for {sorted(causes) or 'nothing'}, not for {parks or 'nothing'}")
    wrong += await _money(ground, order_no, claim_no, ends)
    for what, rows in {
        "a sum does not come out": await house.rows(
            "SELECT * FROM order_differences WHERE order_no = :no", no=order_no
        ),
        "an outcome unknown": await house.rows(
            "SELECT key FROM refund_attempts WHERE claim_no = :no AND state = 'SENT'", no=claim_no
        ),
        "a parking left open": await house.rows(
            "SELECT cause FROM parkings WHERE claim_no = :no AND closed_at IS NULL", no=claim_no
        ),
    }.items():
        wrong += [f"{what}: {row}" for row in rows]
    return Result(cell, status, next(iter(causes), None), tuple(wrong))


async def _money(ground: Ground, order_no: str, claim_no: str, ends: Ends) -> list[str]:
    """Each leg is one refund in the ledger of its gateway, by number, amount and reference, and there is no other."""
    legs = await ground.house.rows(
        "SELECT leg_id, l.gateway, p.gateway_ref, l.amount, l.state, settled_by, refund_ref FROM refund_legs AS l"
        " JOIN order_payments AS p USING (order_no, payment_no) WHERE l.order_no = :no ORDER BY leg_id",
        no=order_no,
    )
    wrong = []
    for leg in legs:
        there = [
            one for one in await ground.stands[leg["gateway"]].refunds(leg["gateway_ref"]) if one.status != "failed"
        ]
        told = [(one.ref, one.amount, one.reference, one.status) for one in there]
        due = [(leg["refund_ref"], leg["amount"], leg["leg_id"], "succeeded")] if ends is Ends.COMPLETED else []
        if told != due:
            wrong.append(f"{len(told)} refunds at {leg['gateway']} for {leg['leg_id']}: {told}, ours: {dict(leg)}")
        state = ("SETTLED", "GATEWAY") if ends is Ends.COMPLETED else ("VOID", None)
        if (leg["state"], leg["settled_by"]) != state:
            wrong.append(f"leg {leg['leg_id']} is {leg['state']} by {leg['settled_by']}, not {state}")
    if not legs:
        wrong.append(f"{claim_no} has no legs")
    return wrong
