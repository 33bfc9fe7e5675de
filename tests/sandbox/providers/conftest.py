"""One sandbox for all tests of the providers that only talk to it; tests that kill it start their own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.sandbox.providers.control import Control
from tests.sandbox.providers.receiver import Receiver, receiver
from tests.sandbox.providers.tills import GUARDED, LOOSE, TILLS, KakaoPayTill, PortOneTill, Till, TossTill
from tests.support.sandbox import SandboxProcess


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """A running process, shared by all of these tests."""
    with SandboxProcess(tmp_path_factory.mktemp("providers") / "data") as process:
        yield process


@pytest.fixture
def http(world: SandboxProcess) -> Iterator[httpx.Client]:
    """A client of the shared process, on which nothing of an earlier test is left to happen."""
    with httpx.Client(base_url=world.url, timeout=15, trust_env=False) as client:
        for provider in ("toss", "stripe", "portone", "kakaopay", "nhn", "solapi"):
            Control(client, provider).reset()
        yield client


@pytest.fixture
def toss(http: httpx.Client) -> TossTill:
    """A till at Toss."""
    return TossTill(http)


@pytest.fixture
def portone(http: httpx.Client) -> PortOneTill:
    """A till at PortOne."""
    return PortOneTill(http)


@pytest.fixture
def kakaopay(http: httpx.Client) -> KakaoPayTill:
    """A till at KakaoPay."""
    return KakaoPayTill(http)


@pytest.fixture(params=TILLS, ids=lambda till: till.provider)
def till(request: pytest.FixtureRequest, http: httpx.Client) -> Till:
    """Each provider's till in turn."""
    made: Till = request.param(http)
    return made


@pytest.fixture(params=GUARDED, ids=lambda till: till.provider)
def guarded_till(request: pytest.FixtureRequest, http: httpx.Client) -> Till:
    """The till of each provider that takes a guard."""
    made: Till = request.param(http)
    return made


@pytest.fixture(params=LOOSE, ids=lambda till: till.provider)
def keyed_till(request: pytest.FixtureRequest, http: httpx.Client) -> Till:
    """The till of each provider whose keys don't look at the body."""
    made: Till = request.param(http)
    return made


@pytest.fixture
def hooks() -> Iterator[Receiver]:
    """A receiver of webhooks."""
    with receiver() as it:
        yield it
