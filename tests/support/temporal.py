"""A real Temporal for tests: the local stack's dev server, told the same, but in memory and without the Web UI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from deploy.local.supervisor import Supervisor
from deploy.local.temporal import TIME_SKIPPING, DevServer
from tests.support.ports import free_port
from workflows.attributes import REGISTRY


@asynccontextmanager
async def running_dev_server(folder: Path) -> AsyncIterator[DevServer]:
    """A server with every search attribute registered, and time skipping allowed; its log in `folder`."""
    server = DevServer(
        host="127.0.0.1",
        port=free_port(),
        ui_port=None,
        database=None,
        namespace="default",
        search_attributes=REGISTRY,
        extra_config=(TIME_SKIPPING,),
    )
    async with Supervisor(folder / "logs", Path("/"), report=lambda *_: None) as supervisor:
        await supervisor.start(server.child())
        yield server


async def connect(server: DevServer) -> Client:
    """A client as the service uses one: messages travel as pydantic models."""
    return await Client.connect(server.address, namespace=server.namespace, data_converter=pydantic_data_converter)
