"""What the shop's systems are told of a claim: events, numbered, each with the claim as it stood. docs/events.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class EventType(StrEnum):
    """The kinds of events. A refund has one kind of each, whatever it was caused by and whoever carried it out."""

    CLAIM_OPENED = "claim.opened"
    CHARGE_TAKEN = "charge.taken"
    REFUND_PENDING = "refund.pending"
    REFUND_SETTLED = "refund.settled"
    REFUND_FAILED = "refund.failed"
    COUPONS_RETURNED = "coupons.returned"
    STOCK_RETURNED = "stock.returned"
    OPTION_CHANGED = "option.changed"
    CLAIM_NEEDS_OPERATOR = "claim.needs_operator"
    CLAIM_COMPLETED = "claim.completed"
    CLAIM_REOPENED = "claim.reopened"
    CLAIM_REJECTED = "claim.rejected"


@dataclass(frozen=True, slots=True)
class ClaimEvent:
    """One event. `event_no` counts over all claims, `sequence` 1, 2, 3 … within the claim; neither ever changes.

    `payload` is the claim as it stood when the event's transaction ended, and what the event is about: JSON values
    under plain names, amounts in integer minor units of its `currency`, no personal data.
    """

    event_no: int
    claim_no: str
    order_no: str
    sequence: int
    type: EventType
    at: datetime
    payload: Mapping[str, Any]
