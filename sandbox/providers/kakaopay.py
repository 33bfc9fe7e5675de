"""KakaoPay: ``https://open-api.kakaopay.com``.

There is no idempotency key: the same cancel twice cancels twice. Its error codes aren't in our sources, so every
refusal by the books has one and the same code here, with nothing in it to decide by: only the order query tells.
Quirks: `honours_guard` (it does; not proven of the real one) and `echoes_payload` (the order query gives a cancel's
`payload` back; not proven either). It sends no webhooks. The charge of a stored means (`/subscription`) is written from
general knowledge.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from sandbox.providers import faults, ledger, registry
from sandbox.providers.faults import Fault
from sandbox.providers.keys import KeyRule
from sandbox.providers.ledger import Payment, Refund
from sandbox.providers.provider import CANCEL, Event, PaymentProvider
from sandbox.providers.registry import Merchant, QuirkValue
from sandbox.providers.times import kst
from sandbox.providers.wire import MAX_AMOUNT, Call, Form, JsonObject, Moment, Refused, Reply, parse

if TYPE_CHECKING:
    from sandbox.providers.desk import Desk

Amount = Annotated[int, Field(strict=True, gt=0, le=MAX_AMOUNT)]
Share = Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT)]

BUSINESS, PARAMETER, KEY, INTERNAL = -780, -2, -401, -1


class CancelForm(Form):
    """A cancel. `cancel_available_amount`: the guard, what can be cancelled before this one."""

    cid: str = Field(min_length=1, max_length=10)
    tid: str = Field(min_length=1)
    cancel_amount: Amount
    cancel_tax_free_amount: Share
    cancel_vat_amount: Share | None = None
    cancel_available_amount: Share | None = None
    payload: str | None = Field(None, max_length=200)


class OrderForm(Form):
    """A look at a payment."""

    cid: str = Field(min_length=1, max_length=10)
    tid: str = Field(min_length=1)


class ChargeForm(Form):
    """A charge of a stored means, the `sid`."""

    cid: str = Field(min_length=1, max_length=10)
    sid: str = Field(min_length=1)
    partner_order_id: str = Field(min_length=1, max_length=100)
    partner_user_id: str = Field(min_length=1, max_length=100)
    item_name: str | None = Field(None, max_length=100)
    quantity: Amount
    total_amount: Amount
    tax_free_amount: Share
    vat_amount: Share | None = None
    payload: str | None = Field(None, max_length=200)


class KakaoPay(PaymentProvider):
    """The stand-in for KakaoPay."""

    name = "kakaopay"
    quirks: ClassVar[Mapping[str, QuirkValue]] = {"honours_guard": True, "echoes_payload": True}
    first_merchant = Merchant("TC0ONETIME", "DEV_sandbox", {})
    methods: ClassVar[frozenset[str]] = frozenset({"card", "easy_pay"})
    fault_kinds: ClassVar[frozenset[str]] = faults.ACTING

    def key_rule(self, quirks: Mapping[str, QuirkValue]) -> KeyRule:
        """There are no keys."""
        return KeyRule("none", 0, failure(BUSINESS), lambda reply, acted: False)

    def failure(self, fault: Fault) -> Reply:
        """500 with code -1."""
        return failure(int(fault.code or INTERNAL), fault.status or 500)

    def refusal(self, fault: Fault) -> Reply:
        """The one business code unless the fault says which."""
        return failure(int(fault.code or BUSINESS), fault.status or 400)

    def no_path(self, status: int) -> Reply:
        """Without an `error_code`: it says nothing about a payment."""
        return Reply.of(status, {"message": "no such path"})

    def new_details(self, payment: str, now: int) -> dict[str, object]:
        """The number of its approval."""
        return {"aid": new_aid(), "user": "user"}

    def new_refund_ref(self) -> str:
        """An `aid`."""
        return new_aid()

    def own_payment(self, connection: sqlite3.Connection, merchant: str, tid: str) -> Payment:
        """A `cid`'s payment."""
        return self.merchants_payment(connection, merchant, tid, failure(BUSINESS))

    def announce(
        self, connection: sqlite3.Connection, payment: Payment, event: Event, refund: Refund | None, now: int
    ) -> None:
        """It tells nobody."""

    def admit(self, connection: sqlite3.Connection, call: Call, now: int) -> None:
        """Existence."""
        if call.operation == CANCEL:
            self.own_payment(connection, call.merchant, str(call.target))

    def act(self, connection: sqlite3.Connection, call: Call, moment: Moment) -> Reply:
        """Carry out a call."""
        if call.operation == CANCEL:
            return Reply.of(200, self._cancel(connection, call, moment))
        return Reply.of(200, self._charge(connection, call, moment))

    def _cancel(self, connection: sqlite3.Connection, call: Call, moment: Moment) -> JsonObject:
        form = CancelForm.model_validate(call.body)
        payment = self.own_payment(connection, call.merchant, form.tid)
        balance = ledger.held(connection, payment)
        guarded = bool(registry.quirks(connection, self.name, self.quirks)["honours_guard"])
        left_free = ledger.tax_free_held(connection, payment)
        amount, tax_free = form.cancel_amount, form.cancel_tax_free_amount
        vat = round((amount - tax_free) / 11) if form.cancel_vat_amount is None else form.cancel_vat_amount
        fits = amount <= balance and tax_free <= left_free and amount - tax_free <= balance - left_free
        sums_up = tax_free + vat <= amount
        guard_holds = not guarded or form.cancel_available_amount in (None, balance)
        in_parts = payment.details["partial"] or amount == payment.amount
        if not (fits and sums_up and guard_holds and in_parts):
            raise refused(BUSINESS)
        refund = self.refund(
            connection,
            payment,
            amount,
            moment,
            tax_free=tax_free,
            reference=form.payload or "",
            details={"vat": vat},
        )
        view = self._order(connection, payment)
        del view["payment_action_details"]
        return {
            "aid": refund.ref,
            **view,
            "approved_cancel_amount": _amounts(amount, tax_free, vat),
            **({} if form.payload is None else {"payload": form.payload}),
        }

    def _charge(self, connection: sqlite3.Connection, call: Call, moment: Moment) -> JsonObject:
        form = ChargeForm.model_validate(call.body)
        customer = registry.means_customer(connection, self.name, form.sid, call.merchant)
        if customer != form.partner_user_id or form.tax_free_amount > form.total_amount:
            raise refused(BUSINESS)
        payment = self.charged(
            connection,
            call,
            f"T{uuid.uuid4().hex[:19]}",
            form.total_amount,
            moment,
            order_id=form.partner_order_id,
            tax_free=form.tax_free_amount,
            method="easy_pay",
            user=form.partner_user_id,
            payload=form.payload,
        )
        vat = round((form.total_amount - form.tax_free_amount) / 11)
        return {
            "aid": payment.details["aid"],
            "tid": payment.payment,
            "cid": call.merchant,
            "sid": form.sid,
            "partner_order_id": form.partner_order_id,
            "partner_user_id": form.partner_user_id,
            "payment_method_type": "MONEY",
            "amount": _amounts(form.total_amount, form.tax_free_amount, vat),
            "item_name": form.item_name or "주문",
            "quantity": form.quantity,
            "created_at": _at(moment.now),
            "approved_at": _at(moment.now),
            "payload": form.payload,
        }

    def _order(self, connection: sqlite3.Connection, payment: Payment) -> JsonObject:
        """The order object: what was paid, what went back, what is left, and each action."""
        refunds = ledger.refunds_of(connection, payment)
        back = sum(refund.amount for refund in refunds)
        back_free = sum(refund.tax_free for refund in refunds)
        back_vat = sum(int(refund.details.get("vat", 0)) for refund in refunds)
        vat = round((payment.amount - payment.tax_free) / 11)
        view: JsonObject = {
            "tid": payment.payment,
            "cid": payment.merchant,
            "status": _status(payment, back),
            "partner_order_id": payment.order_id,
            "partner_user_id": payment.details["user"],
            "payment_method_type": "CARD" if payment.method == "card" else "MONEY",
            "amount": _amounts(payment.amount, payment.tax_free, vat),
            "canceled_amount": _amounts(back, back_free, back_vat),
            "cancel_available_amount": _amounts(payment.amount - back, payment.tax_free - back_free, vat - back_vat),
            "item_name": "주문",
            "quantity": 1,
            "created_at": _at(payment.created_at),
            "approved_at": _at(payment.captured_at or payment.created_at),
            "payment_action_details": self._actions(connection, payment, refunds),
        }
        if refunds:
            view["canceled_at"] = _at(refunds[-1].at)
        return view

    def _actions(self, connection: sqlite3.Connection, payment: Payment, refunds: list[Refund]) -> list[JsonObject]:
        echoed = bool(registry.quirks(connection, self.name, self.quirks)["echoes_payload"])
        actions = [
            ("PAYMENT", payment.details["aid"], payment.amount, payment.captured_at, payment.details.get("payload")),
            *(("CANCEL", refund.ref, refund.amount, refund.at, refund.reference) for refund in refunds),
        ]
        return [
            {
                "aid": aid,
                "payment_action_type": kind,
                "payment_method_type": "CARD" if payment.method == "card" else "MONEY",
                "amount": amount,
                "point_amount": 0,
                "discount_amount": 0,
                "green_deposit": 0,
                "approved_at": _at(at),
                "payload": payload if echoed else None,
            }
            for kind, aid, amount, at, payload in actions
        ]

    def sign_in(self, connection: sqlite3.Connection, request: Request, cid: str) -> Merchant:
        """Who calls: ``SECRET_KEY <key>``, a key of this `cid`. Raises Refused."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        merchant = registry.by_secret(connection, self.name, secret) if scheme == "SECRET_KEY" else None
        if merchant is None:
            raise refused(KEY, 401)
        if merchant.merchant != cid:
            raise refused(PARAMETER)
        return merchant

    def routes(self, desk: Desk) -> APIRouter:
        """Its paths, all posts of JSON."""
        router = APIRouter(prefix="/online/v1/payment")

        async def signed_in(request: Request, cid: str) -> str:
            return (await desk.transact(lambda connection: self.sign_in(connection, request, cid))).merchant

        async def act(request: Request, form: CancelForm | ChargeForm, operation: str, target: str) -> Response:
            merchant = await signed_in(request, form.cid)
            path = f"{request.method} {request.scope['path']}"
            body = form.model_dump(exclude_unset=True)
            return await desk.perform(self, Call(self.name, merchant, operation, path, target, None, body))

        @router.post("/cancel")
        async def cancel(request: Request) -> Response:
            form = parse(CancelForm, await _body(request), invalid)
            return await act(request, form, CANCEL, form.tid)

        @router.post("/subscription")
        async def charge(request: Request) -> Response:
            form = parse(ChargeForm, await _body(request), invalid)
            return await act(request, form, "charge", form.partner_order_id)

        @router.post("/order")
        async def order(request: Request) -> Response:
            form = parse(OrderForm, await _body(request), invalid)
            merchant = await signed_in(request, form.cid)
            return await desk.read(
                self, form.tid, lambda c, _: Reply.of(200, self._order(c, self.own_payment(c, merchant, form.tid)))
            )

        return router


def failure(code: int, status: int = 400, message: str | None = None) -> Reply:
    """An error of KakaoPay."""
    text = message or "request failed (simulated)"
    body: JsonObject = {"error_code": code, "error_message": text}
    if code == BUSINESS:
        body["extras"] = {"method_result_code": "SIMULATED", "method_result_message": text}
    return Reply.of(status, body)


def refused(code: int, status: int = 400) -> Refused:
    """An error of KakaoPay to raise."""
    return Refused(failure(code, status))


def invalid(message: str) -> Refused:
    """A body that KakaoPay can't take."""
    return Refused(failure(PARAMETER, 400, message))


def new_aid() -> str:
    """A number of an action: 20 characters."""
    return f"A{uuid.uuid4().hex[:19]}"


def _status(payment: Payment, back: int) -> str:
    """`CANCEL_PAYMENT` also when partial cancels add up to everything."""
    if back == 0:
        return "SUCCESS_PAYMENT"
    return "CANCEL_PAYMENT" if back == payment.amount else "PART_CANCEL_PAYMENT"


def _amounts(total: int, tax_free: int, vat: int) -> JsonObject:
    return {"total": total, "tax_free": tax_free, "vat": vat, "point": 0, "discount": 0, "green_deposit": 0}


def _at(at_ms: int | None) -> str | None:
    """On Korea's clock, without saying so."""
    return None if at_ms is None else kst(at_ms).strftime("%Y-%m-%dT%H:%M:%S")


async def _body(request: Request) -> bytes:
    """The raw body, which has to be said to be JSON."""
    if not request.headers.get("Content-Type", "").startswith("application/json"):
        raise invalid("Content-Type: application/json")
    return await request.body()
