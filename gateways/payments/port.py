"""The port to a payment gateway: what a refund or a charge asks for, and everything that may come of it.

A gateway is one adapter of `PaymentGateway`. An adapter translates and classifies, it never retries, decides or keeps
anything: the protocols that make a refund and a charge happen exactly once live in `activities` and are the same for
every gateway. Amounts are integer minor units of the payment's currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, runtime_checkable

from domain.orders import Means


@dataclass(frozen=True, slots=True)
class RefundAccount:
    """A customer's bank account, for money that can't go back where it came from. Never shown or logged."""

    bank: str
    number: str = field(repr=False)
    holder: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefundCommand:
    """One request to give `amount` of a payment back.

    `key` is the idempotency key; `reference` is our own name of the refund, echoed by the gateway, by which `find`
    knows it again (no personal data); `guard` is what the payment should hold before it, or nothing may be done.
    `tax_free` and `vat` are parts of `amount`, None when the gateway was told none of the payment. `currency` is the
    payment's (ISO 4217) and `means` its own; `account` where the customer wants the money of a virtual account.
    """

    payment_ref: str
    amount: int
    key: str
    reference: str
    guard: int
    currency: str
    means: Means
    tax_free: int | None = None
    vat: int | None = None
    account: RefundAccount | None = None


@dataclass(frozen=True, slots=True)
class ChargeCommand:
    """One request to take `amount` of `currency` (ISO 4217) from a customer's `means`, as a new payment.

    `token` is the gateway's own name of the means, made when the customer entered it there. It is as good as money: it
    goes into the request and nowhere else. `key` and `reference` are as those of a refund.
    """

    amount: int
    currency: str
    means: Means
    token: str = field(repr=False)
    key: str
    reference: str


@dataclass(frozen=True, slots=True)
class ReceiptCancel:
    """One request to cancel `amount` of a cash receipt that was issued by itself. `key` as that of a refund."""

    receipt_ref: str
    amount: int
    key: str


# --- what may come of a request -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """The gateway gave the money back, or took it. `ref` is its own name of that refund, or of the new payment."""

    ref: str


@dataclass(frozen=True, slots=True)
class Pending:
    """The gateway accepted the refund and will end it later, either way."""

    ref: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """No connection was made, so certainly nothing was done."""

    code: str


@dataclass(frozen=True, slots=True)
class Retry:
    """To be asked again with the same key: an earlier request with it is still at work, or we are too fast."""

    code: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Perhaps done: no answer after sending, a server's error, or an answer that we don't understand.

    `answered`: the gateway may repeat this answer for ever under the same key.
    """

    code: str
    answered: bool


@dataclass(frozen=True, slots=True)
class NewKey:
    """Answered with an error that passes: nothing was done, and the same key may repeat the error for ever.

    `after`: how long the gateway wants to be left alone first; None: as usual.
    """

    code: str
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """Nothing was done: the payment does not hold what we believed."""

    code: str


@dataclass(frozen=True, slots=True)
class NeedsAccount:
    """Nothing was done: the money can't go where it came from without another (or a right) refund account."""

    code: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nothing was done, and never will be."""

    code: str


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """Nothing was done: our credentials, address or request are wrong, for every refund alike."""

    code: str


Outcome = Done | Pending | NotSent | Retry | Unknown | NewKey | Conflict | NeedsAccount | Rejected | Misconfigured

ChargeOutcome = Done | NotSent | Retry | Unknown | NewKey | Rejected | Misconfigured
"""A charge has no later end: what a gateway may still take or not is Unknown, and not found before it is taken."""

ReceiptOutcome = Done | NotSent | Retry | Unknown | NewKey | Rejected | Misconfigured

UNSUPPORTED = Misconfigured("charges_unsupported")
"""What a gateway that takes no charges answers to one."""


# --- what may come of closing a payment that is awaited -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Closed:
    """No money can come in of it any more, as far as the gateway promises that."""


@dataclass(frozen=True, slots=True)
class AlreadyPaid:
    """Nothing was closed: `captured` has come in."""

    captured: int


@dataclass(frozen=True, slots=True)
class StillOpen:
    """It can still be paid, or may be. `again`: asking again may help."""

    code: str
    again: bool


CloseOutcome = Closed | AlreadyPaid | StillOpen

CLOSING_UNSUPPORTED = StillOpen("closing_unsupported", again=False)
"""What a gateway without payments that could be closed answers."""


# --- what a read shows ----------------------------------------------------------------------------------------------


class RefundStatus(StrEnum):
    SUCCEEDED = "succeeded"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RefundRecord:
    """A refund in the gateway's ledger, ours or anybody's. `reference` is None when the gateway echoes none."""

    refund_ref: str
    amount: int
    status: RefundStatus
    reference: str | None


@dataclass(frozen=True, slots=True)
class PaymentSnapshot:
    """A payment as the gateway knows it. `balance` is what can still be given back.

    `captured` is what really came in, whatever went back since; 0 while the money is awaited, and when none came.
    """

    balance: int
    refunds: tuple[RefundRecord, ...]
    captured: int


@dataclass(frozen=True, slots=True)
class ChargeRecord:
    """A charge in the gateway's ledger; `payment_ref` is the payment that it has become."""

    payment_ref: str
    amount: int


