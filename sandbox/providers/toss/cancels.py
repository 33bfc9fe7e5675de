"""Toss's cancel: who may cancel what, and by how much.

The order of the checks isn't documented; it is ours. Nothing is written before all of them have passed.
"""

from __future__ import annotations

import re
import sqlite3
import uuid
from typing import TYPE_CHECKING, Any

from sandbox.providers import ledger
from sandbox.providers.ledger import Payment, Refund
from sandbox.providers.times import kst
from sandbox.providers.toss import views
from sandbox.providers.toss.codes import error, invalid, refused
from sandbox.providers.toss.forms import BANKS, CancelForm, form_of
from sandbox.providers.wire import Call, Moment, Refused

if TYPE_CHECKING:
    from sandbox.providers.toss.provider import Toss

PAUSE_MS = 1000
"""Of two cancels of one payment within this time only the first runs."""

DAYS_TO_REFUND = {"transfer": 180, "virtual_account": 365}


def admit(toss: Toss, connection: sqlite3.Connection, call: Call, now: int) -> None:
    """Form, existence, and the pause between two cancels of one payment. One that is refused for the pause doesn't
    prolong it."""
    form_of(CancelForm, call.body)
    payment = toss.own_payment(connection, call.merchant, str(call.target))
    if now - payment.details.get("last_cancel_at", 0) < PAUSE_MS:
        raise refused("FORBIDDEN_CONSECUTIVE_REQUEST")
    ledger.change_payment(connection, payment, payment.state, payment.captured_at, last_cancel_at=now)


def cancel(toss: Toss, connection: sqlite3.Connection, call: Call, moment: Moment) -> Payment:
    """Cancel, and return the payment as it then is."""
    form = form_of(CancelForm, call.body)
    payment = toss.own_payment(connection, call.merchant, str(call.target))
    if form.currency is not None and form.currency != payment.currency:
        raise invalid("currency: not the one that was approved")
    if payment.state == "closed":
        raise refused("ALREADY_CANCELED_PAYMENT")
    if payment.state == "waiting":
        return _close(toss, connection, payment, form, moment)
    _check_time(payment, moment.now)
    amount = _check_amount(connection, payment, form)
    account = _check_account(payment, form)
    tax_free = _check_tax(connection, payment, form, amount)
    if payment.method == "overseas" and form.cancel_request_id is None:
        raise invalid("cancelRequestId: this method is cancelled asynchronously and needs one")
    refund = toss.refund(
        connection,
        payment,
        amount,
        moment,
        tax_free=tax_free,
        key=call.key,
        reference=form.cancel_reason,
        # Money to a bank account is on its way for days, whatever the answer says.
        pending=moment.pending or payment.method in ("virtual_account", "overseas"),
        details={"cancel_request_id": form.cancel_request_id},
    )
    if account is not None:
        payment = ledger.change_payment(connection, payment, payment.state, payment.captured_at, refund_account=account)
    toss.announce(connection, payment, "refunded", refund, moment.now)
    return payment


def _close(toss: Toss, connection: sqlite3.Connection, payment: Payment, form: CancelForm, moment: Moment) -> Payment:
    """Cancel an account that no money has come to: whole, and without a refund account."""
    if form.refund_receive_account is not None:
        raise invalid("refundReceiveAccount: nothing was deposited")
    if form.refundable_amount is not None and form.refundable_amount != payment.amount:
        raise refused("NOT_MATCHES_REFUNDABLE_AMOUNT")
    if form.cancel_amount is not None and form.cancel_amount != payment.amount:
        raise refused("NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT")
    closing = {"ref": uuid.uuid4().hex.upper(), "reason": form.cancel_reason, "at": moment.now}
    closed = ledger.change_payment(connection, payment, "closed", None, closed=closing)
    toss.announce(connection, closed, "closed", None, moment.now)
    return closed


def _check_time(payment: Payment, now: int) -> None:
    captured_at = payment.captured_at or payment.created_at
    if payment.method == "mobile":
        due = (kst(now).year, kst(now).month) != (kst(captured_at).year, kst(captured_at).month)
    else:
        days = DAYS_TO_REFUND.get(payment.method)
        due = days is not None and now - captured_at > days * 86_400_000
    if due:
        raise refused("EXCEED_MAX_REFUND_DUE")


def _check_amount(connection: sqlite3.Connection, payment: Payment, form: CancelForm) -> int:
    """How much is to go back."""
    balance = ledger.held(connection, payment)
    if balance == 0:
        # Cancelled at one go or bit by bit: the code tells, and only a read tells that from "too much".
        whole = views.status_of(connection, payment) == "CANCELED"
        raise refused("ALREADY_CANCELED_PAYMENT" if whole else "NOT_CANCELABLE_AMOUNT")
    if form.refundable_amount is not None and form.refundable_amount != balance:
        raise refused("NOT_MATCHES_REFUNDABLE_AMOUNT")
    amount = balance if form.cancel_amount is None else form.cancel_amount
    if amount > balance:
        raise refused("NOT_CANCELABLE_AMOUNT")
    exempt_card = payment.method == "card" and payment.details["tax_exemption"] > 0
    if amount < payment.amount and (exempt_card or not payment.details["partial"]):
        raise refused("NOT_ALLOWED_PARTIAL_REFUND")
    return amount


def _check_account(payment: Payment, form: CancelForm) -> dict[str, Any] | None:
    """The account as it may be shown; None for a method that needs none."""
    account = form.refund_receive_account
    if payment.method != "virtual_account":
        if account is not None:
            raise invalid("refundReceiveAccount: only for a virtual account")
        return None
    if account is None:
        raise refused("INVALID_REFUND_ACCOUNT_INFO", "a deposited virtual account needs refundReceiveAccount")
    if set(account) - {"bank", "accountNumber", "holderName"}:
        raise invalid("refundReceiveAccount: bank, accountNumber, holderName and nothing else")
    bank, number, holder = (account.get(name) for name in ("bank", "accountNumber", "holderName"))
    if bank not in BANKS:
        raise refused("INVALID_BANK")
    if not isinstance(number, str) or re.fullmatch(r"\d{1,20}", number) is None:
        raise refused("INVALID_REFUND_ACCOUNT_NUMBER")
    if not isinstance(holder, str) or not 1 <= len(holder) <= 60:
        raise refused("INVALID_REFUND_ACCOUNT_INFO")
    return {
        "bank": bank,
        "accountNumber": f"{number[:3]}****{number[-4:]}" if len(number) > 8 else "****",
        "holderName": f"{holder[0]}*",
    }


def _check_tax(connection: sqlite3.Connection, payment: Payment, form: CancelForm, amount: int) -> int:
    """The tax-free part: it and the taxed rest must each still be there. The code for that isn't known."""
    if form.tax_exemption_amount not in (None, 0) and not payment.details["tax_exemption"]:
        raise invalid("taxExemptionAmount: nothing of this payment is exempt")
    tax_free = form.tax_free_amount or 0
    left_free = ledger.tax_free_held(connection, payment)
    left_taxed = ledger.held(connection, payment) - left_free
    if tax_free > amount or tax_free > left_free or amount - tax_free > left_taxed:
        raise Refused(error("INVALID_REQUEST", "taxFreeAmount: more than is left of the tax-free or of the taxed part"))
    return tax_free


def is_async(payment: Payment, refund: Refund) -> bool:
    """Whether a cancel's end is told by an event of its own."""
    return payment.method == "overseas" and refund.status != "pending"
