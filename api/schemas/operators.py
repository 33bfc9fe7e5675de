"""What operators send and get."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from api.schemas.fields import FreeText, StrictWire, Wire, clean_text
from domain.claims import Action

Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(clean_text)
]


class _Commanded(StrictWire):
    model_config = ConfigDict(validate_by_name=False)


class ResolveAsked(_Commanded):
    """An operator's answer to a parking; `actions` of the claim in the list says which are safe."""

    parking_no: int = Field(alias="parkingNo", strict=True, ge=1, le=2**63 - 1)
    action: Action = Field(alias="action", examples=["retry"])
    reason: Reason = Field(alias="reason", description="Why; kept in the audit.")
    evidence: FreeText | None = Field(
        None, alias="evidence", description="Needed to settle: the bank's or the gateway's own reference."
    )


class ResumeAsked(_Commanded):
    reason: Reason = Field(alias="reason", description="Why; kept in the audit.")


class ParkingView(Wire):
    """A wait for a person; `actions` are those that are safe as the ledger stands."""

    parking_no: int = Field(alias="parkingNo")
    step: str = Field(alias="step")
    part: str = Field(alias="part", description="The refund that stands still, or empty.")
    stuck_reason: str = Field(alias="stuckReason")
    detail: str = Field(alias="detail", description="What failed and what was tried.")
    outcome_unknown: bool = Field(alias="outcomeUnknown")
    actions: list[str] = Field(alias="actions")
    since: datetime = Field(alias="since")


class OperatorClaim(Wire):
    """A claim as operators see it. `parkingNo`, `stuckReason` and `actions` are of its oldest open parking."""

    claim_no: str = Field(alias="claimNo")
    order_no: str = Field(alias="ordNo")
    status: str = Field(alias="claimStatCd")
    step: str | None = Field(alias="step")
    stuck_reason: str | None = Field(alias="stuckReason")
    since: datetime = Field(alias="since")
    parking_no: int | None = Field(alias="parkingNo")
    actions: list[str] = Field(alias="actions")
    parkings: list[ParkingView] = Field(alias="parkingList", description="Every open parking of the claim.")
    workflow_id: str = Field(alias="workflowId")
    workflow_url: str = Field(alias="workflowUrl", description="The claim in the Temporal Web UI.")


class OperatorClaims(Wire):
    claims: list[OperatorClaim] = Field(alias="claimList")
    next: str | None = Field(alias="next", description="Send it as `after` for the next page; null on the last.")


class EventView(Wire):
    """One line of a claim's timeline. `event` is a stable slug; `facts` its numbers, nothing of a customer."""

    at: datetime = Field(alias="at")
    actor: str = Field(alias="actor", description="customer, system, gateway, or an operator's name.")
    event: str = Field(alias="event", examples=["refund.done"])
    step: str | None = Field(alias="step")
    facts: dict[str, Any] = Field(alias="facts")


class Timeline(Wire):
    claim_no: str = Field(alias="claimNo")
    order_no: str = Field(alias="ordNo")
    events: list[EventView] = Field(alias="eventList", description="Oldest first; only ever appended to.")
