"""The gateway's books: payments, refunds and charges. Each function is called inside a transaction.

What a payment holds is never stored: it is its amount less the refunds that succeeded or are pending.
"""

from __future__ import annotations

import sqlite3
import uuid
from dataclasses import dataclass
from typing import Any, Literal

from sandbox import answers
from sandbox.clock import iso
from sandbox.wire import ChargeBody, PaymentBody

RefundStatus = Literal["succeeded", "pending"]


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """What a refund asks for. Amounts in minor units; `guard`: what the payment must hold before it, None: anything."""

    pg_tid: str
    amount: int
    guard: int | None
    reference: str
    tax_free: int | None = None
    vat: int | None = None


@dataclass(frozen=True, slots=True)
class ChargeOrder:
    """What a charge asks for. Amount in minor units; `pg_tid` None: a new number is made."""

    pg_tid: str | None
    amount: int
    currency: str
    pay_way_cd: str
    reference: str

    @classmethod
    def of(cls, body: ChargeBody) -> ChargeOrder:
        """The order without the token: that is never kept."""
        return cls(body.pg_tid, body.amount, body.currency, body.pay_way_cd, body.reference)


def put_payment(connection: sqlite3.Connection, pg_tid: str, body: PaymentBody) -> dict[str, Any]:
    """Record a captured payment; the same one again changes nothing. Raises `payment_exists` for other contents."""
    row = connection.execute("SELECT * FROM payments WHERE pg_tid = ?", (pg_tid,)).fetchone()
    if row is None:
        _insert_payment(connection, pg_tid, body.amount, body.currency, body.pay_way_cd)
    elif (row["amount"], row["currency"], row["pay_way_cd"]) != (body.amount, body.currency, body.pay_way_cd):
        raise answers.payment_exists()
    return payment(connection, pg_tid)


def payment(connection: sqlite3.Connection, pg_tid: str) -> dict[str, Any]:
    """The payment, what it holds, and its refunds in the order they were made. Raises `not_found`."""
    row = connection.execute("SELECT * FROM payments WHERE pg_tid = ?", (pg_tid,)).fetchone()
    if row is None:
        raise answers.not_found(f"payment {pg_tid}")
    refunds = connection.execute("SELECT * FROM refunds WHERE pg_tid = ? ORDER BY seq", (pg_tid,))
    return {
        "pgTid": pg_tid,
        "amount": row["amount"],
        "balance": _balance(connection, pg_tid),
        "currency": row["currency"],
        "payWayCd": row["pay_way_cd"],
        "refunds": [_refund_view(refund) for refund in refunds],
    }


def require_payment(connection: sqlite3.Connection, pg_tid: str) -> None:
    """Raises `not_found` unless the payment exists."""
    if connection.execute("SELECT 1 FROM payments WHERE pg_tid = ?", (pg_tid,)).fetchone() is None:
        raise answers.not_found(f"payment {pg_tid}")


def refund(
    connection: sqlite3.Connection, key: str, order: RefundOrder, status: RefundStatus, now: int
) -> dict[str, Any]:
    """Give money back and return the refund with the balance after it.

    Raises `balance_mismatch` or `insufficient_balance`, before anything is written.
    """
    balance = _balance(connection, order.pg_tid)
    if order.guard is not None and order.guard != balance:
        raise answers.balance_mismatch(balance)
    if order.amount > balance:
        raise answers.insufficient_balance(balance)
    refund_id = f"re_{uuid.uuid4().hex}"
    connection.execute(
        "INSERT INTO refunds (refund_id, pg_tid, key, amount, status, reference, at, tax_free, vat)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (refund_id, order.pg_tid, key, order.amount, status, order.reference, now, order.tax_free, order.vat),
    )
    return read_refund(connection, refund_id)


def read_refund(connection: sqlite3.Connection, refund_id: str) -> dict[str, Any]:
    """One refund as it stands, with what its payment holds now. Raises `not_found`."""
    row = _refund_row(connection, refund_id)
    return {**_refund_view(row), "balance": _balance(connection, row["pg_tid"])}


REFUNDS_AT_ONCE = 100


