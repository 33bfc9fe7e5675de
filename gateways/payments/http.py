"""One request to a payment gateway over HTTP, sent once, in the words of the port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from gateways.http import NEVER_SENT, single_shot
from gateways.payments.port import NotSent, Undetermined, Unknown

B = TypeVar("B", bound=BaseModel)


class ErrorAnswer(Protocol):
    """The shape of a provider's error answers: a model that finds the provider's own code in one."""

    @property
    def code(self) -> str: ...

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray) -> Self: ...


class OneShot:
    """A client of one provider that never repeats a request and follows no redirect.

    `base_url` without a trailing slash; time-outs in seconds. `headers` go with every request and are never shown.
    """

    def __init__(
        self, base_url: str, *, connect_timeout: float, read_timeout: float, headers: Mapping[str, str] | None = None
    ) -> None:
        self._client = single_shot(connect_timeout, read_timeout)
        self._client.base_url = httpx.URL(base_url)
        self._client.headers.update(headers or {})

    async def send(
        self, path: str, body: Mapping[str, object], headers: Mapping[str, str] | None = None, *, form: bool = False
    ) -> httpx.Response | NotSent | Unknown:
        """POST once, as JSON or as a form; NotSent only when the request certainly never left."""
        try:
            if form:
                fields = {name: str(value) for name, value in body.items()}
                return await self._client.post(path, headers=headers, data=fields)
            return await self._client.post(path, headers=headers, json=body)
        except NEVER_SENT as error:
            return NotSent(type(error).__name__)
        except httpx.RequestError as error:
            return Unknown(type(error).__name__, answered=False)

    async def ask(
        self, path: str, params: Mapping[str, str] | None = None, body: Mapping[str, object] | None = None
    ) -> httpx.Response | Undetermined:
        """Read once, with GET; with POST where a provider reads so (`body`)."""
        try:
            if body is not None:
                return await self._client.post(path, json=body)
            return await self._client.get(path, params=params)
        except httpx.RequestError as error:
            return Undetermined(type(error).__name__)

    async def aclose(self) -> None:
        await self._client.aclose()


def code_in(content: bytes, error: type[ErrorAnswer]) -> str | None:
    """The provider's code in an error answer; None when it isn't the provider's kind of answer."""
    try:
        return error.model_validate_json(content).code
    except ValidationError:
        return None


def read_as(response: httpx.Response | Undetermined, body: type[B], error: type[ErrorAnswer]) -> B | Undetermined:
    """What a read came to: only a 200 that is wholly a `body` is believed."""
    if isinstance(response, Undetermined):
        return response
    if response.status_code != httpx.codes.OK:
        return unread(response, error)
    try:
        return body.model_validate_json(response.content)
    except ValidationError:
        return Undetermined("unreadable_answer")


def unread(response: httpx.Response, error: type[ErrorAnswer]) -> Undetermined:
    """What an error answer to a read leaves: the provider's own code, else the status."""
    code = code_in(response.content, error)
    return Undetermined(code or f"http_{response.status_code}", answered=code is not None)
