"""No process starts on a policy that is wrong, or on one that changed without a version of its own."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from deploy.local.temporal import DevServer
from policies import reading
from tests.cli.console import Console, Ran
from tests.support.ports import free_port

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
