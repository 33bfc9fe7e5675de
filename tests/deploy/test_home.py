"""One stack per folder, found by those who look for it, and never started on top of a dead one's children."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from pathlib import Path

import pytest

from deploy.local import home, ports
from deploy.local.discover import resolve
from deploy.local.errors import StackError
from deploy.local.home import announced, occupied
from deploy.local.ports import Port
from settings import Settings
from tests.deploy.fakes import Reports
from tests.support.ports import free_port

ADDRESSES = {"database_url": "postgresql://postgres@/claims?host=%2Frun", "temporal_address": "127.0.0.1:17233"}


async def test_a_second_stack_in_one_folder_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    async with occupied(tmp_path / "home", Reports()):
        with announced(tmp_path / "home", ADDRESSES), pytest.raises(StackError, match=r"process \d+.*CLAIMS_HOME"):
            async with occupied(tmp_path / "home", Reports()):
                pass
    async with occupied(tmp_path / "home", Reports()):
        pass


async def test_what_a_killed_stack_has_left_running_is_waited_for(tmp_path: Path) -> None:
    reports = Reports()
    async with occupied(tmp_path, reports) as lock:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "import signal; signal.pause()", pass_fds=[lock]
        )
    asyncio.get_running_loop().call_later(0.3, child.kill)
    async with occupied(tmp_path, reports):
        assert child.returncode is not None or await child.wait() == -9
    assert reports.of("stack") == ["waiting for what an earlier one has left running"]


async def test_what_does_not_end_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "LEFTOVERS_MAY_TAKE", 0.2)
    async with occupied(tmp_path, Reports()) as lock:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "import signal; signal.pause()", pass_fds=[lock]
        )
    try:
        with pytest.raises(StackError, match=r"children\.lock"):
            async with occupied(tmp_path, Reports()):
                pass
    finally:
        child.kill()
        await child.wait()


def test_what_is_not_set_is_taken_from_the_running_stack(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, temporal_address="temporal.example:7233")
    with announced(tmp_path, ADDRESSES):
        found = resolve(settings)
        assert (tmp_path / "stack.json").stat().st_mode & 0o077 == 0
    assert found.database_url == ADDRESSES["database_url"]
    assert found.temporal_address == "temporal.example:7233"
    assert resolve(settings) == settings


async def test_a_killed_stack_is_not_found(tmp_path: Path) -> None:
    ended = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await ended.wait()
    (tmp_path / "stack.json").write_text(json.dumps({"supervisor": ended.pid, "addresses": ADDRESSES}))
    assert resolve(Settings(home=tmp_path)).database_url is None


def test_a_port_in_use_is_named_with_who_needs_it_and_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        needed = [
            Port(free_port(), "the API", "CLAIMS_API_PORT"),
            Port(taken, "the mail server", "CLAIMS_SMTP_PORT"),
        ]
        with pytest.raises(StackError, match=rf"Port {taken} .*the mail server.*CLAIMS_SMTP_PORT") as refusal:
            ports.check("127.0.0.1", needed)
    assert "CLAIMS_API_PORT" not in str(refusal.value)
    ports.check("127.0.0.1", needed)


def test_one_port_for_two_parts_is_refused() -> None:
    port = free_port()
    needed = [Port(port, "the API", "CLAIMS_API_PORT"), Port(port, "Temporal", "CLAIMS_TEMPORAL_PORT")]
    with pytest.raises(StackError, match=r"both the API and Temporal: set CLAIMS_API_PORT or CLAIMS_TEMPORAL_PORT"):
        ports.check("127.0.0.1", needed)
