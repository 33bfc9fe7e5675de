"""A mail server that delivers nothing and keeps everything: each mail it gets becomes one ``.eml`` file.

``python -m deploy.local.mail --host 127.0.0.1 --port 8025 --folder FOLDER``: run until SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from aiosmtpd.smtp import SMTP, Envelope, Session


class Keeper:
    """Writes each accepted mail into a folder, whole or not at all, before the sender hears that it was accepted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        """aiosmtpd's hook: called with the whole mail; its answer goes to the sender."""
        await asyncio.to_thread(self._keep, envelope)
        return "250 kept"

    def _keep(self, envelope: Envelope) -> None:
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{uuid4().hex[:8]}.eml"
        unfinished = self._folder / f".{name}"
        with unfinished.open("wb") as file:
            file.write(_trace(envelope) + _content(envelope))
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self._folder / name)


def _trace(envelope: Envelope) -> bytes:
    """Who really sent it, and to whom: what a mail server notes on top of what it delivers."""
    lines = [f"Return-Path: <{envelope.mail_from}>", *(f"Delivered-To: {to}" for to in envelope.rcpt_tos)]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _content(envelope: Envelope) -> bytes:
    content = envelope.content or b""
    return content if isinstance(content, bytes) else content.encode()


async def serve(host: str, port: int, folder: Path) -> None:
    """Serve until a signal, keeping mails in an existing folder."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    keeper = Keeper(folder)
    server = await loop.create_server(lambda: SMTP(keeper, enable_SMTPUTF8=True, ident="order-claims"), host, port)
    async with server:
        await stop.wait()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.mail", description="A mail server that keeps mail.")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where mails are kept; made if missing")
    arguments = parser.parse_args()
    arguments.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    asyncio.run(serve(arguments.host, arguments.port, arguments.folder))


if __name__ == "__main__":
    main()
