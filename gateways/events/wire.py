"""An event as the shop's systems read it, whether they fetch it or it is sent to them. docs/events.md tells the fields.

What the shop itself has brought goes by the feed's names (`ordNo`, `ordSeq`, `goodsNo`, `itmNo`, `payNo`, `cpnNo`);
everything else is plain. Amounts are integer minor units of `currency`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from domain.events import ClaimEvent, EventType


class _Told(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )


class EventLine(_Told):
    """Units of an order's line that the claim takes; `restocked` of them are back in stock. `newItmNo`: changed to."""

    line_no: int = Field(alias="ordSeq")
    goods_no: str = Field(alias="goodsNo")
    variant_no: str = Field(alias="itmNo")
    new_variant_no: str | None = Field(None, alias="newItmNo")
    quantity: int
    restocked: int


class EventRefund(_Told):
    """One amount that goes back to one payment. `reference` is the gateway's own name of the refund."""

    refund_no: str = Field(alias="refundNo")
    payment_no: str = Field(alias="payNo")
    means: str
    gateway: str | None = None
    amount: int
    state: str = Field(description="PLANNED, PENDING (accepted, not final), SETTLED, REFUSED, VOID (claim undone).")
    settled_by: str | None = Field(None, alias="settledBy", description="GATEWAY, HAND or OURS (a credit of the shop).")
    reference: str | None = None


class EventCharge(_Told):
    """What the customer pays for this claim; `payNo` once it is taken."""

    payment_no: str | None = Field(None, alias="payNo")
    means: str
    gateway: str | None = None
    amount: int
    state: str
    reference: str | None = None


class EventCoupon(_Told):
    coupon_no: str = Field(alias="cpnNo")
    result: str = Field(description="due, restored, reissued, used_elsewhere (nothing was given) or not_returned.")
    new_coupon_no: str | None = Field(None, alias="newCpnNo")


class EventAbout(_Told):
    """What the event is about, where it is a part of the claim: a refund (as it is now), or what a person must see to.

    `was` is the refund's state before; `code` the gateway's, of one that failed.
    """

    refund_no: str | None = Field(None, alias="refundNo")
    payment_no: str | None = Field(None, alias="payNo")
    means: str | None = None
    gateway: str | None = None
    amount: int | None = None
    state: str | None = None
    was: str | None = None
    settled_by: str | None = Field(None, alias="settledBy")
    reference: str | None = None
    code: str | None = None
    parking_no: int | None = Field(None, alias="parkingNo")
    step: str | None = None
    cause: str | None = None


class EventClaim(_Told):
    """The claim as it stood when the event became true: its status, and everything that it moves."""

    kind: str = Field(description="CANCEL or OPTION_CHANGE.")
    status: str
    reason_code: str = Field(alias="reasonCode")
    fault: str
    currency: str
    refund: int = Field(description="All that goes back.")
    extra: int = Field(description="What the customer pays instead, if the claim costs more than it returns.")
    refusal: str | None = Field(None, description="Why it was undone.")
    lines: tuple[EventLine, ...]
    refunds: tuple[EventRefund, ...]
    charge: EventCharge | None = None
    coupons: tuple[EventCoupon, ...]


class EventMessage(_Told):
    """`eventNo` counts over all claims, `sequence` 1, 2, 3 … within the claim."""

    event_no: int = Field(alias="eventNo")
    type: EventType
    claim_no: str = Field(alias="claimNo")
    order_no: str = Field(alias="ordNo")
    sequence: int
    at: datetime
    about: EventAbout | None = None
    claim: EventClaim


def event_message(event: ClaimEvent) -> EventMessage:
    payload: dict[str, Any] = dict(event.payload)
    return EventMessage(
        event_no=event.event_no,
        type=event.type,
        claim_no=event.claim_no,
        order_no=event.order_no,
        sequence=event.sequence,
        at=event.at.astimezone(UTC),
        about=payload.pop("about", None),
        claim=EventClaim.model_validate(payload),
    )


def event_body(event: ClaimEvent) -> bytes:
    """The event as it is sent: JSON, without what is not there."""
    return event_message(event).model_dump_json(by_alias=True, exclude_none=True).encode()
