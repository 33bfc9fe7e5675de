"""How the SDK reaches Stripe: each request once, and what isn't an answer of Stripe's is an error, whatever it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx
import stripe

from gateways.http import single_shot


class Transport(stripe.HTTPClient):
    """The SDK's own client over httpx takes proxies from the environment, and keeps idle connections for too long.

    Time-outs in seconds. Raises `stripe.APIConnectionError`, whose cause is httpx's, when no answer came.
    """

    name = "httpx"

    def __init__(self, *, connect_timeout: float, read_timeout: float) -> None:
        super().__init__()
        self._http = single_shot(connect_timeout, read_timeout)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request. Raises `stripe.APIError` for an answer that the SDK would stumble over."""
        try:
            response = await self._http.request(method, url, headers=headers, content=post_data)
        except httpx.RequestError as error:
            raise stripe.APIConnectionError(type(error).__name__) from error  # type: ignore[no-untyped-call]  # the SDK's
        if not _of_stripe(response):
            raise stripe.APIError("not an answer of Stripe", http_status=response.status_code)
        return response.content, response.status_code, response.headers

    async def close_async(self) -> None:
        """Close its connections."""
        await self._http.aclose()


def _of_stripe(response: httpx.Response) -> bool:
    """A JSON object; one with an `error` object in it, unless it tells of success."""
    try:
        body = json.loads(response.content)
    except ValueError:
        return False
    if not isinstance(body, dict):
        return False
    return response.is_success or isinstance(body.get("error"), dict)
