"""`claims up`, as a person runs it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.local.home import addresses
from deploy.local.parts import claims_command
from deploy.local.temporal import DevServer
from tests.deploy.fakes import runs
from tests.support.ports import free_port
from tests.support.waiting import wait_until

PORTS = ("API", "TEMPORAL", "UI", "SANDBOX", "SMTP")


class Up:
    """One folder and one set of ports, and `claims up` with them; killed at the end, should it still run."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        self.ports = {name: free_port() for name in PORTS}
        self._variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CLAIMS_")},
            "CLAIMS_HOME": str(home),
            **{f"CLAIMS_{name}_PORT": str(number) for name, number in self.ports.items()},
            **variables,
        }
        self._output = home.with_name(f"{home.name}.out")
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Run the command."""
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [*claims_command(), "up"], env=self._variables, cwd="/", stdout=output, stderr=output
            )

    def start(self) -> None:
        """Run the command, and wait until it says that the stack is up."""
        self.launch()
        wait_until(lambda: "The stack is up" in self.output or self.process.poll() is not None, timeout=90)
        assert self.process.poll() is None, self.output

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def output(self) -> str:
        """What it has printed."""
        return self._output.read_text() if self._output.exists() else ""

    def wait(self) -> int:
        return self.process.wait(timeout=60)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.wait()

    def children(self) -> dict[int, str]:
        """Processes of the stack: id to command line."""
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and runs(int(folder.name)) and _parent(folder) == self.process.pid:
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _parent(folder: Path) -> int:
    return int((folder / "stat").read_text().rpartition(")")[2].split()[1])


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """Not started yet."""
    made = Up(tmp_path / "home")
    yield made
    made.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_starts_keeps_running_stops_and_finds_its_data_again(up: Up) -> None:
    up.start()
    health = httpx.get(f"http://127.0.0.1:{up.ports['API']}/health")
    assert health.status_code == 200, health.text
    payment = f"http://127.0.0.1:{up.ports['SANDBOX']}/payments/kept"
    httpx.put(payment, json={"amount": 1000, "currency": "KRW", "payWayCd": "11"}).raise_for_status()

    children = up.children()
    worker = next(pid for pid, line in children.items() if "worker.py" in line)
    os.kill(worker, signal.SIGKILL)
    killed = time.monotonic()
    wait_until(lambda: any("worker.py" in line for line in up.children().values()))
    assert time.monotonic() - killed < 1
    wait_until(lambda: "worker    died with killed by SIGKILL, starting it again" in up.output)

    second = Up(up.home)
    second.launch()
    assert second.wait() == 1
    assert f"process {up.process.pid}" in second.output
    assert addresses(up.home)["temporal_address"] == f"127.0.0.1:{up.ports['TEMPORAL']}"

    children = up.children()
    assert len(children) == 6
    assert up.stop() == 0
    assert not any(runs(pid) for pid in children)
    assert "Traceback" not in up.output
    assert addresses(up.home) == {}

    up.start()
    assert httpx.get(payment).json()["amount"] == 1000
    assert up.stop(signal.SIGTERM) == 0


def test_a_part_whose_address_is_set_is_not_started(tmp_path: Path, database_url: str, dev_server: DevServer) -> None:
    up = Up(
        tmp_path / "home",
        CLAIMS_DATABASE_URL=database_url,
        CLAIMS_TEMPORAL_ADDRESS=dev_server.address,
        CLAIMS_SMTP_URL="smtp://127.0.0.1:1",
        CLAIMS_SANDBOX_URL="http://127.0.0.1:1",
        CLAIMS_TASK_QUEUE="test-up",
    )
    try:
        up.start()
        assert sorted("worker" if "worker.py" in line else "api" for line in up.children().values()) == [
            "api",
            "worker",
        ]
        assert up.stop() == 0
    finally:
        up.kill()


def test_a_port_in_use_ends_it_at_once(up: Up) -> None:
    with socket.create_server(("127.0.0.1", up.ports["SMTP"])):
        up.launch()
        assert up.wait() == 1
    assert f"Port {up.ports['SMTP']} on 127.0.0.1, needed by the mail server" in up.output
    assert "CLAIMS_SMTP_PORT" in up.output


def test_a_database_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    up = Up(tmp_path / "home", CLAIMS_DATABASE_URL="postgresql://shop:hunter2@127.0.0.1:1/claims")
    up.launch()
    assert up.wait() == 1
    assert "CLAIMS_DATABASE_URL" in up.output
    assert "127.0.0.1:1/claims" in up.output
    assert "hunter2" not in up.output


def test_a_temporal_that_is_away_is_named(tmp_path: Path, database_url: str) -> None:
    up = Up(tmp_path / "home", CLAIMS_DATABASE_URL=database_url, CLAIMS_TEMPORAL_ADDRESS="127.0.0.1:1")
    up.launch()
    assert up.wait() == 1
    assert "Temporal at 127.0.0.1:1" in up.output
    assert "CLAIMS_TEMPORAL_ADDRESS" in up.output


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    up = Up(tmp_path / "home", CLAIMS_LOG_LEVEL="LOUD")
    up.launch()
    assert up.wait() == 2
    assert "CLAIMS_LOG_LEVEL" in up.output


@pytest.mark.parametrize("after", ["postgres  ready", "database  migrated"])
def test_a_stop_while_it_starts_is_clean_too(up: Up, after: str) -> None:
    up.launch()
    wait_until(lambda: after in up.output, timeout=60)
    children = up.children()
    assert up.stop() == 0
    assert "The stack has stopped" in up.output
    assert not any(runs(pid) for pid in children)
