"""Toss's billing keys: made of a card, and charged without the customer. The card is never kept."""

from __future__ import annotations

import sqlite3
import uuid
from typing import TYPE_CHECKING, Any

from sandbox.providers import ledger, registry
from sandbox.providers.ledger import Payment
from sandbox.providers.times import kst_seconds
from sandbox.providers.toss.codes import refused
from sandbox.providers.toss.forms import CardForm, ChargeForm, form_of
from sandbox.providers.wire import Call, Moment

if TYPE_CHECKING:
    from sandbox.providers.toss.provider import Toss


def issue(toss: Toss, connection: sqlite3.Connection, call: Call, moment: Moment) -> dict[str, Any]:
    """Make a billing key of a card. The card itself is left out of the call before it comes here."""
    token = f"billing_{uuid.uuid4().hex}"
    customer = str(call.body["customerKey"])
    registry.put_means(connection, toss.name, token, call.merchant, customer)
    return {
        "mId": call.merchant,
        "customerKey": customer,
        "authenticatedAt": kst_seconds(moment.now),
        "method": "카드",
        "billingKey": token,
        "cardCompany": "현대",
        "cardNumber": call.body["masked"],
        "card": {
            "issuerCode": "61",
            "acquirerCode": "31",
            "number": call.body["masked"],
            "cardType": "신용",
            "ownerType": "개인",
        },
    }


def without_card(form: CardForm) -> dict[str, Any]:
    """What may be kept of a request for a billing key."""
    return {"customerKey": form.customer_key, "masked": f"{form.card_number[:8]}****{form.card_number[-4:-1]}*"}


def charge(toss: Toss, connection: sqlite3.Connection, call: Call, moment: Moment) -> Payment:
    """Charge a billing key: a captured payment. An order's number is good for one payment."""
    form = form_of(ChargeForm, call.body["form"])
    token = str(call.body["billingKey"])
    customer = registry.means_customer(connection, toss.name, token, call.merchant)
    if customer is None:
        raise refused("INVALID_BILL_KEY_REQUEST")
    if customer != form.customer_key:
        raise refused("NOT_MATCHES_CUSTOMER_KEY")
    if ledger.find_order(connection, toss.name, call.merchant, form.order_id) is not None:
        raise refused("DUPLICATED_ORDER_ID")
    return toss.charged(
        connection,
        call,
        f"tbil_{uuid.uuid4().hex[:24]}",
        form.amount,
        moment,
        order_id=form.order_id,
        tax_free=form.tax_free_amount or 0,
        type="BILLING",
        tax_exemption=form.tax_exemption_amount or 0,
    )
