"""Toss Payments as the desk sees it: its wire, its keys, its errors, its webhooks.

Not known, and so played the way that hurts a careless client most: whether a 5xx or `PROVIDER_ERROR` is kept under
its key (quirk `keeps_errors`: `worst` keeps one that did nothing, so that the key is burnt, and forgets one that
acted, so that a repeat pays twice; `always`, `never`), and whether every method echoes `cancelReason` (`echoes_reason`:
it does). The list of transactions shows nothing younger than `transactions_lag_ms`. A bank refund that fails late gives
its amount back to the balance and shows `ABORTED`; how the real one shows it nobody has seen.
"""

from __future__ import annotations

import base64
import binascii
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from fastapi import APIRouter, Request

from sandbox.clock import now_ms
from sandbox.providers import keys, ledger, registry, webhooks
from sandbox.providers.faults import Fault
from sandbox.providers.keys import KeyRule
from sandbox.providers.ledger import Payment, Refund
from sandbox.providers.provider import Event, PaymentProvider
from sandbox.providers.registry import Merchant, QuirkValue
from sandbox.providers.times import kst, kst_seconds
from sandbox.providers.toss import billing, cancels, receipts, views
from sandbox.providers.toss.codes import error, refused
from sandbox.providers.toss.forms import ChargeForm, ReceiptCancelForm, ReceiptForm, form_of
from sandbox.providers.toss.routes import Front, all_routes
from sandbox.providers.webhooks import Delivery
from sandbox.providers.wire import Call, JsonObject, Moment, Reply

if TYPE_CHECKING:
    from sandbox.providers.desk import Desk

DAY_MS = 86_400_000
MINUTE_MS = 60_000


