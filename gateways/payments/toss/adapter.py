"""Toss Payments behind the port. Its address, its keys and its words; what they mean is in `codes`."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

import httpx
from pydantic import SecretStr, ValidationError

from domain.orders import Means
from gateways.payments.http import OneShot, code_in, read_as
from gateways.payments.matching import find_echoed, find_our_charge
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
    NoSuchPayment,
    Outcome,
    PaymentSnapshot,
    Pending,
    ReceiptCancel,
    ReceiptOutcome,
    RefundCommand,
    RefundStatus,
    Rejected,
    StillOpen,
    Touched,
    Undetermined,
    Unknown,
    Unlisted,
    WebhookHint,
)
from gateways.payments.toss import webhooks
from gateways.payments.toss.banks import receive_account
from gateways.payments.toss.bodies import (
    CLOSING,
    ENDED_UNPAID,
    GAVE_BACK,
    PAID,
    ErrorBody,
    PaymentBody,
    ReceiptBody,
    ReceiptsBody,
    TransactionsBody,
    major,
)
from gateways.payments.toss.codes import PAYMENT_UNKNOWN, classify, classify_charge, classify_receipt

ORDER_ID = re.compile(r"[A-Za-z0-9_=-]{6,64}")
"""What Toss takes for an order's number."""

TRANSACTIONS = 1000
"""How many transactions a page is asked to have."""

KOREA = timezone(timedelta(hours=9))

_MOST_PAGES = 100
"""Of a day's cash receipts."""

ORDER_NAME = "추가 결제"
"""What a customer's card statement calls a charge."""


