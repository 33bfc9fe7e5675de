"""The books of all payment providers, in one shape. Each function is called inside a transaction.

What a payment still holds is never stored: it is its amount less the refunds that succeeded or are pending.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sandbox.clock import iso

Method = Literal["card", "virtual_account", "transfer", "mobile", "easy_pay", "gift_certificate", "overseas"]
State = Literal["waiting", "captured", "closed"]
RefundStatus = Literal["succeeded", "pending", "failed"]
Origin = Literal["api", "console"]


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment. Amounts in minor units; `waiting`: money not in yet; `closed`: cancelled before any came in."""

    provider: str
    payment: str
    merchant: str
    order_id: str
    amount: int
    tax_free: int
    currency: str
    method: Method
    state: State
    created_at: int
    captured_at: int | None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund: `reference` is what the caller gave to be echoed, `left_after` what the payment held after it."""

    payment: str
    ref: str
    key: str | None
    amount: int
    tax_free: int
    left_after: int
    status: RefundStatus
    reference: str
    origin: Origin
    at: int
    details: dict[str, Any] = field(default_factory=dict)


def add_payment(connection: sqlite3.Connection, payment: Payment) -> None:
    """Write a new payment. Raises sqlite3.IntegrityError when its number is taken."""
    connection.execute(
        "INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            payment.provider,
            payment.payment,
            payment.merchant,
            payment.order_id,
            payment.amount,
            payment.tax_free,
            payment.currency,
            payment.method,
            payment.state,
            payment.created_at,
            payment.captured_at,
            json.dumps(payment.details),
        ),
    )


def find_payment(connection: sqlite3.Connection, provider: str, payment: str) -> Payment | None:
    """The payment of this number, whoever's it is."""
    row = connection.execute(
        "SELECT * FROM payments WHERE provider = ? AND payment = ?", (provider, payment)
    ).fetchone()
    return None if row is None else _payment_of(row)


def find_order(connection: sqlite3.Connection, provider: str, merchant: str, order_id: str) -> Payment | None:
    """A merchant's payment of this order."""
    row = connection.execute(
        "SELECT * FROM payments WHERE provider = ? AND merchant = ? AND order_id = ? ORDER BY created_at LIMIT 1",
        (provider, merchant, order_id),
    ).fetchone()
    return None if row is None else _payment_of(row)


def all_payments(connection: sqlite3.Connection, provider: str) -> list[Payment]:
    """Every payment of a provider, oldest first."""
    rows = connection.execute("SELECT * FROM payments WHERE provider = ? ORDER BY created_at, payment", (provider,))
    return [_payment_of(row) for row in rows]


def change_payment(
    connection: sqlite3.Connection, payment: Payment, state: State, captured_at: int | None, **details: Any
) -> Payment:
    """Move a payment to a state, add details to it, and return it as it now is."""
    changed = replace(payment, state=state, captured_at=captured_at, details={**payment.details, **details})
    connection.execute(
        "UPDATE payments SET state = ?, captured_at = ?, details = ? WHERE provider = ? AND payment = ?",
        (state, captured_at, json.dumps(changed.details), payment.provider, payment.payment),
    )
    return changed


def refunds_of(connection: sqlite3.Connection, payment: Payment) -> list[Refund]:
    """The refunds of a payment in the order they were made, failed ones too."""
    rows = connection.execute(
        "SELECT * FROM refunds WHERE provider = ? AND payment = ? ORDER BY seq", (payment.provider, payment.payment)
    )
    return [_refund_of(row) for row in rows]


def live_refunds(connection: sqlite3.Connection, payment: Payment) -> list[Refund]:
    """The refunds that took money from what the payment holds: all but the failed ones."""
    return [refund for refund in refunds_of(connection, payment) if refund.status != "failed"]


def held(connection: sqlite3.Connection, payment: Payment) -> int:
    """What can still be refunded; nothing while no money has come in."""
    if payment.state != "captured":
        return 0
    return payment.amount - sum(refund.amount for refund in live_refunds(connection, payment))


def tax_free_held(connection: sqlite3.Connection, payment: Payment) -> int:
    """The tax-free part of what can still be refunded."""
    return payment.tax_free - sum(refund.tax_free for refund in live_refunds(connection, payment))


def add_refund(connection: sqlite3.Connection, provider: str, refund: Refund) -> None:
    """Write a refund; the caller has checked that the payment holds it."""
    connection.execute(
        "INSERT INTO refunds (provider, payment, ref, key, amount, tax_free, left_after, status, reference, origin, at,"
        " details) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            provider,
            refund.payment,
            refund.ref,
            refund.key,
            refund.amount,
            refund.tax_free,
            refund.left_after,
            refund.status,
            refund.reference,
            refund.origin,
            refund.at,
            json.dumps(refund.details),
        ),
    )


def find_refund(connection: sqlite3.Connection, provider: str, ref: str) -> Refund | None:
    """The refund of this number."""
    row = connection.execute("SELECT * FROM refunds WHERE provider = ? AND ref = ?", (provider, ref)).fetchone()
    return None if row is None else _refund_of(row)


def settle(connection: sqlite3.Connection, provider: str, ref: str, status: RefundStatus, now: int) -> None:
    """End a refund. A failed one gives its amount back to the payment."""
    connection.execute(
        "UPDATE refunds SET status = ?, details = json_set(details, '$.settled_at', ?) WHERE provider = ? AND ref = ?",
        (status, now, provider, ref),
    )


def view(connection: sqlite3.Connection, payment: Payment) -> dict[str, Any]:
    """A payment in the shape that is the same for every provider."""
    return {
        "payment": payment.payment,
        "merchant": payment.merchant,
        "orderId": payment.order_id,
        "amount": payment.amount,
        "balance": held(connection, payment),
        "currency": payment.currency,
        "method": payment.method,
        "state": payment.state,
        "refunds": [
            {
                "ref": refund.ref,
                "amount": refund.amount,
                "status": refund.status,
                "reference": refund.reference,
                "key": refund.key,
                "origin": refund.origin,
                "at": iso(refund.at),
            }
            for refund in refunds_of(connection, payment)
        ],
    }


def _payment_of(row: sqlite3.Row) -> Payment:
    fields = dict(row)
    return Payment(**{**fields, "details": json.loads(fields["details"])})


def _refund_of(row: sqlite3.Row) -> Refund:
    fields = {name: value for name, value in dict(row).items() if name not in ("seq", "provider")}
    return Refund(**{**fields, "details": json.loads(fields["details"])})
