"""E-mail against a real SMTP server that refuses, greylists, hangs and hangs up."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiosmtplib as smtp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateways.notices.email import CLASSES, EmailChannel, classify, parse_url
from gateways.notices.port import Message, Misconfigured, Outcome, RejectedForGood, Retry, Sent, Unknown
from tests.notices.mail import PASSWORD, USER, MailServer, cut, mail_server, text_of

SENDER = "Claims Shop <shop@claims.example>"


def message(**changes: str) -> Message:
    values: dict[str, Any] = {
        "notice_id": "20230809C010663-completed-email",
        "to": "buyer@mail.example",
        "subject": "[주문 1] 취소와 환불이 완료되었습니다",
        "body": "김하늘 님, 안녕하세요.\n\n환불 금액: ₩41,000\n.\nFrom here " + "가" * 1200,
        "template": "completed_ko",
        "language": "ko",
    }
    return Message(**{**values, **changes})


def channel(server: MailServer, *, timeout: float = 5, deadline: float = 5) -> EmailChannel:
    return EmailChannel(server.url, SENDER, timeout=timeout, deadline=deadline, patience=60)


async def send(server: MailServer, to: str = "buyer@mail.example") -> Outcome:
    return await channel(server).send(message(to=to))


async def test_a_message_arrives_whole_with_its_headers() -> None:
    async with mail_server() as server:
        outcome = await channel(server).send(message())
        assert outcome == Sent("<20230809C010663-completed-email@claims.example>")
        [mail] = server.kept
        assert server.envelopes == [("shop@claims.example", ["buyer@mail.example"])]
        assert mail["Message-ID"] == "<20230809C010663-completed-email@claims.example>"
        assert mail["From"] == SENDER
        assert mail["To"] == "buyer@mail.example"
        assert mail["Subject"] == message().subject
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["Content-Language"] == "ko"
        assert abs(parsedate_to_datetime(mail["Date"]) - datetime.now(UTC)) < timedelta(minutes=1)
        assert mail.get_content_type() == "text/plain"
        assert mail.get_content_charset() == "utf-8"
        assert text_of(mail) == message().body


async def test_a_second_try_bears_the_same_message_id() -> None:
    async with mail_server() as server:
        await channel(server).send(message())
        await channel(server).send(message())
        assert len({mail["Message-ID"] for mail in server.kept}) == 1
        assert len(server.kept) == 2


@pytest.mark.parametrize(
    "subject",
    ["Order 1\r\nBcc: all@mail.example", "Order 1\nBcc: all@mail.example", "Order 1\r\n\r\nBcc: all@mail.example"],
)
async def test_a_subject_can_not_become_a_header(subject: str) -> None:
    async with mail_server() as server:
        assert isinstance(await channel(server).send(message(subject=subject)), Sent)
        [mail] = server.kept
        assert mail["Bcc"] is None
        assert mail["Subject"] == "Order 1 Bcc: all@mail.example"
        assert server.envelopes == [("shop@claims.example", ["buyer@mail.example"])]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@mail.example, b@mail.example",
        "a@mail.example\r\nBcc: b@mail.example",
        "a@mail.example\r\nRCPT TO:<b@mail.example>",
        "A <a@mail.example>",
        "a b@mail.example",
        '"a b"@mail.example',
        "a@mail.example>",
        "하늘@mail.example",
        "a@",
        "a@mail..example",
        "a@mail.example\n",
    ],
)
async def test_an_address_that_is_none_is_refused_without_asking_the_server(address: str) -> None:
    async with mail_server() as server:
        assert await send(server, to=address) == RejectedForGood("bad_address")
        assert server.connections == 0


async def test_an_unknown_recipient_is_final() -> None:
    async with mail_server() as server:
        server.on_rcpt = ["550 5.1.1 <buyer@mail.example> no such user"]
        assert await send(server) == RejectedForGood("smtp_550")
        assert server.kept == []


@pytest.mark.parametrize("line", ["451 4.7.1 greylisted", "452 4.2.2 full"])
async def test_a_greylisted_recipient_is_tried_again_later(line: str) -> None:
    async with mail_server() as server:
        server.on_rcpt = [line]
        assert await send(server) == Retry(f"smtp_{line[:3]}", 60)
        assert isinstance(await send(server), Sent)


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("554 5.6.0 looks like spam", RejectedForGood("smtp_554")),
        ("552 5.3.4 too big", RejectedForGood("smtp_552")),
        ("451 4.3.0 try later", Retry("smtp_451", 60)),
        ("421 4.3.2 going down", Retry("smtp_421", 60)),
    ],
)
async def test_what_is_said_to_the_message_itself(line: str, outcome: Outcome) -> None:
    async with mail_server() as server:
        server.refuse_data = True
        server.on_data = [line]
        assert await send(server) == outcome
        assert server.kept == []


async def test_a_refused_sender_is_ours_to_mend() -> None:
    async with mail_server() as server:
        server.on_mail = ["553 5.7.1 not your domain"]
        assert await send(server) == Misconfigured("smtp_553")


async def test_a_connection_lost_after_the_message_leaves_it_open() -> None:
    async with mail_server() as server:
        server.on_data = [cut]
        assert await send(server) == Unknown("smtp_disconnected")
        assert len(server.kept) == 1


async def test_an_answer_that_does_not_come_leaves_it_open() -> None:
    async with mail_server() as server:
        server.hang = asyncio.Event()
        assert await channel(server, timeout=0.3).send(message()) == Unknown("smtp_timeout")
        assert len(server.kept) == 1


async def test_the_whole_is_bounded_too() -> None:
    async with mail_server() as server:
        server.hang = asyncio.Event()
        async with asyncio.timeout(10):
            outcome = await channel(server, timeout=60, deadline=0.3).send(message())
        assert outcome == Unknown("smtp_timeout")


async def test_a_connection_lost_before_the_message_sent_nothing() -> None:
    async with mail_server() as server:
        server.on_rcpt = [cut]
        assert await send(server) == Retry("smtp_disconnected")
        server.drop_connections = 1
        assert await send(server) == Retry("smtp_unreachable")
        assert isinstance(await send(server), Sent)


async def test_a_server_that_is_away_is_tried_again() -> None:
    async with mail_server() as server:
        gone = server.url
    assert await EmailChannel(gone, SENDER).send(message()) == Retry("smtp_unreachable")


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_it_logs_in_with_what_the_url_says() -> None:
    async with mail_server(login=True) as server:
        url = f"smtp://{quote(USER, safe='')}:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}"
        assert isinstance(await EmailChannel(url, SENDER).send(message()), Sent)
        assert server.logins == [(USER, PASSWORD)]


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_wrong_or_missing_credentials_are_ours_to_mend() -> None:
    async with mail_server(login=True) as server:
        wrong = EmailChannel(f"smtp://shop:wrong@127.0.0.1:{server.port}", SENDER)
        assert await wrong.send(message()) == Misconfigured("smtp_535")
        assert await send(server) == Misconfigured("smtp_530")


class Certificate:
    """A certificate for 127.0.0.1 that nobody but its own holder trusts."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
        now = datetime.now(UTC)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = made.public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = folder / "mail.pem"
        file.write_bytes(secret + pem)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(file)
        self.trusting = ssl.create_default_context(cadata=pem.decode())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("tls"))


