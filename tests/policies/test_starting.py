"""No process starts on a policy that is wrong, or on one that changed without a version of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from deploy.local.parts import claims_command
from deploy.local.temporal import DevServer
from policies import reading
from tests.cli.console import Console, Ran
from tests.support.ports import free_port
from tests.support.silence import by_port, relay_to

PORTS = ("API", "TEMPORAL", "UI", "SANDBOX", "SMTP")
COMMANDS = ("worker", "api", "up")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def claims(home: Path) -> Console:
    ports = {f"CLAIMS_{name}_PORT": str(free_port()) for name in PORTS}
    return Console({"CLAIMS_HOME": str(home), **ports})


def policy_file(folder: Path, was: str, now: str) -> Path:
    text = reading.default_text()
    assert was in text
    path = folder / "shop.toml"
    path.write_text(text.replace(was, now), encoding="utf-8")
    return path


def refused(ran: Ran, told: str) -> None:
    """Exit code 1, and one line that says why."""
    assert ran.code == 1, ran
    assert ran.out == ""
    [line] = ran.err.splitlines()
    assert line.endswith(told)


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_wrong_field_is_told_in_one_line(claims: Console, home: Path, tmp_path: Path, command: str) -> None:
    path = policy_file(tmp_path, 'allocation = "external_first"', 'allocation = "external"')
    ran = await claims(
        command, CLAIMS_POLICY_FILE=str(path), CLAIMS_DATABASE_URL=f"postgresql://x@127.0.0.1:{free_port()}/x"
    )
    told = f"{path}: refund.allocation: must be 'external_first', 'proportional' or 'sequence', not \"external\""
    refused(ran, told)
    assert not (home / "postgres").exists()


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_version_has_one_content_only(
    claims: Console, database_url: str, dev_server: DevServer, tmp_path: Path, command: str
) -> None:
    """The table says which one; the file's own name and the parts that differ are told."""
    service = {"CLAIMS_DATABASE_URL": database_url, "CLAIMS_TEMPORAL_ADDRESS": dev_server.address}
    with psycopg.connect(database_url) as conn:
        kept = reading.default().model_dump_json().replace('"charge"', '"keep_free"')
        conn.execute("INSERT INTO policies (version, content) VALUES (%s, %s)", ("2026-11-24", kept))
    path = policy_file(tmp_path, "mileage_days = 30", "mileage_days = 31")
    ran = await claims(command, CLAIMS_POLICY_FILE=str(path), **service)
    refused(
        ran,
        f"{path}: policy version 2026-11-24 was used before with another content (shipping, refund): "
        "give the changed policy a version of its own",
    )
    shipped = await claims(command, **service)
    assert shipped.code == 1
    assert "default.toml: policy version 2026-11-24 was used before with another content (shipping)" in shipped.err


@pytest.mark.parametrize("command", ["worker", "api"])
async def test_a_database_without_our_tables_is_told(
    claims: Console, database_url: str, dev_server: DevServer, command: str
) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("DROP TABLE policies")
    ran = await claims(command, CLAIMS_DATABASE_URL=database_url, CLAIMS_TEMPORAL_ADDRESS=dev_server.address)
    refused(ran, "can't start: the database has no tables of this release: run `claims setup` first")


# --- a database that comes later --------------------------------------------------------------------------------------


@asynccontextmanager
async def waiting(command: str, **variables: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process, once it says that it waits for the database; what it writes is on its stderr."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("CLAIMS_")}
    process = await asyncio.create_subprocess_exec(
        *claims_command(), command, env={**env, **variables}, stderr=asyncio.subprocess.PIPE
    )
    try:
        await written(process, b"waiting for the database")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def written(process: asyncio.subprocess.Process, words: bytes) -> bytes:
    """What it wrote up to the line with these words."""
    assert process.stderr is not None
    read = b""
    async with asyncio.timeout(60):
        while words not in read:
            line = await process.stderr.readline()
            assert line, read.decode()
            read += line
    return read


@pytest.mark.parametrize("command", ["worker", "api"])
async def test_whoever_waits_for_the_database_registers_then(
    claims: Console, database_url: str, dev_server: DevServer, command: str
) -> None:
    port = free_port()
    service = {"CLAIMS_DATABASE_URL": by_port(database_url, port), "CLAIMS_TEMPORAL_ADDRESS": dev_server.address}
    async with (
        waiting(command, **claims.variables, **service),
        relay_to(database_url, port),
        await psycopg.AsyncConnection.connect(database_url, autocommit=True) as conn,
        asyncio.timeout(30),
    ):
        while not (found := await (await conn.execute("SELECT version FROM policies")).fetchall()):
            await asyncio.sleep(0.05)
    assert found == [(reading.default().version,)]


@pytest.mark.parametrize("command", ["worker", "api"])
async def test_whoever_waits_for_the_database_ends_when_it_has_another_content(
    claims: Console, database_url: str, dev_server: DevServer, command: str
) -> None:
    port = free_port()
    service = {"CLAIMS_DATABASE_URL": by_port(database_url, port), "CLAIMS_TEMPORAL_ADDRESS": dev_server.address}
    with psycopg.connect(database_url) as conn:
        kept = reading.default().model_dump_json().replace('"charge"', '"keep_free"')
        conn.execute("INSERT INTO policies (version, content) VALUES (%s, %s)", ("2026-11-24", kept))
    async with waiting(command, **claims.variables, **service) as process, relay_to(database_url, port):
        await written(process, b"default.toml: policy version 2026-11-24 was used before with another content")
        async with asyncio.timeout(30):
            assert await process.wait() != 0
