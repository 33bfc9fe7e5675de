"""What `claims setup` does. Apart from the command because its imports take over a second."""

from __future__ import annotations

import asyncio

import typer
from temporalio.service import RPCError

import bootstrap
from cli.output import fail
from deploy.local.temporal import register
from settings import Settings
from store.database import AWAY
from store.migrate import upgrade
from workflows.attributes import REGISTRY


def prepare(settings: Settings, database_url: str) -> None:
    """Migrate the database and register the search attributes; ends the command when one of them does not answer."""
    try:
        upgrade(database_url)
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
