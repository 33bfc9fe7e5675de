"""E-mail over SMTP: one message, one recipient, one connection.

SMTP knows no key: a message whose answer was lost is sent again under the same Message-ID, by which most mailboxes fold
the two into one. Before the message itself is handed over nothing can have arrived, so every failure until then is
told as not sent.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime, parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPConnectResponseError,
    SMTPConnectTimeoutError,
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from gateways.notices.port import Message, Misconfigured, Outcome, RejectedForGood, Retry, Sent, Unknown
from gateways.notices.words import one_line

_DEFAULT_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}

# An address that can be written into a header and a command as it stands: no quotes, comments, spaces or controls.
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")

# 7-bit content only, so that it passes every server; long lines are encoded, not broken.
_POLICY = WIRE.clone(cte_type="7bit")

_TEMPORARY, _PERMANENT = 4, 5
"""First digits of SMTP's answers."""

CLASSES: Mapping[tuple[type[SMTPException], int | None], type[Retry | Unknown | RejectedForGood | Misconfigured]] = {
    (SMTPConnectError, None): Retry,
    (SMTPConnectTimeoutError, None): Retry,
    (SMTPConnectResponseError, None): Retry,
    (SMTPHeloError, _TEMPORARY): Retry,
    (SMTPHeloError, None): Misconfigured,
    (SMTPAuthenticationError, _TEMPORARY): Retry,
    (SMTPAuthenticationError, None): Misconfigured,
    (SMTPSenderRefused, _TEMPORARY): Retry,
    (SMTPSenderRefused, None): Misconfigured,
    (SMTPRecipientRefused, _TEMPORARY): Retry,
    (SMTPRecipientRefused, _PERMANENT): RejectedForGood,
    (SMTPDataError, _TEMPORARY): Retry,
    (SMTPDataError, _PERMANENT): RejectedForGood,
    (SMTPResponseException, _TEMPORARY): Retry,
    (SMTPResponseException, _PERMANENT): RejectedForGood,
    (SMTPResponseException, None): Unknown,
    (SMTPServerDisconnected, None): Unknown,
    (SMTPTimeoutError, None): Unknown,
    # What is left is raised for what the server can't do: no STARTTLS, no way to log in.
    (SMTPException, None): Misconfigured,
}
"""What an error means, by its class or the nearest one above, and its answer's first digit (None: any)."""