class TossGateway:
    """One Toss merchant. `base_url` without a trailing slash; time-outs in seconds.

    `secret_key` goes into the header of each request and nowhere else. `peers`: where webhooks may come from; empty:
    from anywhere.
    """

    def __init__(
        self,
        base_url: str,
        *,
        name: str = "toss",
        secret_key: SecretStr,
        connect_timeout: float,
        read_timeout: float,
        settling: timedelta,
        key_life: timedelta,
        peers: Collection[webhooks.Network] = (),
    ) -> None:
        self.name = name
        self.capabilities = Capabilities(settling=settling, key_life=key_life, charges=True)
        self._peers = tuple(peers)
        credentials = base64.b64encode(f"{secret_key.get_secret_value()}:".encode()).decode()
        self._http = OneShot(
            base_url,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            headers={"Authorization": f"Basic {credentials}"},
        )

    async def refund(self, command: RefundCommand) -> Outcome:
        """Our reference is the reason of the cancel. Answered by the whole payment, in which our cancel must be."""
        body: dict[str, object] = {
            "cancelReason": command.reference,
            "cancelAmount": major(command.amount, command.currency),
            "refundableAmount": major(command.guard, command.currency),
            "currency": command.currency,
        }
        if command.tax_free is not None:
            body["taxFreeAmount"] = major(command.tax_free, command.currency)
        if command.means is Means.VIRTUAL_ACCOUNT:
            if command.account is None:
                return NeedsAccount("account_missing")
            account = receive_account(command.account)
            if account is None:
                return NeedsAccount("account_malformed")
            body["refundReceiveAccount"] = account
        path = f"/v1/payments/{_in_path(command.payment_ref)}/cancel"
        response = await self._http.send(path, body, {"Idempotency-Key": command.key})
        if not isinstance(response, httpx.Response):
            return response
        if response.status_code == httpx.codes.OK:
            return _refunded(response, command)
        return classify(code_in(response.content, ErrorBody), response.status_code)

    async def charge(self, command: ChargeCommand) -> ChargeOutcome:
        """The token is ``<billing key>:<customer key>``; Toss wants both, and a pair that doesn't fit is refused.

        Our reference is the order's number. Only cards, in KRW: Toss has no billing keys for anything else of ours.
        """
        if command.means is not Means.CARD:
            return Misconfigured("means_unsupported")
        if command.currency != "KRW":
            return Misconfigured("currency_unsupported")
        if ORDER_ID.fullmatch(command.reference) is None:
            return Misconfigured("reference_unfit")
        billing_key, _, customer_key = command.token.partition(":")
        if not billing_key or not customer_key:
            return Rejected("token_malformed")
        body = {
            "customerKey": customer_key,
            "amount": command.amount,
            "orderId": command.reference,
            "orderName": ORDER_NAME,
        }
        path = f"/v1/billing/{_in_path(billing_key)}"
        response = await self._http.send(path, body, {"Idempotency-Key": command.key})
        if not isinstance(response, httpx.Response):
            return response
        if response.status_code == httpx.codes.OK:
            return _taken(response, command)
        return classify_charge(code_in(response.content, ErrorBody), response.status_code)

    async def list_charges(self, reference: str) -> tuple[ChargeRecord, ...] | Undetermined:
        """At most one: an order's number is good for one payment."""
        match await self._read(f"/v1/payments/orders/{_in_path(reference)}"):
            case NoSuchPayment():
                return ()
            case Undetermined() as undetermined:
                return undetermined
            case PaymentBody() as payment:
                return _charges(payment, reference)

    async def find_charge(self, reference: str, amount: int) -> Found | Absent | Undetermined:
        listed = await self.list_charges(reference)
        return listed if isinstance(listed, Undetermined) else find_our_charge(listed, amount)

    async def read(self, payment_ref: str) -> PaymentSnapshot | NoSuchPayment | Undetermined:
        match await self._read(f"/v1/payments/{_in_path(payment_ref)}"):
            case PaymentBody() as payment if payment.paymentKey != payment_ref:
                return Undetermined("answer_of_another_payment")
            case PaymentBody() as payment:
                try:
                    return payment.snapshot()
                except ValueError:
                    return Undetermined("unreadable_answer")
            case other:
                return other

    async def find(self, payment_ref: str, reference: str, amount: int) -> Found | Absent | Undetermined:
        match await self.read(payment_ref):
            case PaymentSnapshot() as payment:
                return find_echoed(payment.refunds, reference, amount)
            case NoSuchPayment():
                return Absent()
            case Undetermined() as undetermined:
                return undetermined

    async def close(self, payment_ref: str, key: str) -> CloseOutcome:
        """A cancel without a refund account: Toss refuses it as soon as a deposit has come."""
        path = f"/v1/payments/{_in_path(payment_ref)}"
        if (before := _closed(await self._read(path), payment_ref)) is not None:
            return before
        response = await self._http.send(f"{path}/cancel", {"cancelReason": CLOSING}, {"Idempotency-Key": key})
        if not isinstance(response, httpx.Response):
            return StillOpen(response.code, again=True)
        after = _closed(await self._read(path), payment_ref)
        return StillOpen(code_in(response.content, ErrorBody) or "unconfirmed", again=True) if after is None else after

    async def list_touched(
        self, since: datetime, until: datetime, cursor: str | None = None
    ) -> Touched | Unlisted | Undetermined:
        """The end of the span counts in. It lags, by how much is not told: a day that is over is complete."""
        span = {"startDate": _on_toss_clock(since), "endDate": _on_toss_clock(until), "limit": str(TRANSACTIONS)}
        if cursor is not None:
            span["startingAfter"] = cursor
        listed = read_as(await self._http.ask("/v1/transactions", span), TransactionsBody, ErrorBody)
        if isinstance(listed, Undetermined):
            return listed
        page = listed.root
        # A page may be shorter than was asked for: only an empty one is surely the last.
        return Touched(
            tuple(one.paymentKey for one in page if one.status in GAVE_BACK),
            page[-1].transactionKey if page else None,
        )

    async def cancel_receipt(self, command: ReceiptCancel) -> ReceiptOutcome:
        path = f"/v1/cash-receipts/{_in_path(command.receipt_ref)}/cancel"
        response = await self._http.send(path, {"amount": command.amount}, {"Idempotency-Key": command.key})
        if not isinstance(response, httpx.Response):
            return response
        if response.status_code != httpx.codes.OK:
            return classify_receipt(code_in(response.content, ErrorBody), response.status_code)
        try:
            told = ReceiptBody.model_validate_json(response.content)
        except ValidationError:
            return Unknown("unreadable_answer", answered=True)
        if (told.receiptKey, told.transactionType, told.amount) != (command.receipt_ref, "CANCEL", command.amount):
            return Unknown("answer_of_another_receipt", answered=True)
        return Rejected("issue_failed") if told.issueStatus == "FAILED" else Done(command.receipt_ref)

    async def receipt_cancels(self, receipt_ref: str, since: datetime) -> tuple[int, ...] | Undetermined:
        """Receipts can't be read by their key: each day's list is gone through."""
        day, today = since.astimezone(KOREA).date(), datetime.now(KOREA).date()
        found: list[int] = []
        while day <= today:
            listed = await self._receipts_of(day.isoformat())
            if isinstance(listed, Undetermined):
                return listed
            found += [
                one.amount
                for one in listed
                if (one.receiptKey, one.transactionType) == (receipt_ref, "CANCEL") and one.issueStatus != "FAILED"
            ]
            day += timedelta(days=1)
        return tuple(found)

    async def _receipts_of(self, day: str) -> list[ReceiptBody] | Undetermined:
        found: list[ReceiptBody] = []
        page = {"requestDate": day, "limit": "100"}
        for _ in range(_MOST_PAGES):
            told = read_as(await self._http.ask("/v1/cash-receipts", page), ReceiptsBody, ErrorBody)
            if isinstance(told, Undetermined):
                return told
            found += told.data
            if not told.hasNext:
                return found
            page = {**page, "cursor": str(told.lastCursor)}
        return Undetermined("too_many_pages")

    def parse_webhook(self, raw: bytes, headers: Mapping[str, str], peer: str) -> WebhookHint | BadWebhook:
        return webhooks.parse(raw, headers, peer, self._peers)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _read(self, path: str) -> PaymentBody | NoSuchPayment | Undetermined:
        response = await self._http.ask(path)
        payment = read_as(response, PaymentBody, ErrorBody)
        absent = payment == Undetermined(PAYMENT_UNKNOWN)
        if absent and isinstance(response, httpx.Response) and response.status_code == httpx.codes.NOT_FOUND:
            return NoSuchPayment()
        return payment


