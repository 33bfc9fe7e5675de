"""``python -m sandbox --host 127.0.0.1 --port 8090 --data FOLDER``: run the sandbox until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
from contextlib import closing
from pathlib import Path

import uvicorn

from sandbox.alimtalk import KEY_LIFE_MS
from sandbox.app import create_app
from sandbox.connection import CuttableProtocol
from sandbox.database import Database
from sandbox.gateway import Gateway
from sandbox.providers.app import all_providers, create_world
from sandbox.providers.desk import Desk
from sandbox.providers.schema import prepare


class SandboxServer(uvicorn.Server):
    """Uvicorn, but callers that wait for a delayed answer don't hold up the stop."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway, desk: Desk) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._desk = desk

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._gateway.stop()
        self._desk.stop()
        await super().shutdown(sockets)


async def serve(host: str, port: int, data: Path, alimtalk_key_life_ms: int) -> None:
    """Serve until a signal, on the ledgers in an existing folder."""
    with (
        closing(Database(data / "sandbox.sqlite3")) as database,
        closing(Database(data / "providers.sqlite3", prepare)) as provider_database,
    ):
        gateway = Gateway(database)
        providers = all_providers()
        desk = Desk(provider_database, providers)
        app = create_world(create_app(database, gateway, alimtalk_key_life_ms), desk, providers)
        config = uvicorn.Config(
            app, host=host, port=port, http=CuttableProtocol, access_log=False, timeout_graceful_shutdown=3
        )
        await SandboxServer(config, gateway, desk).serve()


def main() -> None:
    """Read the command line and serve. Exits 0 on SIGTERM and SIGINT, 3 when the port can't be had."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="Simulated gateways and message senders.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of the ledgers, made if missing; they outlive the process"
    )
    parser.add_argument(
        "--alimtalk-key-life-ms", type=int, default=KEY_LIFE_MS, help="how long a message key is refused as duplicate"
    )
    arguments = parser.parse_args()
    arguments.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Uvicorn raises the signal again once it has stopped; a stop on demand is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    asyncio.run(serve(arguments.host, arguments.port, arguments.data, arguments.alimtalk_key_life_ms))


if __name__ == "__main__":
    main()
