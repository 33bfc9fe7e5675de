"""`claims setup`: make a database and a Temporal namespace of your own ready for the service."""

from __future__ import annotations

import asyncio

import typer
from temporalio.service import RPCError

import bootstrap
from cli.output import fail
from deploy.local.temporal import register
from settings import Settings, load
from store.database import AWAY
from store.migrate import upgrade
from workflows.attributes import REGISTRY


def setup() -> None:
    """Migrate CLAIMS_DATABASE_URL to the newest schema and register the search attributes; harmless to repeat."""
    settings = load()
    if settings.database_url is None:
        fail("CLAIMS_DATABASE_URL is not set: it names the PostgreSQL database to prepare.", code=2)
    try:
        upgrade(settings.database_url)
    except AWAY as error:
        fail(f"The database does not answer: {error}")
    typer.echo("database: at the newest schema")
    try:
        asyncio.run(_register(settings))
    except (RuntimeError, RPCError) as error:
        fail(f"Temporal at {settings.effective_temporal_address} does not answer: {error}")
    typer.echo(f"Temporal namespace {settings.temporal_namespace}: knows every search attribute")


async def _register(settings: Settings) -> None:
    await register(await bootstrap.temporal_client(settings), REGISTRY)
