"""The service over HTTP, as the console command and the demo call it: an envelope in, its payload out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

TIMEOUT = 30.0
"""Seconds; longer than the service itself waits before it says that it can't confirm."""


class CallFailed(Exception):
    """A call did not do what was asked. Its text is one line for people."""


class ServiceAway(CallFailed):
    """Nothing answered, or something that is not the service."""


class FieldFault(BaseModel):
    """One field that is wrong, by its path in the body."""

    field: str
    message: str


class Refused(CallFailed):
    """The service answered with a code other than success."""

    def __init__(self, code: str, message: str, faults: list[FieldFault], payload: Any) -> None:
        super().__init__(f"{code} {' '.join(message.split())}")
        self.code = code
        self.faults = faults
        self.payload = payload


class _Envelope(BaseModel):
    model_config = ConfigDict(extra="ignore")

    code: str
    message: str
    is_process: bool = Field(alias="isProcess")
    payload: Any = None
    errors: list[FieldFault] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Service:
    """Calls as one caller. Every call raises Refused or ServiceAway when it did not do what was asked."""

    http: httpx.AsyncClient
    headers: Mapping[str, str]

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str, token: str | None, *, language: str = "en") -> AsyncIterator[Self]:
        """A client of the service at `url`; without a token it calls as a guest."""
        # Not through a proxy: the service is the local stack's, or inside the shop's network.
        async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT, trust_env=False) as http:
            yield cls(http, {}).as_caller(token, language=language)

    def as_caller(self, token: str | None, *, language: str = "en") -> Self:
        """The same connection as another caller."""
        authorization = {} if token is None else {"Authorization": f"Bearer {token}"}
        return type(self)(self.http, {"Accept-Language": language, **authorization})

    async def get(self, path: str, **params: str | int) -> Any:
        return await self._call("GET", path, params=params)

    async def put(self, path: str, body: Any) -> Any:
        return await self._call("PUT", path, body=body)

    async def post(self, path: str, body: Any, *, key: str | None = None) -> Any:
        return await self._call("POST", path, body=body, headers={} if key is None else {"Idempotency-Key": key})

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        # Escaped to ASCII: what can't be encoded, a lone surrogate, is for the service to refuse.
        content = None if body is None else json.dumps(body).encode()
        sent = {**self.headers, **(headers or {}), **({} if body is None else {"Content-Type": "application/json"})}
        try:
            answer = await self.http.request(method, path, content=content, params=params, headers=sent)
        except httpx.TransportError as error:
            raise ServiceAway(f"The service at {self.http.base_url} does not answer ({_cause(error)}).") from error
        return _payload(answer)


def _payload(answer: httpx.Response) -> Any:
    try:
        envelope = _Envelope.model_validate_json(answer.content)
    except ValidationError as error:
        at = answer.request.url.copy_with(path="/", query=None)
        raise ServiceAway(f"What answers at {at} is not the service (HTTP {answer.status_code}).") from error
    if not envelope.is_process:
        raise Refused(envelope.code, envelope.message, envelope.errors, envelope.payload)
    return envelope.payload


def _cause(error: httpx.TransportError) -> str:
    return str(error) or type(error).__name__
