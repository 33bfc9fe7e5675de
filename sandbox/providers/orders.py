"""What the control takes: its request bodies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sandbox.providers import faults
from sandbox.providers.faults import Fault, FaultKind
from sandbox.providers.ledger import Method
from sandbox.providers.messages import Outcome
from sandbox.providers.wire import MAX_AMOUNT, Form

Amount = Annotated[int, Field(strict=True, gt=0, le=MAX_AMOUNT)]
Text = Annotated[str, Field(min_length=1, max_length=255)]


class PaymentBody(Form):
    """A payment as a checkout would have left it. `waiting`: a virtual account without its deposit."""

    amount: Amount
    tax_free: Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT)] = Field(0, alias="taxFree")
    currency: Literal["KRW", "JPY", "USD", "KWD"] = "KRW"
    method: Method = "card"
    state: Literal["captured", "waiting"] = "captured"
    merchant: Text | None = None
    order_id: Text | None = Field(None, alias="orderId")
    partial: bool = True
    """Whether it may be refunded in parts."""
    tax_exemption: Annotated[int, Field(strict=True, ge=0)] = Field(0, alias="taxExemption")
    cash_receipt: bool = Field(False, alias="cashReceipt")
    days_ago: Annotated[int, Field(strict=True, ge=0, le=3650)] = Field(0, alias="daysAgo")
    """How long ago it was made."""

    @model_validator(mode="after")
    def makes_sense(self) -> PaymentBody:
        """Only a virtual account can wait, and a part is never more than the whole."""
        if self.state == "waiting" and self.method != "virtual_account":
            raise ValueError("only a virtual account waits for its money")
        if self.tax_free > self.amount:
            raise ValueError("taxFree is a part of amount")
        return self


class ConsoleRefundBody(Form):
    """A refund made by hand in the provider's own console."""

    amount: Amount
    reason: Text


class SettleBody(Form):
    """How a pending refund ends, or how one that had succeeded fails later."""

    status: Literal["succeeded", "failed"] = "succeeded"


class MeansBody(Form):
    """A customer's stored means."""

    customer: Text
    merchant: Text | None = None


class MerchantBody(Form):
    """An account: the secret it signs in with, and what else the provider keeps of it."""

    secret: Text
    details: dict[str, Any] = Field(default_factory=dict)


class TemplateBody(Form):
    """A message template under a sender's key or channel; its text has places like `#{order}`."""

    sender: Text
    text: Annotated[str, Field(min_length=1, max_length=1000)]
    approved: bool = True


class OutcomeBody(Form):
    """How a message's delivery ends."""

    outcome: Outcome


class WebhookBody(Form):
    """Where webhooks go; null: nowhere."""

    url: Annotated[str, Field(pattern=r"^https?://")] | None


class FaultBody(Form):
    """A fault for the next `times` calls on `target`; null: on any. `code` and `status` are the provider's own."""

    target: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    kind: FaultKind
    on: Literal["act", "read"] = "act"
    times: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 1
    delay_ms: Annotated[int, Field(strict=True, ge=0, le=86_400_000)] | None = Field(None, alias="delayMs")
    code: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    status: Annotated[int, Field(strict=True, ge=200, le=599)] | None = None

    def fault(self) -> Fault:
        """The fault as it is queued."""
        delay = faults.DEFAULT_DELAY_MS if self.delay_ms is None else self.delay_ms
        return Fault(self.kind, delay if self.kind in faults.DELAYED else 0, self.code, self.status)


class ClockBody(Form):
    """How far to move the provider's clock on."""

    advance_ms: Annotated[int, Field(strict=True, gt=0, le=10 * 366 * 86_400_000)] = Field(alias="advanceMs")
