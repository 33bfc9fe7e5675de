"""The API on a port of its own, for whoever calls it from another process: the stand-ins' webhooks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from api.main import create_app
from tests.support.house import House
from tests.support.ports import free_port


@asynccontextmanager
async def serving_api(house: House) -> AsyncIterator[str]:
    """The house's API; gives its base URL."""
    target = house.temporal.service_client.config.target_host
    app = create_app(house.settings.model_copy(update={"temporal_address": target}), house.policy)
    port = free_port()
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    # Signals stay pytest's.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    serving = asyncio.create_task(server.serve())
    try:
        await house.eventually(_started(server))
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


def _started(server: uvicorn.Server):  # type: ignore[no-untyped-def]
    async def ask() -> bool:
        return server.started

    return ask
