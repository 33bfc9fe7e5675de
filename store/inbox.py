"""The notices put into a member's inbox. Times are aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import Channel, NoticeEvent, NoticeState
from store.tables import notices


@dataclass(frozen=True, slots=True)
class InboxNotice:
    notice_id: str
    claim_no: str
    order_no: str
    event: NoticeEvent
    subject: str
    body: str
    created_at: datetime


async def notices_of(
    conn: AsyncConnection, member_no: str, *, limit: int, after: str | None = None
) -> list[InboxNotice]:
    """The member's inbox notices, newest first; with `after`, a notice's id, those older than it."""
    asked = (
        select(*(notices.c[name] for name in InboxNotice.__dataclass_fields__))
        .where(
            notices.c.member_no == member_no,
            notices.c.channel == Channel.INBOX,
            notices.c.state == NoticeState.SENT,
        )
        .order_by(notices.c.created_at.desc(), notices.c.notice_id.desc())
        .limit(limit)
    )
    if after is not None:
        last = select(notices.c.created_at, notices.c.notice_id).where(notices.c.notice_id == after)
        asked = asked.where(tuple_(notices.c.created_at, notices.c.notice_id) < last.scalar_subquery())
    found = await conn.execute(asked)
    return [InboxNotice(**{**row._mapping, "event": NoticeEvent(row.event)}) for row in found]
