"""A gate before the gateway: refunds and charges can be held on their way there, or their answers on the way back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum, auto
from urllib.parse import urlsplit

REFUNDS = (
    re.compile(rb"^POST /payments/([^/ ]+)/refunds "),
    re.compile(rb"^POST /toss/v1/payments/([^/ ]+)/cancel "),
    re.compile(rb"^POST /stripe/v1/refunds .*payment_intent=([^&]+)", re.DOTALL),
    re.compile(rb"^POST /portone/payments/([^/ ]+)/cancel "),
    re.compile(rb'^POST /kakaopay/online/v1/payment/cancel .*"tid": *"([^"]+)"', re.DOTALL),
)
"""A refund of a payment, on the wire of each gateway."""
CHARGE = re.compile(rb'^POST /charges .*"reference": *"([^"]+)"', re.DOTALL)
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Way(Enum):
    THERE = auto()
    """The request is sent, and has not arrived."""
    BACK = auto()
    """The gateway has acted and answered, and the answer has not arrived."""


class Gate:
    """Passes everything on, one request a connection. A request that is held when its caller dies is lost."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._held: dict[tuple[str, Way], asyncio.Event] = {}
        self._at: set[tuple[str, Way]] = set()
        self.url = ""

    def hold(self, payment: str, way: Way) -> None:
        """Hold this payment's refunds there, or the charge with this reference, until they are let go."""
        self._held[payment, way] = asyncio.Event()

    def reached(self, payment: str, way: Way) -> bool:
        return (payment, way) in self._at

    def release(self, payment: str, way: Way) -> None:
        """Let this payment's go on, and hold no further one."""
        self._held.pop((payment, way)).set()

    def let_go(self) -> None:
        for held in self._held.values():
            held.set()
        self._held.clear()

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            payment = _named(head + body)
            await self._stand(payment, Way.THERE)
            if not (reader.at_eof() or writer.is_closing()):
                answer = await self._ask(head + body)
                await self._stand(payment, Way.BACK)
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            # Whoever is gone, the other one sees a cut connection.
            pass
        finally:
            writer.close()

    async def _stand(self, payment: str, way: Way) -> None:
        held = self._held.get((payment, way))
        if held is not None:
            self._at.add((payment, way))
            await held.wait()
            # One turn of the loop, in which the end of a caller that was killed is noticed.
            await asyncio.sleep(0)

    async def _ask(self, request: bytes) -> bytes:
        """The answer; nothing when the connection was cut instead."""
        once = re.sub(rb"(?i)\r\nconnection: *keep-alive\r\n", b"\r\nConnection: close\r\n", request, count=1)
        reader, writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        try:
            writer.write(once)
            await writer.drain()
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


def _named(request: bytes) -> str:
    """The payment of a refund, the reference of a charge; nothing for other requests."""
    found = (pattern.match(request) for pattern in (*REFUNDS, CHARGE))
    return next((named[1].decode() for named in found if named), "")


@asynccontextmanager
async def gate_before(target: str) -> AsyncIterator[Gate]:
    """A gate before the server at the URL `target`."""
    gate = Gate(target)
    server = await asyncio.start_server(gate.pass_on, "127.0.0.1", 0)
    gate.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield gate
    gate.let_go()
    server.close()
