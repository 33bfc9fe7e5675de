"""What the sandbox takes: request bodies. Amounts are integers in minor units; unknown fields are refused."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

ALIMTALK = "alimtalk"
"""The fault target that means messages instead of a payment; no payment may be called so."""

FaultKind = Literal["refuse", "error_before", "error_after", "lose_answer", "delay", "late", "pending", "down"]
MESSAGE_FAULTS = frozenset({"refuse", "error_before", "error_after", "lose_answer"})

# The largest integer that every JSON reader keeps exactly.
MAX_AMOUNT = 2**53

Amount = Annotated[int, Field(strict=True, gt=0, le=MAX_AMOUNT)]
Part = Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT)]
Text = Annotated[str, Field(min_length=1, max_length=255)]
PgTid = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^/\s]+$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Body(BaseModel):
    """Base of every request body."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PaymentBody(Body):
    """A captured payment, as a checkout would have left it."""

    amount: Amount
    currency: Currency
    pay_way_cd: Text = Field(alias="payWayCd")


class RefundBody(Body):
    """A refund; `balance` is the guard: refused unless the payment holds exactly that before it.

    `taxFreeAmount` and `vatAmount` are parts of `amount`.
    """

    amount: Amount
    balance: Part | None = None
    tax_free: Part | None = Field(None, alias="taxFreeAmount")
    vat: Part | None = Field(None, alias="vatAmount")
    reference: Text

    @model_validator(mode="after")
    def parts_are_within_the_amount(self) -> Self:
        """VAT lies in what is not free of tax, so that both together are no more than the amount."""
        if (self.tax_free or 0) + (self.vat or 0) > self.amount:
            raise ValueError("taxFreeAmount and vatAmount are more than amount")
        return self


class ChargeBody(Body):
    """A charge; it becomes a captured payment called `pgTid`, or by a new number. The token is never kept."""

    pg_tid: PgTid | None = Field(None, alias="pgTid")
    amount: Amount
    currency: Currency
    pay_way_cd: Text = Field(alias="payWayCd")
    token: Text | None = None
    reference: Text


class SettleBody(Body):
    """How a pending refund ends."""

    status: Literal["succeeded", "failed"] = "succeeded"


class FaultBody(Body):
    """A fault for the next `times` requests on `pgTid`; null: on any payment. `delayMs` serves delay and late only."""

    pg_tid: PgTid | None = Field(None, alias="pgTid")
    kind: FaultKind
    times: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 1
    delay_ms: Annotated[int, Field(strict=True, ge=0, le=86_400_000)] | None = Field(None, alias="delayMs")

    @model_validator(mode="after")
    def messages_suffer_few(self) -> Self:
        """Messages know no payment's states, so only some kinds mean anything to them."""
        if self.pg_tid == ALIMTALK and self.kind not in MESSAGE_FAULTS:
            raise ValueError(f"messages can only suffer {', '.join(sorted(MESSAGE_FAULTS))}")
        return self


class MessageBody(Body):
    """An AlimTalk message."""

    to: Text
    template: Text
    text: Annotated[str, Field(min_length=1, max_length=4000)]
    reference: Text
