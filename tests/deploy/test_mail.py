"""The local mail server keeps what it gets."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib

from deploy.local import parts
from settings import Settings
from tests.deploy.fakes import supervisor, until
from tests.support.ports import free_port


def mail(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@claims.example", "kim@claims.example", subject
    message.set_content("주문이 취소되었습니다.\n.\nA line of one dot is above.\n")
    return message


async def test_each_mail_becomes_one_file_with_its_envelope(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, smtp_port=free_port())
    async with supervisor(tmp_path) as running:
        await running.start(parts.mail(settings))
        for subject in ("취소 완료", "Refund pending"):
            await aiosmtplib.send(
                mail(subject),
                hostname=settings.host,
                port=settings.smtp_port,
                recipients=["kim@claims.example", "copy@claims.example"],
            )
    files = sorted((tmp_path / "mail").iterdir())
    assert [path.suffix for path in files] == [".eml", ".eml"]
    assert not any(path.name.startswith(".") for path in files), "unfinished"
    kept = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in files]
    assert [message["Subject"] for message in kept] == ["취소 완료", "Refund pending"]
    assert kept[0]["Return-Path"] == "<shop@claims.example>"
    assert kept[0].get_all("Delivered-To") == ["kim@claims.example", "copy@claims.example"]
    assert kept[0].get_content().splitlines() == ["주문이 취소되었습니다.", ".", "A line of one dot is above."]


async def test_mails_are_there_after_a_restart(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, smtp_port=free_port())
    async with supervisor(tmp_path) as running:
        await running.start(parts.mail(settings))
        await aiosmtplib.send(mail("first"), hostname=settings.host, port=settings.smtp_port)
        pid = running.pid("mail")
        assert pid is not None
        running.kill("mail")
        await running.wait_restarted("mail", pid)
        await aiosmtplib.send(mail("second"), hostname=settings.host, port=settings.smtp_port)
        await until(lambda: len(list((tmp_path / "mail").glob("*.eml"))) == 2)