def refunds_made(connection: sqlite3.Connection, since: int, until: int, after: int) -> dict[str, Any]:
    """A page of the refunds made from `since` until before `until`, oldest first; `next` asks for those behind it."""
    rows = connection.execute(
        "SELECT * FROM refunds WHERE at >= ? AND at < ? AND seq > ? ORDER BY seq LIMIT ?",
        (since, until, after, REFUNDS_AT_ONCE),
    ).fetchall()
    return {
        "refunds": [{"pgTid": row["pg_tid"], **_refund_view(row)} for row in rows],
        "next": str(rows[-1]["seq"]) if len(rows) == REFUNDS_AT_ONCE else None,
    }


def settle(connection: sqlite3.Connection, refund_id: str, status: Literal["succeeded", "failed"]) -> dict[str, Any]:
    """End a refund; again the same end changes nothing.

    Failed gives the amount back to the payment, and may follow succeeded: a bank sends money back days later.
    Raises `not_found`, and `already_failed` when a failed refund is told to succeed.
    """
    row = _refund_row(connection, refund_id)
    if row["status"] == "failed" and status == "succeeded":
        raise answers.already_failed()
    connection.execute("UPDATE refunds SET status = ? WHERE refund_id = ?", (status, refund_id))
    return read_refund(connection, refund_id)


def charge(connection: sqlite3.Connection, key: str, order: ChargeOrder, now: int) -> dict[str, Any]:
    """Take money as a new captured payment. Raises `payment_exists`, before anything is written."""
    pg_tid = order.pg_tid or f"tid_{uuid.uuid4().hex}"
    if connection.execute("SELECT 1 FROM payments WHERE pg_tid = ?", (pg_tid,)).fetchone() is not None:
        raise answers.payment_exists()
    _insert_payment(connection, pg_tid, order.amount, order.currency, order.pay_way_cd)
    connection.execute(
        "INSERT INTO charges (charge_id, pg_tid, key, reference, at) VALUES (?, ?, ?, ?, ?)",
        (f"ch_{uuid.uuid4().hex}", pg_tid, key, order.reference, now),
    )
    row = connection.execute(f"{_CHARGES} WHERE pg_tid = ?", (pg_tid,)).fetchone()
    return _charge_view(row)


def charges_by_reference(connection: sqlite3.Connection, reference: str) -> list[dict[str, Any]]:
    """The charges made with this reference, oldest first."""
    rows = connection.execute(f"{_CHARGES} WHERE reference = ? ORDER BY seq", (reference,))
    return [_charge_view(row) for row in rows]


_CHARGES = "SELECT charges.*, payments.amount FROM charges JOIN payments USING (pg_tid)"


def _insert_payment(connection: sqlite3.Connection, pg_tid: str, amount: int, currency: str, pay_way_cd: str) -> None:
    connection.execute("INSERT INTO payments VALUES (?, ?, ?, ?)", (pg_tid, amount, currency, pay_way_cd))


def _refund_row(connection: sqlite3.Connection, refund_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute("SELECT * FROM refunds WHERE refund_id = ?", (refund_id,)).fetchone()
    if row is None:
        raise answers.not_found(f"refund {refund_id}")
    return row


def _balance(connection: sqlite3.Connection, pg_tid: str) -> int:
    (balance,) = connection.execute(
        "SELECT amount - (SELECT ifnull(sum(amount), 0) FROM refunds"
        "                  WHERE refunds.pg_tid = payments.pg_tid AND status <> 'failed')"
        "  FROM payments WHERE pg_tid = ?",
        (pg_tid,),
    ).fetchone()
    return int(balance)


def _refund_view(row: sqlite3.Row) -> dict[str, Any]:
    parts = {"taxFreeAmount": row["tax_free"], "vatAmount": row["vat"]}
    return {
        "refundId": row["refund_id"],
        "key": row["key"],
        "amount": row["amount"],
        **{name: part for name, part in parts.items() if part is not None},
        "status": row["status"],
        "at": iso(row["at"]),
        "reference": row["reference"],
    }


def _charge_view(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "pgTid": row["pg_tid"],
        "chargeId": row["charge_id"],
        "key": row["key"],
        "amount": row["amount"],
        "status": "succeeded",
        "at": iso(row["at"]),
        "reference": row["reference"],
    }
