"""Stripe's errors."""

from __future__ import annotations

from sandbox.providers.wire import JsonObject, Refused, Reply


def error(status: int, kind: str, code: str | None, message: str | None = None, param: str | None = None) -> Reply:
    """An error of Stripe."""
    body: JsonObject = {"type": kind, "message": message or f"{code or kind} (simulated)"}
    body |= {name: value for name, value in (("code", code), ("param", param)) if value is not None}
    return Reply.of(status, {"error": body})


def refused(code: str, status: int = 400, param: str | None = None) -> Refused:
    """An error of Stripe to raise."""
    return Refused(error(status, "invalid_request_error", code, None, param))
