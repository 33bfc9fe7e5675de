"""Sending events to the shop's receiver, signed by Standard Webhooks. One request each; whoever calls repeats it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import httpx
from pydantic import SecretStr

from domain.events import ClaimEvent
from gateways.events.wire import event_body

Send: TypeAlias = Callable[[ClaimEvent], Awaitable[str | None]]
"""Sends one event: None once the receiver has answered 2xx; else how the request ended, in a word."""

_CONNECT = 3.0
_READ = 10.0


def signing_key(secret: SecretStr) -> bytes:
    """The key behind ``whsec_<base64>``, 24 to 64 bytes. Raises ValueError, without telling what it was given."""
    told = secret.get_secret_value()
    try:
        key = base64.b64decode(told.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not told.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise ValueError("must be whsec_ and the base64 of 24 to 64 bytes")
    return key


class EventSender:
    """The shop's receiver at `url`. `clock`: seconds since the epoch, for the signature.

    It follows no redirect: what a redirect leads to is not who the secret was made for. Raises ValueError for a secret
    that is none.
    """

    def __init__(self, url: str, secret: SecretStr, *, clock: Callable[[], float] = time.time) -> None:
        self._url = url
        self._key = signing_key(secret)
        self._clock = clock

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Send]:
        """What sends events, while the block runs."""
        timeout = httpx.Timeout(_CONNECT, read=_READ)
        async with httpx.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=False) as client:
            yield lambda event: self._send(client, event)

    async def _send(self, client: httpx.AsyncClient, event: ClaimEvent) -> str | None:
        # The same for every repeat of an event: the receiver knows it again.
        name, at, body = f"{event.claim_no}-{event.sequence}", str(int(self._clock())), event_body(event)
        signature = base64.b64encode(hmac.digest(self._key, f"{name}.{at}.".encode() + body, hashlib.sha256)).decode()
        headers = {
            "content-type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": at,
            "webhook-signature": f"v1,{signature}",
        }
        try:
            # The answer's body is nobody's business, however long it is.
            async with client.stream("POST", self._url, content=body, headers=headers) as answer:
                return None if answer.is_success else str(answer.status_code)
        except httpx.RequestError as error:
            return type(error).__name__
