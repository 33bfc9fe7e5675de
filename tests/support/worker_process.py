"""The worker as the process that it is in production, to be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]


class WorkerProcess:
    """`worker.py` with nothing but `settings` set (names as in ``CLAIMS_<NAME>``); its log in `folder`."""

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CLAIMS_")}
        given = {f"CLAIMS_{name.upper()}": str(value) for name, value in settings.items()}
        self._environment = inherited | given | {"CLAIMS_HOME": str(folder / "home")}
        self._folder = folder
        self._lives = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start a new life of it; `started` tells when it works."""
        self._lives += 1
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "worker.py"], cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )

    async def started(self) -> bool:
        """Whether it works. Raises RuntimeError with its last words when it has ended instead."""
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"the worker ended with {self._process.returncode}:\n{self.log()[-2000:]}")
        return "worker started" in self.log()

    def kill(self) -> None:
        """SIGKILL: it gets no chance to finish anything."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(timeout=15)
            self._process = None

    def log(self) -> str:
        """What it has written in this life."""
        return self._log.read_text()

    @property
    def _log(self) -> Path:
        return self._folder / f"worker-{self._lives}.log"
