"""The API on real parts: its own database, Temporal, the sandbox gateway; with or without a worker."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from temporalio.client import Client

from api.main import create_app
from deploy.local.temporal import DevServer
from tests.api.shop import Shop
from tests.support.house import House, open_house, working
from tests.support.sandbox import SandboxProcess


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "data") as process:
        yield process


@pytest.fixture(scope="module")
async def idle_house(
    module_database_url: str, temporal_client: Client, dev_server: DevServer, sandbox: SandboxProcess
) -> AsyncIterator[House]:
    """Everything but a worker and the API."""
    async with open_house(
        module_database_url,
        temporal_client,
        sandbox,
        f"api-{uuid.uuid4()}",
        temporal_address=dev_server.address,
        accept_timeout=30,  # fifty at once, on a machine that does other things too
    ) as house:
        yield house


@pytest.fixture(scope="module")
async def idle_shop(idle_house: House) -> AsyncIterator[Shop]:
    """The API without a worker: for what is answered before anything is started."""
    app = create_app(idle_house.settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test", timeout=60) as http:
            yield Shop(http, idle_house.gateway, idle_house.settings)


@pytest.fixture(scope="module")
async def shop(idle_house: House, idle_shop: Shop) -> AsyncIterator[Shop]:
    """The API with a worker in this process."""
    async with working(idle_house):
        yield idle_shop


@pytest.fixture(scope="module")
def house(idle_house: House) -> House:
    return idle_house
