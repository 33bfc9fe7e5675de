"""A real SMTP server in this process, which misbehaves on demand."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "shop@user", "p@ss:word"


@dataclass
class MailServer:
    """Keeps what it gets. `on_*` replace an answer, once per entry, by a line or by what a callable answers.

    `hang` keeps every answer to a message back until it is set; `arrived` tells that one has come.
    """

    port: int = 0
    kept: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0
    drop_connections: int = 0
    on_rcpt: list[str | Callable[[SMTP], str]] = field(default_factory=list)
    on_mail: list[str] = field(default_factory=list)
    on_data: list[str | Callable[[SMTP], str]] = field(default_factory=list)
    refuse_data: bool = False
    hang: asyncio.Event | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_MAIL(  # noqa: N802 (the server calls it so)
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.on_mail:
            return self.on_mail.pop(0)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.on_rcpt:
            return _answer(self.on_rcpt.pop(0), server)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refuse_data:
            return _answer(self.on_data.pop(0), server)
        content = cast(bytes, envelope.content)
        self.kept.append(message_from_bytes(content, policy=policy.default))
        self.envelopes.append((str(envelope.mail_from), list(envelope.rcpt_tos)))
        self.arrived.set()
        if self.hang is not None:
            await self.hang.wait()
        return _answer(self.on_data.pop(0), server) if self.on_data else "250 OK"

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any) -> AuthResult:
        given = cast(LoginPassword, data)
        self.logins.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=self.logins[-1] == (USER, PASSWORD), handled=False)


def cut(server: SMTP) -> str:
    """Cut the connection instead of answering."""
    cast(asyncio.Transport, server.transport).abort()
    return "250 too late"


def text_of(mail: EmailMessage) -> str:
    """The mail's text with plain line ends."""
    text: str = mail.get_content()
    return text.replace("\r\n", "\n").rstrip("\n")


@asynccontextmanager
async def mail_server(
    *, login: bool = False, tls: ssl.SSLContext | None = None, start_tls: ssl.SSLContext | None = None
) -> AsyncIterator[MailServer]:
    """A server on a port of its own; `login`: it wants USER and PASSWORD."""
    state = MailServer()

    class Protocol(SMTP):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            state.connections += 1
            if state.drop_connections:
                state.drop_connections -= 1
                cast(asyncio.Transport, transport).abort()
                return
            super().connection_made(transport)

    def protocol() -> SMTP:
        return Protocol(
            state,
            hostname="mail.test",
            tls_context=start_tls,
            require_starttls=start_tls is not None,
            authenticator=state.authenticate if login else None,
            auth_required=login,
            auth_require_tls=False,
        )

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        if state.hang is not None:
            state.hang.set()
        server.close()
        await server.wait_closed()


def _answer(answer: str | Callable[[SMTP], str], server: SMTP) -> str:
    return answer if isinstance(answer, str) else answer(server)
