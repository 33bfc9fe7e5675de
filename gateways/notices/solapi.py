"""AlimTalk and text messages through Solapi (``https://api.solapi.com``).

There are no keys: the same request twice is sent twice. So a message bears the notice's id in a custom field, and one
whose answer was lost is looked for among those to the same number. When a fresh one shows there is not published:
absence counts only `settling` seconds after the try. "2000" is accepted, not delivered.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from gateways.http import single_shot
from gateways.notices.port import (
    AlreadySent,
    Delivered,
    Delivery,
    Message,
    Misconfigured,
    NotDelivered,
    OnItsWay,
    Outcome,
    RejectedForGood,
    Retry,
    Sent,
    Unknown,
)
from gateways.notices.short import short
from gateways.notices.wire import korean_number, once, part, parts, read_object, wished_wait


def _ours(code: str) -> RejectedForGood:
    return RejectedForGood(code, ours=True)


MEANINGS: Mapping[tuple[int, str], Callable[[str], Outcome]] = {
    (400, "ValidationError"): _ours,
    (401, ""): Misconfigured,
    (402, "NotEnoughBalance"): Misconfigured,
    (403, ""): Misconfigured,
    (404, ""): Misconfigured,
    (429, ""): Retry,
}
"""What an error means, by status and `errorCode` ("": any, but there has to be one). Any other is unknown."""

ACCEPTED = "2000"
DELIVERED = "4000"
_FAILED = "3"
_ENDED = "COMPLETE"

_FIELD = "notificationId"
_WINDOW = timedelta(days=2)
_PAGE = 500


@dataclass(frozen=True, slots=True)
class SolapiAccount:
    """A key, its secret, and the number that texts come from, which has to be registered."""

    api_key: SecretStr
    api_secret: SecretStr
    text_sender: str | None = None

    def sign(self) -> Mapping[str, str]:
        """The header of one call: a signature is good once."""
        date, salt = datetime.now(UTC).isoformat(timespec="milliseconds"), secrets.token_hex(16)
        signature = hmac.new(self.api_secret.get_secret_value().encode(), (date + salt).encode(), hashlib.sha256)
        key = self.api_key.get_secret_value()
        return {
            "Authorization": f"HMAC-SHA256 ApiKey={key}, Date={date}, salt={salt}, signature={signature.hexdigest()}"
        }


class _Solapi:
    """One kind of message. `base_url` without a trailing slash; time-outs, `deadline` and `settling` in seconds."""

    provider = "solapi"

    def __init__(
        self,
        base_url: str,
        account: SolapiAccount,
        *,
        settling: float = 120,
        connect_timeout: float = 3,
        read_timeout: float = 10,
        deadline: float = 20,
    ) -> None:
        self.settling = settling
        self._account = account
        self._deadline = deadline
        self._client = single_shot(connect_timeout, read_timeout)
        self._client.base_url = httpx.URL(f"{base_url}/messages/v4")

    async def send(self, message: Message) -> Outcome:
        number = korean_number(message.to)
        if number is None:
            return RejectedForGood("bad_number")
        asked = self._asked(message)
        if isinstance(asked, RejectedForGood):
            return asked
        one = {"to": number, "country": "82", "customFields": {_FIELD: message.notice_id}, **asked}
        # `allowDuplicates` is about one request's recipients, of which there is one here.
        body = {"messages": [one], "allowDuplicates": False, "showMessageList": True}
        answer = await self._call("POST", "/send-many/detail", body=body)
        return accepted(answer) if isinstance(answer, httpx.Response) else answer

    async def find(self, message: Message) -> AlreadySent | Unknown | None:
        number = korean_number(message.to)
        if number is None:
            return None
        since = datetime.now(UTC) - _WINDOW
        params = {"to": number, "startDate": since.isoformat(timespec="milliseconds"), "limit": str(_PAGE)}
        answer = await self._call("GET", "/list", params=params)
        if not isinstance(answer, httpx.Response):
            return Unknown(answer.code)
        listed = _messages(answer)
        if listed is None:
            return Unknown("solapi_list_unreadable")
        for shown in listed:
            if part(shown, "customFields").get(_FIELD) == message.notice_id:
                return AlreadySent(str(shown.get("messageId")))
        # More than a page to one number in two days is nothing that a notice was meant to meet: not taken as absent.
        return Unknown("solapi_list_too_long") if len(listed) >= _PAGE else None

    async def look_up(self, reference: str) -> Delivery:
        answer = await self._call("GET", "/list", params={"messageId": reference})
        listed = _messages(answer) if isinstance(answer, httpx.Response) else None
        shown = next((one for one in listed or () if one.get("messageId") == reference), {})
        return delivery(shown)

    async def close(self) -> None:
        await self._client.aclose()

    @abstractmethod
    def _asked(self, message: Message) -> dict[str, object] | RejectedForGood:
        """What a message of this kind asks for, or why it can't be."""

    async def _call(self, method: str, path: str, **more: Any) -> httpx.Response | Retry | Unknown:
        try:
            async with asyncio.timeout(self._deadline):
                return await once(self._client, self.provider, method, path, headers=self._account.sign(), **more)
        except TimeoutError:
            return Unknown("solapi_no_answer")


