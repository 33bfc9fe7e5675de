"""Where the contract suites of AlimTalk's providers send: at the stand-ins, or at a real account when one is set."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count

import httpx

from gateways.notices.port import Delivery, Message, OnItsWay, TracedChannel
from gateways.notices.texts import NoticeTexts
from tests.sandbox.providers.control import Control

TEXTS = NoticeTexts("Asia/Seoul").approved()
PARAMETERS = {
    "buyer": "김하늘",
    "order_no": "20230808O007404",
    "goods": "린넨 셔츠 (화이트 / L) 외 2건",
    "refund_by_means": "₩41,000 (카드 ₩38,500, 마일리지 ₩2,500)",
}
NUMBER = "010-1234-5678"

_numbers = count(1)


def message(provider: str, *, to: str = NUMBER, template: str = "completed_ko", **parameters: str) -> Message:
    """A notice of its own, with the text that it has at the provider too."""
    filled = {**PARAMETERS, **parameters}
    body = TEXTS["completed_ko"]
    for place, value in filled.items():
        body = body.replace(f"#{{{place}}}", value)
    number = os.urandom(6).hex() if real(provider) else str(next(_numbers))
    return Message(f"{provider}-{number}", to, "주문 취소", body, template, "ko", filled)


def real(provider: str) -> Mapping[str, str] | None:
    """A real account of the environment (``CLAIMS_TEST_<PROVIDER>_…``); messages cost money there."""
    prefix = f"CLAIMS_TEST_{provider.upper()}_"
    found = {name.removeprefix(prefix).lower(): value for name, value in os.environ.items() if name.startswith(prefix)}
    return found or None


@contextmanager
def stand_in(url: str, provider: str, sender: str) -> Iterator[Control]:
    """The stand-in's control, with every text of ours approved and nothing left to happen."""
    with httpx.Client(base_url=url, timeout=15, trust_env=False) as http:
        control = Control(http, provider)
        control.reset()
        control.quirk(list_lag_ms=0, delivers_after_ms=0)
        for name, text in TEXTS.items():
            control.call("PUT", f"/templates/{name}", {"sender": sender, "text": text})
        yield control
        control.reset()


async def settled(channel: TracedChannel, reference: str) -> Delivery:
    """What a message came to, asked until the provider knows."""
    async with asyncio.timeout(120):
        while isinstance(shown := await channel.look_up(reference), OnItsWay):
            await asyncio.sleep(0.2)
    return shown
