"""Ports for servers that tests start."""

from __future__ import annotations

import os
import random
import socket

_PORTS = range(10_000, 32_000)
"""Below those that the system hands out: nobody is given one by chance while a test's server is down for a moment."""
_PROCESSES = 8
"""Test processes that may run at once, each with ports of its own."""

_mine = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PROCESSES
_untried = [port for port in _PORTS if port % _PROCESSES == _mine]
random.shuffle(_untried)


def free_port() -> int:
    """A TCP port of the loopback address that nothing listens on now, and that no other test of this run is given."""
    while True:
        port = _untried.pop()
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
