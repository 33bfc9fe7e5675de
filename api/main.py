"""The application: its parts built, its routes put together. ``uvicorn --factory api.main:create_app`` serves it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI
from temporalio.client import Client
from temporalio.service import RetryConfig

import bootstrap
import logs
import settings as configuration
from api import cases, events, feed, health, operators, payouts, storefront, webhooks
from api.accepting import Acceptance
from api.body_limit import BodyLimit
from api.callers import OrderAccess
from api.cancelling import Cancelling
from api.changing import Changing
from api.commanding import Console
from api.digests import Digester
from api.documented import without_framework_errors
from api.envelope import add_handlers
from api.health import HealthCheck
from api.parts import Parts
from api.quotes import QuoteSigner
from api.request_log import RequestLog
from api.storefront import Desk
from api.temporal import Temporal
from api.webhooks import Doorman
from domain.policy import Policy
from gateways.payments.port import PaymentGateway
from policies.reading import PolicyError
from settings import Settings
from store.database import AWAY, Database, why_away
from store.private import Vault

log = structlog.get_logger(__name__)

LARGEST_BODY = 2 * 1024 * 1024

_ONCE = RetryConfig(max_elapsed_time_millis=1500, max_retries=1)
"""One try per call. Whether a call can be repeated depends on whether it was sent: `api.accepting` decides."""


def create_app(settings: Settings | None = None, policy: Policy | None = None) -> FastAPI:
    """The API for `settings`, by default those of the process, whose logs it then sets up too.

    `policy` is by default the one that the settings name; raises PolicyError for a bad one. The API starts, and answers
    503, while Postgres or Temporal is away.
    """
    if settings is None:
        settings = configuration.load()
        logs.configure(settings)
    app = FastAPI(
        title="Order claims",
        summary="Order cancellation and option change, quoted, refunded exactly once, audited.",
        description="Every answer has the same envelope; docs/wire.md tells its codes, and what a caller can do.",
        version="1",
        lifespan=_lifespan,
        redirect_slashes=False,  # a redirect has no envelope, and a storefront's client may not follow it
    )
    _furnish(app, settings, policy or bootstrap.policy(settings))
    for router in (
        storefront.router,
        feed.router,
        events.router,
        operators.router,
        payouts.router,
        cases.router,
        webhooks.router,
        health.router,
    ):
        app.include_router(router)
    add_handlers(app)
    app.add_middleware(BodyLimit, largest=LARGEST_BODY)
    app.add_middleware(RequestLog)
    describe = app.openapi
    app.openapi = lambda: without_framework_errors(describe())  # type: ignore[method-assign]
    return app


def _furnish(app: FastAPI, settings: Settings, policy: Policy) -> None:
    """Build what the routes work with. Nothing connects before it is first used."""
    secret = settings.service_secret.get_secret_value()
    database = Database(bootstrap.engine(settings))
    gateways = bootstrap.gateways(settings)

    async def connect() -> Client:
        return await bootstrap.temporal_client(settings, retry=_ONCE)

    temporal = Temporal(connect)
    acceptance = Acceptance(temporal, settings.task_queue, settings.accept_timeout)
    signer, digester = QuoteSigner(secret, settings.quote_minutes), Digester(secret)
    vault = Vault(secret)
    app.state.parts = Parts(settings, database, policy, vault)
    app.state.order_access = OrderAccess(app.state.parts)
    app.state.desk = Desk(
        signer=signer,
        cancelling=Cancelling(
            database,
            acceptance,
            signer,
            digester,
            vault,
            policy,
            timezone=settings.timezone,
            accept_within=settings.accept_within,
        ),
        changing=Changing(
            database, acceptance, digester, policy, timezone=settings.timezone, accept_within=settings.accept_within
        ),
    )
    app.state.console = Console(temporal, settings.task_queue, secret.encode(), settings.accept_timeout)
    app.state.doorman = Doorman(database, temporal, settings.task_queue, gateways)
    app.state.health = HealthCheck(database, temporal, settings.temporal_namespace, settings.task_queue, gateways)


async def _register(parts: Parts) -> bool:
    """Register the policy; False while the database is away. Raises PolicyError or NotConfigured when that fails."""
    try:
        await bootstrap.register_policy(parts.settings, parts.database, parts.policy)
    except AWAY as error:
        log.info("waiting for the database", why=why_away(error))
        return False
    return True


async def _register_later(parts: Parts) -> None:
    """Register the policy as soon as the database answers: until then it is away for every call too."""
    try:
        while not await _register(parts):
            await asyncio.sleep(1)
    except (PolicyError, bootstrap.NotConfigured) as error:
        log.critical("the API can't go on", why=str(error))
        signal.raise_signal(signal.SIGTERM)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    registering = None if await _register(parts) else asyncio.create_task(_register_later(parts))
    yield
    if registering is not None:
        registering.cancel()
    gateways: dict[str, PaymentGateway] = app.state.health.gateways
    for gateway in gateways.values():
        await gateway.aclose()
    await parts.database.close()
