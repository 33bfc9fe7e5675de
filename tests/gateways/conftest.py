"""The sandbox gateway as a process, and its adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from gateways.payments.sandbox import SandboxGateway
from tests.sandbox.caller import Caller
from tests.support.sandbox import SandboxProcess


def adapter(url: str, *, read_timeout: float = 10) -> SandboxGateway:
    return SandboxGateway(
        url,
        connect_timeout=3,
        read_timeout=read_timeout,
        settling=timedelta(seconds=20),
        key_life=timedelta(days=15),
    )


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "data") as process:
        yield process


@pytest.fixture
def caller(sandbox: SandboxProcess) -> Iterator[Caller]:
    """Sets the stage at the gateway, and reads its ledger; no faults are queued."""
    with Caller(sandbox.url) as it:
        it.http.delete("/faults")
        yield it
        it.http.delete("/faults")


@pytest.fixture
async def gateway(sandbox: SandboxProcess) -> AsyncIterator[SandboxGateway]:
    made = adapter(sandbox.url)
    yield made
    await made.aclose()
