"""NHN Cloud KakaoTalk Bizmessage v2.3: ``https://kakaotalk-bizmessage.api.nhncloudservice.com``.

HTTP 200 is not success: `isSuccessful`, the header's code 0 and the recipient's code 0 are. Accepted is not delivered.
A key is not replayed but refused for ten minutes (-1005), also while its first request is running.

Not known, and so played the way that hurts a careless client most: whether a request that failed takes its key (quirk
`failed_request_takes_key`: it does, so that -1005 doesn't mean "sent"); when a fresh message shows in the lists
(`list_lag_ms`: a second later); which status it has until then (`READY`). A message that nobody settles is delivered
after `delivers_after_ms`. The codes -2000 to -2037 aren't told apart: any of them is -2000 here.
"""

from __future__ import annotations

import re
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from sandbox.providers import messages, registry
from sandbox.providers.faults import Fault
from sandbox.providers.keys import KeyRule
from sandbox.providers.messages import Message, MessageProvider
from sandbox.providers.registry import Merchant, QuirkValue
from sandbox.providers.times import epoch_ms, kst
from sandbox.providers.wire import Call, Form, JsonObject, Moment, Refused, Reply, parse

if TYPE_CHECKING:
    from sandbox.providers.desk import Desk

KEY_LIFE_MS = 600_000
WINDOW_MS = 30 * 86_400_000
HISTORY_MS = 90 * 86_400_000

SUCCESS = 0
UNKNOWN_PATH = -9999
CODES = {
    -1000: "app key is not valid",
    -1001: "secret key is not valid",
    -1003: "the sender's number is not registered",
    -1005: "duplicated request",
    -2000: "a field is not valid",
    -3003: "no such template",
    -3004: "template parameters are missing",
    -3005: "the template is not approved",
    -3010: "the text differs from the template",
    -4019: "the recipient's number is not valid",
    -2502: "resending is not set up",
    -8008: "a banned word",
    -1027: "the sender is blocked",
    -1017: "the day's volume is used up",
}
"""The codes that a caller can meet here, from the documentation; the words are ours."""

Text = Annotated[str, Field(min_length=1)]


class ResendForm(Form):
    """The text that goes out when the message can't be delivered."""

    is_resend: bool = Field(alias="isResend", strict=True)
    resend_type: Literal["SMS", "LMS"] | None = Field(None, alias="resendType")
    resend_title: str | None = Field(None, alias="resendTitle", max_length=20)
    resend_content: str | None = Field(None, alias="resendContent")
    resend_send_no: str | None = Field(None, alias="resendSendNo", max_length=13)


class RecipientForm(Form):
    """One recipient. All parameters are strings."""

    recipient_no: Annotated[str, Field(min_length=1, max_length=15)] = Field(alias="recipientNo")
    template_parameter: dict[str, str] = Field(default_factory=dict, alias="templateParameter")
    content: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    recipient_grouping_key: Annotated[str, Field(max_length=100)] = Field("", alias="recipientGroupingKey")
    resend_parameter: ResendForm | None = Field(None, alias="resendParameter")


