"""Which refusals a call's documentation lists. The envelope is the same for all of them."""

from __future__ import annotations

from typing import Any

from api.envelope import Envelope

Responses = dict[int | str, dict[str, Any]]


def _refusals(**told: str) -> Responses:
    return {
        int(status.removeprefix("status_")): {"model": Envelope[Any], "description": text}
        for status, text in told.items()
    }


ANY: Responses = _refusals(
    status_400="1001 a required field is empty, 1002 a value is not possible, 9100 the request can't be read.",
    status_401="1005 no token, or a bad one.",
    status_403="1006 the token's role may not do this.",
    status_500="9000 unexpected; `error` is the number under which it was logged.",
    status_503="9001 a part that is needed is away, nothing was started; 9002 not confirmed in time.",
)
ANY_ORDER: Responses = ANY | _refusals(
    status_404="1003 not there, or not the caller's.",
    status_429="1007 too many wrong order passwords; see Retry-After.",
)
REFUSALS: Responses = ANY_ORDER | _refusals(
    status_409="2001 to 2009: a rule refuses it; docs/wire.md lists them. 2002 and 2003 carry the new quote.",
)
COMMANDS: Responses = ANY | _refusals(
    status_404="1003 there is no such claim.",
    status_409="2010 the command does not fit this claim or this parking (any more).",
)
DELIVERIES: Responses = _refusals(
    status_400="9100 authentic, but it can't be read.",
    status_401="1005 not proved to be the gateway's own.",
    status_404="1003 there is no gateway of this name.",
    status_413="9100 larger than any delivery is.",
    status_500="9000 unexpected; `error` is the number under which it was logged.",
    status_503="9001 it could not be kept: send it again.",
)


def without_framework_errors(schema: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document without the framework's own 422: what is wrong with a request is told by 400 here."""
    for path in schema["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)
    return schema
