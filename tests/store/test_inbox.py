"""What a member finds in the inbox, and in what order."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import Channel, NoticeEvent, NoticeState
from store.inbox import notices_of
from store.tables import notices
from tests.store import shop

ORDER_NO = shop.WITH_COUPON_AND_MILEAGE.order_no


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
    return [notice.notice_id for notice in await notices_of(conn, "M1", limit=limit, after=after)]


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
