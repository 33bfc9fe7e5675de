"""KakaoPay (``https://open-api.kakaopay.com``): won only, no idempotency keys, and hardly a code to decide by.

The same cancel twice cancels twice, so a key that lives no time at all (`key_life` zero) makes the protocol look before
every request but the first. Our reference goes out as `payload`; what the look-up can't tell from ours is no proof.
It takes no charges: nothing of a charge can be asked for by our reference, so one whose answer is lost could be neither
found nor repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from gateways.payments.http import OneShot, code_in, unread
from gateways.payments.matching import find_echoed
from gateways.payments.port import (
    CLOSING_UNSUPPORTED,
    UNSUPPORTED,
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
    Outcome,
    PaymentSnapshot,
    RefundCommand,
    RefundRecord,
    RefundStatus,
    Touched,
    Undetermined,
    Unknown,
    Unlisted,
    WebhookHint,
)

REFUSED = "-780"
"""Refused by its books, which says nothing of why: another balance, another payment, a cancel that can't be partial."""

MEANINGS: Mapping[str, Callable[[str], Outcome]] = {
    "-2": Misconfigured,
    "-401": Misconfigured,
}
"""What an `error_code` means for a refund. Its list of codes is not public: one that is not here is Unknown."""

CURRENCY = "KRW"
PAYLOAD_LENGTH = 200


class KakaoPayGateway:
    """`name` is the merchant's, `cid` its code; `base_url` without a trailing slash; time-outs in seconds."""

    def __init__(
        self,
        base_url: str,
        *,
        name: str = "kakaopay",
        secret_key: SecretStr,
        cid: str,
        connect_timeout: float,
        read_timeout: float,
        settling: timedelta,
    ) -> None:
        self.name = name
        self.capabilities = Capabilities(settling=settling, key_life=timedelta(0))
        self._cid = cid
        self._http = OneShot(
            base_url,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            headers={"Authorization": f"SECRET_KEY {secret_key.get_secret_value()}"},
        )

    async def refund(self, command: RefundCommand) -> Outcome:
        if command.currency != CURRENCY:
            return Misconfigured("currency_unsupported")
        if len(command.reference) > PAYLOAD_LENGTH:
            return Misconfigured("reference_too_long")
        body: dict[str, object] = {
            "cid": self._cid,
            "tid": command.payment_ref,
            "cancel_amount": command.amount,
            "cancel_tax_free_amount": command.tax_free or 0,
            "cancel_available_amount": command.guard,
            "payload": command.reference,
        }
        if command.vat is not None:
            body["cancel_vat_amount"] = command.vat
        response = await self._http.send("/online/v1/payment/cancel", body)
        if not isinstance(response, httpx.Response):
            return response
        if response.status_code == httpx.codes.OK:
            return accepted(response.content, command)
        code = code_in(response.content, ErrorBody)
        if code == REFUSED:
            return refused(await self.read(command.payment_ref), command)
        return classify(code)

    async def charge(self, command: ChargeCommand) -> ChargeOutcome:
        return UNSUPPORTED

    async def list_charges(self, reference: str) -> tuple[ChargeRecord, ...] | Undetermined:
        return Undetermined(UNSUPPORTED.code)

    async def find_charge(self, reference: str, amount: int) -> Found | Absent | Undetermined:
        return Undetermined(UNSUPPORTED.code)

    async def read(self, payment_ref: str) -> PaymentSnapshot | NoSuchPayment | Undetermined:
        """Never NoSuchPayment: KakaoPay has no code of its own for that."""
        response = await self._http.ask("/online/v1/payment/order", body={"cid": self._cid, "tid": payment_ref})
        if isinstance(response, Undetermined):
            return response
        if response.status_code != httpx.codes.OK:
            return unread(response, ErrorBody)
        return shown(response.content, payment_ref)

    async def find(self, payment_ref: str, reference: str, amount: int) -> Found | Absent | Undetermined:
        match await self.read(payment_ref):
            case PaymentSnapshot() as payment:
                return find_echoed(payment.refunds, reference, amount)
            case NoSuchPayment():
                return Absent()
            case Undetermined() as undetermined:
                return undetermined

    async def close(self, payment_ref: str, key: str) -> CloseOutcome:
        return CLOSING_UNSUPPORTED

    async def list_touched(
        self, since: datetime, until: datetime, cursor: str | None = None
    ) -> Touched | Unlisted | Undetermined:
        return Unlisted()

    def parse_webhook(self, raw: bytes, headers: Mapping[str, str], peer: str) -> WebhookHint | BadWebhook:
        return BadWebhook("webhooks_unsupported")

    async def aclose(self) -> None:
        await self._http.aclose()


