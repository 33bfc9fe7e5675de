"""The sandbox that takes AlimTalk messages, and a database with one claim to tell about."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from store.engine import create_engine
from tests.notices.examples import Shop
from tests.support.sandbox import SandboxProcess


@pytest.fixture(scope="package")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """A running sandbox whose message keys are free again at once: only its list guards against a second message."""
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "data", "--alimtalk-key-life-ms", "0") as process:
        yield process


class Sender:
    """What tests ask of the sandbox: to misbehave, and what it was sent."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def suffer(self, kind: str, times: int = 1) -> None:
        target = None if kind == "down" else "alimtalk"
        (await self._http.post("/faults", json={"pgTid": target, "kind": kind, "times": times})).raise_for_status()

    async def recover(self) -> None:
        (await self._http.delete("/faults")).raise_for_status()

    async def sent(self, reference: str) -> list[dict[str, str]]:
        answer = await self._http.get("/alimtalk/messages", params={"reference": reference})
        messages: list[dict[str, str]] = answer.raise_for_status().json()["messages"]
        return messages


@pytest.fixture
async def sender(sandbox: SandboxProcess) -> AsyncIterator[Sender]:
    async with httpx.AsyncClient(base_url=sandbox.url, timeout=10) as http:
        it = Sender(http)
        await it.recover()
        yield it
        await it.recover()


@pytest.fixture(scope="module")
async def engine(module_database_url: str) -> AsyncIterator[AsyncEngine]:
    made = create_engine(module_database_url, pool_size=10, lock_timeout_ms=2000, statement_timeout_ms=5000)
    yield made
    await made.dispose()


_numbers = count(1)


@pytest.fixture
def shop(engine: AsyncEngine) -> Shop:
    """An order and a claim of the test's own, not written yet."""
    return Shop(engine, str(next(_numbers)))
