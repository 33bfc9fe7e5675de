"""Solapi: ``https://api.solapi.com``.

There are no keys: the same request twice sends twice. Nothing says when a fresh message shows in the list; quirk
`list_lag_ms` makes it a second. A message is accepted ("2000") whatever its template says; that a template is unknown,
not approved or not filled is only seen at Kakao's stage, later, as a 3xxx ("3000" here: the numbers aren't known), and
then the text goes out as an SMS unless `disableSms`. A message that nobody settles ends after `delivers_after_ms`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import sqlite3
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from sandbox.clock import now_ms
from sandbox.providers import messages, registry
from sandbox.providers.faults import Fault
from sandbox.providers.keys import KeyRule
from sandbox.providers.messages import Message, MessageProvider, Outcome
from sandbox.providers.registry import Merchant, QuirkValue
from sandbox.providers.times import epoch_ms, utc_millis
from sandbox.providers.wire import Call, Form, JsonObject, Moment, Refused, Reply, parse, parse_query, reference_of

if TYPE_CHECKING:
    from sandbox.providers.desk import Desk

SKEW_MS = 15 * 60_000
"""How far a caller's clock may be off; from general knowledge."""

STATUSES = {"ValidationError": 400, "NotEnoughBalance": 402, "TooManyRequests": 429, "InternalError": 500}
"""Its errors by `errorCode`. The codes of a bad signature aren't in our sources: all of them are 403 here."""

AUTHORIZATION = re.compile(
    r"HMAC-SHA256 ApiKey=(?P<key>[^,\s]+), Date=(?P<date>[^,\s]+), "
    r"salt=(?P<salt>[^,\s]{12,64}), signature=(?P<sign>[0-9a-f]{64})",
    re.IGNORECASE,
)


class KakaoForm(Form):
    """A message's template and channel."""

    pf_id: str = Field(alias="pfId", min_length=1)
    template_id: str = Field(alias="templateId", min_length=1)
    variables: dict[str, str] = Field(default_factory=dict)
    disable_sms: bool = Field(False, alias="disableSms")


class MessageForm(Form):
    """One message; a place of the template is filled by `#{name}`."""

    to: Annotated[str, Field(pattern=r"^\d{8,15}$")]
    sender: Annotated[str, Field(pattern=r"^\d{8,12}$")] | None = Field(None, alias="from")
    type: Literal["ATA", "SMS", "LMS"] | None = None
    text: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    subject: Annotated[str, Field(max_length=40)] | None = None
    country: str = "82"
    auto_type_detect: bool = Field(True, alias="autoTypeDetect")
    custom_fields: dict[str, str] = Field(default_factory=dict, alias="customFields")
    kakao_options: KakaoForm | None = Field(None, alias="kakaoOptions")


class SendForm(Form):
    """A request."""

    messages: Annotated[list[MessageForm], Field(min_length=1, max_length=10_000)]
    allow_duplicates: bool = Field(False, alias="allowDuplicates")
    show_message_list: bool = Field(False, alias="showMessageList")
    scheduled_date: str | None = Field(None, alias="scheduledDate")
    app_id: str | None = Field(None, alias="appId")
    agent: dict[str, str] = Field(default_factory=dict)


class ListQuery(Form):
    """A list's conditions."""

    to: str | None = None
    message_id: str | None = Field(None, alias="messageId")
    group_id: str | None = Field(None, alias="groupId")
    status_code: str | None = Field(None, alias="statusCode")
    date_type: Literal["CREATED", "UPDATED"] = Field("CREATED", alias="dateType")
    start_date: datetime | None = Field(None, alias="startDate")
    end_date: datetime | None = Field(None, alias="endDate")
    start_key: str | None = Field(None, alias="startKey")
    limit: Annotated[int, Field(ge=1, le=500)] = 20


