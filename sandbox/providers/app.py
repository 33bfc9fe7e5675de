"""The stand-ins over HTTP: each on its own prefix, with its own way to say that a path is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Mount

from sandbox.connection import CutWhenDown
from sandbox.providers import faults
from sandbox.providers.control import create_control
from sandbox.providers.desk import Desk, render
from sandbox.providers.kakaopay import KakaoPay
from sandbox.providers.nhn import Nhn
from sandbox.providers.portone import PortOne
from sandbox.providers.provider import Provider
from sandbox.providers.solapi import Solapi
from sandbox.providers.stripe import Stripe
from sandbox.providers.toss import Toss
from sandbox.providers.wire import Refused


def all_providers() -> tuple[Provider, ...]:
    """One of each."""
    return Toss(), Stripe(), PortOne(), KakaoPay(), Nhn(), Solapi()


def create_world(gateway: FastAPI, desk: Desk, providers: Sequence[Provider]) -> Starlette:
    """The whole sandbox: ``/control``, each provider under its name, and the gateway of our own everywhere else."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await desk.start()
        async with gateway.router.lifespan_context(gateway):
            yield
        desk.stop()

    mounts = [Mount(f"/{provider.name}", app=create_provider(desk, provider)) for provider in providers]
    control = Mount("/control", app=create_control(desk, providers))
    return Starlette(routes=[control, *mounts, Mount("/", app=gateway)], lifespan=lifespan)


def create_provider(desk: Desk, provider: Provider) -> FastAPI:
    """One provider as an application; while it is down, every connection to it is cut."""
    app = FastAPI(title=provider.name, docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(provider.routes(desk))

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        return render(provider, error.reply)

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> Response:
        return render(provider, provider.no_path(error.status_code))

    app.add_middleware(
        CutWhenDown,
        is_down=lambda: desk.transact(lambda connection: faults.is_down(connection, provider.name)),
        spared=frozenset(),
    )
    return app
