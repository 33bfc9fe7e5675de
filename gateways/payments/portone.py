"""PortOne V2 (``https://api.portone.io``), over its REST API: its own SDK sends no idempotency keys.

Amounts are minor units by ISO 4217, as ours are. A cancellation echoes our reference in `reason`. A charge makes a
payment under a number that the merchant chooses: it is our reference, so a charge is known again by reading it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from domain.orders import Means
from gateways.payments.http import OneShot
from gateways.payments.matching import find_our_charge, find_ours
from gateways.payments.port import (
    Absent,
    AlreadyPaid,
    BadWebhook,
    Capabilities,
    ChargeCommand,
    ChargeOutcome,
    ChargeRecord,
    Closed,
    CloseOutcome,
    Conflict,
    Done,
    Found,
    Misconfigured,
    NeedsAccount,
    NewKey,
    NoSuchPayment,
    Outcome,
    PaymentSnapshot,
    Pending,
    RefundAccount,
    RefundCommand,
    RefundRecord,
    RefundStatus,
    Rejected,
    Retry,
    StillOpen,
    Touched,
    Undetermined,
    Unknown,
    Unlisted,
    WebhookHint,
)

PAYMENT_UNKNOWN = "PAYMENT_NOT_FOUND"
"""The code of a payment that it does not know; any other 404 says nothing about the payment."""

PROVIDER_FAILED = "PG_PROVIDER"
"""The provider behind it failed, or declined, or did it and didn't say so: only a read tells."""

MEANINGS: Mapping[str, Callable[[str], Outcome]] = {
    "IDEMPOTENCY_OUTSTANDING_REQUEST": Retry,
    # Ours may be what emptied it: a conflict is looked up before it is believed.
    "PAYMENT_ALREADY_CANCELLED": Conflict,
    "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN": Conflict,
    "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT": Conflict,
    "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT": Conflict,
    "CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT": Conflict,
    "PAYMENT_NOT_PAID": Conflict,
    PAYMENT_UNKNOWN: Rejected,
    "SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT": Rejected,
    "NEGATIVE_PROMOTION_ADJUSTED_CANCEL_AMOUNT": Rejected,
    "PROMOTION_DISCOUNT_RETAIN_OPTION_SHOULD_NOT_BE_CHANGED": Rejected,
    "INVALID_REQUEST": Misconfigured,
    "UNAUTHORIZED": Misconfigured,
    "FORBIDDEN": Misconfigured,
}
"""What an error's `type` means for a refund: decided by it alone. One that is not here is Unknown, PG_PROVIDER too."""

CHARGE_MEANINGS: Mapping[str, Callable[[str], ChargeOutcome]] = {
    "IDEMPOTENCY_OUTSTANDING_REQUEST": Retry,
    "BILLING_KEY_NOT_FOUND": Rejected,
    "BILLING_KEY_ALREADY_DELETED": Rejected,
    "SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT": Rejected,
    "DISCOUNT_AMOUNT_EXCEEDS_TOTAL_AMOUNT": Rejected,
    "PROMOTION_PAY_METHOD_DOES_NOT_MATCH": Rejected,
    "CHANNEL_NOT_FOUND": Misconfigured,
    "INVALID_REQUEST": Misconfigured,
    "UNAUTHORIZED": Misconfigured,
    "FORBIDDEN": Misconfigured,
}
"""As MEANINGS, for a charge. ALREADY_PAID is not here: under our own number it is our charge, which a read shows."""

BANKS: Mapping[int, str] = {
    1: "BANK_OF_KOREA", 2: "KDB", 3: "IBK", 4: "KOOKMIN", 7: "SUHYUP", 8: "KEXIM", 11: "NONGHYUP",
    12: "LOCAL_NONGHYUP", 20: "WOORI", 23: "STANDARD_CHARTERED", 27: "CITI", 30: "SUHYUP_FEDERATION", 31: "DAEGU",
    32: "BUSAN", 34: "KWANGJU", 35: "JEJU", 37: "JEONBUK", 39: "KYONGNAM", 45: "KFCC", 48: "SHINHYUP",
    50: "SAVINGS_BANK", 54: "HSBC", 55: "DEUTSCHE", 71: "POST", 81: "HANA", 88: "SHINHAN", 89: "K_BANK", 90: "KAKAO",
    92: "TOSS",
}  # fmt: skip
"""PortOne's names of banks, by the number that Korean banks have among themselves (088 and 88 are the same)."""

