"""Where it is measured: a local stack of its own, a worker for what it is measured beside, and clients of both."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from temporalio.client import Client

import bootstrap
from bench import bare
from bench.ports import LOOPBACK, free_ports
from bench.shop import Shop
from deploy.local.child import Child
from deploy.local.environment import variables
from deploy.local.keeper import Report
from deploy.local.stack import running_stack
from deploy.local.supervisor import Supervisor
from deploy.local.temporal import is_polled
from settings import Settings

MOST_CONNECTIONS = 100
BARE_WORKER = "bare worker"
SELDOM = 30 * 24 * 3600.0
"""Seconds. The sweeper's statements would be counted as a claim's."""


@dataclass(frozen=True, slots=True)
class Ground:
    """`postgres_log`: what the stack's PostgreSQL writes."""

    settings: Settings
    supervisor: Supervisor
    temporal: Client
    shop: Shop
    postgres_log: Path


@asynccontextmanager
async def prepared(report: Report) -> AsyncIterator[Ground]:
    """Everything started, in a folder that is removed in the end; Ctrl-C stops it all and raises Interrupted."""
    with TemporaryDirectory(prefix="claims-bench-") as folder:
        async with running_stack(_settings(Path(folder) / "home"), report, until_signal=True) as stack:
            settings = stack.settings
            temporal = await bootstrap.temporal_client(settings)
            await stack.supervisor.start(_bare_worker(settings, temporal))
            limits = httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS)
            async with (
                _client(settings.effective_api_url, limits) as api,
                _client(settings.effective_sandbox_url, limits) as gateway,
            ):
                shop = Shop(settings, api, gateway, temporal)
                yield Ground(settings, stack.supervisor, temporal, shop, settings.home / "logs" / "postgres.log")


def _settings(home: Path) -> Settings:
    """The defaults, whatever the environment says, but for what keeps this stack apart from any other."""
    api, temporal, ui, sandbox, smtp = free_ports(5)
    defaults = {name: field.get_default() for name, field in Settings.model_fields.items()}
    apart = {
        "home": home,
        "host": LOOPBACK,
        "api_port": api,
        "temporal_port": temporal,
        "ui_port": ui,
        "sandbox_port": sandbox,
        "smtp_port": smtp,
        "sweep_every": SELDOM,
    }
    return Settings(**{**defaults, **apart})


def _bare_worker(settings: Settings, client: Client) -> Child:
    async def polls(started: datetime) -> bool:
        return await is_polled(client, bare.TASK_QUEUE, started)

    return Child(BARE_WORKER, (sys.executable, "-m", "bench.bare"), polls, env=variables(settings))


def _client(url: str, limits: httpx.Limits) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, limits=limits, timeout=60, trust_env=False)
