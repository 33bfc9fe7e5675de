"""The connection to Temporal: made when first needed, so that the API starts, and answers, while Temporal is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.refusals import Code, Refusal

CONNECT_SECONDS = 2.0
_STILL_AWAY_SECONDS = 1.0
"""Who waited for a connection that could not be made does not try again at once: a hundred callers would queue up."""


class Temporal:
    """`connect` makes a client that does not retry by itself: whether a call can be repeated is decided here."""

    def __init__(self, connect: Callable[[], Awaitable[Client]]) -> None:
        self._connect = connect
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._failed_at = float("-inf")

    async def client(self) -> Client:
        """The one client. Raises UNAVAILABLE when no connection can be made: then nothing was sent."""
        async with self._connecting:
            if self._client is None:
                self._client = await self._try()
            return self._client

    async def _try(self) -> Client:
        clock = asyncio.get_running_loop().time
        if clock() - self._failed_at < _STILL_AWAY_SECONDS:
            raise Refusal(Code.UNAVAILABLE, "temporal.away")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await self._connect()
        except (RuntimeError, RPCError, TimeoutError) as error:
            self._failed_at = clock()
            raise Refusal(Code.UNAVAILABLE, "temporal.away") from error


def never_sent(error: RPCError) -> bool:
    """Whether the call failed before anything went out. An error that may have come after is not this one."""
    return error.status is RPCStatusCode.UNAVAILABLE and any(
        sign in error.message for sign in ("connect error", "dns error")
    )
