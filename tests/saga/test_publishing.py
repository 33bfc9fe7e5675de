"""Events sent to a receiver of the shop's, a real server: signed, in order per claim, until they are taken."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import portone_server_sdk.webhook as standard_webhooks
import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import text

from activities.claims import OpenCancel
from domain.events import ClaimEvent, EventType
from gateways.events.sender import EventSender, signing_key
from settings import Settings
from tests.support.house import House, open_house, working
from tests.support.orders import line, order, payment
from tests.support.ports import free_port
from tests.support.sandbox import SandboxProcess
from workflows.publishing import PublishEventsWorkflow

EVENT = ClaimEvent(
    event_no=1,
    claim_no="C1",
    order_no="O1",
    sequence=1,
    type=EventType.CLAIM_OPENED,
    at=datetime(2026, 11, 24, tzinfo=UTC),
    payload={
        "kind": "CANCEL", "status": "ACCEPTED", "reason_code": "10", "fault": "CUSTOMER", "currency": "KRW",
        "refund": 1, "extra": 0, "lines": [], "refunds": [], "coupons": [],
    },
)  # fmt: skip
SECRET = "whsec_c2VjcmV0LW9mLXRoZS1zaG9wLXJlY2VpdmVyLTAxMjM="


@dataclass
class Receiver:
    """Keeps what it takes. `refusing` names claims that it answers 503 for; `moved`: where it redirects everybody."""

    url: str = ""
    taken: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    forged: int = 0
    refusing: set[str] = field(default_factory=set)
    moved: str | None = None

    def answer(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
        try:
            standard_webhooks.verify(SECRET, body.decode(), headers)
        except standard_webhooks.WebhookVerificationError:
            self.forged += 1
            return 401, {}
        told = json.loads(body)
        if self.moved is not None:
            return 307, {"location": self.moved}
        if told["claimNo"] in self.refusing:
            self.refused.append(headers["webhook-id"])
            return 503, {}
        self.taken.append(told)
        self.ids.append(headers["webhook-id"])
        return 204, {}

    def of(self, claim_no: str) -> list[dict[str, Any]]:
        return [one for one in self.taken if one["claimNo"] == claim_no]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, headers = kept.answer(body, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its parent's name)
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kept.url = f"http://127.0.0.1:{server.server_port}/events"
    yield kept
    server.shutdown()
    server.server_close()


@pytest.fixture
async def idle_house(
    module_database_url: str, temporal_client: Any, sandbox: SandboxProcess, receiver: Receiver
) -> AsyncIterator[House]:
    async with open_house(
        module_database_url,
        temporal_client,
        sandbox,
        f"saga-{uuid.uuid4()}",
        events_url=receiver.url,
        events_secret=SecretStr(SECRET),
    ) as house:
        async with house.engine.begin() as conn:
            # What an earlier test left is not sent to this one's receiver.
            await conn.execute(text("UPDATE claim_outbox SET delivered_at = now()"))
            await conn.execute(text("DELETE FROM outbox_delays"))
        yield house


@asynccontextmanager
async def publishing(house: House) -> AsyncIterator[None]:
    """A worker, and the publisher that its schedule would start."""
    async with working(house):
        publisher = await house.temporal.start_workflow(
            PublishEventsWorkflow.run, id=f"events-{uuid.uuid4()}", task_queue=house.settings.task_queue
        )
        yield
        await publisher.terminate()


async def asked_for(house: House) -> OpenCancel:
    """A cancel of a piece of an order of its own."""
    order_no = await house.feed(order(line(1, 10_000, quantity=2), payments=[payment("1", 20_000)]))
    return house.asked(order_no, {1: 1})


async def ended(house: House, receiver: Receiver, claim_no: str) -> None:
    """Wait until the receiver has been told that the claim is completed."""

    async def told() -> bool:
        return any(one["type"] == "claim.completed" for one in receiver.of(claim_no))

    await house.eventually(told)


async def held(house: House) -> Any:
    return await house.value("SELECT detail FROM findings WHERE kind = 'events_held' AND cleared_at IS NULL")


async def test_each_event_is_sent_once_signed_and_in_order(idle_house: House, receiver: Receiver) -> None:
    """P45: through an outbox, ordered per claim. The signatures are verified by an SDK that others wrote."""
    asked = await asked_for(idle_house)
    async with publishing(idle_house):
        await idle_house.cancel(asked)
        await ended(idle_house, receiver, asked.claim_no)
    told = receiver.of(asked.claim_no)
    assert [one["sequence"] for one in told] == list(range(1, len(told) + 1))
    (settled,) = [one["about"] for one in told if one["type"] == "refund.settled"]
    assert (settled["means"], settled["amount"], settled["payNo"]) == ("card", 10_000, "1")
    assert receiver.ids == [f"{asked.claim_no}-{one['sequence']}" for one in told]
    assert (receiver.forged, receiver.refused) == (0, [])


async def test_a_claim_that_is_not_taken_waits_alone_and_is_a_finding(idle_house: House, receiver: Receiver) -> None:
    """P45: at least once, and one claim's failing delivery holds back no other."""
    waits, other = await asked_for(idle_house), await asked_for(idle_house)
    receiver.refusing.add(waits.claim_no)
    async with publishing(idle_house):
        for asked in (waits, other):
            await idle_house.cancel(asked)
        await ended(idle_house, receiver, other.claim_no)

        async def found() -> Any:
            return await held(idle_house)

        detail = await idle_house.eventually(found)
        assert (detail["claims"], detail["code"]) == (1, "503")
        assert receiver.of(waits.claim_no) == []
        assert set(receiver.refused) == {f"{waits.claim_no}-1"}
        receiver.refusing.clear()
        async with idle_house.engine.begin() as conn:
            await conn.execute(text("UPDATE outbox_delays SET next_at = now()"))
        await ended(idle_house, receiver, waits.claim_no)
        told = [one["sequence"] for one in receiver.of(waits.claim_no)]
        assert told == list(range(1, len(told) + 1))

        async def cleared() -> bool:
            return await held(idle_house) is None

        await idle_house.eventually(cleared)


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.moved = receiver.url + "/elsewhere"
    async with EventSender(receiver.url, SecretStr(SECRET)).connected() as send:
        assert await send(EVENT) == "307"
    assert receiver.taken == []


async def test_nobody_there_is_told_in_a_word() -> None:
    async with EventSender(f"http://127.0.0.1:{free_port()}/", SecretStr(SECRET)).connected() as send:
        assert await send(EVENT) == "ConnectError"


@pytest.mark.parametrize("secret", ["c2VjcmV0", "whsec_c2hvcnQ=", "whsec_not base64"])
def test_a_secret_that_is_none_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(ValueError, match="must be whsec_") as refused:
        signing_key(SecretStr(secret))
    assert secret not in str(refused.value)


@pytest.mark.parametrize("url", ["ftp://shop.example", "shop.example/events", "https://me:secret@shop.example"])
def test_a_wrong_address_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValidationError, match="events_url"):
        Settings(events_url=url, events_secret=SecretStr(SECRET))
