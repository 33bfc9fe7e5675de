"""HTTP that is sent once: what certainly never left is told from what perhaps did."""

from __future__ import annotations

import httpx

NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""No connection was had. Any other trouble may come after the request has left."""


def single_shot(connect_timeout: float, read_timeout: float) -> httpx.AsyncClient:
    """A client that never repeats a request, follows no redirect, and asks no proxy of the environment.

    Time-outs in seconds.
    """
    return httpx.AsyncClient(
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
