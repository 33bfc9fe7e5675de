"""Findings: as operators see and close them, as auditors read them, and the days whose comparison makes them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Self

from pydantic import ConfigDict, Field

from api.schemas.audit import DifferenceEntry
from api.schemas.fields import StrictWire, Wire, YesNo, yes_no
from api.schemas.operators import Reason
from domain.findings import CLOSED_BY_HAND
from store.findings import OpenFinding
from store.reconciliation import ComparedDay


class Case(Wire):
    """Something that is wrong and that nothing mends silently."""

    finding_key: str = Field(alias="findingKey", examples=["foreign_refund/toss/T1/TX9"])
    kind: str = Field(alias="kind", examples=["foreign_refund"])
    order_no: str | None = Field(alias="ordNo")
    claim_no: str | None = Field(alias="claimNo")
    detail: dict[str, Any] = Field(alias="detail", description="The facts: both amounts, references; no personal data.")
    closable: YesNo = Field(alias="clsPsbYn", description="N: it goes by itself when its cause is gone.")
    found_at: datetime = Field(alias="foundDtm")
    seen_at: datetime = Field(alias="seenDtm", description="When it was last seen to be so.")

    @classmethod
    def of(cls, finding: OpenFinding) -> Self:
        return cls(
            finding_key=finding.finding_key,
            kind=finding.kind,
            order_no=finding.order_no,
            claim_no=finding.claim_no,
            detail=dict(finding.detail),
            closable=yes_no(finding.kind in CLOSED_BY_HAND),
            found_at=finding.found_at,
            seen_at=finding.seen_at,
        )


class Cases(Wire):
    cases: list[Case] = Field(alias="findingList")
    next: str | None = Field(alias="next", description="Send it as `after` for the next page; null on the last.")


# No base of `Case`, though it says less of the same: a base's fields come first, and the wire keeps the order of both.
class FindingEntry(Wire):
    kind: str = Field(alias="kind")
    order_no: str | None = Field(alias="ordNo")
    claim_no: str | None = Field(alias="claimNo")
    detail: dict[str, Any] = Field(alias="detail")
    found_at: datetime = Field(alias="foundDtm")
    seen_at: datetime = Field(alias="seenDtm")

    @classmethod
    def of(cls, finding: OpenFinding) -> Self:
        return cls.model_validate(finding, from_attributes=True)


class FindingsView(Wire):
    """What does not add up: nothing, one hopes."""

    differences: list[DifferenceEntry] = Field(alias="diffList", description="Reckoned now, by order number.")
    findings: list[FindingEntry] = Field(alias="findingList")
    next: str | None = Field(
        alias="nextAfter", description="Send it as `after` to go on; null: all orders have been gone through."
    )


class CloseAsked(StrictWire):
    model_config = ConfigDict(validate_by_name=False)

    reason: Reason = Field(alias="reason", description="Why; kept in the audit.")


class Closed(Wire):
    finding_key: str = Field(alias="findingKey")


class ReconcileAsked(StrictWire):
    """A day, by default today by the shop's clock; of one merchant, by default of all."""

    model_config = ConfigDict(validate_by_name=False)

    day: date | None = Field(None, alias="day")
    gateway: str | None = Field(None, alias="gateway", max_length=32)


class Reconciling(Wire):
    day: date = Field(alias="day")
    gateways: list[str] = Field(alias="gatewayList", description="The merchants whose day is compared.")
    workflow_id: str = Field(alias="workflowId")


class ReconciledDay(Wire):
    """How far the comparison of a merchant's day is; `endDtm` is null while it runs."""

    gateway: str = Field(alias="gateway")
    day: date = Field(alias="day")
    started_at: datetime = Field(alias="startDtm")
    ended_at: datetime | None = Field(alias="endDtm")
    compared: int = Field(alias="comparedQty", description="Payments compared.")
    unread: int = Field(alias="unreadQty", description="Payments that could not be compared: each is a finding.")
    differing: int = Field(alias="differingQty", description="Payments with an open finding.")
    limited: YesNo = Field(alias="limitedYn", description="Y: the merchant has more payments than are read a day.")
    code: str | None = Field(alias="failCd", description="Why it did not come to its end; it is made up for.")
    workflow_id: str = Field(alias="workflowId")

    @classmethod
    def of(cls, row: ComparedDay) -> Self:
        return cls(
            gateway=row.gateway,
            day=row.day,
            started_at=row.started_at,
            ended_at=row.ended_at,
            compared=row.compared,
            unread=row.unread,
            differing=row.differing,
            limited=yes_no(row.limited),
            code=row.code,
            workflow_id=row.run_ref,
        )


class ReconciledDays(Wire):
    days: list[ReconciledDay] = Field(alias="reconciliationList")
