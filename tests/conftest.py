"""The real parts that tests run on. Servers start once per run, when the first test asks for them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from deploy.local.temporal import DevServer
from tests.support.postgres import Databases, running_databases
from tests.support.temporal import connect, running_dev_server


@pytest.fixture(scope="session")
async def databases(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Databases]:
    """A PostgreSQL server; ``databases.fresh()`` makes a migrated database on it."""
    async with running_databases(tmp_path_factory.mktemp("postgres")) as made:
        yield made


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """The address of a migrated database of the test's own."""
    async with databases.fresh() as url:
        yield url


@pytest.fixture(scope="module")
async def module_database_url(databases: Databases) -> AsyncIterator[str]:
    """The address of a migrated database that the tests of one file share."""
    async with databases.fresh() as url:
        yield url


@pytest.fixture(scope="session")
async def dev_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    """A Temporal server: its address and namespace."""
    async with running_dev_server(tmp_path_factory.mktemp("temporal")) as server:
        yield server


@pytest.fixture(scope="session")
async def temporal_client(dev_server: DevServer) -> Client:
    """A client of that server."""
    return await connect(dev_server)


@pytest.fixture
def task_queue() -> str:
    """A task queue that no other test uses."""
    return f"test-{uuid.uuid4()}"
