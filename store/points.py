"""Taking back the points that cancelled goods had earned: once per claim, never below what the member has."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from store.fence import ClaimHead


@dataclass(frozen=True, slots=True)
class PointsTaken:
    """`taken` from the balance; `owed` is what the balance lacked. Both count points."""

    taken: int
    owed: int


def points_key(claim_no: str) -> str:
    """The key of the movement that takes the claim's points."""
    return f"points/{claim_no}"


async def take_back(conn: AsyncConnection, head: ClaimHead) -> PointsTaken | None:
    """Take the points of the claim's units from the member's mileage; None when there are none, or it was done before.

    What the balance lacks is owed by the member, and never deducted from money. Run it under the member's lock.
    """
    of = {
        "movement_key": points_key(head.claim_no),
        "claim_no": head.claim_no,
        "order_no": head.order_no,
        "member_no": head.member_no,
    }
    row = (await conn.execute(_TAKE_BACK, of)).one_or_none()
    return PointsTaken(-row.amount, row.owed) if row else None


_TAKE_BACK = text(
    """
    WITH moved AS (
        INSERT INTO credit_movements (movement_key, kind, means, member_no, amount, owed, claim_no, order_no)
        SELECT :movement_key, 'points', 'mileage', member.member_no,
               -least(earned.points, member.mileage), earned.points - least(earned.points, member.mileage),
               :claim_no, :order_no
        FROM members AS member
        CROSS JOIN (SELECT sum(points)::bigint AS points FROM claim_lines WHERE claim_no = :claim_no) AS earned
        WHERE member.member_no = :member_no AND earned.points > 0
        ON CONFLICT (movement_key) DO NOTHING
        RETURNING member_no, amount, owed
    ), taken AS (
        UPDATE members SET mileage = members.mileage + moved.amount, points_owed = members.points_owed + moved.owed
        FROM moved WHERE members.member_no = moved.member_no
    )
    SELECT amount, owed FROM moved
    """
)
