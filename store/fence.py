"""The fence before every step's transaction: lock the order, then see which way the claim goes.

A step that timed out may still run after the claim was undone. Because every step first locks the order's row and reads
the claim's direction under that lock, and because turning back takes the same lock, such a late step finds the other
direction and does nothing. docs/saga.md tells why.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Text, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import ClaimKind, ClaimStatus, Direction
from store.tables import claims, orders


@dataclass(frozen=True, slots=True)
class ClaimHead:
    """The claim as it stands under the order's lock. `refund` in minor units of `currency`."""

    claim_no: str
    order_no: str
    member_no: str | None
    kind: ClaimKind
    direction: Direction
    decided: bool
    status: ClaimStatus
    refund: int
    currency: str
    language: str
    refusal_code: str | None
    refusal_reason: str | None


async def lock_order(conn: AsyncConnection, order_no: str) -> bool:
    """Lock the order's row until the transaction ends. False when there is no such order."""
    found = await conn.execute(select(orders.c.order_no).where(orders.c.order_no == order_no).with_for_update())
    return found.scalar_one_or_none() is not None


async def enter(
    conn: AsyncConnection, claim_no: str, direction: Direction | None = Direction.FORWARD
) -> ClaimHead | None:
    """Lock the claim's order, then read the claim under that lock.

    Answers None, and the step must then do nothing, when the claim does not exist, is rejected, or goes another way
    than `direction`. With `direction` None any claim that exists is answered, for the few transactions that only
    record what became known.
    """
    owner = (await conn.execute(_LOCK_ORDER_OF_CLAIM, {"of_claim": claim_no})).one_or_none()
    if owner is None:
        return None
    # A statement of its own: under READ COMMITTED it sees what committed while this one waited for the lock.
    row = (await conn.execute(_HEAD, {"of_claim": claim_no})).one()
    head = ClaimHead(
        claim_no=row.claim_no,
        order_no=row.order_no,
        member_no=owner.member_no,
        kind=ClaimKind(row.kind),
        direction=Direction(row.direction),
        decided=row.decided,
        status=ClaimStatus(row.status),
        refund=row.refund,
        currency=row.currency,
        language=row.language,
        refusal_code=row.refusal_code,
        refusal_reason=row.refusal_reason,
    )
    if direction is None:
        return head
    if head.direction is not direction or head.status is ClaimStatus.REJECTED:
        return None
    return head


_CLAIM_NO = bindparam("of_claim", type_=Text)
_LOCK_ORDER_OF_CLAIM = (
    select(orders.c.order_no, orders.c.member_no)
    .where(orders.c.order_no == select(claims.c.order_no).where(claims.c.claim_no == _CLAIM_NO).scalar_subquery())
    .with_for_update()
)
_HEAD = select(
    claims.c.claim_no,
    claims.c.order_no,
    claims.c.kind,
    claims.c.direction,
    claims.c.decided,
    claims.c.status,
    claims.c.refund,
    claims.c.currency,
    claims.c.language,
    claims.c.refusal_code,
    claims.c.refusal_reason,
).where(claims.c.claim_no == _CLAIM_NO)
