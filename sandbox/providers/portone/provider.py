"""PortOne V2: ``https://api.portone.io``.

Not known, and so played the way that hurts a careless client most: how long a key is kept (quirk `key_life_ms`: a day),
whether bodies are compared (`compares_body`: they aren't, so that another amount under the same key gets the first
answer), and whether errors are kept (`keeps_errors`: `worst`, as with Toss). Nothing is known of webhooks that are
tried again: here each is tried once. A deposited virtual account without a `refundAccount` fails at the provider
behind: 502 `PG_PROVIDER`. Tokens (`Bearer`) aren't issued here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from sandbox.clock import now_ms
from sandbox.providers import keys, ledger, registry, webhooks
from sandbox.providers.faults import Fault
from sandbox.providers.keys import KeyRule
from sandbox.providers.ledger import Payment, Refund
from sandbox.providers.portone.codes import error, refused
from sandbox.providers.portone.forms import (
    BANKS,
    CancelForm,
    ChargeForm,
    bound,
    form_of,
    json_of,
    key_of,
    list_request,
)
from sandbox.providers.portone.views import METHODS, cancellation_view, changed_at, payment_view
from sandbox.providers.provider import CANCEL, Event, PaymentProvider
from sandbox.providers.registry import Merchant, QuirkValue
from sandbox.providers.times import utc_millis
from sandbox.providers.webhooks import Delivery
from sandbox.providers.wire import Call, JsonObject, Moment, Reply

if TYPE_CHECKING:
    from sandbox.providers.desk import Desk


class PortOne(PaymentProvider):
    """The stand-in for PortOne."""

    name = "portone"
    quirks: ClassVar[Mapping[str, QuirkValue]] = {
        "key_life_ms": 86_400_000,
        "compares_body": False,
        "keeps_errors": "worst",
    }
    quirk_choices: ClassVar[Mapping[str, frozenset[str]]] = {"keeps_errors": keys.KEEPS}
    first_merchant = Merchant(
        "store-sandbox", "portone_sandbox", {"webhook_secret": "whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3g="}
    )
    methods: ClassVar[frozenset[str]] = frozenset(METHODS)

    def key_rule(self, quirks: Mapping[str, QuirkValue]) -> KeyRule:
        """Replayed; for how long and what else is a quirk."""

        def keeps(reply: Reply, acted: bool) -> bool:
            return reply.status < 500 or keys.is_kept(acted, quirks["keeps_errors"])

        return KeyRule(
            "replay",
            int(quirks["key_life_ms"]),
            error("IDEMPOTENCY_OUTSTANDING_REQUEST"),
            keeps,
            error("INVALID_REQUEST", "another body under this key") if quirks["compares_body"] else None,
        )

    def failure(self, fault: Fault) -> Reply:
        """502 `PG_PROVIDER`, which says nothing of the outcome."""
        return error(fault.code or "PG_PROVIDER", status=fault.status)

    def refusal(self, fault: Fault) -> Reply:
        """`FORBIDDEN` unless the fault says which."""
        return error(fault.code or "FORBIDDEN", status=fault.status)

    def no_path(self, status: int) -> Reply:
        """Without a `type`: it says nothing about a payment."""
        return Reply.of(status, {"message": "no such path"})

    def new_details(self, payment: str, now: int) -> dict[str, object]:
        """The number of its transaction."""
        return {"transaction": str(uuid.uuid4())}

    def new_refund_ref(self) -> str:
        """A cancellation's id."""
        return str(uuid.uuid4())

    def own_payment(self, connection: sqlite3.Connection, merchant: str, payment: str) -> Payment:
        """A store's payment. Raises `PAYMENT_NOT_FOUND`."""
        return self.merchants_payment(connection, merchant, payment, error("PAYMENT_NOT_FOUND"))

    def admit(self, connection: sqlite3.Connection, call: Call, now: int) -> None:
        """Form, store and existence."""
        if call.operation == "charge":
            form: CancelForm | ChargeForm = form_of(ChargeForm, call.body)
        elif call.operation == CANCEL:
            form = form_of(CancelForm, call.body)
            self.own_payment(connection, call.merchant, str(call.target))
        else:
            self.own_payment(connection, call.merchant, str(call.target))
            return
        if form.store_id not in (None, call.merchant):
            raise refused("FORBIDDEN", "storeId: not a store of this secret")

    def act(self, connection: sqlite3.Connection, call: Call, moment: Moment) -> Reply:
        """Carry out a call."""
        match call.operation:
            case "cancel":
                return Reply.of(200, {"cancellation": cancellation_view(self._cancel(connection, call, moment))})
            case "charge":
                return Reply.of(200, {"payment": self._charge(connection, call, moment)})
            case "close":
                return Reply.of(200, self._close(connection, call, moment))
            case "cancel_receipt":
                return Reply.of(200, self._cancel_receipt(connection, call, moment))
            case _:
                raise ValueError(call.operation)

    def _cancel(self, connection: sqlite3.Connection, call: Call, moment: Moment) -> Refund:
        form = form_of(CancelForm, call.body)
        payment = self.own_payment(connection, call.merchant, str(call.target))
        if payment.state != "captured":
            raise refused("PAYMENT_NOT_PAID")
        balance = ledger.held(connection, payment)
        if balance == 0:
            raise refused("PAYMENT_ALREADY_CANCELLED")
        if form.current_cancellable_amount not in (None, balance):
            raise refused("CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN")
        amount = balance if form.amount is None else form.amount
        if amount > balance:
            raise refused("CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT")
        tax_free, vat = _parts(connection, payment, form, amount)
        if amount < payment.amount and not payment.details["partial"]:
            raise refused("PG_PROVIDER", "this payment can't be cancelled in parts")
        if form.refund_account is not None and form.refund_account.bank not in BANKS:
            raise refused("INVALID_REQUEST", "refundAccount.bank: unknown")
        if payment.method == "virtual_account" and form.refund_account is None:
            raise refused("PG_PROVIDER", "the account to refund to is missing")
        refund = self.refund(
            connection,
            payment,
            amount,
            moment,
            tax_free=tax_free,
            key=call.key,
            reference=form.reason,
            details={"vat": vat, "pg": uuid.uuid4().hex, "requester": form.requester},
        )
        if not form.skip_webhook:
            self.announce(connection, payment, "refunded", refund, moment.now)
        return refund

    def _charge(self, connection: sqlite3.Connection, call: Call, moment: Moment) -> JsonObject:
        form = form_of(ChargeForm, call.body)
        if registry.means_customer(connection, self.name, form.billing_key, call.merchant) is None:
            raise refused("BILLING_KEY_NOT_FOUND")
        if ledger.find_payment(connection, self.name, str(call.target)) is not None:
            raise refused("ALREADY_PAID")
        tax_free = form.amount.tax_free or 0
        if tax_free + (form.amount.vat or 0) > form.amount.total:
            raise refused("SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT")
        payment = self.charged(
            connection,
            call,
            str(call.target),
            form.amount.total,
            moment,
            order_id=str(call.target),
            tax_free=tax_free,
            currency=form.currency,
            order_name=form.order_name,
        )
        if not form.skip_webhook:
            self.announce(connection, payment, "captured", None, moment.now)
        return {"pgTxId": payment.details["transaction"], "paidAt": utc_millis(moment.now)}

    def _close(self, connection: sqlite3.Connection, call: Call, moment: Moment) -> JsonObject:
        """Close a virtual account that no money has come to: a cancel can't."""
        payment = self.own_payment(connection, call.merchant, str(call.target))
        if payment.state != "waiting":
            raise refused("PAYMENT_NOT_WAITING_FOR_DEPOSIT")
        ledger.change_payment(connection, payment, "closed", None, closed_at=moment.now)
        return {"closedAt": utc_millis(moment.now)}

    def _cancel_receipt(self, connection: sqlite3.Connection, call: Call, moment: Moment) -> JsonObject:
        payment = self.own_payment(connection, call.merchant, str(call.target))
        if not payment.details["cash_receipt"]:
            raise refused("CASH_RECEIPT_NOT_FOUND")
        if payment.details.get("receipt_cancelled_at") is not None:
            raise refused("CASH_RECEIPT_NOT_ISSUED")
        ledger.change_payment(connection, payment, payment.state, payment.captured_at, receipt_cancelled_at=moment.now)
        return {"cancelledAmount": payment.amount, "cancelledAt": utc_millis(moment.now)}

    def announce(
        self, connection: sqlite3.Connection, payment: Payment, event: Event, refund: Refund | None, now: int
    ) -> None:
        """`Transaction.…`, by the state the payment or its cancellation has come to."""
        kind = _event_type(connection, payment, event, refund)
        if kind is None:
            return
        data = {
            "storeId": payment.merchant,
            "paymentId": payment.payment,
            "transactionId": payment.details["transaction"],
        }
        if refund is not None:
            data["cancellationId"] = refund.ref
        body = {"type": kind, "timestamp": utc_millis(now), "data": data}
        webhooks.announce(
            connection, self.name, payment.merchant, payment.payment, kind, f"msg_{uuid.uuid4().hex}", body, now
        )

    def webhook_headers(self, delivery: Delivery, merchant: Merchant) -> dict[str, str]:
        """Standard Webhooks: id, time in seconds, and a signature over both and the body."""
        seconds = str(now_ms() // 1000)
        secret = base64.b64decode(str(merchant.details["webhook_secret"]).removeprefix("whsec_"))
        signed = f"{delivery.event_id}.{seconds}.{delivery.body}".encode()
        signature = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
        return {"webhook-id": delivery.event_id, "webhook-timestamp": seconds, "webhook-signature": f"v1,{signature}"}

    def sign_in(self, connection: sqlite3.Connection, request: Request) -> Merchant:
        """Who calls: ``PortOne <secret>``. Raises Refused."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        merchant = registry.by_secret(connection, self.name, secret) if scheme == "PortOne" else None
        if merchant is None:
            raise refused("UNAUTHORIZED")
        return merchant

    def routes(self, desk: Desk) -> APIRouter:
        """Its paths."""
        router = APIRouter()

        async def act(request: Request, operation: str, body: JsonObject) -> Response:
            merchant = await desk.transact(lambda connection: self.sign_in(connection, request))
            path = f"{request.method} {request.scope['path']}"
            target = str(request.path_params["paymentId"])
            key = key_of(request)
            return await desk.perform(self, Call(self.name, merchant.merchant, operation, path, target, key, body))

        async def read(
            request: Request, target: str | None, work: Callable[[sqlite3.Connection, str], object]
        ) -> Response:
            merchant = await desk.transact(lambda connection: self.sign_in(connection, request))
            if request.query_params.get("storeId", merchant.merchant) != merchant.merchant:
                raise refused("FORBIDDEN")
            return await desk.read(
                self, target, lambda connection, _: Reply.of(200, work(connection, merchant.merchant))
            )

        @router.post("/payments/{paymentId}/cancel")
        async def cancel(request: Request) -> Response:
            return await act(request, CANCEL, await json_of(request))

        @router.post("/payments/{paymentId}/billing-key")
        async def charge(request: Request) -> Response:
            return await act(request, "charge", await json_of(request))

        @router.post("/payments/{paymentId}/virtual-account/close")
        async def close(request: Request) -> Response:
            return await act(request, "close", {})

        @router.post("/payments/{paymentId}/cash-receipt/cancel")
        async def cancel_receipt(request: Request) -> Response:
            return await act(request, "cancel_receipt", {})

        @router.get("/payments/{paymentId}")
        async def get_payment(request: Request) -> Response:
            number = str(request.path_params["paymentId"])
            return await read(request, number, lambda c, m: payment_view(c, self.own_payment(c, m, number)))

        @router.get("/payments")
        async def get_payments(request: Request) -> Response:
            asked = list_request(request)
            return await read(request, None, lambda c, m: self._page(c, m, asked))

        return router

    def _page(self, connection: sqlite3.Connection, merchant: str, asked: JsonObject) -> JsonObject:
        """A page of a store's payments whose state changed in a span of time."""
        page = {"number": 0, "size": 10, **asked.get("page", {})}
        wanted = asked.get("filter", {})
        since, until = (bound(wanted, name) for name in ("from", "until"))
        by_change = wanted.get("timestampType") == "STATUS_CHANGED_AT"
        found = []
        for payment in ledger.all_payments(connection, self.name):
            at = changed_at(connection, payment) if by_change else payment.created_at
            if payment.merchant == merchant and (since or 0) <= at <= (until or at):
                found.append((at, payment_view(connection, payment)))
        if by_change:
            found.sort(key=lambda one: one[0])
        views = [view for _, view in found if "status" not in wanted or view["status"] in wanted["status"]]
        start = page["number"] * page["size"]
        return {"items": views[start : start + page["size"]], "page": {**page, "totalCount": len(views)}}


def _parts(connection: sqlite3.Connection, payment: Payment, form: CancelForm, amount: int) -> tuple[int, int]:
    """The tax-free part, and the VAT of the rest. Nothing given: all of it is taxed."""
    tax_free = form.tax_free_amount or 0
    vat = round((amount - tax_free) / 11) if form.vat_amount is None else form.vat_amount
    if tax_free + (form.vat_amount or 0) > amount:
        raise refused("SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT")
    left_free = ledger.tax_free_held(connection, payment)
    if tax_free > left_free:
        raise refused("CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT")
    if amount - tax_free > ledger.held(connection, payment) - left_free:
        raise refused("CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT")
    return tax_free, vat


def _event_type(connection: sqlite3.Connection, payment: Payment, event: Event, refund: Refund | None) -> str | None:
    if event in ("refunded", "refund_settled") and refund is not None:
        if refund.status == "pending":
            return "Transaction.CancelPending"
        # That a cancellation failed is told by no event: it has to be read.
        if refund.status == "failed":
            return None
        done = [one for one in ledger.refunds_of(connection, payment) if one.status == "succeeded"]
        whole = sum(one.amount for one in done) == payment.amount
        return "Transaction.Cancelled" if whole else "Transaction.PartialCancelled"
    return {"issued": "Transaction.VirtualAccountIssued", "captured": "Transaction.Paid"}.get(event)
