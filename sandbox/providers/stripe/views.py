"""How Stripe shows refunds, charges and payment intents."""

from __future__ import annotations

import sqlite3

from sandbox.providers import ledger
from sandbox.providers.ledger import Payment, Refund
from sandbox.providers.wire import JsonObject


def refund_view(payment: Payment, refund: Refund) -> JsonObject:
    """The refund object."""
    view: JsonObject = {
        "id": refund.ref,
        "object": "refund",
        "amount": refund.amount,
        "balance_transaction": None,
        "charge": payment.details["charge"],
        "created": refund.at // 1000,
        "currency": payment.currency.lower(),
        "metadata": refund.details.get("metadata", {}),
        "payment_intent": payment.payment,
        "reason": refund.details.get("reason"),
        "receipt_number": None,
        "status": refund.status,
    }
    if refund.status == "pending":
        view["pending_reason"] = "processing"
    if refund.status == "failed":
        view["failure_reason"] = "unknown"
    return view


def charge_view(connection: sqlite3.Connection, payment: Payment) -> JsonObject:
    """The charge object, without its refunds."""
    back = payment.amount - ledger.held(connection, payment)
    return {
        "id": payment.details["charge"],
        "object": "charge",
        "amount": payment.amount,
        "amount_captured": payment.amount,
        "amount_refunded": back,
        "captured": True,
        "created": payment.created_at // 1000,
        "currency": payment.currency.lower(),
        "disputed": False,
        "livemode": False,
        "metadata": payment.details.get("metadata", {}),
        "paid": True,
        "payment_intent": payment.payment,
        "refunded": back == payment.amount,
        "status": "succeeded",
        "transfer_group": payment.details.get("transfer_group"),
    }


def intent_view(payment: Payment, charge: JsonObject | None = None) -> JsonObject:
    """The payment intent object; with its charge in it, or only that one's id."""
    return {
        "id": payment.payment,
        "object": "payment_intent",
        "amount": payment.amount,
        "amount_received": payment.amount,
        "capture_method": "automatic",
        "created": payment.created_at // 1000,
        "currency": payment.currency.lower(),
        "customer": payment.details.get("customer"),
        "latest_charge": charge or payment.details["charge"],
        "livemode": False,
        "metadata": payment.details.get("metadata", {}),
        "status": "succeeded",
    }
