"""PortOne behind the port. Its address, its keys and its words; what they mean is in `codes`."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx
from pydantic import SecretStr, ValidationError

from domain.orders import Means
from gateways.payments.http import OneShot, code_in, read_as
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
    Done,
    Found,
    Misconfigured,
    NeedsAccount,
    NewKey,
    NoSuchPayment,
    Outcome,
    PaymentSnapshot,
    Pending,
    RefundCommand,
    Rejected,
    StillOpen,
    Touched,
    Undetermined,
    Unknown,
    Unlisted,
    WebhookHint,
)
from gateways.payments.portone import webhooks
from gateways.payments.portone.banks import refund_account
from gateways.payments.portone.bodies import CancelAnswerBody, ErrorBody, PageBody, PaymentBody
from gateways.payments.portone.codes import PAYMENT_UNKNOWN, PROVIDER_FAILED, classify, classify_charge

CHARGEABLE = frozenset({Means.CARD, Means.SIMPLE_PAY})
ORDER_NAME = "추가 결제"
"""What a charge is called on the customer's statement."""

LISTED_AT_ONCE = 100

KEY = re.compile(r"[A-Za-z0-9\-_]{16,256}")


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
        self._signing_key = None if webhook_secret is None else webhooks.signing_key(webhook_secret)
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
            account = refund_account(command.account)
            if account is None:
                return NeedsAccount("bank_unknown")
            body["refundAccount"] = account
        response = await self._http.send(f"{_path(command.payment_ref)}/cancel", body, {"Idempotency-Key": command.key})
        if not isinstance(response, httpx.Response):
            return response
        if response.status_code == httpx.codes.OK:
            return accepted(response.content, command)
        return classify(code_in(response.content, ErrorBody))

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
        code = code_in(response.content, ErrorBody)
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
        return StillOpen(code_in(response.content, ErrorBody) or "unconfirmed", again=True) if after is None else after

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
        page = read_as(await self._http.ask("/payments", {"requestBody": json.dumps(asked)}), PageBody, ErrorBody)
        if isinstance(page, Undetermined):
            return page
        more = bool(page.items) and (number + 1) * LISTED_AT_ONCE < page.page.total_count
        return Touched(tuple(one.id for one in page.items), str(number + 1) if more else None)

    async def _payment(self, payment_ref: str) -> PaymentBody | NoSuchPayment | Undetermined:
        response = await self._http.ask(_path(payment_ref), {"storeId": self._store_id})
        payment = read_as(response, PaymentBody, ErrorBody)
        if isinstance(payment, Undetermined):
            return NoSuchPayment() if payment.code == PAYMENT_UNKNOWN else payment
        if payment.id != payment_ref:
            return Undetermined("answer_of_another_payment")
        return payment if payment.whole else Undetermined("cancellations_missing")

    def parse_webhook(self, raw: bytes, headers: Mapping[str, str], peer: str) -> WebhookHint | BadWebhook:
        return webhooks.parse(raw, headers, self._signing_key, self._store_id, self._clock())

    async def aclose(self) -> None:
        await self._http.aclose()


def accepted(content: bytes, command: RefundCommand) -> Outcome:
    """What a 200 to a cancel means: it counts only when it tells of this very refund."""
    try:
        cancellation = CancelAnswerBody.model_validate_json(content).cancellation
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