class SendForm(Form):
    """A request: one template, up to a thousand recipients."""

    sender_key: str = Field(alias="senderKey", min_length=40, max_length=40)
    template_code: str = Field(alias="templateCode", min_length=1, max_length=20)
    request_date: str | None = Field(None, alias="requestDate", pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d$")
    sender_grouping_key: Annotated[str, Field(max_length=100)] | None = Field(None, alias="senderGroupingKey")
    recipient_list: Annotated[list[RecipientForm], Field(min_length=1, max_length=1000)] = Field(alias="recipientList")


class Nhn(MessageProvider):
    """The stand-in for NHN Cloud's AlimTalk."""

    name = "nhn"
    quirks: ClassVar[Mapping[str, QuirkValue]] = {
        "failed_request_takes_key": True,
        "list_lag_ms": 1000,
        "delivers_after_ms": 1000,
    }
    first_merchant = Merchant(
        "sandboxappkey", "sandboxsecret", {"senders": ["0" * 40], "resend_numbers": ["0215880000"]}
    )

    def key_rule(self, quirks: Mapping[str, QuirkValue]) -> KeyRule:
        """Refused for ten minutes."""

        def keeps(reply: Reply, acted: bool) -> bool:
            return acted or bool(quirks["failed_request_takes_key"])

        return KeyRule("refuse", KEY_LIFE_MS, header_only(-1005), keeps)

    def failure(self, fault: Fault) -> Reply:
        """A 500 whose header says nothing of use, or the fault's code in a 200."""
        if fault.code is not None:
            return header_only(int(fault.code), fault.status or 200)
        return Reply.of(fault.status or 500, {"header": header(-9998, "internal error (simulated)")})

    def refusal(self, fault: Fault) -> Reply:
        """-3005 unless the fault says which, in a 200."""
        return header_only(int(fault.code or -3005), fault.status or 200)

    def no_path(self, status: int) -> Reply:
        """A header too."""
        return Reply.of(status, {"header": header(UNKNOWN_PATH, "no such path")})

    def admit(self, connection: sqlite3.Connection, call: Call, now: int) -> None:
        """The sender, the template and its parameters."""
        form = SendForm.model_validate(call.body)
        merchant = registry.by_name(connection, self.name, call.merchant)
        details = {} if merchant is None else merchant.details
        if form.sender_key not in details.get("senders", []):
            raise refused(-2000, "senderKey: not one of this app key's")
        template = messages.find_template(connection, self.name, form.sender_key, form.template_code)
        if template is None:
            raise refused(-3003)
        if not template.approved:
            raise refused(-3005)
        for recipient in form.recipient_list:
            if call.operation == "send_raw":
                if recipient.content is None:
                    raise refused(-2000, "content: required")
                if not _follows(template.text, recipient.content):
                    raise refused(-3010)
            elif template.places - recipient.template_parameter.keys():
                raise refused(-3004)
            _check_resend(recipient.resend_parameter, details.get("resend_numbers", []))

    def act(self, connection: sqlite3.Connection, call: Call, moment: Moment) -> Reply:
        """Accept what can be accepted, recipient by recipient."""
        form = SendForm.model_validate(call.body)
        quirks = registry.quirks(connection, self.name, self.quirks)
        template = messages.find_template(connection, self.name, form.sender_key, form.template_code)
        if template is None:
            raise refused(-3003)
        batch = f"{kst(moment.now):%Y%m%d%H%M%S}{uuid.uuid4().hex[:10]}"
        results = []
        for position, one in enumerate(form.recipient_list, start=1):
            code = SUCCESS if re.fullmatch(r"0\d{8,10}", one.recipient_no) else -4019
            results.append(
                {
                    "recipientSeq": position,
                    "recipientNo": one.recipient_no,
                    "resultCode": code,
                    "resultMessage": "success" if code == SUCCESS else CODES[code],
                    "recipientGroupingKey": one.recipient_grouping_key,
                }
            )
            if code != SUCCESS:
                continue
            resend = one.resend_parameter
            messages.add(
                connection,
                self.name,
                Message(
                    call.merchant,
                    f"{batch}.{position}",
                    batch,
                    position,
                    call.key,
                    one.recipient_no,
                    form.template_code,
                    one.content or template.filled(one.template_parameter),
                    one.recipient_grouping_key,
                    moment.now,
                    moment.now + int(quirks["list_lag_ms"]),
                    moment.now + int(quirks["delivers_after_ms"]),
                    "delivered",
                    {
                        "sender": form.sender_key,
                        "sender_grouping_key": form.sender_grouping_key,
                        "fallback": resend is not None and resend.is_resend,
                    },
                ),
            )
        message = {"requestId": batch, "senderGroupingKey": form.sender_grouping_key, "sendResults": results}
        return Reply.of(200, {"header": header(SUCCESS, "success"), "message": message})

    def sign_in(self, connection: sqlite3.Connection, request: Request) -> Merchant:
        """Who calls: the app key in the path, its secret in ``X-Secret-Key``. Raises Refused."""
        merchant = registry.by_name(connection, self.name, str(request.path_params["appkey"]))
        if merchant is None:
            raise refused(-1000)
        if request.headers.get("X-Secret-Key") != merchant.secret:
            raise refused(-1001)
        return merchant

    def routes(self, desk: Desk) -> APIRouter:
        """Its paths."""
        router = APIRouter(prefix="/alimtalk/v2.3/appkeys/{appkey}")

        async def send(request: Request, operation: str) -> Response:
            merchant = await desk.transact(lambda connection: self.sign_in(connection, request))
            form = parse(SendForm, await request.body(), lambda text: refused(-2000, text))
            if operation == "send" and any(one.content is not None for one in form.recipient_list):
                raise refused(-2000, "content: only for raw messages")
            key = request.headers.get("X-NC-API-IDEMPOTENCY-KEY")
            # The key is the app key's, whichever way the text is given.
            target = form.recipient_list[0].recipient_grouping_key or None
            body = form.model_dump(by_alias=True, exclude_unset=True)
            call = Call(self.name, merchant.merchant, operation, "POST messages", target, key, body)
            return await desk.perform(self, call)

        @router.post("/messages")
        async def send_message(request: Request) -> Response:
            return await send(request, "send")

        @router.post("/raw-messages")
        async def send_raw(request: Request) -> Response:
            return await send(request, "send_raw")

        @router.get("/messages")
        async def get_messages(request: Request) -> Response:
            merchant = await desk.transact(lambda connection: self.sign_in(connection, request))
            chosen = _chosen(request, desk.now(self.name))
            page, size = (_count(request, name, usual) for name, usual in (("pageNum", 1), ("pageSize", 15)))
            target = request.query_params.get("recipientGroupingKey")

            def work(connection: sqlite3.Connection, now: int) -> Reply:
                found = [m for m in messages.listed(connection, self.name, merchant.merchant, now) if chosen(m)]
                shown = [view(m, now) for m in found[(page - 1) * size : page * size]]
                result = {"messages": shown, "totalCount": len(found)}
                return Reply.of(200, {"header": header(SUCCESS, "success"), "messageSearchResultResponse": result})

            return await desk.read(self, target, work)

        @router.get("/messages/{requestId}/{recipientSeq}")
        async def get_message(request: Request) -> Response:
            merchant = await desk.transact(lambda connection: self.sign_in(connection, request))
            ref = f"{request.path_params['requestId']}.{request.path_params['recipientSeq']}"

            def work(connection: sqlite3.Connection, now: int) -> Reply:
                listed = messages.listed(connection, self.name, merchant.merchant, now)
                found = next((m for m in listed if m.ref == ref), None)
                shown = None if found is None else view(found, now)
                return Reply.of(200, {"header": header(SUCCESS, "success"), "message": shown})

            return await desk.read(self, None, work)

        return router


def header(code: int, message: str) -> JsonObject:
    """The header of every answer."""
    return {"resultCode": code, "resultMessage": message, "isSuccessful": code == SUCCESS}


def header_only(code: int, status: int = 200, message: str | None = None) -> Reply:
    """An error of NHN: HTTP 200 as a rule."""
    return Reply.of(status, {"header": header(code, message or CODES.get(code, "simulated"))})


def refused(code: int, message: str | None = None) -> Refused:
    """An error of NHN to raise."""
    return Refused(header_only(code, message=message))


def view(message: Message, now: int) -> JsonObject:
    """A message as the list and the look-up show it."""
    state = message.state(now)
    fallback = bool(message.details["fallback"])
    resend = {
        "accepted": "RSC02" if fallback else "RSC01",
        "delivered": "RSC01",
        "failed": "RSC04" if fallback else "RSC01",
    }
    return {
        "requestId": message.batch,
        "recipientSeq": message.position,
        "senderKey": message.details["sender"],
        "templateCode": message.template,
        "recipientNo": message.recipient,
        "content": message.text,
        "requestDate": _stamp(message.at),
        "createDate": _stamp(message.at),
        "receiveDate": _stamp(message.settles_at) if state == "delivered" else None,
        "messageStatus": {"accepted": "READY", "delivered": "COMPLETED", "failed": "FAILED"}[state],
        "resultCode": {"accepted": None, "delivered": "MRC01", "failed": "MRC02"}[state],
        "resultCodeName": {"accepted": None, "delivered": "성공", "failed": "실패"}[state],
        "resendStatus": resend[state],
        "resendStatusName": None,
        "senderGroupingKey": message.details["sender_grouping_key"],
        "recipientGroupingKey": message.reference or None,
    }


def _check_resend(resend: ResendForm | None, numbers: list[str]) -> None:
    """The fallback needs a registered number, and a title with an LMS. Raises Refused."""
    if resend is None or not resend.is_resend:
        return
    if resend.resend_send_no is None:
        raise refused(-2502)
    if resend.resend_send_no not in numbers:
        raise refused(-1003)
    if resend.resend_type == "LMS" and not resend.resend_title:
        raise refused(-2000, "resendTitle: required for LMS")


def _follows(template: str, text: str) -> bool:
    """Whether a whole text is this template's, whatever stands in its places."""
    parts = [re.escape(part) for part in re.split(r"#\{[^}]+\}", template)]
    return re.fullmatch(".*".join(parts), text, re.DOTALL) is not None


def _chosen(request: Request, now: int) -> Callable[[Message], bool]:
    """The list's conditions: a request's number, or a window of at most 30 days within the last 90. Raises Refused."""
    query = request.query_params
    request_id, group = query.get("requestId"), query.get("recipientGroupingKey")
    window = next(
        (
            (query[f"start{kind}Date"], query[f"end{kind}Date"])
            for kind in ("Create", "Request")
            if f"start{kind}Date" in query and f"end{kind}Date" in query
        ),
        None,
    )
    if request_id is None and window is None:
        raise refused(-2000, "requestId, or a window of dates")
    start, end = (0, now) if window is None else (_minute(window[0]), _minute(window[1]) + 59_999)
    if window is not None and not (start <= end and end - start <= WINDOW_MS + 60_000 and start >= now - HISTORY_MS):
        raise refused(-2000, "window: at most 30 days, within the last 90")

    def chosen(message: Message) -> bool:
        return start <= message.at <= end and request_id in (None, message.batch) and group in (None, message.reference)

    return chosen


def _count(request: Request, name: str, usual: int) -> int:
    """A number of the query, from 1 to 1000. Raises Refused."""
    text = request.query_params.get(name, str(usual))
    if re.fullmatch(r"[1-9]\d{0,2}|1000", text) is None:
        raise refused(-2000, f"{name}: 1 to 1000")
    return int(text)


def _minute(text: str) -> int:
    """A minute on Korea's clock. Raises Refused."""
    try:
        return epoch_ms(datetime.strptime(f"{text} +0900", "%Y-%m-%d %H:%M %z"))
    except ValueError:
        raise refused(-2000, "dates look like 2026-11-24 22:10") from None


def _stamp(at_ms: int) -> str:
    return kst(at_ms).strftime("%Y-%m-%d %H:%M:%S.0")
