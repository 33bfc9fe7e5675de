"""A receiver of webhooks: keeps what it gets and answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.waiting import wait_until


@dataclass(frozen=True)
class Hook:
    """One webhook as it came in; header names in lower case."""

    headers: dict[str, str]
    raw: str

    @property
    def body(self) -> dict[str, Any]:
        """Its JSON."""
        body: dict[str, Any] = json.loads(self.raw)
        return body


class Receiver:
    """What came in so far; `statuses` are given one after the other, then 200s."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.hooks: list[Hook] = []
        self.statuses: list[int] = []

    def wait_for(self, count: int) -> list[Hook]:
        """The first so many, once they are there."""
        wait_until(lambda: len(self.hooks) >= count)
        return self.hooks[:count]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status = it.statuses.pop(0) if it.statuses else 200
            it.hooks.append(Hook({name.lower(): value for name, value in self.headers.items()}, raw))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield it
    finally:
        server.shutdown()
        server.server_close()
