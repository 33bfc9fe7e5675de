"""Findings as operators see and close them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import ConfigDict, Field

from api.schemas.fields import StrictWire, Wire, YesNo, yes_no
from api.schemas.operators import Reason
from store.findings import CLOSED_BY_HAND, OpenFinding


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


class CloseAsked(StrictWire):
    model_config = ConfigDict(validate_by_name=False)

    reason: Reason = Field(alias="reason", description="Why; kept in the audit.")


class Closed(Wire):
    finding_key: str = Field(alias="findingKey")
