"""The embedded PostgreSQL keeps its data, whoever runs it and wherever its folder is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from deploy.local import leash, postgres
from deploy.local.errors import StackError
from deploy.local.parts import ROOT
from tests.deploy.fakes import supervisor

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run it as another user")


async def remember(url: str, word: str) -> None:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS words (word text)")
        await connection.execute("INSERT INTO words VALUES (%s)", [word])


async def remembered(url: str) -> list[str]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        rows = await (await connection.execute("SELECT word FROM words ORDER BY word")).fetchall()
    return [word for (word,) in rows]


async def test_data_is_found_again_after_a_stop_and_after_a_crash(tmp_path: Path) -> None:
    cluster = postgres.prepare(tmp_path / "postgres")
    async with supervisor(tmp_path) as running:
        await running.start(cluster.child())
        await remember(cluster.url(), "before the stop")
    again = postgres.prepare(tmp_path / "postgres")
    assert again == cluster
    async with supervisor(tmp_path) as running:
        await running.start(again.child())
        await remember(again.url(), "before the crash")
        pid = running.pid("postgres")
        assert pid is not None
        running.kill("postgres")
        await running.wait_restarted("postgres", pid)
        assert await remembered(again.url()) == ["before the crash", "before the stop"]


async def test_it_listens_on_no_port_and_its_socket_is_for_its_owner(tmp_path: Path) -> None:
    cluster = postgres.prepare(tmp_path / "postgres")
    async with supervisor(tmp_path) as running:
        await running.start(cluster.child())
        async with await psycopg.AsyncConnection.connect(cluster.url()) as connection:
            row = await (await connection.execute("SHOW listen_addresses")).fetchone()
        assert row == ("",)
        assert cluster.sockets.stat().st_mode & 0o077 == 0


async def test_a_folder_too_long_for_a_socket_serves_too(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)
    home.mkdir()
    cluster = postgres.prepare(home / "postgres")
    try:
        async with supervisor(tmp_path) as running:
            await running.start(cluster.child())
            await remember(cluster.url(), "far away")
            assert await remembered(cluster.url()) == ["far away"]
        assert not cluster.sockets.is_relative_to(home)
    finally:
        shutil.rmtree(cluster.sockets)


def test_a_socket_folder_that_somebody_else_has_prepared_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "LONGEST_SOCKET", 0)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    prepared = postgres.prepare(tmp_path / "postgres").sockets
    prepared.rmdir()
    prepared.symlink_to(tmp_path)
    with pytest.raises(StackError, match="to nobody else"):
        postgres.prepare(tmp_path / "postgres")


async def test_a_half_made_cluster_is_made_anew(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18")
    cluster = postgres.prepare(tmp_path / "postgres")
    async with supervisor(tmp_path) as running:
        await running.start(cluster.child())
        await remember(cluster.url(), "whole")


def test_why_a_cluster_can_not_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "program", lambda name: Path("/no/such/folder") / name)
    with pytest.raises(StackError, match=r"initdb(.|\n)*No such file"):
        postgres.prepare(tmp_path / "postgres")
    assert not (tmp_path / "postgres").exists()


@needs_root
async def test_root_in_a_folder_of_its_own_alone(tmp_path: Path) -> None:
    home = tmp_path / "private" / "home"
    home.mkdir(parents=True)
    for folder in (home, home.parent):
        folder.chmod(0o700)
    cluster = postgres.prepare(home / "postgres")
    async with supervisor(home) as running:
        await running.start(cluster.child())
        await remember(cluster.url(), "private")
        pid = running.pid("postgres")
        assert Path(f"/proc/{pid}").stat().st_uid != 0
    assert {folder.stat().st_mode & 0o777 for folder in (home, home.parent)} == {0o700}
    assert home.stat().st_uid == 0


@needs_root
def test_programs_in_a_folder_of_roots_alone_are_found(tmp_path: Path) -> None:
    program = tmp_path / "private" / "program"
    program.parent.mkdir(mode=0o700)
    program.touch(mode=0o755)
    # As PostgreSQL asks for its own programs: by access(2), which forgets the powers of a process unless told not to.
    done = as_nobody("import os, sys; print(os.access(sys.argv[1], os.X_OK))", str(program))
    assert done.stdout == "True\n", done.stderr


@needs_root
def test_of_roots_powers_it_keeps_only_the_one_to_search_folders(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    done = as_nobody("from pathlib import Path; import sys; Path(sys.argv[1]).open('a')", str(secret))
    assert "PermissionError" in done.stderr


@needs_root
async def test_root_goes_on_with_the_cluster_of_another_user(tmp_path: Path) -> None:
    data = tmp_path / "home" / "postgres"
    data.parent.mkdir()
    shutil.chown(data.parent, "nobody")
    code = "import pathlib, sys; from deploy.local import postgres; print(postgres.prepare(pathlib.Path(sys.argv[1])))"
    made = as_nobody(code, str(data))
    assert "user=None" in made.stdout, made.stderr
    cluster = postgres.prepare(data)
    assert cluster.user == "nobody"
    async with supervisor(tmp_path) as running:
        await running.start(cluster.child())
        await remember(cluster.url(), "ours")


def as_nobody(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python code as the user nobody."""
    options = ["--parent", str(os.getpid()), "--signal", "9", "--user", "nobody", "--"]
    command = [sys.executable, "-I", "-S", str(leash.SCRIPT), *options, sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
