"""Cutting a connection without an answer, as a broken network would.

ASGI has no message for that, so the server's protocol hands each request a way to abort its own connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

CUT = "sandbox.cut"


class CuttableProtocol(H11Protocol):
    """Uvicorn's HTTP/1.1 protocol whose requests find ``scope["extensions"][CUT]``, which aborts the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        inner = cast(ASGIApp, self.app)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[CUT] = transport.abort
            await inner(scope, receive, send)

        self.app = app


class CutConnection(Response):
    """An answer that is none: the caller sees its connection end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"][CUT]()
        # The server takes an app that ends without an answer for a bug, unless it has seen the disconnect.
        while (await receive())["type"] != "http.disconnect":
            pass


class CutWhenDown:
    """Middleware that cuts every request but to `spared` paths while `is_down` says so, before anything is done."""

    def __init__(
        self, app: ASGIApp, is_down: Callable[[], Awaitable[bool]], spared: frozenset[str] = frozenset({"/faults"})
    ) -> None:
        self._app = app
        self._is_down = is_down
        self._spared = spared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in self._spared and await self._is_down():
            await CutConnection()(scope, receive, send)
        else:
            await self._app(scope, receive, send)
