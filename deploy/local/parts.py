"""What the local stack consists of: for each part its process, its port, and how it is seen to serve.

A part whose address is set is somebody else's: it is not started.
"""

from __future__ import annotations

import asyncio
import sys
import sysconfig
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import httpx
from temporalio.client import Client

from deploy.local.child import Child
from deploy.local.environment import variables
from deploy.local.ports import Port
from deploy.local.temporal import DevServer, is_polled
from settings import Settings
from workflows.attributes import REGISTRY

ROOT = Path(__file__).parents[2]
"""The project's folder: children run in it."""


def ports(settings: Settings) -> list[Port]:
    """The ports that the stack needs."""
    needed = [Port(settings.api_port, "the API", "CLAIMS_API_PORT")]
    if settings.temporal_address is None:
        needed.append(Port(settings.temporal_port, "Temporal", "CLAIMS_TEMPORAL_PORT"))
        needed.append(Port(settings.ui_port, "the Temporal Web UI", "CLAIMS_UI_PORT"))
    if settings.sandbox_url is None:
        needed.append(Port(settings.sandbox_port, "the sandbox gateway", "CLAIMS_SANDBOX_PORT"))
    if settings.smtp_url is None:
        needed.append(Port(settings.smtp_port, "the mail server", "CLAIMS_SMTP_PORT"))
    return needed


def dev_server(settings: Settings) -> DevServer:
    """Temporal, with its state in the stack's folder."""
    return DevServer(
        host=settings.host,
        port=settings.temporal_port,
        ui_port=settings.ui_port,
        database=settings.home / "temporal.sqlite",
        namespace=settings.temporal_namespace,
        search_attributes=REGISTRY,
    )


def sandbox(settings: Settings) -> Child:
    """The sandbox gateway, with its ledger in the stack's folder."""
    url = f"http://{settings.host}:{settings.sandbox_port}"
    where = ("--host", settings.host, "--port", str(settings.sandbox_port), "--data", str(settings.home / "sandbox"))
    # Not its /health: that is cut while the gateway plays dead.
    return Child("sandbox", (sys.executable, "-m", "sandbox", *where), _http(f"{url}/faults"))


def mail(settings: Settings) -> Child:
    """The mail server that keeps what it gets."""
    where = ("--host", settings.host, "--port", str(settings.smtp_port), "--folder", str(settings.home / "mail"))
    return Child("mail", (sys.executable, "-m", "deploy.local.mail", *where), _smtp(settings.host, settings.smtp_port))


def worker(settings: Settings, client: Client) -> Child:
    """The worker, ready when it asks for tasks. `settings` with every address set; `client` of its Temporal."""

    async def polls(started: datetime) -> bool:
        return await is_polled(client, settings.task_queue, started)

    return Child(
        "worker",
        (sys.executable, str(ROOT / "worker.py")),
        polls,
        env=variables(settings),
        grace=settings.graceful_shutdown + 5,
    )


def api(settings: Settings) -> Child:
    """The API. `settings` with every address set."""
    return Child(
        "api", (*claims_command(), "api"), _http(f"{settings.effective_api_url}/health"), env=variables(settings)
    )


def claims_command() -> tuple[str, ...]:
    """How to run the console command of this virtual environment."""
    return (sys.executable, str(Path(sysconfig.get_path("scripts")) / "claims"))


def _http(url: str) -> Callable[[datetime], Awaitable[bool]]:
    """A probe that is content with any answer: what is behind the server has probes of its own."""

    async def answers(_started: datetime) -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False) as http:
                await http.get(url, timeout=5)
        except httpx.TransportError:
            return False
        return True

    return answers


def _smtp(host: str, port: int) -> Callable[[datetime], Awaitable[bool]]:
    async def greets(_started: datetime) -> bool:
        try:
            reader, writer = await asyncio.open_connection(host, port)
        except OSError:
            return False
        greeting = await reader.readline()
        writer.close()
        return greeting.startswith(b"220")

    return greets
