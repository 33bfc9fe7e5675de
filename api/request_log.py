"""One line per request, and the last resort for what nobody expected.

Logged are method, path without its query, status, time, an id, and what the routes bind: order and claim number, role,
code. Never a body, a header, a token or a password.
"""

from __future__ import annotations

import time
import uuid

import structlog
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import texts
from api.envelope import unexpected

_log = structlog.get_logger("api.requests")


class RequestLog:
    """The outermost middleware: whatever is raised below it becomes an envelope with 9000 and an id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).append((b"x-request-id", request_id.encode()))
            await send(message)

        began = time.monotonic()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, receive, noting)
        except Exception:
            # Nothing may escape as a bare 500: it is logged whole, and told by its id.
            _log.exception("unexpected failure", method=scope["method"], path=scope["path"])
            if status:
                raise
            answer = unexpected(request_id, texts.language_of(Request(scope)))
            await answer(scope, receive, noting)
        finally:
            _log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                ms=round((time.monotonic() - began) * 1000, 1),
            )
