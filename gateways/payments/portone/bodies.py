"""What PortOne tells of a payment, as far as we go by it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gateways.payments.port import PaymentSnapshot, RefundRecord, RefundStatus


class Body(BaseModel):
    """Strict in what we go by, blind to the rest."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class ErrorBody(Body):
    code: str = Field(alias="type", min_length=1)


class CancellationBody(Body):
    id: str = Field(min_length=1)
    status: Literal["SUCCEEDED", "REQUESTED", "FAILED"]
    total_amount: int = Field(alias="totalAmount")
    reason: str

    def record(self) -> RefundRecord:
        status = {
            "SUCCEEDED": RefundStatus.SUCCEEDED,
            "REQUESTED": RefundStatus.PENDING,
            "FAILED": RefundStatus.FAILED,
        }
        return RefundRecord(self.id, self.total_amount, status[self.status], self.reason)


class CancelAnswerBody(Body):
    """What a cancel is answered by."""

    cancellation: CancellationBody


class AmountBody(Body):
    """Of a payment, in minor units."""

    total: int
    cancelled: int


class PaymentBody(Body):
    """A payment as PortOne shows it. `cancelled` counts what has succeeded, not what is still on its way."""

    id: str
    status: Literal[
        "READY", "PAY_PENDING", "VIRTUAL_ACCOUNT_ISSUED", "PAID", "FAILED", "PARTIAL_CANCELLED", "CANCELLED"
    ]
    amount: AmountBody
    paid_at: str | None = Field(None, alias="paidAt")
    cancellations: tuple[CancellationBody, ...] = ()

    @property
    def taken(self) -> bool:
        """Whether money came in, whatever went back since. A closed virtual account is CANCELLED and was never paid."""
        return self.status in ("PAID", "PARTIAL_CANCELLED") or (self.status == "CANCELLED" and self.paid_at is not None)

    @property
    def whole(self) -> bool:
        """Whether the cancellations shown make up what was cancelled: if not, ours may be among those not shown."""
        return self._sum("SUCCEEDED") >= self.amount.cancelled

    def snapshot(self) -> PaymentSnapshot:
        balance = self.amount.total - self._sum("SUCCEEDED") - self._sum("REQUESTED") if self.taken else 0
        captured = self.amount.total if self.taken else 0
        return PaymentSnapshot(balance, tuple(one.record() for one in self.cancellations), captured)

    def _sum(self, status: str) -> int:
        return sum(one.total_amount for one in self.cancellations if one.status == status)


class ListedBody(Body):
    id: str


class PageInfoBody(Body):
    total_count: int = Field(alias="totalCount")


class PageBody(Body):
    """A page of a list of payments."""

    items: tuple[ListedBody, ...]
    page: PageInfoBody
