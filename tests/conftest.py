"""The real parts that tests run on. Servers start once per run, when the first test asks for them.

What they are told, and what comes of it, is searched for customers' data and keys: `tests.support.leaks`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest
from temporalio.client import Client

from deploy.local.temporal import DevServer
from tests.support.leaks import found_in, found_in_histories, found_in_logs, found_in_tables, told
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
        leaks = await asyncio.to_thread(found_in_tables, url)
    assert not leaks, list(told(leaks))


@pytest.fixture(scope="session")
async def dev_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    """A Temporal server: its address and namespace."""
    async with running_dev_server(tmp_path_factory.mktemp("temporal")) as server:
        yield server
        leaks = await found_in_histories(await connect(server))
    assert not leaks, list(told(leaks))


@pytest.fixture(scope="session")
async def temporal_client(dev_server: DevServer) -> Client:
    """A client of that server."""
    return await connect(dev_server)


@pytest.fixture
def task_queue() -> str:
    """A task queue that no other test uses."""
    return f"test-{uuid.uuid4()}"


# --- nothing leaks ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _quiet_logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The logs that processes of this run wrote tell nothing; asked when all of them have stopped."""
    yield
    leaks = found_in_logs(tmp_path_factory.getbasetemp())
    assert not leaks, list(told(leaks))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test of which the output tells what it must not has failed, and so has one whose own folder has such a log."""
    report = yield
    leaks = {leak for title, text in report.sections for leak in found_in(text, title)}
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if report.when == "call" and isinstance(folder, Path):
        leaks |= found_in_logs(folder)
    if leaks and report.passed:
        report.outcome = "failed"
        report.longrepr = "\n".join(("leaks:", *told(leaks)))
    return report
