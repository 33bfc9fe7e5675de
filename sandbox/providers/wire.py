"""What passes between a provider's routes and the desk that carries calls out: replies, refusals, calls as data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

JsonObject = dict[str, Any]
M = TypeVar("M", bound="Form")

# The largest integer that every JSON reader keeps exactly.
MAX_AMOUNT = 2**53

HTML = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer as it goes out: its text is kept as it is, so that a replay is identical to the byte."""

    status: int
    text: str
    media_type: str = "application/json"

    @classmethod
    def of(cls, status: int, body: object) -> Reply:
        """A JSON answer."""
        return cls(status, json.dumps(body, ensure_ascii=False, separators=(",", ":")))

    @classmethod
    def html(cls, status: int) -> Reply:
        """What a proxy in between says in place of the provider."""
        return cls(status, HTML, "text/html")


class Refused(Exception):
    """A call that is answered with an error of its provider; nothing has been done for it."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.status} {reply.text}")
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Call:
    """A call that acts, as data, so that it can be carried out in a later life of this process too.

    `operation` names what its provider does with `body`; `target` is the payment or the message's reference that faults
    are aimed at; a key is scoped by merchant and `path`.
    """

    provider: str
    merchant: str
    operation: str
    path: str
    target: str | None
    key: str | None
    body: JsonObject

    @property
    def digest(self) -> str:
        """Stands for the body: equal bodies, equal digests."""
        return hashlib.sha256(json.dumps(self.body, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Moment:
    """When a call is carried out (epoch milliseconds of the provider's clock), and whether its refund stays pending."""

    now: int
    pending: bool = False


class Form(BaseModel):
    """Base of every body a provider takes. Unknown fields are refused: a misspelt guard must not go unseen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def parse(form: type[M], raw: bytes, refuse: Callable[[str], Refused]) -> M:
    """The body as a form; what is wrong with it goes to `refuse`, without the values: they may be private."""
    try:
        return form.model_validate_json(raw)
    except ValidationError as error:
        raise refuse(problems(error)) from None


def parse_query(form: type[M], query: Mapping[str, str], refuse: Callable[[str], Refused]) -> M:
    """The query string as a form."""
    try:
        return form.model_validate(dict(query))
    except ValidationError as error:
        raise refuse(problems(error)) from None


def problems(error: ValidationError) -> str:
    """What is wrong where, never the value itself."""
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())


def reference_of(fields: Mapping[str, str]) -> str:
    """What a caller gave to find a thing by: its one field, or all of them as JSON; empty when there is none."""
    if len(fields) == 1:
        return next(iter(fields.values()))
    return json.dumps(dict(fields), sort_keys=True) if fields else ""
