"""Events for the shop's systems: reading them in an order that misses none, and keeping track of their delivery.

The ledger's triggers write the rows (`store/migrations`, 0011), each in the transaction that makes its event true.
Transactions end in another order than they began in, so no number that a row gets when it is written can be read by: a
reader who asks for what comes after 7 would never see a 6 that commits later. So an event gets its number only once it
is committed, from whoever reads the outbox first, and one reader at a time gives numbers (`number` holds the counter's
row until its transaction ends). Whoever sees a number therefore sees every lower one. Of one claim the events come in
their order, for its transactions hold the order's row and so end one after the other. Nothing depends on the age of
transactions: a long one delays only its own events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.events import ClaimEvent, EventType
from store.tables import claim_outbox, outbox_delays

_AT_ONCE = 1000
"""So many events get their numbers in one statement."""


@dataclass(frozen=True, slots=True)
class Held:
    """What could not be delivered: how many claims, since when, and how the longest held one's last try ended."""

    claims: int
    since: datetime
    code: str


async def number(conn: AsyncConnection) -> None:
    """Give numbers to events that have committed and have none. Its transaction must end before they are read."""
    waiting = select(claim_outbox.c.outbox_id).where(claim_outbox.c.event_no.is_(None)).limit(1)
    if (await conn.execute(waiting)).first() is None:
        return
    # A statement of its own: the next one must see what committed while this one waited for its turn.
    last = (await conn.execute(text("SELECT last FROM outbox_numbers FOR UPDATE"))).scalar_one()
    await conn.execute(_NUMBER, {"last": last, "at_once": _AT_ONCE})


_NUMBER = text(
    """
    WITH waiting AS (
        SELECT outbox_id, CAST(:last AS bigint) + row_number() OVER (ORDER BY outbox_id) AS event_no
        FROM (SELECT outbox_id FROM claim_outbox WHERE event_no IS NULL ORDER BY outbox_id LIMIT :at_once) AS fresh
    ), numbered AS (
        UPDATE claim_outbox AS event SET event_no = waiting.event_no
        FROM waiting WHERE event.outbox_id = waiting.outbox_id
        RETURNING event.event_no
    )
    UPDATE outbox_numbers SET last = (SELECT max(event_no) FROM numbered) WHERE EXISTS (SELECT FROM numbered)
    """
)


async def read(conn: AsyncConnection, *, after: int, limit: int) -> list[ClaimEvent]:
    """At most `limit` numbered events above number `after`, in their order."""
    rows = await conn.execute(
        select(*_EVENT).where(claim_outbox.c.event_no > after).order_by(claim_outbox.c.event_no).limit(limit)
    )
    return [_event(row) for row in rows]


_EVENT = (
    claim_outbox.c.event_no,
    claim_outbox.c.claim_no,
    claim_outbox.c.order_no,
    claim_outbox.c.sequence,
    claim_outbox.c.type,
    claim_outbox.c.at,
    claim_outbox.c.payload,
)


def _event(row: Any) -> ClaimEvent:
    return ClaimEvent(**{**row._mapping, "type": EventType(row.type)})


# --- delivery ---------------------------------------------------------------------------------------------------------


async def due(conn: AsyncConnection, limit: int) -> list[ClaimEvent]:
    """The next event of each claim that has one to deliver and is not held back, the oldest first."""
    earlier = claim_outbox.alias("earlier")
    waits = exists().where(
        earlier.c.claim_no == claim_outbox.c.claim_no,
        earlier.c.sequence < claim_outbox.c.sequence,
        earlier.c.delivered_at.is_(None),
    )
    held = select(outbox_delays.c.claim_no).where(outbox_delays.c.next_at > func.clock_timestamp())
    rows = await conn.execute(
        select(*_EVENT)
        .where(
            claim_outbox.c.delivered_at.is_(None),
            claim_outbox.c.event_no.is_not(None),
            ~waits,
            claim_outbox.c.claim_no.not_in(held),
        )
        .order_by(claim_outbox.c.event_no)
        .limit(limit)
    )
    return [_event(row) for row in rows]


async def delivered(conn: AsyncConnection, event: ClaimEvent) -> None:
    """The shop has taken the event; the claim's next one is due."""
    await conn.execute(
        update(claim_outbox)
        .where(claim_outbox.c.event_no == event.event_no)
        .values(delivered_at=func.coalesce(claim_outbox.c.delivered_at, func.clock_timestamp()))
    )
    await conn.execute(delete(outbox_delays).where(outbox_delays.c.claim_no == event.claim_no))


async def not_delivered(
    conn: AsyncConnection, event: ClaimEvent, code: str, *, first: timedelta, longest: timedelta
) -> None:
    """Hold the claim's events back: for `first`, then twice as long each time, up to `longest`."""
    doubled = text("least(CAST(:first AS interval) * power(2, least(outbox_delays.tries, 20)), :longest)").bindparams(
        first=first, longest=longest
    )
    written = insert(outbox_delays).values(
        claim_no=event.claim_no, tries=1, code=code, next_at=func.clock_timestamp() + first
    )
    await conn.execute(
        written.on_conflict_do_update(
            index_elements=[outbox_delays.c.claim_no],
            set_={"tries": outbox_delays.c.tries + 1, "code": code, "next_at": func.clock_timestamp() + doubled},
        )
    )


async def held_back(conn: AsyncConnection, *, tries: int) -> Held | None:
    """The claims whose next event failed at least so often; None when there are none."""
    rows: Sequence[Any] = (
        await conn.execute(
            select(func.count().over().label("claims"), outbox_delays.c.since, outbox_delays.c.code)
            .where(outbox_delays.c.tries >= tries)
            .order_by(outbox_delays.c.since)
            .limit(1)
        )
    ).all()
    return Held(rows[0].claims, rows[0].since, rows[0].code) if rows else None