@dataclass(frozen=True, slots=True)
class NoSuchPayment:
    """The gateway itself says that it knows no such payment."""


@dataclass(frozen=True, slots=True)
class Undetermined:
    """The read gave no answer that anything can be concluded from.

    `answered`: the gateway said so itself, with a code of its own. It is no less undetermined for that, but not down.
    """

    code: str
    answered: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Found:
    """Our refund is there, by the gateway's own name `ref`: succeeded, or `pending`. Or our charge, which is taken."""

    ref: str
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Absent:
    """No refund of ours that succeeded or is pending is there, at the moment of the read; or no charge of ours.

    `failed`: one that failed is; the key that it was sent with would only repeat its old answer.
    """

    failed: bool = False


@dataclass(frozen=True, slots=True)
class Touched:
    """A page of the payments that money went back of, by a gateway's own list; a payment may be there twice.

    A payment with several names is there by each of them. `cursor` asks for the next page; None: this is the last.
    """

    payment_refs: tuple[str, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Unlisted:
    """The gateway lists no refunds: each payment has to be read."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the protocol must know of a gateway.

    `settling`: a request sent before its deadline has acted by deadline + settling, or never will, and a read then
    shows it. `key_life`: a key older than this is not sent again, because the gateway may have forgotten it. Zero
    stands for a gateway that keeps no keys: every request but the first is looked up before it is sent.
    `charges`: whether it takes charges by a token, and can be asked for one by our reference.
    """

    settling: timedelta
    key_life: timedelta
    charges: bool = False


# --- what a gateway tells unasked ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WebhookHint:
    """What a delivery says, as far as it can be believed: something of a payment may have changed.

    It is a hint to read the payment, never a fact. `delivery_id` is the same for every repeat of a delivery.
    `payment_ref`, `refund_ref` and `reference` name what it is about, as far as it says so; `event` is the gateway's
    own word.
    """

    delivery_id: str
    event: str
    payment_ref: str | None = None
    refund_ref: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class BadWebhook:
    """A delivery that is not authentic, or can't be read. `authentic`: it came from the gateway all the same."""

    code: str
    authentic: bool = False


class PaymentGateway(Protocol):
    """One payment gateway. Its methods raise nothing for what the network or the gateway does: that is an outcome."""

    @property
    def name(self) -> str:
        """As payments name it."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    async def refund(self, command: RefundCommand) -> Outcome:
        """Send one request, once. Safe to repeat with the same key only as the outcome says."""
        ...

    async def read(self, payment_ref: str) -> PaymentSnapshot | NoSuchPayment | Undetermined:
        """The payment with all of its refunds."""
        ...

    async def find(self, payment_ref: str, reference: str, amount: int) -> Found | Absent | Undetermined:
        """Look for our refund by the reference that it was sent with."""
        ...

    async def list_touched(
        self, since: datetime, until: datetime, cursor: str | None = None
    ) -> Touched | Unlisted | Undetermined:
        """Payments of which refunds were made from `since` until before `until`, perhaps some more; aware times.

        It may lag: ask for spans that are over, and never to learn of a fresh refund.
        """
        ...

    async def charge(self, command: ChargeCommand) -> ChargeOutcome:
        """Send one request, once; as `refund`. UNSUPPORTED when the gateway takes no charges."""
        ...

    async def list_charges(self, reference: str) -> tuple[ChargeRecord, ...] | Undetermined:
        """Every charge that was taken with our reference: one at most, unless something went wrong."""
        ...

    async def find_charge(self, reference: str, amount: int) -> Found | Absent | Undetermined:
        """Look for the payment that our charge has made, by the reference that it was sent with.

        Two of them, or one of another amount, are neither found nor absent: a person must explain them.
        """
        ...

    async def close(self, payment_ref: str, key: str) -> CloseOutcome:
        """Have a payment that is awaited never be made: a virtual account without its deposit. Moves no money.

        The payment is read before, and after; what it shows is the answer. Safe to repeat, with a key of its own each.
        """
        ...

    def parse_webhook(self, raw: bytes, headers: Mapping[str, str], peer: str) -> WebhookHint | BadWebhook:
        """What a delivery says, once it is proved authentic as this gateway offers it.

        `raw` is the body as it came, `headers` have lower-case names, `peer` is the address of the socket.
        """
        ...

    async def aclose(self) -> None:
        """Close its connections."""
        ...


@runtime_checkable
class ReceiptGateway(Protocol):
    """What a gateway can besides, that cancels cash receipts which were issued by themselves."""

    async def cancel_receipt(self, command: ReceiptCancel) -> ReceiptOutcome:
        """Send one request, once; as `PaymentGateway.refund`."""
        ...

    async def receipt_cancels(self, receipt_ref: str, since: datetime) -> tuple[int, ...] | Undetermined:
        """The amount of each cancel of the receipt that the gateway lists from the day of `since` on, anybody's."""
        ...
