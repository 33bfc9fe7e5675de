"""The sandbox gateway's adapter, and the pattern for a real one: a table of codes, and answers believed only whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from domain.orders import Means
from gateways.payments.http import OneShot, code_in, read_as
from gateways.payments.matching import find_our_charge, find_ours
from gateways.payments.port import (
    CLOSING_UNSUPPORTED,
    Absent,
    BadWebhook,
    Capabilities,
    ChargeCommand,
    ChargeOutcome,
    ChargeRecord,
    CloseOutcome,
    Conflict,
    Done,
    Found,
    Misconfigured,
    NoSuchPayment,
    NotSent,
    Outcome,
    PaymentSnapshot,
    Pending,
    RefundCommand,
    RefundRecord,
    RefundStatus,
    Rejected,
    Retry,
    Touched,
    Undetermined,
    Unknown,
    Unlisted,
    WebhookHint,
)

PAYMENT_UNKNOWN = "not_found"
"""The gateway's own code for a payment that it does not know; any other 404 says nothing about the payment."""

MEANINGS: Mapping[str, Callable[[str], Outcome]] = {
    "refused": Rejected,
    PAYMENT_UNKNOWN: Rejected,
    "insufficient_balance": Conflict,
    "balance_mismatch": Conflict,
    "in_progress": Retry,
    "invalid": Misconfigured,
    "no_such_path": Misconfigured,
    "method_not_allowed": Misconfigured,
}
"""What an error code means for a refund: decided by it alone, never by the HTTP status. A code not here is Unknown."""

CHARGE_MEANINGS: Mapping[str, Callable[[str], ChargeOutcome]] = {
    "refused": Rejected,
    "in_progress": Retry,
    "invalid": Misconfigured,
    "no_such_path": Misconfigured,
    "method_not_allowed": Misconfigured,
}
"""As MEANINGS, for a charge."""

PAY_WAYS: Mapping[Means, str] = {Means.CARD: "11", Means.SIMPLE_PAY: "41"}
"""The gateway's codes of the means that it can charge."""


class SandboxGateway:
    """`name` is the merchant's; `base_url` without a trailing slash; time-outs in seconds."""

    def __init__(
        self,
        base_url: str,
        *,
        name: str = "sandbox",
        connect_timeout: float,
        read_timeout: float,
        settling: timedelta,
        key_life: timedelta,
    ) -> None:
        self.name = name
        self.capabilities = Capabilities(settling=settling, key_life=key_life, charges=True)
        self._http = OneShot(base_url, connect_timeout=connect_timeout, read_timeout=read_timeout)

    async def refund(self, command: RefundCommand) -> Outcome:
        body = {"amount": command.amount, "balance": command.guard, "reference": command.reference}
        parts = {"taxFreeAmount": command.tax_free, "vatAmount": command.vat}
        body |= {name: part for name, part in parts.items() if part is not None}
        response = await self._post(f"/payments/{quote(command.payment_ref, safe='')}/refunds", command.key, body)
        if not isinstance(response, httpx.Response):
            return response
        if response.status_code == httpx.codes.OK:
            return _accepted(response, command)
        return classify(code_in(response.content, ErrorBody))

    async def charge(self, command: ChargeCommand) -> ChargeOutcome:
        if command.means not in PAY_WAYS:
            return Misconfigured("means_unsupported")
        body = {
            "amount": command.amount,
            "currency": command.currency,
            "payWayCd": PAY_WAYS[command.means],
            "token": command.token,
            "reference": command.reference,
        }
        response = await self._post("/charges", command.key, body)
        if not isinstance(response, httpx.Response):
            return response
        if response.status_code == httpx.codes.OK:
            return _taken(response, command)
        return classify_charge(code_in(response.content, ErrorBody))

    async def _post(self, path: str, key: str, body: Mapping[str, object]) -> httpx.Response | NotSent | Unknown:
        return await self._http.send(path, body, {"Idempotency-Key": key})

    async def list_charges(self, reference: str) -> tuple[ChargeRecord, ...] | Undetermined:
        listed = read_as(await self._http.ask("/charges", {"reference": reference}), _ChargesBody, ErrorBody)
        if isinstance(listed, Undetermined):
            return listed
        if any(charge.reference != reference for charge in listed.charges):
            return Undetermined("answer_of_another_charge")
        return tuple(ChargeRecord(charge.pgTid, charge.amount) for charge in listed.charges)

    async def find_charge(self, reference: str, amount: int) -> Found | Absent | Undetermined:
        listed = await self.list_charges(reference)
        return listed if isinstance(listed, Undetermined) else find_our_charge(listed, amount)

    async def read(self, payment_ref: str) -> PaymentSnapshot | NoSuchPayment | Undetermined:
        response = await self._http.ask(f"/payments/{quote(payment_ref, safe='')}")
        payment = read_as(response, _PaymentBody, ErrorBody)
        if isinstance(payment, Undetermined):
            return NoSuchPayment() if payment.code == PAYMENT_UNKNOWN else payment
        return payment.snapshot()

    async def find(self, payment_ref: str, reference: str, amount: int) -> Found | Absent | Undetermined:
        match await self.read(payment_ref):
            case PaymentSnapshot() as payment:
                return find_ours(payment.refunds, reference, amount)
            case NoSuchPayment():
                return Absent()
            case Undetermined() as undetermined:
                return undetermined

    async def close(self, payment_ref: str, key: str) -> CloseOutcome:
        return CLOSING_UNSUPPORTED

    async def list_touched(
        self, since: datetime, until: datetime, cursor: str | None = None
    ) -> Touched | Unlisted | Undetermined:
        asked = {"since": since.isoformat(), "until": until.isoformat()}
        response = await self._http.ask("/refunds", asked if cursor is None else {**asked, "after": cursor})
        page = read_as(response, _RefundsBody, ErrorBody)
        if isinstance(page, Undetermined):
            return page
        return Touched(tuple(refund.pgTid for refund in page.refunds), page.next)

    def parse_webhook(self, raw: bytes, headers: Mapping[str, str], peer: str) -> WebhookHint | BadWebhook:
        return BadWebhook("webhooks_unsupported")

    async def aclose(self) -> None:
        await self._http.aclose()