CHARGEABLE = frozenset({Means.CARD, Means.SIMPLE_PAY})
ORDER_NAME = "추가 결제"
"""What a charge is called on the customer's statement."""

LISTED_AT_ONCE = 100

KEY = re.compile(r"[A-Za-z0-9\-_]{16,256}")
WEBHOOK_TOLERANCE = timedelta(minutes=5)


class PortOneGateway:
    """`name` is the merchant's, `store_id` its store; `base_url` without a trailing slash; time-outs in seconds.

    Without a `webhook_secret` no delivery is authentic. `clock`: seconds since the epoch, for the age of deliveries.
    Raises ValueError when the webhook secret is none.
    """

    def __init__(
        self,
        base_url: str,
        *,
        name: str = "portone",
        api_secret: SecretStr,
        store_id: str,
        webhook_secret: SecretStr | None = None,
        connect_timeout: float,
        read_timeout: float,
        settling: timedelta,
        key_life: timedelta,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.capabilities = Capabilities(settling=settling, key_life=key_life, charges=True)
        self._store_id = store_id
        self._webhook_secret = None if webhook_secret is None else _signing_key(webhook_secret)
        self._clock = clock
        self._http = OneShot(
            base_url,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            headers={"Authorization": f"PortOne {api_secret.get_secret_value()}"},
        )

    async def refund(self, command: RefundCommand) -> Outcome:
        if KEY.fullmatch(command.key) is None:
            return Misconfigured("key_malformed")
        if command.means is Means.VIRTUAL_ACCOUNT and command.account is None:
            return NeedsAccount("account_missing")
        body = {
            "storeId": self._store_id,
            "reason": command.reference,
            "amount": command.amount,
            "currentCancellableAmount": command.guard,
        }
        parts = {"taxFreeAmount": command.tax_free, "vatAmount": command.vat}
        body |= {name: part for name, part in parts.items() if part is not None}
        if command.account is not None:
            account = _account(command.account)
            if account is None:
                return NeedsAccount("bank_unknown")
            body["refundAccount"] = account
        response = await self._http.send(f"{_path(command.payment_ref)}/cancel", body, {"Idempotency-Key": command.key})
        if not isinstance(response, httpx.Response):
            return response
        if response.status_code == httpx.codes.OK:
            return accepted(response.content, command)
        return classify(error_code(response.content))

    async def charge(self, command: ChargeCommand) -> ChargeOutcome:
        if command.means not in CHARGEABLE:
            return Misconfigured("means_unsupported")
        if KEY.fullmatch(command.key) is None:
            return Misconfigured("key_malformed")
        body = {
            "storeId": self._store_id,
            "billingKey": command.token,
            "orderName": ORDER_NAME,
            "amount": {"total": command.amount},
            "currency": command.currency,
        }
        response = await self._http.send(
            f"{_path(command.reference)}/billing-key", body, {"Idempotency-Key": command.key}
        )
        if not isinstance(response, httpx.Response):
            return response
        if response.status_code == httpx.codes.OK:
            # It tells neither the amount nor whose payment it is, so the payment itself is asked.
            return charge_read(await self._payment(command.reference), command, None)
        code = error_code(response.content)
        if code == PROVIDER_FAILED:
            return charge_read(await self._payment(command.reference), command, code)
        return classify_charge(code)

    async def list_charges(self, reference: str) -> tuple[ChargeRecord, ...] | Undetermined:
        match await self._payment(reference):
            case PaymentBody() as payment if payment.taken:
                return (ChargeRecord(payment.id, payment.amount.total),)
            case PaymentBody() as payment if payment.status != "FAILED":
                return Undetermined(f"charge_{payment.status.lower()}")
            case Undetermined() as undetermined:
                return undetermined
            case _:
                return ()

    async def find_charge(self, reference: str, amount: int) -> Found | Absent | Undetermined:
        listed = await self.list_charges(reference)
        return listed if isinstance(listed, Undetermined) else find_our_charge(listed, amount)

    async def read(self, payment_ref: str) -> PaymentSnapshot | NoSuchPayment | Undetermined:
        payment = await self._payment(payment_ref)
        return payment.snapshot() if isinstance(payment, PaymentBody) else payment

    async def find(self, payment_ref: str, reference: str, amount: int) -> Found | Absent | Undetermined:
        match await self.read(payment_ref):
            case PaymentSnapshot() as payment:
                return find_ours(payment.refunds, reference, amount)
            case NoSuchPayment():
                return Absent()
            case Undetermined() as undetermined:
                return undetermined

    async def close(self, payment_ref: str, key: str) -> CloseOutcome:
        """Only a virtual account can be closed: that is a call of its own, and a cancel is refused."""
        if (before := closed(await self._payment(payment_ref))) is not None:
            return before
        path = f"{_path(payment_ref)}/virtual-account/close?storeId={quote(self._store_id, safe='')}"
        response = await self._http.send(path, {}, {"Idempotency-Key": key})
        if not isinstance(response, httpx.Response):
            return StillOpen(response.code, again=True)
        after = closed(await self._payment(payment_ref))
        return StillOpen(error_code(response.content) or "unconfirmed", again=True) if after is None else after

    async def list_touched(
        self, since: datetime, until: datetime, cursor: str | None = None
    ) -> Touched | Unlisted | Undetermined:
        """Payments by when their state last changed, with cancels that succeeded. `cursor` is the number of a page."""
        number = int(cursor or 0)
        wanted = {
            "storeId": self._store_id,
            "timestampType": "STATUS_CHANGED_AT",
            "from": since.astimezone(UTC).isoformat(),
            "until": until.astimezone(UTC).isoformat(),
            "status": ["CANCELLED", "PARTIAL_CANCELLED"],
            "sortBy": "STATUS_CHANGED_AT",
            "sortOrder": "ASC",
        }
        asked = {"page": {"number": number, "size": LISTED_AT_ONCE}, "filter": wanted}
        response = await self._http.ask("/payments", {"requestBody": json.dumps(asked)})
        if isinstance(response, Undetermined):
            return response
        if response.status_code != httpx.codes.OK:
            code = error_code(response.content)
            return Undetermined(code or f"http_{response.status_code}", answered=code is not None)
        try:
            page = _PageBody.model_validate_json(response.content)
        except ValidationError:
            return Undetermined("unreadable_answer")
        more = bool(page.items) and (number + 1) * LISTED_AT_ONCE < page.page.total_count
        return Touched(tuple(one.id for one in page.items), str(number + 1) if more else None)

    async def _payment(self, payment_ref: str) -> PaymentBody | NoSuchPayment | Undetermined:
        response = await self._http.ask(_path(payment_ref), {"storeId": self._store_id})
        if isinstance(response, Undetermined):
            return response
        if response.status_code != httpx.codes.OK:
            code = error_code(response.content)
            if code == PAYMENT_UNKNOWN:
                return NoSuchPayment()
            return Undetermined(code or f"http_{response.status_code}", answered=code is not None)
        try:
            payment = PaymentBody.model_validate_json(response.content)
        except ValidationError:
            return Undetermined("unreadable_answer")
        if payment.id != payment_ref:
            return Undetermined("answer_of_another_payment")
        return payment if payment.whole else Undetermined("cancellations_missing")

    def parse_webhook(self, raw: bytes, headers: Mapping[str, str], peer: str) -> WebhookHint | BadWebhook:
        """Signed as Standard Webhooks: an HMAC of id, time and body, and the time not far from now."""
        if self._webhook_secret is None:
            return BadWebhook("webhook_secret_missing")
        delivery, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not delivery or re.fullmatch(r"[0-9]{1,12}", at) is None:
            return BadWebhook("signature_missing")
        signed = hmac.digest(self._webhook_secret, f"{delivery}.{at}.".encode() + raw, hashlib.sha256)
        ours = b"v1," + base64.b64encode(signed)
        given = headers.get("webhook-signature", "").split(" ")
        if not any(hmac.compare_digest(one.encode(), ours) for one in given):
            return BadWebhook("signature_wrong")
        if abs(self._clock() - int(at)) > WEBHOOK_TOLERANCE.total_seconds():
            return BadWebhook("too_old_or_too_new")
        try:
            told = _WebhookBody.model_validate_json(raw)
        except ValidationError:
            return BadWebhook("unreadable", authentic=True)
        if told.data.store_id != self._store_id:
            return BadWebhook("another_store", authentic=True)
        return WebhookHint(delivery, told.type, payment_ref=told.data.payment_id, refund_ref=told.data.cancellation_id)

    async def aclose(self) -> None:
        await self._http.aclose()


# --- classifying ----------------------------------------------------------------------------------------------------


def classify(code: str | None) -> Outcome:
    """The outcome of an error answer with this `type`; None: it carried none."""
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


def error_code(content: bytes) -> str | None:
    """The `type` of an error answer; None when it isn't PortOne's kind of answer."""
    try:
        return _ErrorBody.model_validate_json(content).type
    except ValidationError:
        return None


def accepted(content: bytes, command: RefundCommand) -> Outcome:
    """What a 200 to a cancel means: it counts only when it tells of this very refund."""
    try:
        cancellation = _CancelAnswer.model_validate_json(content).cancellation
    except ValidationError:
        return Unknown("unreadable_answer", answered=True)
    if (cancellation.reason, cancellation.total_amount) != (command.reference, command.amount):
        return Unknown("answer_of_another_refund", answered=True)
    match cancellation.status:
        case "SUCCEEDED":
            return Done(cancellation.id)
        case "REQUESTED":
            return Pending(cancellation.id)
        case "FAILED":
            return NewKey("cancellation_failed")


def charge_read(
    payment: PaymentBody | NoSuchPayment | Undetermined, command: ChargeCommand, code: str | None
) -> ChargeOutcome:
    """What a charge has come to by the payment that it made. `code` is that of its own answer, None for a 200.

    A payment that PortOne itself shows as failed was declined; whatever else is not paid stays open.
    """
    match payment:
        case PaymentBody() if payment.taken:
            if payment.amount.total != command.amount:
                return Unknown("answer_of_another_charge", answered=True)
            return Done(payment.id)
        case PaymentBody(status="FAILED") if code is not None:
            return Rejected(code)
        case _:
            return Unknown(code or "unconfirmed", answered=code is not None)


def closed(payment: PaymentBody | NoSuchPayment | Undetermined) -> CloseOutcome | None:
    """Whether the payment can still be made; None: it is a virtual account that waits for its deposit."""
    match payment:
        case Undetermined(code):
            return StillOpen(code, again=True)
        case NoSuchPayment():
            return StillOpen("no_such_payment", again=False)
        case PaymentBody() if payment.taken:
            return AlreadyPaid(payment.amount.total)
        case PaymentBody(status="VIRTUAL_ACCOUNT_ISSUED"):
            return None
        case PaymentBody(status="CANCELLED" | "FAILED"):
            return Closed()
        case _:
            return StillOpen("not_an_account", again=False)


def _path(payment_ref: str) -> str:
    return f"/payments/{quote(payment_ref, safe='')}"


def _account(account: RefundAccount) -> dict[str, str] | None:
    """None when PortOne knows no such bank."""
    bank = BANKS.get(int(account.bank)) if re.fullmatch(r"[0-9]{1,3}", account.bank) else None
    if bank is None:
        return None
    return {"bank": bank, "number": re.sub(r"[ -]", "", account.number), "holderName": account.holder}


def _signing_key(secret: SecretStr) -> bytes:
    try:
        return base64.b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("PortOne's webhook secret is whsec_ and base64") from None


# --- its words ------------------------------------------------------------------------------------------------------


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class _ErrorBody(_Body):
    type: str = Field(min_length=1)


class _Cancellation(_Body):
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


class _CancelAnswer(_Body):
    cancellation: _Cancellation


class _Amount(_Body):
    total: int
    cancelled: int


class PaymentBody(_Body):
    """A payment as PortOne shows it. `cancelled` counts what has succeeded, not what is still on its way."""

    id: str
    status: Literal[
        "READY", "PAY_PENDING", "VIRTUAL_ACCOUNT_ISSUED", "PAID", "FAILED", "PARTIAL_CANCELLED", "CANCELLED"
    ]
    amount: _Amount
    paid_at: str | None = Field(None, alias="paidAt")
    cancellations: tuple[_Cancellation, ...] = ()

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


class _ListedBody(_Body):
    id: str


class _PageInfo(_Body):
    total_count: int = Field(alias="totalCount")


class _PageBody(_Body):
    items: tuple[_ListedBody, ...]
    page: _PageInfo


class _WebhookData(_Body):
    store_id: str = Field(alias="storeId")
    payment_id: str | None = Field(None, alias="paymentId")
    cancellation_id: str | None = Field(None, alias="cancellationId")


class _WebhookBody(_Body):
    type: str
    data: _WebhookData
