"""One process of the stack: what to run, and a running instance of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from deploy.local import leash

LOG_LIMIT = 10 * 1024 * 1024
"""Bytes after which a child's log is put aside as ``NAME.log.1`` when the child is next started."""

Ready = Callable[[datetime], Awaitable[bool]]
"""Whether the child serves. Is given the time of its start; asked again until it says yes."""


@dataclass(frozen=True, slots=True)
class Child:
    """What to run, how to know that it serves, and how to stop it."""

    name: str
    argv: tuple[str, ...]
    ready: Ready
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the supervisor's own environment."""
    user: str | None = None
    """Another user to run it as; only root can."""
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10
    """Seconds between the stop signal and SIGKILL."""
    patience: float = 60
    """Seconds in which it must become ready."""


class RunningChild:
    """A started process of a child, writing to its log. The kernel ends it when the supervisor dies (Linux)."""

    def __init__(self, child: Child, process: asyncio.subprocess.Process, log: Path, log_start: int) -> None:
        self.child = child
        self.started = datetime.now(UTC)
        self._process = process
        self._log = log
        self._log_start = log_start

    @classmethod
    async def start(cls, child: Child, logs: Path, cwd: Path, inherit: Sequence[int]) -> RunningChild:
        """Start `child`, in a process group of its own, so that the terminal's Ctrl-C reaches only the supervisor."""
        log = logs / f"{child.name}.log"
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            log_start = output.tell()
            process = await asyncio.create_subprocess_exec(
                *_leashed(child),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, **child.env},
                cwd=cwd,
                pass_fds=inherit,
                process_group=0,
            )
        return cls(child, process, log, log_start)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def wait(self) -> int:
        """Its exit code, once it has ended; minus the signal's number when a signal ended it."""
        return await self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it has ended."""
        if self.alive:
            self._process.send_signal(number)

    def kill_group(self) -> None:
        """SIGKILL for it and whatever it has started."""
        if self.alive:
            os.killpg(self.pid, signal.SIGKILL)

    def last_words(self, lines: int = 12) -> str:
        """The end of what it wrote since it was started."""
        with self._log.open("rb") as output:
            end = output.seek(0, os.SEEK_END)
            output.seek(max(self._log_start, end - 8192))
            return "\n".join(output.read().decode(errors="replace").splitlines()[-lines:]).strip()


def _leashed(child: Child) -> tuple[str, ...]:
    options = ["--parent", str(os.getpid()), "--signal", str(int(child.stop_signal))]
    if child.user is not None:
        options += ["--user", child.user]
    return (sys.executable, "-I", "-S", str(leash.SCRIPT), *options, "--", *child.argv)


def describe_exit(code: int) -> str:
    """An exit code in words."""
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
