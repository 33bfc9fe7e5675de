"""The whole service on one machine, for as long as an ``async with`` block runs."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from alembic.util import CommandError
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError
from temporalio.client import Client
from temporalio.service import RPCError

import bootstrap
from deploy.local import parts, ports, postgres
from deploy.local.errors import StackError
from deploy.local.home import announced, occupied
from deploy.local.keeper import PROBE_EVERY, Report
from deploy.local.supervisor import Supervisor
from deploy.local.temporal import register, ui_answers
from deploy.local.webhooks import point_at_api
from domain.policy import Policy
from policies.reading import PolicyError
from settings import Settings
from store.database import Database
from store.migrate import upgrade
from workflows.attributes import REGISTRY

OTHERS_MAY_TAKE = 15.0
"""Seconds in which a part that the stack does not start itself must answer."""
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: its settings with every address set, and its processes."""

    settings: Settings
    supervisor: Supervisor

    @property
    def mail_folder(self) -> Path:
        """Where the stack's own mail server keeps mails."""
        return self.settings.home / "mail"


@asynccontextmanager
async def running_stack(settings: Settings, report: Report, *, until_signal: bool = False) -> AsyncIterator[Stack]:
    """Start the stack, keep it running, and stop it at the end of the block, newest part first.

    Its data is in ``settings.home`` and is found again by the next one. `report` is told what happens. With
    `until_signal` a SIGINT, SIGTERM or SIGHUP cancels the block, stops everything and raises Interrupted; a second one
    kills what has not stopped. Raises StackError (ChildFailed, Interrupted) with a text for people.
    """
    settings = settings.model_copy(
        update={"home": _absolute(settings.home), "policy_file": _absolute(settings.policy_file)}
    )
    policy = _policy(settings)
    async with occupied(settings.home, report) as lock:
        ports.check(settings.host, parts.ports(settings))
        supervisor = Supervisor(settings.home / "logs", parts.ROOT, report, inherit=(lock,))
        with _interrupted_by_signals(supervisor) if until_signal else nullcontext():
            async with supervisor:
                settings, started = await _start_infrastructure(settings, policy, supervisor, report)
                with announced(settings.home, started):
                    await _start_service(settings, supervisor)
                    if "sandbox_url" in started:
                        await point_at_api(settings)
                    yield Stack(settings, supervisor)


def _absolute(path: Path | None) -> Path | None:
    """The stack's processes run in another folder."""
    return None if path is None else path.expanduser().resolve()


async def _start_infrastructure(
    settings: Settings, policy: Policy, supervisor: Supervisor, report: Report
) -> tuple[Settings, dict[str, str]]:
    """Start what the service stands on. Gives the settings with every address set, and the addresses that are ours."""
    ours: dict[str, str] = {}
    if settings.database_url is None:
        cluster = await asyncio.to_thread(postgres.prepare, settings.home / "postgres")
        await supervisor.start(cluster.child())
        ours["database_url"] = cluster.url()
    database_url = ours.get("database_url") or str(settings.database_url)
    await _migrate(database_url)
    await _register(settings.model_copy(update={"database_url": database_url}), policy)
    report("database", "migrated")
    children = []
    if settings.temporal_address is None:
        children.append(parts.dev_server(settings).child())
        ours["temporal_address"] = settings.effective_temporal_address
        ours["temporal_ui_url"] = settings.effective_temporal_ui_url
    if settings.sandbox_url is None:
        children.append(parts.sandbox(settings))
        ours["sandbox_url"] = settings.effective_sandbox_url
    if settings.smtp_url is None:
        children.append(parts.mail(settings))
        ours["smtp_url"] = settings.effective_smtp_url
    await asyncio.gather(*(supervisor.start(child) for child in children))
    ours["api_url"] = f"http://{settings.host}:{settings.api_port}"
    return settings.model_copy(update=ours), ours


async def _start_service(settings: Settings, supervisor: Supervisor) -> None:
    client = await _connect(settings)
    await asyncio.gather(
        supervisor.start(parts.worker(settings, client)), supervisor.start(parts.api(settings)), _wait_for_ui(settings)
    )


async def _migrate(url: str) -> None:
    try:
        await asyncio.to_thread(upgrade, url)
    except OperationalError as error:
        shown = make_url(url).render_as_string(hide_password=True)
        raise StackError(f"PostgreSQL at {shown} does not answer ({error.orig}). Check CLAIMS_DATABASE_URL.") from error
    except CommandError as error:
        raise StackError(f"The database was made by another version of order-claims: {error}") from error


def _policy(settings: Settings) -> Policy:
    try:
        return bootstrap.policy(settings)
    except PolicyError as error:
        raise StackError(str(error)) from error


async def _register(settings: Settings, policy: Policy) -> None:
    database = Database(bootstrap.engine(settings))
    try:
        await bootstrap.register_policy(settings, database, policy)
    except PolicyError as error:
        raise StackError(str(error)) from error
    finally:
        await database.close()


async def _connect(settings: Settings) -> Client:
    """A client of the stack's Temporal, which knows our search attributes."""
    address, namespace = settings.effective_temporal_address, settings.temporal_namespace
    try:
        async with asyncio.timeout(OTHERS_MAY_TAKE):
            client = await Client.connect(address, namespace=namespace)
            await register(client, REGISTRY)
    except (TimeoutError, RuntimeError, RPCError) as error:
        raise StackError(
            f"Temporal at {address}, namespace {namespace}, can't be used ({str(error) or 'no answer'}). "
            "Check CLAIMS_TEMPORAL_ADDRESS and CLAIMS_TEMPORAL_NAMESPACE."
        ) from error
    return client


async def _wait_for_ui(settings: Settings) -> None:
    """Let the Web UI, if there is a known one, get ready if it does so soon: links into it are worth a few seconds."""
    if settings.temporal_ui_url is None:
        return
    try:
        async with asyncio.timeout(OTHERS_MAY_TAKE):
            while not await ui_answers(settings.effective_temporal_ui_url, settings.temporal_namespace):
                await asyncio.sleep(PROBE_EVERY)
    except TimeoutError:
        return


@contextmanager
def _interrupted_by_signals(supervisor: Supervisor) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, supervisor.interrupt)
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