def classify(code: str | None) -> Outcome:
    """The outcome of an error answer with this code; None: it carried none of the gateway's codes."""
    if code is None:
        return Unknown("no_code", answered=True)
    meaning = MEANINGS.get(code)
    return Unknown(code, answered=True) if meaning is None else meaning(code)


def classify_charge(code: str | None) -> ChargeOutcome:
    """As `classify`, for a charge."""
    if code is None:
        return Unknown("no_code", answered=True)
    meaning = CHARGE_MEANINGS.get(code)
    return Unknown(code, answered=True) if meaning is None else meaning(code)


def _accepted(response: httpx.Response, command: RefundCommand) -> Outcome:
    """A 200 counts only when it tells of this very refund."""
    try:
        refund = _RefundBody.model_validate_json(response.content)
    except ValidationError:
        return Unknown("unreadable_answer", answered=True)
    if (refund.reference, refund.amount) != (command.reference, command.amount) or refund.status == "failed":
        return Unknown("answer_of_another_refund", answered=True)
    # The answer may be a replay of an older one: a refund that was pending then is still looked after as pending.
    return Pending(refund.refundId) if refund.status == "pending" else Done(refund.refundId)


def _taken(response: httpx.Response, command: ChargeCommand) -> ChargeOutcome:
    """A 200 counts only when it tells of this very charge."""
    try:
        charge = _ChargeBody.model_validate_json(response.content)
    except ValidationError:
        return Unknown("unreadable_answer", answered=True)
    if (charge.reference, charge.amount) != (command.reference, command.amount):
        return Unknown("answer_of_another_charge", answered=True)
    return Done(charge.pgTid)


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class ErrorBody(_Body):
    code: str


class _RefundBody(_Body):
    refundId: str  # noqa: N815 (the gateway's name)
    amount: int
    status: Literal["succeeded", "pending", "failed"]
    reference: str

    def record(self) -> RefundRecord:
        return RefundRecord(self.refundId, self.amount, RefundStatus(self.status), self.reference)


class _PaymentBody(_Body):
    """A payment of the sandbox is always captured."""

    amount: int
    balance: int
    refunds: tuple[_RefundBody, ...]

    def snapshot(self) -> PaymentSnapshot:
        return PaymentSnapshot(self.balance, tuple(refund.record() for refund in self.refunds), self.amount)


class _ListedRefundBody(_Body):
    pgTid: str  # noqa: N815 (the gateway's name)


class _RefundsBody(_Body):
    refunds: tuple[_ListedRefundBody, ...]
    next: str | None


class _ChargeBody(_Body):
    pgTid: str  # noqa: N815 (the gateway's name)
    amount: int
    status: Literal["succeeded"]
    reference: str


class _ChargesBody(_Body):
    charges: tuple[_ChargeBody, ...]