class Toss(PaymentProvider):
    """The stand-in for Toss Payments."""

    name = "toss"
    quirks: ClassVar[Mapping[str, QuirkValue]] = {
        "keeps_errors": "worst",
        "echoes_reason": True,
        "transactions_lag_ms": 3_600_000,
    }
    quirk_choices: ClassVar[Mapping[str, frozenset[str]]] = {"keeps_errors": keys.KEEPS}
    first_merchant = Merchant("sandbox", "test_sk_sandbox", {})
    methods: ClassVar[frozenset[str]] = frozenset(views.METHODS)
    webhook_retries_ms = tuple(4**n * MINUTE_MS for n in range(7))

    def key_rule(self, quirks: Mapping[str, QuirkValue]) -> KeyRule:
        """15 days from the first use; bodies are never compared; errors are kept like successes."""

        def keeps(reply: Reply, acted: bool) -> bool:
            unproven = reply.status >= 500 or '"PROVIDER_ERROR"' in reply.text
            return not unproven or keys.is_kept(acted, quirks["keeps_errors"])

        return KeyRule("replay", 15 * DAY_MS, error("IDEMPOTENT_REQUEST_PROCESSING"), keeps)

    def failure(self, fault: Fault) -> Reply:
        """`FAILED_INTERNAL_SYSTEM_PROCESSING` unless the fault says which, such as `PROVIDER_ERROR` with its 400."""
        return error(fault.code or "FAILED_INTERNAL_SYSTEM_PROCESSING", status=fault.status)

    def refusal(self, fault: Fault) -> Reply:
        """`REFUND_REJECTED` unless the fault says which."""
        return error(fault.code or "REFUND_REJECTED", status=fault.status)

    def no_path(self, status: int) -> Reply:
        """Not `NOT_FOUND_PAYMENT`: a wrong address says nothing about a payment."""
        return Reply.of(
            status, {"code": "NOT_FOUND" if status == 404 else "METHOD_NOT_ALLOWED", "message": "no such path"}
        )

    def headers(self) -> dict[str, str]:
        """A trace id, another one each time."""
        return {"x-tosspayments-trace-id": uuid.uuid4().hex}

    def new_details(self, payment: str, now: int) -> dict[str, object]:
        """What a deposit's webhook is known by, and the payment's own transaction."""
        return {"secret": f"ps_{uuid.uuid4().hex[:16]}", "transaction_key": uuid.uuid4().hex.upper()}

    def new_refund_ref(self) -> str:
        """A `transactionKey`."""
        return uuid.uuid4().hex.upper()

    def own_payment(self, connection: sqlite3.Connection, merchant: str, payment: str) -> Payment:
        """A merchant's payment. Raises `NOT_FOUND_PAYMENT`."""
        return self.merchants_payment(connection, merchant, payment, error("NOT_FOUND_PAYMENT"))

    def shown(self, connection: sqlite3.Connection, payment: Payment) -> JsonObject:
        """The Payment object."""
        return views.payment_view(connection, payment, registry.quirks(connection, self.name, self.quirks))

    def admit(self, connection: sqlite3.Connection, call: Call, now: int) -> None:
        """Form and existence. What is refused here is kept under the key like any error."""
        match call.operation:
            case "cancel":
                cancels.admit(self, connection, call, now)
            case "charge":
                form_of(ChargeForm, call.body["form"])
            case "issue_receipt":
                form_of(ReceiptForm, call.body)
            case "cancel_receipt":
                form_of(ReceiptCancelForm, call.body)

    def act(self, connection: sqlite3.Connection, call: Call, moment: Moment) -> Reply:
        """Carry out a call."""
        match call.operation:
            case "cancel":
                return Reply.of(200, self.shown(connection, cancels.cancel(self, connection, call, moment)))
            case "charge":
                return Reply.of(200, self.shown(connection, billing.charge(self, connection, call, moment)))
            case "issue_billing_key":
                return Reply.of(200, billing.issue(self, connection, call, moment))
            case "issue_receipt":
                return Reply.of(200, receipts.issue(self, connection, call, moment))
            case "cancel_receipt":
                return Reply.of(200, receipts.cancel(self, connection, call, moment))
            case _:
                raise ValueError(call.operation)

    def announce(
        self, connection: sqlite3.Connection, payment: Payment, event: Event, refund: Refund | None, now: int
    ) -> None:
        """`PAYMENT_STATUS_CHANGED` but for the first state and for billing charges, `DEPOSIT_CALLBACK` of a virtual
        account beside it, `CANCEL_STATUS_CHANGED` at the end of an asynchronous cancel."""

        def tell(kind: str, body: Callable[[str], JsonObject]) -> None:
            (seq,) = connection.execute("SELECT ifnull(max(seq), 0) FROM deliveries").fetchone()
            event_id = uuid.uuid4().hex
            webhooks.announce(
                connection,
                self.name,
                payment.merchant,
                payment.payment,
                kind,
                event_id,
                body(_created_at(now, seq)),
                now,
            )

        if event == "refund_settled":
            if refund is not None and cancels.is_async(payment, refund):
                cancel = views.cancel_view(payment, refund)
                tell(
                    "CANCEL_STATUS_CHANGED",
                    lambda at: {"eventType": "CANCEL_STATUS_CHANGED", "createdAt": at, "data": cancel},
                )
            return
        shown = self.shown(connection, payment)
        if event not in ("issued", "deposit_reversed") and payment.details.get("type") != "BILLING":
            tell(
                "PAYMENT_STATUS_CHANGED",
                lambda at: {"eventType": "PAYMENT_STATUS_CHANGED", "createdAt": at, "data": shown},
            )
        if payment.method == "virtual_account" and event != "issued":
            flat = {
                "secret": shown["secret"],
                "status": shown["status"],
                "transactionKey": shown["lastTransactionKey"],
                "orderId": payment.order_id,
            }
            tell("DEPOSIT_CALLBACK", lambda at: {"createdAt": at, **flat})

    def webhook_headers(self, delivery: Delivery, merchant: Merchant) -> dict[str, str]:
        """The delivery's id, its time and its count. There is no signature to check."""
        return {
            "tosspayments-webhook-transmission-time": kst_seconds(now_ms()),
            "tosspayments-webhook-transmission-retried-count": str(delivery.tries),
            "tosspayments-webhook-transmission-id": delivery.event_id,
        }

    def webhook_taken(self, status: int) -> bool:
        """Only a 200 counts."""
        return status == 200

    def sign_in(self, connection: sqlite3.Connection, request: Request) -> Merchant:
        """Who calls: `Basic` of the secret key and a colon. Raises Refused."""
        header = request.headers.get("Authorization")
        if header is None:
            raise refused("UNAUTHORIZED_KEY")
        scheme, _, encoded = header.partition(" ")
        try:
            key, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise refused("INCORRECT_BASIC_AUTH_FORMAT") from None
        if scheme != "Basic" or not colon or password:
            raise refused("INCORRECT_BASIC_AUTH_FORMAT")
        if key.startswith(("test_gsk_", "live_gsk_", "test_ck_", "live_ck_", "test_gck_", "live_gck_")):
            raise refused("INVALID_API_KEY", "a key of another family")
        merchant = registry.by_secret(connection, self.name, key)
        if merchant is None:
            raise refused("UNAUTHORIZED_KEY")
        return merchant

    def routes(self, desk: Desk) -> APIRouter:
        """Its paths, all under ``/v1``."""
        return all_routes(Front(self, desk))

    def transactions(
        self,
        connection: sqlite3.Connection,
        merchant: str,
        start: int,
        end: int,
        now: int,
        after: str | None = None,
        limit: int = 100,
    ) -> list[JsonObject]:
        """A page of captures and cancels of a span of time, oldest first, but for the young ones.

        `after`: a transaction's key; the page begins behind it. Whether the real one gives a cancel a minus isn't
        known; here only its status tells.
        """
        lag = int(registry.quirks(connection, self.name, self.quirks)["transactions_lag_ms"])
        found: list[tuple[int, JsonObject]] = []
        for payment in ledger.all_payments(connection, self.name):
            if payment.merchant != merchant or payment.captured_at is None:
                continue
            moves = [(payment.captured_at, str(payment.details["transaction_key"]), payment.amount, "DONE")]
            moves += [
                (refund.at, refund.ref, refund.amount, _move_status(payment, refund))
                for refund in ledger.live_refunds(connection, payment)
            ]
            found += [(at, _transaction(payment, at, ref, amount, status)) for at, ref, amount, status in moves]
        listed = [view for at, view in sorted(found, key=lambda one: one[0]) if start <= at <= end and at <= now - lag]
        keys = [view["transactionKey"] for view in listed]
        first = keys.index(after) + 1 if after in keys else 0
        return listed[first : first + limit]


def _move_status(payment: Payment, refund: Refund) -> str:
    return "CANCELED" if refund.amount == payment.amount else "PARTIAL_CANCELED"


def _transaction(payment: Payment, at: int, ref: str, amount: int, status: str) -> JsonObject:
    return {
        "mId": payment.merchant,
        "transactionKey": ref,
        "paymentKey": payment.payment,
        "orderId": payment.order_id,
        "method": views.METHODS[payment.method],
        "customerKey": None,
        "useEscrow": False,
        "receiptUrl": None,
        "status": status,
        "transactionAt": kst_seconds(at),
        "currency": payment.currency,
        "amount": amount,
    }


def _created_at(now: int, turn: int) -> str:
    """Toss writes this time in more than one fashion; each event takes another."""
    at = kst(now)
    fashions = (
        at.replace(tzinfo=None).isoformat(timespec="microseconds").rstrip("0"),
        at.isoformat(timespec="microseconds"),
        at.replace(tzinfo=None).isoformat(timespec="milliseconds"),
    )
    return fashions[turn % len(fashions)]
