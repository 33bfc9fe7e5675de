"""Tiny children to supervise, and what a supervisor reported of them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.local.child import Child
from deploy.local.keeper import Report
from deploy.local.parts import ROOT
from deploy.local.supervisor import Supervisor


class Reports:
    """What was reported, in order: pairs of a child's name and what happened."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []

    def __call__(self, name: str, what: str) -> None:
        self.all.append((name, what))

    def of(self, name: str) -> list[str]:
        return [what for who, what in self.all if who == name]


def python_child(name: str, code: str, **options: Any) -> Child:
    """A child that runs `code`; ready as soon as it was started unless `ready` is given."""
    return Child(name, (sys.executable, "-c", code), **{"ready": at_once, **options})


def marking_child(name: str, folder: Path, **options: Any) -> Child:
    """A child that is ready once it can be stopped, and notes its name in ``folder/stopped`` when it is."""
    code = f"""
import pathlib, signal, sys
folder = pathlib.Path({str(folder)!r})
def stop(*_):
    with (folder / "stopped").open("a") as notes:
        notes.write("{name} ")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
(folder / "{name}.ready").touch()
signal.pause()
"""
    return python_child(name, code, ready=exists(folder / f"{name}.ready"), **options)


def stubborn_child(name: str, folder: Path, **options: Any) -> Child:
    """A child that is ready once it ignores SIGTERM."""
    code = f"""
import pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path({str(folder / name)!r}).touch()
time.sleep(600)
"""
    return python_child(name, code, ready=exists(folder / name), **options)


async def at_once(_started: datetime) -> bool:
    return True


def exists(path: Path) -> Any:
    """A probe: is `path` there?"""

    async def probe(_started: datetime) -> bool:
        return path.exists()

    return probe


def supervisor(folder: Path, report: Report | None = None) -> Supervisor:
    return Supervisor(folder / "logs", ROOT, report or Reports())


async def until(condition: Callable[[], object], timeout: float = 15) -> None:
    """Returns when `condition` holds; TimeoutError after `timeout` seconds."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether a process does, and is not merely waiting to be collected."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
