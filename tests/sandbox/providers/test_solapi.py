"""Solapi: what it refuses and does on its own wire."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.sandbox.providers.control import Control, fresh

CHANNEL = "KA01PF_SANDBOX"
MINUTE = 60_000
TEXT = "#{order} 주문이 취소되었습니다."


def signature(
    *, key: str = "NCSSANDBOX", secret: str | None = None, at: datetime | None = None, salt: str | None = None
) -> dict[str, str]:
    """A header that signs one call."""
    date = (at or datetime.now(UTC)).isoformat()
    salt = salt or uuid.uuid4().hex
    sign = hmac.new((secret or "solapi_sandbox").encode(), (date + salt).encode(), hashlib.sha256).hexdigest()
    return {"Authorization": f"HMAC-SHA256 ApiKey={key}, Date={date}, salt={salt}, signature={sign}"}


class Sender:
    """Sends through Solapi, on its own wire."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.control = Control(http, "solapi")

    def message(self, reference: str, **more: Any) -> dict[str, Any]:
        """A message."""
        kakao = {"pfId": CHANNEL, "templateId": "CANCELLED", "variables": {"#{order}": "A-1"}, **more.pop("kakao", {})}
        return {
            "to": "01012345678",
            "from": "0215880000",
            "text": "취소되었습니다",
            "customFields": {"notificationId": reference},
            "kakaoOptions": kakao,
            **more,
        }

    def post(self, body: object, headers: dict[str, str] | None = None) -> httpx.Response:
        """Send any body."""
        path = "/solapi/messages/v4/send-many/detail"
        return self.http.post(path, json=body, headers=headers or signature())

    def send(self, reference: str, **more: Any) -> httpx.Response:
        """Send one message."""
        return self.post({"messages": [self.message(reference, **more)], "showMessageList": True})

    def listed(self, **params: str) -> dict[str, dict[str, Any]]:
        """What the list shows, by number."""
        answer = self.http.get("/solapi/messages/v4/list", params=params, headers=signature()).json()
        found: dict[str, dict[str, Any]] = answer["messageList"]
        return found


@pytest.fixture
def solapi(http: httpx.Client) -> Sender:
    """A sender with one approved template and one that isn't."""
    sender = Sender(http)
    # Nothing is to happen by itself while a slow test looks.
    sender.control.quirk(list_lag_ms=MINUTE, delivers_after_ms=MINUTE)
    sender.control.call("PUT", "/templates/CANCELLED", {"sender": CHANNEL, "text": TEXT})
    sender.control.call("PUT", "/templates/DRAFT", {"sender": CHANNEL, "text": TEXT, "approved": False})
    return sender


def is_error(response: httpx.Response, status: int, code: str) -> bool:
    """Whether this is that error, in the shape that every error has."""
    body = response.json()
    return response.status_code == status and body["errorCode"] == code and set(body) == {"errorCode", "errorMessage"}


class TestSigningIn:
    """A signature over date and salt, fresh each time."""

    @pytest.mark.parametrize(
        ("headers", "status", "code"),
        [
            ({"Authorization": "Bearer x"}, 401, "Unauthorized"),
            (signature(key="NOBODY"), 403, "InvalidAPIKey"),
            (signature(secret="wrong"), 403, "SignatureDoesNotMatch"),
            (signature(at=datetime(2020, 1, 1, tzinfo=UTC)), 403, "RequestTimeTooSkewed"),
            (signature(salt="short"), 401, "Unauthorized"),
        ],
    )
    def test_nothing_else_will_do(self, solapi: Sender, headers: dict[str, str], status: int, code: str) -> None:
        reference = fresh("notice")
        answer = solapi.post({"messages": [solapi.message(reference)]}, headers)
        assert is_error(answer, status, code)
        assert solapi.control.messages(reference) == []

    def test_a_signature_is_good_once(self, solapi: Sender) -> None:
        headers = signature()
        assert solapi.post({"messages": [solapi.message(fresh("n"))]}, headers).status_code == 200
        again = solapi.post({"messages": [solapi.message(fresh("n"))]}, headers)
        assert is_error(again, 403, "DuplicatedSignature")

    def test_a_clock_may_be_a_little_off(self, solapi: Sender) -> None:
        headers = signature(at=datetime.now(UTC) + timedelta(minutes=10))
        assert solapi.post({"messages": [solapi.message(fresh("n"))]}, headers).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "010-1234-5678"},
        {"to": None},
        {"customFields": {"n": 1}},
        {"kakao": {"variables": {"#{order}": 1}}},
        {"kakao": {"templateId": ""}},
        {"unknown": "field"},
    ],
)
def test_what_it_does_not_take(solapi: Sender, wrong: dict[str, Any]) -> None:
    assert is_error(solapi.send(fresh("notice"), **wrong), 400, "ValidationError")


def test_no_messages_at_all(solapi: Sender) -> None:
    assert is_error(solapi.post({"messages": []}), 400, "ValidationError")


def test_accepted(solapi: Sender) -> None:
    reference = fresh("notice")
    answer = solapi.send(reference).json()
    assert answer["groupInfo"]["count"]["registeredSuccess"] == 1
    (accepted,) = answer["messageList"]
    assert (accepted["statusCode"], accepted["customFields"]) == ("2000", {"notificationId": reference})
    (message,) = solapi.control.messages(reference)
    assert (message["ref"], message["text"]) == (accepted["messageId"], "A-1 주문이 취소되었습니다.")


