"""The console command beside the API on real parts, served over HTTP."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from temporalio.client import Client

from api.main import create_app
from deploy.local.temporal import DevServer
from settings import Settings
from tests.api.shop import Shop
from tests.cli.console import Console
from tests.support.house import House, open_house, working
from tests.support.ports import free_port
from tests.support.sandbox import SandboxProcess


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "data") as process:
        yield process


@pytest.fixture(scope="module")
async def house(
    module_database_url: str, temporal_client: Client, dev_server: DevServer, sandbox: SandboxProcess
) -> AsyncIterator[House]:
    """Everything with a worker in this process, but no API."""
    queue = f"cli-{uuid.uuid4()}"
    async with (
        open_house(
            module_database_url, temporal_client, sandbox, queue, temporal_address=dev_server.address, accept_timeout=10
        ) as opened,
        working(opened),
    ):
        yield opened


@pytest.fixture(scope="module")
async def service(house: House) -> AsyncIterator[str]:
    """The API's address: it is served in this process, over a real port."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(create_app(house.settings), host="127.0.0.1", port=port, log_level="warning", access_log=False)
    )
    serving = asyncio.create_task(server.serve())

    async def started() -> bool:
        assert not serving.done()
        return server.started

    await house.eventually(started)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


@pytest.fixture(scope="module")
async def shop(house: House, service: str) -> AsyncIterator[Shop]:
    async with httpx.AsyncClient(base_url=service, timeout=60) as http:
        yield Shop(http, house.gateway, house.settings)


@pytest.fixture
def claims(service: str, tmp_path: Path) -> Console:
    """The console command, pointed at the API."""
    return Console({"CLAIMS_API_URL": service, "CLAIMS_HOME": str(tmp_path / "home")})


@pytest.fixture
def lonely(tmp_path: Path) -> Console:
    """The console command where no service is."""
    return Console({"CLAIMS_API_PORT": str(free_port()), "CLAIMS_HOME": str(tmp_path / "home")})


@pytest.fixture(scope="module")
def settings(house: House) -> Settings:
    return house.settings
