"""One request over HTTP, sent once: what certainly never left is told from what perhaps did."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from gateways.payments.port import NotSent, Undetermined, Unknown

NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""No connection was had. Any other trouble may come after the request has left."""


class OneShot:
    """A client of one provider that never repeats a request and follows no redirect.

    `base_url` without a trailing slash; time-outs in seconds. `headers` go with every request and are never shown.
    """

    def __init__(
        self, base_url: str, *, connect_timeout: float, read_timeout: float, headers: Mapping[str, str] | None = None
    ) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers=dict(headers or {}),
            # All but the wait for the answer is short: what is sent late would be sent after the attempt's deadline.
            timeout=httpx.Timeout(connect_timeout, read=read_timeout),
            transport=httpx.AsyncHTTPTransport(
                retries=0,
                # Shorter than a server keeps idle connections: on a stale one a request would count as perhaps sent.
                limits=httpx.Limits(keepalive_expiry=2),
            ),
            follow_redirects=False,
            trust_env=False,
        )

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
