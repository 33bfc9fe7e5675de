"""`claims setup`: make a database and a Temporal namespace of your own ready for the service."""

from __future__ import annotations

import asyncio

import typer
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError

import bootstrap
from cli.output import fail
from settings import Settings, load
from store.database import AWAY
from store.migrate import upgrade
from workflows.attributes import REGISTRY

_TYPES = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Bool": IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
}


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
        added = asyncio.run(_register(settings))
    except (RuntimeError, RPCError) as error:
        fail(f"Temporal at {settings.effective_temporal_address} does not answer: {error}")
    typer.echo(f"Temporal namespace {settings.temporal_namespace}: {added} search attributes added, all are there")


async def _register(settings: Settings) -> int:
    temporal = await bootstrap.temporal_client(settings)
    missing = await _missing(temporal, settings.temporal_namespace)
    if missing:
        await temporal.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=settings.temporal_namespace,
                search_attributes={name: _TYPES[REGISTRY[name]] for name in missing},
            )
        )
    return len(missing)


async def _missing(temporal: Client, namespace: str) -> list[str]:
    known = await temporal.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=namespace))
    return [name for name in REGISTRY if name not in known.custom_attributes]
