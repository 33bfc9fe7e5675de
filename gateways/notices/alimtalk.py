"""AlimTalk through the sandbox's sender.

Its key is refused when used twice, not replayed, and is free again after ten minutes. So the key keeps two tries of the
same moment apart, and the list by reference, asked before anything is sent again, guards all later ones.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import httpx

from gateways.http import NEVER_SENT, single_shot
from gateways.notices.port import (
    AlreadySent,
    Delivered,
    Delivery,
    Message,
    Misconfigured,
    OnItsWay,
    Outcome,
    RejectedForGood,
    Retry,
    Sent,
    Unknown,
)

CLASSES: Mapping[tuple[int, str], type[Retry | Unknown | RejectedForGood | Misconfigured]] = {
    (400, "invalid"): RejectedForGood,
    (403, "refused"): RejectedForGood,
    (401, ""): Misconfigured,
    (404, ""): Misconfigured,
    (405, ""): Misconfigured,
    (408, ""): Unknown,
    (429, ""): Retry,
}
"""What an error means, by status and code ("": any code). Anything else is unknown, and so is every 5xx."""

_DUPLICATE = (409, "duplicate")

_SEPARATORS = re.compile(r"[\s().-]")
_NUMBER = re.compile(r"\+?[0-9]{4,15}")


class AlimTalkChannel:
    """Posts notices to the sender at `url`. `timeout` bounds each step, `deadline` the whole, in seconds."""

    provider = "sandbox"
    settling = 0.0

    def __init__(self, url: str, *, connect_timeout: float = 3, timeout: float = 10, deadline: float = 20) -> None:
        self._deadline = deadline
        self._client = single_shot(connect_timeout, timeout)
        self._client.base_url = httpx.URL(url)

    async def send(self, message: Message) -> Outcome:
        """Post the message under its notice's id."""
        number = _SEPARATORS.sub("", message.to)
        if not _NUMBER.fullmatch(number):
            return RejectedForGood("bad_number")
        try:
            async with asyncio.timeout(self._deadline):
                return await self._post(message, number)
        except TimeoutError:
            return Unknown("alimtalk_no_answer")

    async def find(self, message: Message) -> AlreadySent | Unknown | None:
        """The list shows what was accepted at once."""
        try:
            async with asyncio.timeout(self._deadline):
                return await self._look_up(message.notice_id)
        except TimeoutError:
            return Unknown("alimtalk_no_answer")

    async def look_up(self, reference: str) -> Delivery:
        """It delivers what it accepts."""
        return Delivered() if reference else OnItsWay()

    async def close(self) -> None:
        await self._client.aclose()

    async def _post(self, message: Message, number: str) -> Outcome:
        try:
            answer = await self._client.post(
                "/alimtalk/messages",
                json={
                    "to": number,
                    "template": message.template,
                    "text": message.body,
                    "reference": message.notice_id,
                },
                headers={"Idempotency-Key": message.notice_id},
            )
        except NEVER_SENT:
            return Retry("alimtalk_unreachable")
        except httpx.RequestError:
            return Unknown("alimtalk_no_answer")
        body = _read(answer)
        if answer.status_code == httpx.codes.OK:
            reference = body.get("messageId")
            return Sent(reference) if isinstance(reference, str) else Unknown("alimtalk_unreadable")
        if (answer.status_code, body.get("code")) == _DUPLICATE:
            # Accepted before by its key; if the list does not show it yet, it is asked again later.
            return await self._look_up(message.notice_id) or Unknown("alimtalk_duplicate")
        return classify(answer.status_code, body.get("code"), answer.headers.get("retry-after"))

    async def _look_up(self, reference: str) -> AlreadySent | Unknown | None:
        """What the list says: sent, not there (None), or not to be learned now, and then nothing may be sent."""
        try:
            answer = await self._client.get("/alimtalk/messages", params={"reference": reference})
        except httpx.RequestError:
            return Unknown("alimtalk_no_answer")
        listed = _read(answer).get("messages")
        if answer.status_code != httpx.codes.OK or not isinstance(listed, list):
            return Unknown("alimtalk_list_unreadable")
        for sent in listed:
            if isinstance(sent, dict) and sent.get("reference") == reference:
                return AlreadySent(str(sent.get("messageId")))
        return None


def classify(
    status: int, code: object, retry_after: str | None = None
) -> Retry | Unknown | RejectedForGood | Misconfigured:
    """What an error answer means: `CLASSES`. `retry_after` is the answer's own wish, in seconds."""
    found = CLASSES.get((status, str(code))) or CLASSES.get((status, "")) or Unknown
    told = f"alimtalk_{status}"
    if found is Retry:
        return Retry(told, float(retry_after) if retry_after and retry_after.isdecimal() else None)
    return found(told)


def _read(answer: httpx.Response) -> dict[str, Any]:
    """The answer's JSON object; an empty one for anything else."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
