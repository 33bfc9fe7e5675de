"""A member's inbox: the notices kept there, newest first."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import Field

from api.schemas.fields import Wire
from store.inbox import InboxNotice


class NoticeEntry(Wire):
    notice_no: str = Field(alias="noticeNo")
    order_no: str = Field(alias="ordNo")
    claim_no: str = Field(alias="claimNo")
    event: str = Field(alias="event")
    subject: str = Field(alias="title")
    body: str = Field(alias="content")
    at: datetime = Field(alias="dtm")

    @classmethod
    def of(cls, notice: InboxNotice) -> Self:
        return cls(
            notice_no=notice.notice_id,
            order_no=notice.order_no,
            claim_no=notice.claim_no,
            event=notice.event.value,
            subject=notice.subject,
            body=notice.body,
            at=notice.created_at,
        )


class InboxView(Wire):
    notices: list[NoticeEntry] = Field(alias="noticeList")
    next: str | None = Field(alias="nextAfter", description="Send it as `after` for older ones; null: there are none.")
