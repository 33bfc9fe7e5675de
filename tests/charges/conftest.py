"""The charge protocol on real parts: Postgres, and the sandbox gateway as a process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gateways.payments.sandbox import SandboxGateway
from store.engine import create_engine
from tests.charges.machinery import Machinery
from tests.charges.world import World
from tests.refunds.machinery import sandbox_gateway
from tests.sandbox.caller import Caller
from tests.support.sandbox import SandboxProcess


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """A gateway that these tests share; those that kill it start their own."""
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "data") as process:
        yield process


@pytest.fixture
def caller(sandbox: SandboxProcess) -> Iterator[Caller]:
    with Caller(sandbox.url) as it:
        it.http.delete("/faults")
        yield it
        it.http.delete("/faults")


@pytest.fixture(scope="module")
async def engine(module_database_url: str) -> AsyncIterator[AsyncEngine]:
    made = create_engine(module_database_url, pool_size=10, lock_timeout_ms=2000, statement_timeout_ms=5000)
    yield made
    await made.dispose()


@pytest.fixture
async def gateway(sandbox: SandboxProcess) -> AsyncIterator[SandboxGateway]:
    made = sandbox_gateway(sandbox.url)
    yield made
    await made.aclose()


@pytest.fixture
def machinery(engine: AsyncEngine, gateway: SandboxGateway) -> Machinery:
    return Machinery(engine, {gateway.name: gateway})


@pytest.fixture
def world(engine: AsyncEngine, caller: Caller) -> World:
    return World(engine, caller)
