"""Toss's cash receipts: nothing protects from issuing one twice, and they can only be looked up by day."""

from __future__ import annotations

import json
import sqlite3
import uuid
from typing import TYPE_CHECKING, Any

from sandbox.providers.times import kst, kst_seconds
from sandbox.providers.toss.codes import refused
from sandbox.providers.toss.forms import ReceiptCancelForm, ReceiptForm, form_of
from sandbox.providers.wire import Call, Moment

if TYPE_CHECKING:
    from sandbox.providers.toss.provider import Toss


def issue(toss: Toss, connection: sqlite3.Connection, call: Call, moment: Moment) -> dict[str, Any]:
    """Issue a receipt; the same order again issues another."""
    form = form_of(ReceiptForm, call.body)
    number = f"rcpt_{uuid.uuid4().hex[:20]}"
    details = {"orderId": form.order_id, "orderName": form.order_name, "type": form.type}
    _write(connection, toss.name, call.merchant, number, form.amount, "issue", moment.now, details)
    return _view(number, form.amount, "CONFIRM", details, moment.now, "IN_PROGRESS")


def cancel(toss: Toss, connection: sqlite3.Connection, call: Call, moment: Moment) -> dict[str, Any]:
    """Cancel a receipt or a part of it. The codes for "no such receipt" and "too much" aren't known."""
    form = form_of(ReceiptCancelForm, call.body)
    rows = connection.execute(
        "SELECT * FROM receipts WHERE provider = ? AND merchant = ? AND receipt = ? ORDER BY seq",
        (toss.name, call.merchant, call.target),
    ).fetchall()
    if not rows:
        raise refused("INVALID_REQUEST", "no such receipt")
    left = sum(row["amount"] if row["kind"] == "issue" else -row["amount"] for row in rows)
    amount = left if form.amount is None else form.amount
    if amount > left or left == 0:
        raise refused("INVALID_REQUEST", "more than is left of the receipt")
    details = json.loads(rows[0]["details"])
    _write(connection, toss.name, call.merchant, str(call.target), amount, "cancel", moment.now, details)
    return _view(str(call.target), amount, "CANCEL", details, moment.now, "IN_PROGRESS")


def of_day(toss: Toss, connection: sqlite3.Connection, merchant: str, day: str) -> list[dict[str, Any]]:
    """Every issue and cancel of one day on Korea's clock."""
    rows = connection.execute(
        "SELECT * FROM receipts WHERE provider = ? AND merchant = ? ORDER BY seq", (toss.name, merchant)
    )
    return [
        _view(
            row["receipt"],
            row["amount"],
            "CONFIRM" if row["kind"] == "issue" else "CANCEL",
            json.loads(row["details"]),
            row["at"],
            "COMPLETED",
        )
        for row in rows
        if kst(row["at"]).date().isoformat() == day
    ]


def _write(
    connection: sqlite3.Connection,
    provider: str,
    merchant: str,
    receipt: str,
    amount: int,
    kind: str,
    at: int,
    details: dict[str, Any],
) -> None:
    connection.execute(
        "INSERT INTO receipts (provider, merchant, receipt, amount, kind, at, details) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (provider, merchant, receipt, amount, kind, at, json.dumps(details)),
    )


def _view(receipt: str, amount: int, kind: str, details: dict[str, Any], at: int, status: str) -> dict[str, Any]:
    return {
        "receiptKey": receipt,
        "orderId": details["orderId"],
        "orderName": details["orderName"],
        "type": details["type"],
        "transactionType": kind,
        "issueStatus": status,
        "amount": amount,
        "requestedAt": kst_seconds(at),
        "failure": None,
    }