@pytest.mark.parametrize("wrong", [{"from": "0299999999"}, {"kakao": {"pfId": "KA01PF_OTHER"}}])
def test_a_foreign_number_or_channel_is_not_registered(solapi: Sender, wrong: dict[str, Any]) -> None:
    reference = fresh("notice")
    answer = solapi.send(reference, **wrong)
    assert answer.status_code == 200
    assert answer.json()["groupInfo"]["count"]["registeredFailed"] == 1
    assert answer.json()["failedMessageList"][0]["to"] == "01012345678"
    assert solapi.control.messages(reference) == []


def test_the_same_again_is_sent_again(solapi: Sender) -> None:
    reference = fresh("notice")
    for _ in range(2):
        solapi.send(reference)
    assert len(solapi.control.messages(reference)) == 2


def test_a_recipient_twice_in_one_request(solapi: Sender) -> None:
    reference = fresh("notice")
    twice = {"messages": [solapi.message(reference)] * 2}
    assert len(solapi.post(twice).json()["failedMessageList"]) == 1
    assert solapi.post({**twice, "allowDuplicates": True}).json()["failedMessageList"] == []
    assert len(solapi.control.messages(reference)) == 3


def test_a_plain_text_needs_a_number_to_come_from(solapi: Sender) -> None:
    reference = fresh("notice")
    plain = {"to": "01012345678", "text": "취소되었습니다", "customFields": {"n": reference}}
    assert len(solapi.post({"messages": [plain]}).json()["failedMessageList"]) == 1
    assert solapi.post({"messages": [{**plain, "from": "0215880000"}]}).json()["failedMessageList"] == []


@pytest.mark.parametrize("kakao", [{"templateId": "NOTHING"}, {"templateId": "DRAFT"}, {"variables": {}}])
@pytest.mark.parametrize(("disabled", "route"), [(False, "sms"), (True, "alimtalk")])
def test_a_wrong_template_is_seen_only_later(solapi: Sender, kakao: dict[str, Any], disabled: bool, route: str) -> None:
    reference = fresh("notice")
    answer = solapi.send(reference, kakao={**kakao, "disableSms": disabled}).json()
    number = answer["messageList"][0]["messageId"]
    assert answer["messageList"][0]["statusCode"] == "2000"
    solapi.control.advance(MINUTE)
    assert solapi.listed(messageId=number)[number]["statusCode"] == "3000"
    assert [(m["status"], m["route"]) for m in solapi.control.messages(reference)] == [("failed", route)]


def test_a_lost_answer_is_found_by_recipient_and_fields(solapi: Sender) -> None:
    reference, to = fresh("notice"), f"010{uuid.uuid4().int % 10**8:08}"
    solapi.control.fault("lose_answer", reference)
    with pytest.raises(httpx.RemoteProtocolError):
        solapi.send(reference, to=to)
    assert solapi.listed(to=to) == {}
    solapi.control.advance(MINUTE)
    (found,) = solapi.listed(to=to).values()
    assert found["customFields"] == {"notificationId": reference}
    assert found["statusCode"] == "4000"
    assert solapi.listed(to=to, endDate="2020-01-01T00:00:00+09:00") == {}
    assert solapi.listed(to=to, statusCode="2000") == {}


def test_pages(solapi: Sender) -> None:
    solapi.control.quirk(list_lag_ms=0)
    body = {"messages": [solapi.message(fresh("n"), to=f"0101111{n:04}") for n in range(3)], "showMessageList": True}
    group = solapi.post(body).json()["groupInfo"]["groupId"]
    params = {"groupId": group, "limit": "2"}
    first = solapi.http.get("/solapi/messages/v4/list", params=params, headers=signature()).json()
    params["startKey"] = first["nextKey"]
    second = solapi.http.get("/solapi/messages/v4/list", params=params, headers=signature()).json()
    assert (len(first["messageList"]), len(second["messageList"]), second["nextKey"]) == (2, 1, None)
    path = f"/solapi/messages/v4/groups/{group}/messages"
    assert len(solapi.http.get(path, headers=signature()).json()["messageList"]) == 3
    wrong = solapi.http.get("/solapi/messages/v4/list", params={"limit": "many"}, headers=signature())
    assert is_error(wrong, 400, "ValidationError")


@pytest.mark.parametrize(
    ("kind", "code", "status", "shown"),
    [
        ("refuse", None, 402, "NotEnoughBalance"),
        ("refuse", "TooManyRequests", 429, "TooManyRequests"),
        ("error_before", None, 500, "InternalError"),
    ],
)
def test_errors(solapi: Sender, kind: str, code: str | None, status: int, shown: str) -> None:
    reference = fresh("notice")
    solapi.control.fault(kind, reference, code=code)
    assert is_error(solapi.send(reference), status, shown)
    assert solapi.control.messages(reference) == []


def test_an_empty_purse(solapi: Sender) -> None:
    solapi.control.call("PUT", "/merchants/POORONE", {"secret": "poor", "details": {"broke": True}})
    headers = signature(key="POORONE", secret="poor")
    assert is_error(solapi.post({"messages": [solapi.message(fresh("n"))]}, headers), 402, "NotEnoughBalance")
