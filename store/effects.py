"""One row per effect, so that each happens once: whoever commits the row first wins.

A row is an effect, a tombstone (it must never happen), or an effect that was reversed; it is kept in each case. The row
is written in the transaction of the effect itself.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import EffectState
from store.tables import effects


async def happen(conn: AsyncConnection, key: str, claim_no: str) -> bool:
    """True the first time: go on and do it. False when it already happened, was reversed, or must never happen."""
    return await _write(conn, key, claim_no, EffectState.EFFECT)


async def tombstone(conn: AsyncConnection, key: str, claim_no: str) -> EffectState:
    """See to it that the effect never happens, and answer what stands: TOMBSTONE, or what was there before it."""
    if await _write(conn, key, claim_no, EffectState.TOMBSTONE):
        return EffectState.TOMBSTONE
    found = await conn.execute(select(effects.c.state).where(effects.c.effect_key == key))
    return EffectState(found.scalar_one())


async def reverse(conn: AsyncConnection, key: str, claim_no: str) -> bool:
    """Mark the effect reversed. True: it had happened, undo it now. False: nothing is to be undone, now or later."""
    if await tombstone(conn, key, claim_no) is not EffectState.EFFECT:
        return False
    await conn.execute(update(effects).where(effects.c.effect_key == key).values(state=EffectState.REVERSED))
    return True


async def due(conn: AsyncConnection, key: str, deadline: datetime) -> tuple[bool, EffectState | None]:
    """Whether `deadline` (aware) has passed by the database's clock, and what stands under the key; None: nothing."""
    stands = select(effects.c.state).where(effects.c.effect_key == key).scalar_subquery()
    passed, found = (await conn.execute(select(func.clock_timestamp() > deadline, stands))).one()
    return passed, None if found is None else EffectState(found)


async def _write(conn: AsyncConnection, key: str, claim_no: str, state: EffectState) -> bool:
    written = await conn.execute(
        insert(effects)
        .values(effect_key=key, claim_no=claim_no, state=state)
        .on_conflict_do_nothing(index_elements=[effects.c.effect_key])
        .returning(effects.c.effect_key)
    )
    return written.scalar_one_or_none() is not None
