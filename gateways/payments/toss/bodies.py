"""What Toss tells of a payment, as far as we go by it. Its amounts are in major units, ours in minor ones.

Parsing raises ValueError for everything that isn't Toss's kind of answer, unknown words among it: nothing is concluded
from a status that we don't know.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints

from domain.currencies import exponent, to_major
from gateways.payments.port import PaymentSnapshot, RefundRecord, RefundStatus

REFERENCE = re.compile(r"[A-Za-z0-9._=-]{1,64}")
"""What a reference of ours looks like. A reason that a person typed in Toss's console may name another person."""

CLOSING = "입금 전 취소"
"""The reason of a cancel that closes an account without its deposit: it moves nothing, also if money comes later."""

_Number = int | Annotated[float, Field(allow_inf_nan=False)]

PAID = frozenset({"DONE", "CANCELED", "PARTIAL_CANCELED"})
"""The money came in, whatever went back since. Otherwise it did not, or is not there any more."""

ENDED_UNPAID = frozenset({"ABORTED", "EXPIRED"})
"""No money came in, and none will."""


def major(amount: int, currency: str) -> int | float:
    """`amount` minor units of `currency` as Toss writes it: 1000 KRW is 1000, 1050 USD is 10.5."""
    value = to_major(amount, currency)
    return int(value) if exponent(currency) == 0 else float(value)


def minor(value: int | float, currency: str) -> int:
    """Toss's amount in minor units. Raises ValueError for parts of a minor unit and for no currency."""
    scaled = Decimal(repr(value)).scaleb(exponent(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError("not a whole number of minor units")
    return int(scaled)


def ours(reason: str | None) -> str | None:
    """The reason as a reference; None when it can't be one of ours."""
    return reason if reason is not None and REFERENCE.fullmatch(reason) else None


class Body(BaseModel):
    """Strict in what we go by, blind to the rest."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class ReceiptBody(BaseModel):
    """One issue or cancel of a cash receipt."""

    receiptKey: str  # noqa: N815
    transactionType: str  # noqa: N815
    issueStatus: str  # noqa: N815
    amount: Annotated[int, Field(strict=True, ge=0)]


class ReceiptsBody(BaseModel):
    """A page of a day's issues and cancels."""

    hasNext: bool  # noqa: N815
    lastCursor: int  # noqa: N815
    data: tuple[ReceiptBody, ...]


class ErrorBody(Body):
    code: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_]{1,100}$")]


class CancelBody(Body):
    transactionKey: str  # noqa: N815 (this and the following: Toss's names)
    cancelAmount: _Number  # noqa: N815
    cancelReason: str | None = None  # noqa: N815
    cancelStatus: Literal["DONE", "IN_PROGRESS", "ABORTED"]  # noqa: N815


class VirtualAccountBody(Body):
    """`refundStatus` is that of all refunds of the account together."""

    refundStatus: Literal["NONE", "PENDING", "FAILED", "PARTIAL_FAILED", "COMPLETED"] | None = None  # noqa: N815


class PaymentBody(Body):
    paymentKey: str  # noqa: N815
    orderId: str  # noqa: N815
    status: Literal[
        "READY", "IN_PROGRESS", "WAITING_FOR_DEPOSIT", "DONE", "CANCELED", "PARTIAL_CANCELED", "ABORTED", "EXPIRED"
    ]
    approvedAt: str | None = None  # noqa: N815
    currency: str
    totalAmount: _Number  # noqa: N815
    balanceAmount: _Number  # noqa: N815
    lastTransactionKey: str | None = None  # noqa: N815
    cancels: tuple[CancelBody, ...] | None = None
    virtualAccount: VirtualAccountBody | None = None  # noqa: N815

    @property
    def amount(self) -> int:
        """What was paid, or is to be, in minor units."""
        return minor(self.totalAmount, self.currency)

    def snapshot(self) -> PaymentSnapshot:
        """A payment without its money holds nothing that could go back, whatever Toss calls its balance."""
        paid = self.status in PAID
        balance = minor(self.balanceAmount, self.currency) if paid else 0
        if self._closed_unpaid:
            return PaymentSnapshot(balance, (), captured=0)
        refunds = tuple(self._record(cancel) for cancel in self.cancels or () if cancel.cancelReason != CLOSING)
        return PaymentSnapshot(balance, refunds, captured=self.amount if paid else 0)

    @property
    def _closed_unpaid(self) -> bool:
        """Whether it is an account that was closed before any money came to it: its cancel moved nothing."""
        account = self.virtualAccount
        return (
            account is not None
            and account.refundStatus in (None, "NONE")
            and self.status == "CANCELED"
            and self.approvedAt is None
        )

    def _record(self, cancel: CancelBody) -> RefundRecord:
        amount = minor(cancel.cancelAmount, self.currency)
        return RefundRecord(cancel.transactionKey, amount, self._status(cancel), ours(cancel.cancelReason))

    def _status(self, cancel: CancelBody) -> RefundStatus:
        """How a cancel ended. One of a deposited virtual account is DONE at once, days before its money arrives."""
        if cancel.cancelStatus == "ABORTED":
            return RefundStatus.FAILED
        if cancel.cancelStatus == "IN_PROGRESS":
            return RefundStatus.PENDING
        if self.virtualAccount is None:
            return RefundStatus.SUCCEEDED
        match self.virtualAccount.refundStatus:
            case "COMPLETED":
                return RefundStatus.SUCCEEDED
            case "FAILED" if len(self.cancels or ()) == 1:
                return RefundStatus.FAILED
            case _:
                # Of several, nobody says which has failed: none is called paid, none is sent again.
                return RefundStatus.PENDING


GAVE_BACK = frozenset({"CANCELED", "PARTIAL_CANCELED"})
"""Statuses of transactions by which money went back."""


class TransactionBody(Body):
    transactionKey: str  # noqa: N815
    paymentKey: str  # noqa: N815
    status: str


class TransactionsBody(RootModel[tuple[TransactionBody, ...]]):
    """A page of the list of transactions, oldest first."""
