"""The sandbox over HTTP: routes, and how errors look. Every error body is ``{"code", "message"}``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, NonNegativeInt
from starlette.exceptions import HTTPException

from sandbox import alimtalk, answers, faults, ledger
from sandbox.answers import Answer, Refusal
from sandbox.clock import now_ms
from sandbox.connection import CutConnection, CutWhenDown
from sandbox.database import Database
from sandbox.gateway import Gateway
from sandbox.keys import KeyedRequest, Order
from sandbox.ledger import ChargeOrder, RefundOrder
from sandbox.wire import ALIMTALK, Body, ChargeBody, FaultBody, MessageBody, PaymentBody, PgTid, RefundBody, SettleBody

Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=255, pattern=r"^[\x20-\x7e]+$")]
PathPgTid = Annotated[PgTid, Path(alias="pgTid")]
RefundId = Annotated[str, Path(alias="refundId", max_length=200)]
Reference = Annotated[str, Query(min_length=1, max_length=255)]


def create_app(database: Database, gateway: Gateway, alimtalk_key_life_ms: int) -> FastAPI:
    """The application over an open database; takes up unfinished late requests when it starts."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await gateway.start()
        yield
        gateway.stop()

    app = FastAPI(title="Sandbox", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(about_routes())
    app.include_router(payment_routes(database, gateway))
    app.include_router(fault_routes(database))
    app.include_router(alimtalk_routes(database, alimtalk_key_life_ms))
    app.add_middleware(CutWhenDown, is_down=lambda: database.transact(faults.is_down))
    add_error_handlers(app)
    return app


def about_routes() -> APIRouter:
    """What this is, and whether it answers."""
    router = APIRouter()

    @router.get("/")
    async def about() -> dict[str, Any]:
        return {"service": "sandbox payment gateway and AlimTalk sender", "simulation": True, "money": "none moves"}

    @router.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    return router


def payment_routes(database: Database, gateway: Gateway) -> APIRouter:
    """Payments, refunds and charges."""
    router = APIRouter()

    @router.put("/payments/{pgTid}")
    async def put_payment(pg_tid: PathPgTid, body: PaymentBody) -> dict[str, Any]:
        refuse_reserved(pg_tid)
        return await database.transact(lambda connection: ledger.put_payment(connection, pg_tid, body))

    @router.get("/payments/{pgTid}")
    async def get_payment(pg_tid: PathPgTid) -> dict[str, Any]:
        return await database.transact(lambda connection: ledger.payment(connection, pg_tid))

    @router.post("/payments/{pgTid}/refunds")
    async def post_refund(request: Request, pg_tid: PathPgTid, body: RefundBody, key: Key) -> Response:
        order = RefundOrder(pg_tid, body.amount, body.balance, body.reference, body.tax_free, body.vat)
        return respond(await gateway.handle(keyed(request, key, body, order)))

    @router.get("/refunds")
    async def get_refunds(since: AwareDatetime, until: AwareDatetime, after: NonNegativeInt = 0) -> dict[str, Any]:
        first, end = (round(at.timestamp() * 1000) for at in (since, until))
        return await database.transact(lambda connection: ledger.refunds_made(connection, first, end, after))

    @router.get("/refunds/{refundId}")
    async def get_refund(refund_id: RefundId) -> dict[str, Any]:
        return await database.transact(lambda connection: ledger.read_refund(connection, refund_id))

    @router.post("/refunds/{refundId}/settle")
    async def settle_refund(refund_id: RefundId, body: SettleBody | None = None) -> dict[str, Any]:
        status = (body or SettleBody()).status
        return await database.transact(lambda connection: ledger.settle(connection, refund_id, status))

    @router.post("/charges")
    async def post_charge(request: Request, body: ChargeBody, key: Key) -> Response:
        if body.pg_tid is not None:
            refuse_reserved(body.pg_tid)
        return respond(await gateway.handle(keyed(request, key, body, ChargeOrder.of(body))))

    @router.get("/charges")
    async def get_charges(reference: Reference) -> dict[str, Any]:
        return {"charges": await database.transact(lambda c: ledger.charges_by_reference(c, reference))}

    return router


def fault_routes(database: Database) -> APIRouter:
    """The control of faults; each call answers with the queue as it then stands."""
    router = APIRouter()

    @router.get("/faults")
    async def get_faults() -> dict[str, Any]:
        return {"faults": await database.transact(faults.listed)}

    @router.post("/faults")
    async def post_fault(body: FaultBody) -> dict[str, Any]:
        await database.transact(lambda connection: faults.put(connection, body))
        return await get_faults()

    @router.delete("/faults")
    async def delete_faults() -> dict[str, Any]:
        await database.transact(faults.clear)
        return await get_faults()

    return router


def alimtalk_routes(database: Database, key_life_ms: int) -> APIRouter:
    """The stand-in for AlimTalk."""
    router = APIRouter()

    @router.post("/alimtalk/messages")
    async def post_message(body: MessageBody, key: Key) -> Response:
        return respond(await database.transact(lambda c: alimtalk.receive(c, key, body, now_ms(), key_life_ms)))

    @router.get("/alimtalk/messages")
    async def get_messages(reference: Reference) -> dict[str, Any]:
        return {"messages": await database.transact(lambda c: alimtalk.by_reference(c, reference))}

    return router


def refuse_reserved(pg_tid: str) -> None:
    """Raises `invalid` for the one name that faults use for messages."""
    if pg_tid == ALIMTALK:
        raise answers.invalid(f"pgTid: {ALIMTALK} is reserved")


def keyed(request: Request, key: str, body: Body, order: Order) -> KeyedRequest:
    """The request under its key; two bodies count as the same when they mean the same."""
    canonical = json.dumps(body.model_dump(), sort_keys=True)
    return KeyedRequest(request.scope["path"], key, hashlib.sha256(canonical.encode()).hexdigest(), order)


def respond(answer: Answer | None) -> Response:
    """The HTTP response of an answer; None cuts the connection."""
    if answer is None:
        return CutConnection()
    headers = {"Idempotent-Replayed": "true"} if answer.replayed else None
    return JSONResponse(answer.body, answer.status, headers)


def add_error_handlers(app: FastAPI) -> None:
    """Give every error the sandbox's own shape."""

    @app.exception_handler(Refusal)
    async def refusal(_: Request, error: Refusal) -> Response:
        return respond(error.answer)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> Response:
        # Never the value itself: it may be a token or a phone number.
        problems = (f"{'.'.join(str(part) for part in e['loc'][1:]) or 'body'}: {e['msg']}" for e in error.errors())
        return respond(answers.invalid("; ".join(problems)).answer)

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> Response:
        codes = {400: "invalid", 404: "no_such_path", 405: "method_not_allowed"}
        code = codes.get(error.status_code, "http_error")
        return respond(Answer(error.status_code, {"code": code, "message": str(error.detail)}))

    @app.exception_handler(Exception)
    async def defect(_: Request, __: Exception) -> Response:
        return respond(Answer(500, {"code": "internal", "message": "the sandbox itself failed; see its log"}))
