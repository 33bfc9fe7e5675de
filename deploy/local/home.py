"""The stack's folder (CLAIMS_HOME): one stack at a time, and where its parts can be reached while it runs."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from pydantic import BaseModel

from deploy.local.errors import StackError
from deploy.local.keeper import PROBE_EVERY, Report

LEFTOVERS_MAY_TAKE = 30.0
"""Seconds in which the processes of a killed stack must have ended before the next one gives up."""


@asynccontextmanager
async def occupied(home: Path, report: Report) -> AsyncIterator[int]:
    """Hold `home`, made if missing, for one stack. Gives a file descriptor that every child must inherit.

    Two locks: one is ours alone; the other lives as long as any child does, because a child keeps it open. So a stack
    whose supervisor was killed is told from one that runs, and its children are waited for: two PostgreSQL servers on
    one cluster would be the end of it. Raises StackError when another stack runs here.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    ours = _open(home / "stack.lock")
    children = _open(home / "children.lock")
    try:
        if not _lock(ours):
            raise StackError(
                f"A stack is running in {home} already{_whose(home)}. Stop it, or set CLAIMS_HOME to another folder "
                "and the ports to other ones."
            )
        await _wait_for_leftovers(children, home, report)
        yield children
    finally:
        os.close(children)
        os.close(ours)


@contextmanager
def announced(home: Path, addresses: Mapping[str, str]) -> Iterator[None]:
    """Write where the parts that this stack has started can be reached, for as long as it runs. Holds no secret."""
    path = _file(home)
    unfinished = path.with_suffix(".unfinished")
    unfinished.touch(mode=0o600)
    unfinished.write_text(_Announcement(supervisor=os.getpid(), addresses=dict(addresses)).model_dump_json(indent=2))
    unfinished.rename(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def addresses(home: Path) -> dict[str, str]:
    """The addresses of the stack that runs in `home`, by setting (``database_url``); empty when none does."""
    found = _read(home)
    return {} if found is None or not _runs(found.supervisor) else found.addresses


class _Announcement(BaseModel):
    """What a running stack says of itself."""

    supervisor: int
    addresses: dict[str, str]


def _file(home: Path) -> Path:
    return home / "stack.json"


def _read(home: Path) -> _Announcement | None:
    try:
        return _Announcement.model_validate_json(_file(home).read_text())
    except FileNotFoundError:
        return None


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _whose(home: Path) -> str:
    found = _read(home)
    return "" if found is None else f" (process {found.supervisor})"


async def _wait_for_leftovers(children: int, home: Path, report: Report) -> None:
    if _lock(children):
        return
    report("stack", "waiting for what an earlier one has left running")
    try:
        async with asyncio.timeout(LEFTOVERS_MAY_TAKE):
            while not _lock(children):
                await asyncio.sleep(PROBE_EVERY)
    except TimeoutError:
        raise StackError(
            f"Processes of an earlier stack in {home} are still running; end them first. "
            f"They hold {home / 'children.lock'} open."
        ) from None
