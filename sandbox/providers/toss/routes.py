"""Toss's paths."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import Response

from sandbox.providers import ledger
from sandbox.providers.provider import CANCEL
from sandbox.providers.times import epoch_ms
from sandbox.providers.toss import billing, receipts
from sandbox.providers.toss.codes import CODES, error, invalid, refused
from sandbox.providers.toss.forms import CardForm, form_of
from sandbox.providers.wire import Call, JsonObject, Refused, Reply

if TYPE_CHECKING:
    from sandbox.providers.desk import Desk
    from sandbox.providers.toss.provider import Toss

Look = Callable[[sqlite3.Connection, str, int], object]
"""What a read finds for a merchant at a time."""


class Front:
    """What all paths share: who calls, under which key, and the error that a test key may ask for."""

    def __init__(self, toss: Toss, desk: Desk) -> None:
        self.toss = toss
        self._desk = desk

    async def act(self, request: Request, operation: str, target: str | None, body: JsonObject) -> Response:
        """Carry out a call. Raises Refused."""
        toss = self.toss
        merchant = await self._desk.transact(lambda connection: toss.sign_in(connection, request))
        forced = request.headers.get("TossPayments-Test-Code")
        if forced is not None and merchant.secret.startswith("test_"):
            raise Refused(error(forced) if forced in CODES else error("INVALID_REQUEST", "no such test code"))
        key = request.headers.get("Idempotency-Key")
        if key is not None and not 1 <= len(key) <= 300:
            raise refused("INVALID_IDEMPOTENCY_KEY")
        path = f"{request.method} {request.scope['path']}"
        return await self._desk.perform(toss, Call(toss.name, merchant.merchant, operation, path, target, key, body))

    async def read(self, request: Request, target: str | None, look: Look) -> Response:
        """Answer a read. Raises Refused."""
        merchant = await self._desk.transact(lambda connection: self.toss.sign_in(connection, request))
        return await self._desk.read(self.toss, target, lambda c, now: Reply.of(200, look(c, merchant.merchant, now)))


def all_routes(front: Front) -> APIRouter:
    """Every path, under ``/v1``."""
    router = APIRouter(prefix="/v1")
    for routes in (payment_routes, billing_routes, receipt_routes):
        router.include_router(routes(front))
    return router


def payment_routes(front: Front) -> APIRouter:
    """Cancel and look-ups."""
    router = APIRouter()
    toss = front.toss

    @router.post("/payments/{paymentKey}/cancel")
    async def cancel(request: Request) -> Response:
        return await front.act(request, CANCEL, request.path_params["paymentKey"], await _json(request))

    @router.get("/payments/{paymentKey}")
    async def get_payment(request: Request) -> Response:
        number = request.path_params["paymentKey"]
        return await front.read(request, number, lambda c, m, _: toss.shown(c, toss.own_payment(c, m, number)))

    @router.get("/payments/orders/{orderId}")
    async def get_order(request: Request) -> Response:
        order_id = request.path_params["orderId"]

        def look(connection: sqlite3.Connection, merchant: str, _: int) -> object:
            found = ledger.find_order(connection, toss.name, merchant, order_id)
            if found is None:
                raise refused("NOT_FOUND_PAYMENT")
            return toss.shown(connection, found)

        return await front.read(request, order_id, look)

    @router.get("/transactions")
    async def get_transactions(request: Request) -> Response:
        start, end = (_when(request, name) for name in ("startDate", "endDate"))
        page = (request.query_params.get("startingAfter"), _limit(request))
        return await front.read(request, None, lambda c, m, now: toss.transactions(c, m, start, end, now, *page))

    return router


def billing_routes(front: Front) -> APIRouter:
    """Billing keys and their charges."""
    router = APIRouter()

    @router.post("/billing/authorizations/card")
    async def issue_billing_key(request: Request) -> Response:
        form = form_of(CardForm, await _json(request))
        return await front.act(request, "issue_billing_key", form.customer_key, billing.without_card(form))

    @router.post("/billing/{billingKey}")
    async def charge(request: Request) -> Response:
        form = await _json(request)
        order_id = form.get("orderId")
        body = {"billingKey": request.path_params["billingKey"], "form": form}
        return await front.act(request, "charge", order_id if isinstance(order_id, str) else None, body)

    return router


def receipt_routes(front: Front) -> APIRouter:
    """Cash receipts."""
    router = APIRouter()

    @router.post("/cash-receipts")
    async def issue_receipt(request: Request) -> Response:
        return await front.act(request, "issue_receipt", None, await _json(request))

    @router.post("/cash-receipts/{receiptKey}/cancel")
    async def cancel_receipt(request: Request) -> Response:
        return await front.act(request, "cancel_receipt", request.path_params["receiptKey"], await _json(request))

    @router.get("/cash-receipts")
    async def get_receipts(request: Request) -> Response:
        day = request.query_params.get("requestDate")
        if day is None:
            raise invalid("requestDate: required")

        def look(connection: sqlite3.Connection, merchant: str, _: int) -> object:
            return {"hasNext": False, "lastCursor": 0, "data": receipts.of_day(front.toss, connection, merchant, day)}

        return await front.read(request, None, look)

    return router


async def _json(request: Request) -> JsonObject:
    """The body as an object, not looked at further. Raises `INVALID_REQUEST`."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise invalid("body: not JSON") from None
    if not isinstance(body, dict):
        raise invalid("body: not an object")
    return body


def _limit(request: Request) -> int:
    """How many records a page is to have, 100 unless told. Raises `INVALID_REQUEST`."""
    unknown = request.query_params.keys() - {"startDate", "endDate", "startingAfter", "limit"}
    asked = request.query_params.get("limit", "100")
    if unknown or not (asked.isdigit() and 1 <= int(asked) <= 5000):
        raise invalid("startDate, endDate, startingAfter, and limit from 1 to 5000")
    return int(asked)


def _when(request: Request, name: str) -> int:
    """A time of the query, on Korea's clock. Raises `INVALID_REQUEST`."""
    try:
        return epoch_ms(datetime.fromisoformat(request.query_params[name]))
    except (KeyError, ValueError):
        raise invalid(f"{name}: a time like 2026-11-24T00:00:00") from None
