"""What commands do before anything starts. Apart from them because its imports take over a second."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import typer
from temporalio.service import RPCError

import bootstrap
from cli.output import fail
from deploy.local.temporal import register
from settings import Settings
from store.database import AWAY, Database
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


def check_policy(settings: Settings) -> None:
    """Read and register the policy, if the database answers; if not, whoever starts waits for that.

    Raises PolicyError, or NotConfigured, when nothing may start on these settings.
    """
    policy = bootstrap.policy(settings)
    database = Database(bootstrap.engine(settings))

    async def register() -> None:
        try:
            await bootstrap.register_policy(settings, database, policy)
        finally:
            await database.close()

    with suppress(*AWAY):
        asyncio.run(register())


async def _register(settings: Settings) -> None:
    await register(await bootstrap.temporal_client(settings), REGISTRY)