class Solapi(MessageProvider):
    """The stand-in for Solapi."""

    name = "solapi"
    quirks: ClassVar[Mapping[str, QuirkValue]] = {"list_lag_ms": 1000, "delivers_after_ms": 1000}
    first_merchant = Merchant(
        "NCSSANDBOX", "solapi_sandbox", {"channels": ["KA01PF_SANDBOX"], "senders": ["0215880000"], "broke": False}
    )

    def key_rule(self, quirks: Mapping[str, QuirkValue]) -> KeyRule:
        """There are no keys."""
        return KeyRule("none", 0, error("ValidationError"), lambda reply, acted: False)

    def failure(self, fault: Fault) -> Reply:
        """500 `InternalError` unless the fault says which."""
        return error(fault.code or "InternalError", status=fault.status)

    def refusal(self, fault: Fault) -> Reply:
        """402 `NotEnoughBalance` unless the fault says which."""
        return error(fault.code or "NotEnoughBalance", status=fault.status)

    def no_path(self, status: int) -> Reply:
        """An error of its own."""
        return Reply.of(status, {"errorCode": "ResourceNotFound", "errorMessage": "no such path"})

    def act(self, connection: sqlite3.Connection, call: Call, moment: Moment) -> Reply:
        """Accept what can be accepted, message by message."""
        form = SendForm.model_validate(call.body)
        merchant = registry.by_name(connection, self.name, call.merchant)
        details = {} if merchant is None else merchant.details
        if details.get("broke"):
            raise refused("NotEnoughBalance")
        batch = f"G4V{uuid.uuid4().hex.upper()[:29]}"
        accepted: list[JsonObject] = []
        failed: list[JsonObject] = []
        seen: set[str] = set()
        for position, one in enumerate(form.messages, start=1):
            problem = _problem(one, details, seen, form.allow_duplicates)
            seen.add(one.to)
            number = f"M4V{uuid.uuid4().hex.upper()[:29]}"
            if problem is None:
                self._accept(connection, call, one, batch, position, number, moment)
            (accepted if problem is None else failed).append(_result(call.merchant, one, number, problem))
        body: JsonObject = {
            "failedMessageList": failed,
            "groupInfo": _group(call.merchant, batch, form, len(accepted), len(failed), moment.now),
        }
        if form.show_message_list:
            body["messageList"] = accepted
        return Reply.of(200, body)

    def _accept(
        self,
        connection: sqlite3.Connection,
        call: Call,
        one: MessageForm,
        batch: str,
        position: int,
        number: str,
        moment: Moment,
    ) -> None:
        quirks = registry.quirks(connection, self.name, self.quirks)
        kakao = one.kakao_options
        text, outcome = one.text or "", "delivered"
        if kakao is not None:
            text, outcome = _kakao_stage(connection, self.name, kakao, one)
        ends: Outcome = "delivered" if outcome == "delivered" else "failed"
        messages.add(
            connection,
            self.name,
            Message(
                call.merchant,
                number,
                batch,
                position,
                None,
                one.to,
                "" if kakao is None else kakao.template_id,
                text,
                reference_of(one.custom_fields),
                moment.now,
                moment.now + int(quirks["list_lag_ms"]),
                moment.now + int(quirks["delivers_after_ms"]),
                ends,
                {
                    "custom_fields": one.custom_fields,
                    "from": one.sender,
                    "type": "ATA" if kakao is not None else one.type or "SMS",
                    "pf_id": None if kakao is None else kakao.pf_id,
                    # A text needs a number to come from, and something to say.
                    "fallback": kakao is not None and not kakao.disable_sms and bool(one.sender) and bool(text),
                },
            ),
        )

    def sign_in(self, connection: sqlite3.Connection, request: Request) -> Merchant:
        """Who calls: a signature over date and salt, fresh each time. Raises Refused."""
        found = AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        if found is None:
            raise refused("Unauthorized", 401)
        merchant = registry.by_name(connection, self.name, found["key"])
        if merchant is None:
            raise refused("InvalidAPIKey", 403)
        signed = hmac.new(merchant.secret.encode(), (found["date"] + found["salt"]).encode(), hashlib.sha256)
        if not hmac.compare_digest(signed.hexdigest(), found["sign"].lower()):
            raise refused("SignatureDoesNotMatch", 403)
        try:
            # By the caller's clock, which nobody has moved.
            skew = abs(epoch_ms(datetime.fromisoformat(found["date"])) - now_ms())
        except ValueError:
            raise refused("InvalidDate", 403) from None
        if skew > SKEW_MS:
            raise refused("RequestTimeTooSkewed", 403)
        if not registry.use_once(connection, self.name, found["sign"].lower(), now_ms()):
            raise refused("DuplicatedSignature", 403)
        return merchant

    def routes(self, desk: Desk) -> APIRouter:
        """Its paths."""
        router = APIRouter(prefix="/messages/v4")

        async def signed_in(request: Request) -> str:
            merchant = await desk.transact(lambda connection: self.sign_in(connection, request))
            return merchant.merchant

        async def listed(request: Request, query: ListQuery) -> Response:
            merchant = await signed_in(request)
            return await desk.read(self, None, lambda c, now: Reply.of(200, self._list(c, merchant, query, now)))

        @router.post("/send-many/detail")
        async def send(request: Request) -> Response:
            merchant = await signed_in(request)
            form = parse(SendForm, await request.body(), lambda text: refused("ValidationError", message=text))
            target = reference_of(form.messages[0].custom_fields) or None
            body = form.model_dump(by_alias=True, exclude_unset=True)
            return await desk.perform(self, Call(self.name, merchant, "send", "send-many", target, None, body))

        @router.get("/list")
        @router.get("/list-old")
        async def get_messages(request: Request) -> Response:
            query = parse_query(ListQuery, request.query_params, lambda text: refused("ValidationError", message=text))
            return await listed(request, query)

        @router.get("/groups/{groupId}/messages")
        async def get_group_messages(request: Request) -> Response:
            return await listed(request, ListQuery.model_validate({"groupId": request.path_params["groupId"]}))

        return router

    def _list(self, connection: sqlite3.Connection, merchant: str, query: ListQuery, now: int) -> JsonObject:
        """A page of the account's messages, newest first, by number."""
        found = [m for m in messages.listed(connection, self.name, merchant, now) if _wanted(m, query, now)][::-1]
        numbers = [message.ref for message in found]
        start = numbers.index(query.start_key) if query.start_key in numbers else 0
        page, rest = found[start : start + query.limit], found[start + query.limit :]
        return {
            "startKey": query.start_key,
            "nextKey": rest[0].ref if rest else None,
            "limit": query.limit,
            "messageList": {message.ref: _view(message, now) for message in page},
        }