# --- classifying ----------------------------------------------------------------------------------------------------


def classify(code: str | None) -> Outcome:
    """The outcome of an error answer with this `error_code`; None: it carried none."""
    if code is None:
        return Unknown("no_code", answered=True)
    meaning = MEANINGS.get(code)
    return Unknown(code, answered=True) if meaning is None else meaning(code)


def accepted(content: bytes, command: RefundCommand) -> Outcome:
    """What a 200 to a cancel means: it counts only when it tells of this very refund."""
    try:
        cancel = _CancelAnswer.model_validate_json(content)
    except ValidationError:
        return Unknown("unreadable_answer", answered=True)
    told = (cancel.tid, cancel.payload, cancel.approved_cancel_amount.total)
    if told != (command.payment_ref, command.reference, command.amount):
        return Unknown("answer_of_another_refund", answered=True)
    return Done(cancel.aid)


def refused(payment: PaymentSnapshot | NoSuchPayment | Undetermined, command: RefundCommand) -> Outcome:
    """What a refusal by the books means, from a read made after it.

    Another balance than the guard, and nothing there that could be ours: somebody else moved money. Else nobody knows.
    """
    if (
        isinstance(payment, PaymentSnapshot)
        and payment.balance != command.guard
        and find_echoed(payment.refunds, command.reference, command.amount) == Absent()
    ):
        return Conflict(REFUSED)
    return Unknown(REFUSED, answered=True)


def shown(content: bytes, payment_ref: str) -> PaymentSnapshot | Undetermined:
    """The payment in the answer to an order query, believed only when it is this one and tells of all its cancels."""
    try:
        order = _OrderBody.model_validate_json(content)
    except ValidationError:
        return Undetermined("unreadable_answer")
    if order.tid != payment_ref:
        return Undetermined("answer_of_another_payment")
    refunds = tuple(action.record() for action in order.payment_action_details if action.is_cancel)
    if sum(one.amount for one in refunds) != order.canceled_amount.total:
        return Undetermined("cancels_missing")
    balance, gone = order.cancel_available_amount.total, order.canceled_amount.total
    return PaymentSnapshot(balance, refunds, captured=balance + gone)


# --- its words ------------------------------------------------------------------------------------------------------


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class ErrorBody(_Body):
    error_code: int

    @property
    def code(self) -> str:
        return str(self.error_code)


class _Amount(_Body):
    total: int


_NOTHING = _Amount(total=0)


class _CancelAnswer(_Body):
    aid: str = Field(min_length=1)
    tid: str
    approved_cancel_amount: _Amount
    payload: str


class _Action(_Body):
    aid: str = Field(min_length=1)
    payment_action_type: str
    amount: int
    payload: str | None = None

    @property
    def is_cancel(self) -> bool:
        return self.payment_action_type == "CANCEL"

    def record(self) -> RefundRecord:
        return RefundRecord(self.aid, self.amount, RefundStatus.SUCCEEDED, self.payload or None)


class _OrderBody(_Body):
    """A payment that money came in for: any other status leaves it unreadable."""

    tid: str
    status: Literal["SUCCESS_PAYMENT", "PART_CANCEL_PAYMENT", "CANCEL_PAYMENT"]
    canceled_amount: _Amount = _NOTHING
    cancel_available_amount: _Amount
    payment_action_details: tuple[_Action, ...]
