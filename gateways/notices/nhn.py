"""AlimTalk through NHN Cloud KakaoTalk Bizmessage v2.3 (``https://kakaotalk-bizmessage.api.nhncloudservice.com``).

HTTP 200 is not success: the header's code and the recipient's both have to be 0, and then it is accepted, not
delivered. A key is refused for ten minutes (-1005), not replayed, and whether a request that failed takes it is not
known: so -1005 is no proof of anything. The list by grouping key, which is the notice's id as the key is, says what
there is; for ten minutes the key keeps a second try apart even where the list lags, after that the list alone does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
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

OK = 0
DUPLICATE = -1005
"""Its key was used in the last ten minutes, by whatever request."""


def _ours(code: str) -> RejectedForGood:
    return RejectedForGood(code, ours=True)


MEANINGS: Mapping[int, Callable[[str], Outcome]] = {
    -1000: Misconfigured,  # app key
    -1001: Misconfigured,  # secret key
    -1002: Misconfigured,  # app key of the texts
    -1003: Misconfigured,  # sender's number of the texts
    -1027: Misconfigured,  # sender blocked
    -2502: Misconfigured,  # texts are not set up
    -1017: RejectedForGood,  # the day's volume is used up
    -4019: RejectedForGood,  # no such number
    -8008: _ours,  # a banned word
    4: _ours,
    **dict.fromkeys(range(-2037, -1999), _ours),  # lengths, blanks
    -3003: _ours,  # no such template
    -3004: _ours,  # its parameters
    -3005: _ours,  # not approved
    **dict.fromkeys(range(-3049, -3009), _ours),  # text or buttons differ from the template
}
"""What a code of a header or a recipient means. One that is not here is unknown, and is looked for."""

_BY_STATUS: Mapping[str, Callable[[dict[str, Any]], Delivery]] = {
    "COMPLETED": lambda shown: Delivered() if shown.get("resultCode") == "MRC01" else _failed(shown),
    "FAILED": lambda shown: _failed(shown),
    "CANCEL": lambda shown: NotDelivered("nhn_cancelled"),
}
"""What a `messageStatus` means; any other is on its way."""

_TEXTS: Mapping[str, Delivery] = {
    "RSC02": OnItsWay(),
    "RSC03": OnItsWay(),
    "RSC04": Delivered(texted=True),
}
"""What NHN's own text message came to, after AlimTalk failed; any other `resendStatus`: nothing arrived."""

_KST = timezone(timedelta(hours=9))
_BEFORE, _AFTER = timedelta(days=2), timedelta(hours=1)
"""The window of the list around now, by clocks that may differ: no notice is tried for longer than a day."""


@dataclass(frozen=True, slots=True)
class NhnAccount:
    """An app key, its secret, a sender's key, and the codes of its templates by our texts' names.

    A text without a code of its own goes by its name. `text_sender`: the registered number from which NHN sends the
    text itself when AlimTalk fails; None: NHN sends none.
    """

    app_key: SecretStr
    secret_key: SecretStr
    sender_key: str
    templates: Mapping[str, str]
    text_sender: str | None = None