def error(code: str, message: str | None = None, status: int | None = None) -> Reply:
    """An error of Solapi."""
    text = message or f"{code} (simulated)"
    return Reply.of(status or STATUSES.get(code, 400), {"errorCode": code, "errorMessage": text})


def refused(code: str, status: int | None = None, message: str | None = None) -> Refused:
    """An error of Solapi to raise."""
    return Refused(error(code, message, status))


def _problem(one: MessageForm, details: JsonObject, seen: set[str], allow_duplicates: bool) -> str | None:
    """Why a message isn't accepted. A sender's number and a channel have to be the account's own."""
    if one.to in seen and not allow_duplicates:
        return "the same recipient twice in one request"
    if one.sender is not None and one.sender not in details.get("senders", []):
        return "from: not registered"
    if one.kakao_options is None:
        return None if one.sender is not None and one.text else "from and text are required"
    return None if one.kakao_options.pf_id in details.get("channels", []) else "pfId: not a channel of this account"


def _kakao_stage(
    connection: sqlite3.Connection, provider: str, kakao: KakaoForm, one: MessageForm
) -> tuple[str, Outcome]:
    """What Kakao makes of a message: its text, and whether it can be delivered."""
    template = messages.find_template(connection, provider, kakao.pf_id, kakao.template_id)
    filled = {key.removeprefix("#{").removesuffix("}"): value for key, value in kakao.variables.items()}
    if template is None or not template.approved or template.places - filled.keys():
        return one.text or "", "failed"
    return template.filled(filled), "delivered"


def _wanted(message: Message, query: ListQuery, now: int) -> bool:
    at = message.at if query.date_type == "CREATED" else min(message.settles_at, now)
    since = 0 if query.start_date is None else epoch_ms(query.start_date)
    until = now if query.end_date is None else epoch_ms(query.end_date)
    return (
        since <= at <= until
        and query.to in (None, message.recipient)
        and query.message_id in (None, message.ref)
        and query.group_id in (None, message.batch)
        and query.status_code in (None, _status_code(message, now))
    )


def _status_code(message: Message, now: int) -> str:
    return {"accepted": "2000", "delivered": "4000", "failed": "3000"}[message.state(now)]


def _result(account: str, one: MessageForm, number: str, problem: str | None) -> JsonObject:
    result: JsonObject = {
        "messageId": number,
        "statusCode": "2000" if problem is None else "1000",
        "statusMessage": problem or "정상 접수(이통사로 접수 예정) ",
        "customFields": one.custom_fields,
    }
    if problem is None:
        return result
    kind = "ATA" if one.kakao_options is not None else one.type or "SMS"
    return {**result, "to": one.to, "from": one.sender, "type": kind, "country": one.country, "accountId": account}


def _group(account: str, batch: str, form: SendForm, accepted: int, failed: int, now: int) -> JsonObject:
    nothing = {"requested": 0, "replacement": 0, "refund": 0, "sum": 0}
    return {
        "count": {
            "total": accepted + failed,
            "sentTotal": 0,
            "sentFailed": 0,
            "sentSuccess": 0,
            "sentPending": 0,
            "sentReplacement": 0,
            "refund": 0,
            "registeredFailed": failed,
            "registeredSuccess": accepted,
        },
        "countForCharge": {"ata": {"82": accepted}},
        "balance": nothing,
        "point": nothing,
        "app": {"profit": {"ata": 0}, "appId": form.app_id},
        "log": [],
        "status": "SENDING",
        "allowDuplicates": form.allow_duplicates,
        "isRefunded": False,
        "accountId": account,
        "masterAccountId": None,
        "apiVersion": "4",
        "groupId": batch,
        "price": {"82": {"ata": 13}},
        "dateCreated": utc_millis(now),
        "dateUpdated": utc_millis(now),
        "scheduledDate": form.scheduled_date,
        "dateSent": utc_millis(now),
        "dateCompleted": None,
    }


def _view(message: Message, now: int) -> JsonObject:
    state = message.state(now)
    details = message.details
    return {
        "messageId": message.ref,
        "groupId": message.batch,
        "to": message.recipient,
        "from": details["from"],
        "type": details["type"],
        "text": message.text,
        "country": "82",
        "customFields": details["custom_fields"],
        "kakaoOptions": {
            "pfId": details["pf_id"],
            "templateId": message.template,
            "disableSms": not details["fallback"],
        },
        "statusCode": _status_code(message, now),
        "status": "COMPLETE" if state != "accepted" else "PENDING",
        "replacement": state == "failed" and details["fallback"],
        "dateCreated": utc_millis(message.at),
        "dateUpdated": utc_millis(min(message.settles_at, now)),
        "log": [],
    }