_AUTHENTICATION_REQUIRED = 530


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed over, and how. `username` None: without logging in."""

    host: str
    port: int
    tls: bool
    start_tls: bool
    username: str | None
    password: str | None


def parse_url(url: str) -> Server:
    """Read ``smtp://[user:password@]host[:port]``, ``smtp+starttls://…`` or ``smtps://…``.

    User and password may be percent-encoded. Raises ValueError, which never repeats the URL: it may hold a password.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError(f"the mail server's URL must begin with one of {', '.join(f'{s}://' for s in _DEFAULT_PORTS)}")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the mail server's URL has a port that is no number up to 65535") from None
    if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("the mail server's URL must be scheme://[user:password@]host[:port] and nothing more")
    return Server(
        host=parts.hostname,
        port=port or _DEFAULT_PORTS[parts.scheme],
        tls=parts.scheme == "smtps",
        start_tls=parts.scheme == "smtp+starttls",
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


class EmailChannel:
    """Sends notices as e-mail from `mail_from` (``shop@domain`` or ``Name <shop@domain>``).

    `timeout` bounds each exchange with the server and `deadline` the whole, in seconds. A temporary refusal is tried
    again after `patience` seconds: greylisting servers want to be left alone for a while. `tls` replaces the default
    verification of the server's certificate. Raises ValueError for a URL or sender that can't be used.
    """

    provider = "smtp"

    def __init__(
        self,
        url: str,
        mail_from: str,
        *,
        timeout: float = 10,
        deadline: float = 20,
        patience: float = 60,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._server = parse_url(url)
        name, address = parseaddr(mail_from)
        if not (_ADDRESS.fullmatch(address) and mail_from.isprintable()):
            raise ValueError("the sender of mail must be an address, or a name and <an address>")
        self._sender = Address(display_name=name, addr_spec=address)
        self._timeout = timeout
        self._deadline = deadline
        self._patience = patience
        secure = self._server.tls or self._server.start_tls
        self._tls = (tls or ssl.create_default_context()) if secure else None

    async def send(self, message: Message) -> Outcome:
        """Hand the message over. Mail can't be looked up: sent again, it bears the same Message-ID."""
        if not _ADDRESS.fullmatch(message.to):
            return RejectedForGood("bad_address")
        mail = self._compose(message)
        connection = aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            username=self._server.username,
            password=self._server.password,
            use_tls=self._server.tls,
            start_tls=self._server.start_tls,
            tls_context=self._tls,
            timeout=self._timeout,
            # The default is a look-up of this machine's name, which may block for seconds.
            local_hostname=self._sender.domain,
        )
        try:
            outcome = await self._exchange(connection, message.to, mail.as_bytes())
            if isinstance(outcome, Sent):
                outcome = Sent(str(mail["Message-ID"]))
            return outcome
        finally:
            connection.close()

    async def close(self) -> None:
        """Nothing is kept open between messages."""

    def _compose(self, message: Message) -> EmailMessage:
        mail = EmailMessage(policy=_POLICY)
        mail["Message-ID"] = f"<{message.notice_id}@{self._sender.domain}>"
        mail["Date"] = format_datetime(datetime.now(UTC))
        mail["From"] = self._sender
        mail["To"] = Address(addr_spec=message.to)
        mail["Subject"] = one_line(message.subject)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.body)
        mail["Content-Language"] = message.language
        return mail

    async def _exchange(self, connection: aiosmtplib.SMTP, recipient: str, mail: bytes) -> Outcome:
        handing_over = False
        try:
            async with asyncio.timeout(self._deadline):
                await connection.connect()
                await connection.mail(self._sender.addr_spec)
                await connection.rcpt(recipient)
                handing_over = True
                await connection.data(mail)
        except (SMTPException, OSError) as error:
            return self._classify(error, handing_over=handing_over)
        # It is accepted, whatever happens to the farewell.
        with suppress(SMTPException, OSError):
            async with asyncio.timeout(1):
                await connection.quit()
        return Sent("")

    def _classify(self, error: SMTPException | OSError, *, handing_over: bool) -> Outcome:
        outcome = classify(error)
        if isinstance(outcome, Unknown) and not handing_over:
            return Retry(outcome.code)
        if isinstance(outcome, Retry) and isinstance(error, SMTPResponseException):
            return Retry(outcome.code, self._patience)
        return outcome


def classify(error: SMTPException | OSError) -> Retry | Unknown | RejectedForGood | Misconfigured:
    """What an error of SMTP means, taken by itself: `CLASSES`. The code is SMTP's own or the error's name."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Misconfigured("smtp_certificate")
        cause = cause.__cause__
    if not isinstance(error, SMTPException):
        return Unknown("smtp_timeout" if isinstance(error, TimeoutError) else "smtp_disconnected")
    if not isinstance(error, SMTPResponseException):
        return _class_of(type(error), None)(_name(error))
    if error.code == _AUTHENTICATION_REQUIRED:
        return Misconfigured("smtp_530")
    return _class_of(type(error), error.code // 100)(f"smtp_{error.code}")


def _class_of(error: type[SMTPException], digit: int | None) -> type[Retry | Unknown | RejectedForGood | Misconfigured]:
    for above in error.__mro__:
        for row in ((above, digit), (above, None)):
            if row in CLASSES:
                return CLASSES[row]
    return Unknown


def _name(error: SMTPException) -> str:
    if isinstance(error, SMTPConnectError):
        return "smtp_unreachable"
    if isinstance(error, SMTPTimeoutError):
        return "smtp_timeout"
    if isinstance(error, SMTPServerDisconnected):
        return "smtp_disconnected"
    return "smtp_not_supported"
