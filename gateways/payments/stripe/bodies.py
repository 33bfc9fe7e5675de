"""What is believed of Stripe's objects: only the whole of what we go by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateways.payments.port import ChargeRecord, PaymentSnapshot, RefundRecord, RefundStatus, WebhookHint
from gateways.payments.stripe.amounts import from_stripe

REFERENCE = "reference"
"""The field of the metadata that holds our reference."""

STATUSES: Mapping[str, RefundStatus] = {
    "succeeded": RefundStatus.SUCCEEDED,
    "pending": RefundStatus.PENDING,
    # The customer is asked for an account by Stripe, and may answer late or never.
    "requires_action": RefundStatus.PENDING,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}
"""Stripe's states of a refund."""


class Body(BaseModel):
    """An object of Stripe."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Tagged(Body):
    """An object that echoes our reference."""

    metadata: dict[str, str] | None = None

    @property
    def reference(self) -> str | None:
        """Our reference, if it was made by us."""
        return (self.metadata or {}).get(REFERENCE)


class ErrorDetail(Body):
    """Why a request was refused."""

    type: str | None = None
    code: str | None = None
    param: str | None = None


class ErrorBody(Body):
    """An error."""

    error: ErrorDetail


class RefundBody(Tagged):
    """A refund, of a payment intent, or of a charge that has none."""

    id: str
    amount: int
    currency: str
    status: Literal["succeeded", "pending", "requires_action", "failed", "canceled"]
    payment_intent: str | None = None
    charge: str | None = None

    def record(self) -> RefundRecord:
        """As the port has it. Raises `Inexpressible` and `UnknownCurrency`."""
        return RefundRecord(self.id, from_stripe(self.amount, self.currency), STATUSES[self.status], self.reference)


class RefundsBody(Body):
    """A page of refunds, newest first."""

    data: tuple[RefundBody, ...]
    has_more: bool


class ChargeBody(Tagged):
    """A charge: the money that a payment intent has moved."""

    id: str
    amount: int
    amount_captured: int
    amount_refunded: int
    currency: str
    status: Literal["succeeded", "pending", "failed"]
    payment_intent: str | None = None
    transfer_group: str | None = None

    def snapshot(self, refunds: tuple[RefundRecord, ...]) -> PaymentSnapshot:
        """The payment. Raises `Inexpressible` and `UnknownCurrency`."""
        balance = from_stripe(self.amount_captured - self.amount_refunded, self.currency)
        return PaymentSnapshot(balance, refunds, from_stripe(self.amount_captured, self.currency))

    def record(self) -> ChargeRecord:
        """As the port has it. Raises `Inexpressible` and `UnknownCurrency`."""
        return ChargeRecord(self.payment_intent or self.id, from_stripe(self.amount, self.currency))


class ChargesBody(Body):
    """A page of charges."""

    data: tuple[ChargeBody, ...]
    has_more: bool


class IntentBody(Tagged):
    """A payment intent, without its charge in it."""

    id: str
    amount: int
    amount_received: int
    currency: str
    status: str


class PaymentBody(Body):
    """A payment intent with its newest charge in it; None: nobody has paid yet."""

    latest_charge: ChargeBody | None


# --- events ---------------------------------------------------------------------------------------------------------


class TheRefund(Tagged):
    """What an event says of a refund."""

    object: Literal["refund"]
    id: str
    payment_intent: str | None = None
    charge: str | None = None


class TheCharge(Body):
    """What an event says of a charge; nothing of the refund that it was sent for."""

    object: Literal["charge"]
    id: str
    payment_intent: str | None = None


class TheIntent(Tagged):
    """What an event says of a payment intent."""

    object: Literal["payment_intent"]
    id: str


class TheData(Body):
    """What an event is about."""

    object: Annotated[TheRefund | TheCharge | TheIntent, Field(discriminator="object")]


class EventHead(Body):
    """An event about anything."""

    id: str
    type: str
    object: Literal["event"]


class EventBody(EventHead):
    """An event about money."""

    data: TheData

    def hint(self) -> WebhookHint:
        """What to read."""
        match self.data.object:
            case TheRefund() as refund:
                payment = refund.payment_intent or refund.charge
                return WebhookHint(self.id, self.type, payment, refund.id, refund.reference)
            case TheCharge() as charge:
                return WebhookHint(self.id, self.type, charge.payment_intent or charge.id)
            case TheIntent() as intent:
                return WebhookHint(self.id, self.type, intent.id, None, intent.reference)