def _on_toss_clock(at: datetime) -> str:
    """The time as Toss takes it: Korea's, without an offset, to the second."""
    return at.astimezone(KOREA).replace(tzinfo=None).isoformat(timespec="seconds")


def _in_path(part: str) -> str:
    return quote(part, safe="")


def _refunded(response: httpx.Response, command: RefundCommand) -> Outcome:
    """A 200 counts only when the payment in it has this very refund. It may be a replay of an older answer.

    Where our reference is not echoed the payment's newest transaction is what this answer is about.
    """
    try:
        payment = PaymentBody.model_validate_json(response.content)
        snapshot = payment.snapshot()
    except ValueError:
        return Unknown("unreadable_answer", answered=True)
    if (payment.paymentKey, payment.currency) != (command.payment_ref, command.currency):
        return Unknown("answer_of_another_refund", answered=True)
    match find_echoed(snapshot.refunds, command.reference, command.amount):
        case Found(ref, pending):
            return Pending(ref) if pending else Done(ref)
        case Undetermined("reference_not_echoed"):
            return _newest(payment, snapshot, command)
        case _:
            return Unknown("answer_of_another_refund", answered=True)


def _closed(payment: PaymentBody | NoSuchPayment | Undetermined, payment_ref: str) -> CloseOutcome | None:
    """Whether the payment can still be made; None: it is a virtual account that waits for its deposit."""
    if isinstance(payment, Undetermined):
        return StillOpen(payment.code, again=True)
    if isinstance(payment, NoSuchPayment):
        return StillOpen("no_such_payment", again=False)
    if payment.paymentKey != payment_ref:
        return StillOpen("answer_of_another_payment", again=True)
    try:
        captured = payment.snapshot().captured
    except ValueError:
        return StillOpen("unreadable_answer", again=True)
    if captured:
        return AlreadyPaid(captured)
    if payment.status == "WAITING_FOR_DEPOSIT":
        return None
    over = payment.status in ENDED_UNPAID or payment.status == "CANCELED"
    return Closed() if over else StillOpen("not_an_account", again=False)


def _newest(payment: PaymentBody, snapshot: PaymentSnapshot, command: RefundCommand) -> Outcome:
    for one in snapshot.refunds:
        if (one.refund_ref, one.amount, one.reference) == (payment.lastTransactionKey, command.amount, None):
            return Pending(one.refund_ref) if one.status is RefundStatus.PENDING else Done(one.refund_ref)
    return Unknown("answer_of_another_refund", answered=True)


def _taken(response: httpx.Response, command: ChargeCommand) -> ChargeOutcome:
    """A 200 counts only when it tells of this very charge, and that it is done."""
    try:
        payment = PaymentBody.model_validate_json(response.content)
        told = (payment.orderId, payment.amount, payment.currency, payment.status)
    except ValueError:
        return Unknown("unreadable_answer", answered=True)
    if told != (command.reference, command.amount, command.currency, "DONE"):
        return Unknown("answer_of_another_charge", answered=True)
    return Done(payment.paymentKey)


def _charges(payment: PaymentBody, reference: str) -> tuple[ChargeRecord, ...] | Undetermined:
    """The payment as a charge, whatever was given back of it since; none when no money came in and none will."""
    try:
        amount = payment.amount
    except ValueError:
        return Undetermined("unreadable_answer")
    if (payment.orderId, payment.currency) != (reference, "KRW"):
        return Undetermined("answer_of_another_charge")
    if payment.status in ENDED_UNPAID:
        return ()
    if payment.status not in PAID:
        return Undetermined("charge_not_ended")
    return (ChargeRecord(payment.paymentKey, amount),)