class NhnAlimTalk:
    """Sends notices by template. `base_url` without a trailing slash; time-outs and the `deadline` in seconds."""

    provider = "nhn"
    settling = 0.0

    def __init__(
        self,
        base_url: str,
        account: NhnAccount,
        *,
        connect_timeout: float = 3,
        read_timeout: float = 10,
        deadline: float = 20,
    ) -> None:
        self._account = account
        self._deadline = deadline
        self._client = single_shot(connect_timeout, read_timeout)
        self._client.base_url = httpx.URL(f"{base_url}/alimtalk/v2.3/appkeys/{account.app_key.get_secret_value()}")
        self._client.headers["X-Secret-Key"] = account.secret_key.get_secret_value()

    async def send(self, message: Message) -> Outcome:
        number = korean_number(message.to)
        if number is None:
            return RejectedForGood("bad_number")
        body = self._body(message, number)
        if body is None:
            return _ours("text_too_long")
        try:
            async with asyncio.timeout(self._deadline):
                answer = await once(
                    self._client,
                    self.provider,
                    "POST",
                    "/messages",
                    headers={"X-NC-API-IDEMPOTENCY-KEY": message.notice_id},
                    body=body,
                )
                if not isinstance(answer, httpx.Response):
                    return answer
                outcome = accepted(answer)
                if outcome is None:
                    # Found or not, nothing is sent a second time here.
                    return await self._list(message.notice_id) or Unknown("nhn_duplicate")
                return outcome
        except TimeoutError:
            return Unknown("nhn_no_answer")

    async def find(self, message: Message) -> AlreadySent | Unknown | None:
        try:
            async with asyncio.timeout(self._deadline):
                return await self._list(message.notice_id)
        except TimeoutError:
            return Unknown("nhn_no_answer")

    async def look_up(self, reference: str) -> Delivery:
        try:
            async with asyncio.timeout(self._deadline):
                answer = await once(self._client, self.provider, "GET", f"/messages/{reference}")
        except TimeoutError:
            return OnItsWay()
        shown = part(read_object(answer), "message") if isinstance(answer, httpx.Response) else {}
        status = _BY_STATUS.get(str(shown.get("messageStatus")))
        return OnItsWay() if status is None else status(shown)

    async def close(self) -> None:
        await self._client.aclose()

    def _body(self, message: Message, number: str) -> dict[str, object] | None:
        """The request; None when the text is too long to be sent as a text message."""
        recipient: dict[str, object] = {
            "recipientNo": number,
            "templateParameter": dict(message.parameters),
            "recipientGroupingKey": message.notice_id,
            "resendParameter": {"isResend": False},
        }
        if self._account.text_sender is not None:
            text = short(message)
            if text is None:
                return None
            recipient["resendParameter"] = {
                "isResend": True,
                "resendType": text.kind,
                "resendContent": text.body,
                "resendSendNo": self._account.text_sender,
                **({} if text.title is None else {"resendTitle": text.title}),
            }
        return {
            "senderKey": self._account.sender_key,
            "templateCode": self._account.templates.get(message.template, message.template),
            "recipientList": [recipient],
        }

    async def _list(self, grouping_key: str) -> AlreadySent | Unknown | None:
        now = datetime.now(UTC).astimezone(_KST)
        window = {
            "startCreateDate": f"{now - _BEFORE:%Y-%m-%d %H:%M}",
            "endCreateDate": f"{now + _AFTER:%Y-%m-%d %H:%M}",
        }
        params = {"recipientGroupingKey": grouping_key, **window}
        answer = await once(self._client, self.provider, "GET", "/messages", params=params)
        if not isinstance(answer, httpx.Response):
            return Unknown(answer.code)
        body = read_object(answer)
        found = part(body, "messageSearchResultResponse")
        if not _successful(body) or not isinstance(found.get("messages"), list):
            return Unknown("nhn_list_unreadable")
        for shown in parts(found, "messages"):
            if shown.get("recipientGroupingKey") == grouping_key:
                return AlreadySent(reference_of(shown))
        return None


def accepted(answer: httpx.Response) -> Outcome | None:
    """What NHN's answer to a request means; None: its key was used before."""
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return Retry("nhn_429", wished_wait(answer))
    body = read_object(answer)
    code = part(body, "header").get("resultCode")
    if answer.is_server_error or not isinstance(code, int):
        return Unknown(f"nhn_{answer.status_code}")
    if not _successful(body):
        return classify(code)
    message = part(body, "message")
    results = parts(message, "sendResults")
    if len(results) != 1 or not isinstance(results[0].get("resultCode"), int) or "requestId" not in message:
        return Unknown("nhn_unreadable")
    if results[0]["resultCode"] != OK:
        return classify(results[0]["resultCode"])
    return Sent(reference_of({"requestId": message["requestId"], **results[0]}))


def classify(code: int) -> Outcome | None:
    """What a code other than 0 means: `MEANINGS`. None: the key was used before."""
    return None if code == DUPLICATE else MEANINGS.get(code, Unknown)(f"nhn_{code}")


def reference_of(shown: Mapping[str, Any]) -> str:
    """Where NHN shows a message again."""
    return f"{shown.get('requestId')}/{shown.get('recipientSeq')}"


def _successful(body: Mapping[str, Any]) -> bool:
    header = part(body, "header")
    return header.get("isSuccessful") is True and header.get("resultCode") == OK


def _failed(shown: Mapping[str, Any]) -> Delivery:
    return _TEXTS.get(str(shown.get("resendStatus")), NotDelivered(f"nhn_{shown.get('resultCode')}"))