async def test_starttls_encrypts_before_anything_is_said(certificate: Certificate) -> None:
    async with mail_server(start_tls=certificate.server) as server:
        url = f"smtp+starttls://127.0.0.1:{server.port}"
        trusting = EmailChannel(url, SENDER, tls=certificate.trusting)
        assert isinstance(await trusting.send(message()), Sent)
        assert await EmailChannel(url, SENDER).send(message()) == Misconfigured("smtp_certificate")
        # Without it this server takes no mail at all: 530.
        assert await send(server) == Misconfigured("smtp_530")
        assert len(server.kept) == 1


async def test_smtps_is_encrypted_from_the_first_byte(certificate: Certificate) -> None:
    async with mail_server(tls=certificate.server) as server:
        url = f"smtps://127.0.0.1:{server.port}"
        trusting = EmailChannel(url, SENDER, tls=certificate.trusting)
        assert isinstance(await trusting.send(message()), Sent)
        assert await EmailChannel(url, SENDER).send(message()) == Misconfigured("smtp_certificate")


async def test_a_server_without_starttls_gets_nothing_in_clear() -> None:
    async with mail_server() as server:
        outcome = await EmailChannel(f"smtp+starttls://127.0.0.1:{server.port}", SENDER).send(message())
        assert outcome == Misconfigured("smtp_not_supported")
        assert server.kept == []


