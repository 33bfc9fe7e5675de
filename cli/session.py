"""One command's conversation with the service, and what its failures look like to a person."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from api.tokens import Role
from cli.callers import own_token
from cli.output import fail
from cli.service import CallFailed, Service, ServiceAway
from deploy.local.discover import resolve
from settings import Settings, load

Result = TypeVar("Result")


def converse(role: Role, work: Callable[[Service, Settings], Awaitable[Result]]) -> Result:
    """What `work` gives with a client of the service; ends the command, with exit code 1, on a call that fails."""
    settings = resolve(load())

    async def session() -> Result:
        async with Service.at(settings.effective_api_url, own_token(settings, role)) as service:
            return await work(service, settings)

    try:
        return asyncio.run(session())
    except ServiceAway as error:
        fail(f"{error} `claims up` starts the local stack; CLAIMS_API_URL names another one.")
    except CallFailed as error:
        fail(str(error))
