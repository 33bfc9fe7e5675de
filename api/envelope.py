"""The one shape of every answer, and how every failure becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from structlog.contextvars import bind_contextvars

from api import faults, texts
from api.schemas.places import asked_field
from domain.refusals import Code, Refusal
from store.database import AWAY

Payload = TypeVar("Payload")

_log = structlog.get_logger(__name__)


class FieldError(BaseModel):
    """One field that is wrong, by its path in the request: ``claimGoodsList[0].claimQty``."""

    field: str
    message: str


class Envelope(BaseModel, Generic[Payload]):
    """Every answer. `code` is ``0000`` on success; `payload` is null on most failures."""

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)

    timestamp: datetime = Field(description="When it was answered, ISO 8601 with offset.")
    code: str = Field(description="`0000` on success; docs/wire.md lists the others.", examples=["0000"])
    message: str = Field(description="For people, in the language of Accept-Language.")
    is_process: bool = Field(alias="isProcess", description="Whether what was asked for was done.")
    payload: Payload | None = None
    error: str | None = Field(None, description="The reason as a stable slug, or the id under which it was logged.")
    errors: list[FieldError] = Field(default_factory=list)


class RefusedWith(Refusal):
    """A refusal whose answer carries a payload: the new quote."""

    def __init__(self, refusal: Refusal, payload: BaseModel) -> None:
        super().__init__(refusal.code, refusal.reason, **refusal.facts)
        self.payload = payload


STATUS: Mapping[Code, int] = {
    Code.OK: 200,
    Code.REQUIRED: 400,
    Code.BAD_VALUE: 400,
    Code.INVALID: 400,
    Code.NO_TOKEN: 401,
    Code.WRONG_ROLE: 403,
    Code.NOT_FOUND: 404,
    Code.TOO_MANY_ATTEMPTS: 429,
    Code.UNEXPECTED: 500,
    Code.UNAVAILABLE: 503,
    Code.UNCONFIRMED: 503,
}
"""1004 and every 2xxx are 409."""

RETRY_AFTER: Mapping[Code, int] = {Code.TOO_MANY_ATTEMPTS: 60, Code.UNAVAILABLE: 5, Code.UNCONFIRMED: 5}
"""Seconds, where the refusal does not know better."""


def ok(payload: Payload) -> Envelope[Payload]:
    return Envelope[Payload](
        timestamp=datetime.now(UTC), code=Code.OK.value, message="OK", is_process=True, payload=payload
    )


def refused(refusal: Refusal, language: str) -> JSONResponse:
    """The answer to a refusal, with the field of the request that it is about."""
    message = texts.refusal(refusal, language)
    field = refusal.facts.get("field", asked_field(refusal))
    errors = [FieldError(field=str(field), message=message)] if field else []
    return _answer(refusal, message, errors)


def add_handlers(app: FastAPI) -> None:
    """Make every failure of the application an envelope."""
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    for kind in AWAY:
        app.add_exception_handler(kind, _on_database_away)


def unexpected(log_id: str, language: str) -> JSONResponse:
    """What is answered to a defect: an id to find it by, and nothing of its inside."""
    refusal = Refusal(Code.UNEXPECTED, "service.defect", log_id=log_id)
    return _answer(refusal, texts.refusal(refusal, language), [], error=log_id)


async def _on_refusal(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)  # noqa: S101 (registered for Refusal only)
    return refused(error, texts.language_of(request))


async def _on_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    language = texts.language_of(request)
    code, errors = faults.explain(error.errors(), language)
    refusal = Refusal(code, "request.invalid", count=len(errors))
    listed = [FieldError(field=fault.field, message=fault.message) for fault in errors]
    return _answer(refusal, texts.wrong_fields([(fault.field, fault.message) for fault in errors], language), listed)


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    reason = {404: "path.unknown", 405: "method.unknown", 413: "body.too_large"}.get(
        error.status_code, "body.unreadable"
    )
    code = Code.NOT_FOUND if error.status_code == 404 else Code.INVALID
    refusal = Refusal(code, reason)
    answer = _answer(refusal, texts.refusal(refusal, texts.language_of(request)), [])
    answer.status_code = error.status_code
    answer.headers.update(error.headers or {})
    return answer


async def _on_database_away(request: Request, error: Exception) -> JSONResponse:
    _log.warning("database away", cause=f"{type(error).__name__}: {error.__cause__ or error}")
    return refused(Refusal(Code.UNAVAILABLE, "database.away"), texts.language_of(request))


def _answer(refusal: Refusal, message: str, errors: list[FieldError], *, error: str | None = None) -> JSONResponse:
    bind_contextvars(code=refusal.code.value, reason=refusal.reason)
    payload = refusal.payload if isinstance(refusal, RefusedWith) else None
    envelope = Envelope[Any](
        timestamp=datetime.now(UTC),
        code=refusal.code.value,
        message=message,
        is_process=False,
        payload=payload.model_dump(mode="json", by_alias=True) if payload else None,
        error=error or refusal.reason,
        errors=errors,
    )
    headers = {}
    if refusal.code in RETRY_AFTER:
        headers["Retry-After"] = str(refusal.facts.get("retry_after") or RETRY_AFTER[refusal.code])
    if refusal.code is Code.NO_TOKEN:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        envelope.model_dump(mode="json", by_alias=True), status_code=STATUS.get(refusal.code, 409), headers=headers
    )
