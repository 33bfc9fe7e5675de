"""A house for the tests of the saga: one per file, with a worker in this process."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from tests.support.house import House, open_house, working
from tests.support.sandbox import SandboxProcess
from tests.support.stage import Stage, open_stage


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "data") as process:
        yield process


@pytest.fixture(scope="module")
async def idle_house(
    request: pytest.FixtureRequest, module_database_url: str, temporal_client: Client, sandbox: SandboxProcess
) -> AsyncIterator[House]:
    """Everything but a worker. A file's own `SETTINGS` change the house's."""
    settings = getattr(request.module, "SETTINGS", {})
    async with open_house(module_database_url, temporal_client, sandbox, f"saga-{uuid.uuid4()}", **settings) as house:
        yield house


@pytest.fixture(scope="module")
async def worked_house(idle_house: House) -> AsyncIterator[House]:
    async with working(idle_house):
        yield idle_house


@pytest.fixture
async def house(worked_house: House) -> House:
    """The file's house, its gateway without faults."""
    await worked_house.mend()
    return worked_house


@pytest.fixture(scope="module")
async def stage(
    module_database_url: str, temporal_client: Client, sandbox: SandboxProcess, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """Everything, with a worker that is a process of its own, and claims that stop where a test wants."""
    folder = tmp_path_factory.mktemp("worker")
    async with open_stage(module_database_url, temporal_client, sandbox, f"stage-{uuid.uuid4()}", folder) as opened:
        yield opened
