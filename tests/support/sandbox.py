"""The sandbox gateway as a real process, for any test that needs one."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]


class SandboxProcess:
    """A sandbox on its own folder and port; both stay the same over restarts.

    As a context manager it is started, and killed at the end.
    """

    def __init__(self, data: Path, *options: str) -> None:
        self._data = data
        self._options = options
        self._port = _free_port()
        self._log = data.with_name(f"{data.name}.log")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Base URL, without a trailing slash."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def ledger(self) -> Path:
        """The file that holds everything; others may only touch it while the process is stopped."""
        return self._data / "sandbox.sqlite3"

    def start(self) -> None:
        """Start the process and return once it answers. Raises RuntimeError with its last words if it can't."""
        command = [sys.executable, "-m", "sandbox", "--port", str(self._port), "--data", str(self._data)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([*command, *self._options], cwd=ROOT, stdout=log, stderr=log)
        wait_until(self._answers, timeout=30)

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: it gets no chance to finish anything."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start again on the same data and port, killing it first if it still runs."""
        self.kill()
        self.start()

    def log(self) -> str:
        """Everything it has written, over all its lives."""
        return self._log.read_text() if self._log.exists() else ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"the sandbox ended with {self._process.returncode}:\n{self.log()[-2000:]}")
        try:
            # Not /health: that is cut while the gateway plays dead.
            return httpx.get(f"{self.url}/faults", timeout=5).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(timeout=15)
        self._process = None
        return code


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
