"""One sandbox for the tests that only talk to it; tests that kill it start their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.caller import Caller
from tests.support.sandbox import SandboxProcess


@pytest.fixture(scope="module")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """A running process, shared by the tests of one file."""
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "data") as process:
        yield process


@pytest.fixture
def caller(shared_sandbox: SandboxProcess) -> Iterator[Caller]:
    """A caller of the shared sandbox, with no faults queued."""
    with Caller(shared_sandbox.url) as it:
        it.http.delete("/faults")
        yield it
        it.http.delete("/faults")


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[SandboxProcess]:
    """A running process of the test's own, to be stopped and killed at will."""
    with SandboxProcess(tmp_path / "data") as process:
        yield process
