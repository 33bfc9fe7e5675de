"""A house for the tests of the saga: one per file, with a worker in this process."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from tests.support.house import House, open_house, working
from tests.support.sandbox import SandboxProcess


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "data") as process:
        yield process


@pytest.fixture(scope="module")
async def idle_house(
    module_database_url: str, temporal_client: Client, sandbox: SandboxProcess
) -> AsyncIterator[House]:
    """Everything but a worker."""
    async with open_house(module_database_url, temporal_client, sandbox, f"saga-{uuid.uuid4()}") as house:
        yield house


@pytest.fixture
async def house(idle_house: House) -> AsyncIterator[House]:
    await idle_house.mend()
    async with working(idle_house):
        yield idle_house