TABLE: list[tuple[smtp.SMTPException, Outcome]] = [
    (smtp.SMTPConnectError("-"), Retry("smtp_unreachable")),
    (smtp.SMTPConnectTimeoutError("-"), Retry("smtp_unreachable")),
    (smtp.SMTPConnectResponseError(421, "-"), Retry("smtp_421")),
    (smtp.SMTPConnectResponseError(554, "-"), Retry("smtp_554")),
    (smtp.SMTPHeloError(421, "-"), Retry("smtp_421")),
    (smtp.SMTPHeloError(550, "-"), Misconfigured("smtp_550")),
    (smtp.SMTPAuthenticationError(454, "-"), Retry("smtp_454")),
    (smtp.SMTPAuthenticationError(535, "-"), Misconfigured("smtp_535")),
    (smtp.SMTPSenderRefused(451, "-", "-"), Retry("smtp_451")),
    (smtp.SMTPSenderRefused(553, "-", "-"), Misconfigured("smtp_553")),
    (smtp.SMTPRecipientRefused(450, "-", "-"), Retry("smtp_450")),
    (smtp.SMTPRecipientRefused(451, "-", "-"), Retry("smtp_451")),
    (smtp.SMTPRecipientRefused(452, "-", "-"), Retry("smtp_452")),
    (smtp.SMTPRecipientRefused(550, "-", "-"), RejectedForGood("smtp_550")),
    (smtp.SMTPRecipientRefused(530, "-", "-"), Misconfigured("smtp_530")),
    (smtp.SMTPDataError(451, "-"), Retry("smtp_451")),
    (smtp.SMTPDataError(554, "-"), RejectedForGood("smtp_554")),
    (smtp.SMTPDataError(250, "-"), Unknown("smtp_250")),
    (smtp.SMTPResponseException(421, "-"), Retry("smtp_421")),
    (smtp.SMTPResponseException(502, "-"), RejectedForGood("smtp_502")),
    (smtp.SMTPResponseException(-1, "-"), Unknown("smtp_-1")),
    (smtp.SMTPServerDisconnected("-"), Unknown("smtp_disconnected")),
    (smtp.SMTPReadTimeoutError("-"), Unknown("smtp_timeout")),
    (smtp.SMTPTimeoutError("-"), Unknown("smtp_timeout")),
    (smtp.SMTPNotSupported("-"), Misconfigured("smtp_not_supported")),
    (smtp.SMTPException("-"), Misconfigured("smtp_not_supported")),
]


@pytest.mark.parametrize(("error", "outcome"), TABLE)
def test_every_row_of_the_classes(error: smtp.SMTPException, outcome: Outcome) -> None:
    assert classify(error) == outcome


def test_no_row_of_the_classes_is_left_out() -> None:
    assert {kind for kind, _ in CLASSES} <= {type(error) for error, _ in TABLE}


@pytest.mark.parametrize(
    ("url", "port", "tls", "start_tls"),
    [
        ("smtp://mail.example", 25, False, False),
        ("smtp://mail.example:8025/", 8025, False, False),
        ("smtp+starttls://mail.example", 587, False, True),
        ("smtps://mail.example", 465, True, False),
    ],
)
def test_the_url_says_where_and_how(url: str, port: int, tls: bool, start_tls: bool) -> None:
    server = parse_url(url)
    assert (server.host, server.port, server.tls, server.start_tls) == ("mail.example", port, tls, start_tls)
    assert (server.username, server.password) == (None, None)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hidden@mail.example",
        "mail.example:25",
        "smtp://user:hidden@mail.example:99999",
        "smtp://user:hidden@mail.example:port",
        "smtp://user:hidden@",
        "smtp://user:hidden@mail.example/path",
        "smtp://user:hidden@mail.example?x=1",
    ],
)
def test_a_url_that_can_not_be_used_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="mail server's URL") as refused:
        EmailChannel(url, SENDER)
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("sender", ["", "shop", "shop@", "Shop <>", "a@b.example\r\nBcc: c@d.example"])
def test_a_sender_that_is_no_address_is_refused(sender: str) -> None:
    with pytest.raises(ValueError, match="sender"):
        EmailChannel("smtp://mail.example", sender)