class SolapiAlimTalk(_Solapi):
    """AlimTalk by template, from the channel `channel`; `templates` are its codes by our texts' names.

    With `texts` Solapi sends a text itself when AlimTalk fails; else it is told not to.
    """

    def __init__(
        self,
        base_url: str,
        account: SolapiAccount,
        channel: str,
        templates: Mapping[str, str],
        *,
        texts: bool,
        settling: float = 120,
        connect_timeout: float = 3,
        read_timeout: float = 10,
        deadline: float = 20,
    ) -> None:
        super().__init__(
            base_url,
            account,
            settling=settling,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            deadline=deadline,
        )
        self._channel = channel
        self._templates = templates
        self._texts = texts

    def _asked(self, message: Message) -> dict[str, object] | RejectedForGood:
        code = self._templates.get(message.template)
        if code is None:
            return _ours("no_template_code")
        kakao = {
            "pfId": self._channel,
            "templateId": code,
            "variables": {f"#{{{name}}}": value for name, value in message.parameters.items()},
            "disableSms": not self._texts,
        }
        if not self._texts:
            return {"kakaoOptions": kakao}
        text = short(message)
        if text is None:
            return _ours("text_too_long")
        titled = {} if text.title is None else {"subject": text.title}
        return {"kakaoOptions": kakao, "from": self._account.text_sender, "text": text.body, **titled}


class SolapiTexts(_Solapi):
    """Plain text messages, SMS or LMS, from the account's registered number."""

    def _asked(self, message: Message) -> dict[str, object] | RejectedForGood:
        text = short(message)
        if text is None:
            return _ours("text_too_long")
        titled = {} if text.title is None else {"subject": text.title}
        return {
            "from": self._account.text_sender,
            "type": text.kind,
            "text": text.body,
            "autoTypeDetect": False,
            **titled,
        }


def accepted(answer: httpx.Response) -> Outcome:
    """What Solapi's answer to a request of one message means."""
    body = read_object(answer)
    if answer.status_code != httpx.codes.OK:
        return classify(answer.status_code, body.get("errorCode"), wished_wait(answer))
    if refused := parts(body, "failedMessageList"):
        # Not registered, by its own account: whatever the code says, nothing was sent.
        return _ours(f"solapi_{refused[0].get('statusCode')}")
    taken = parts(body, "messageList")
    if len(taken) == 1 and taken[0].get("statusCode") == ACCEPTED and isinstance(taken[0].get("messageId"), str):
        return Sent(taken[0]["messageId"])
    return Unknown("solapi_unreadable")


def classify(status: int, code: object, wait: float | None = None) -> Outcome:
    """What an error answer means: `MEANINGS`. `wait`: what it asks for, in seconds."""
    told = f"solapi_{status}"
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Retry(told, wait)
    if not isinstance(code, str):
        return Unknown(told)
    return (MEANINGS.get((status, code)) or MEANINGS.get((status, "")) or Unknown)(told)


def delivery(shown: Mapping[str, Any]) -> Delivery:
    """What a message of the list came to. A code that is not final, or not known, is no failure."""
    code = str(shown.get("statusCode"))
    if code == DELIVERED:
        return Delivered()
    if shown.get("status") == _ENDED and code.startswith(_FAILED):
        return Delivered(texted=True) if shown.get("replacement") is True else NotDelivered(f"solapi_{code}")
    return OnItsWay()


def _messages(answer: httpx.Response) -> list[dict[str, Any]] | None:
    """The messages of a list, by whatever number; None when it can't be read."""
    listed = read_object(answer).get("messageList")
    if answer.status_code != httpx.codes.OK or not isinstance(listed, dict):
        return None
    return [one for one in listed.values() if isinstance(one, dict)]
