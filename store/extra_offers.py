"""What a member has to pay an extra payment with: means stored at a gateway, and balances."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.extra_offers import StoredMeans
from domain.orders import Means
from store.tables import members, stored_means


async def stored(conn: AsyncConnection, member_no: str | None, stored_no: str | None) -> StoredMeans | None:
    """What the member has stored under this number; None when nothing, or when there is no member or number."""
    if member_no is None or stored_no is None:
        return None
    row = (
        await conn.execute(
            select(stored_means.c.stored_no, stored_means.c.means, stored_means.c.gateway).where(
                stored_means.c.member_no == member_no, stored_means.c.stored_no == stored_no
            )
        )
    ).one_or_none()
    return StoredMeans(row.stored_no, Means(row.means), row.gateway) if row else None


async def balance(conn: AsyncConnection, member_no: str, means: Means) -> int:
    """The member's balance of mileage or deposit, in minor units; 0 for a member that isn't known."""
    columns = {Means.MILEAGE: members.c.mileage, Means.DEPOSIT: members.c.deposit}
    found = await conn.execute(select(columns[means]).where(members.c.member_no == member_no))
    return int(found.scalar_one_or_none() or 0)
