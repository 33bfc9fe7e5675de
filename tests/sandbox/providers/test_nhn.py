"""NHN Cloud's AlimTalk: what it refuses and does on its own wire."""

from __future__ import annotations

import concurrent.futures
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.sandbox.providers.control import Control, fresh
from tests.support.waiting import wait_until

SENDER = "0" * 40
MINUTE = 60_000
TEXT = "#{order} 주문이 취소되었습니다."


class Sender:
    """Sends through NHN, on its own wire."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.control = Control(http, "nhn")

    def call(
        self, method: str, path: str, *, key: str | None = None, appkey: str = "sandboxappkey", **more: Any
    ) -> httpx.Response:
        """One call, signed in."""
        headers = {"X-Secret-Key": "sandboxsecret", **more.pop("headers", {})}
        if key is not None:
            headers["X-NC-API-IDEMPOTENCY-KEY"] = key
        return self.http.request(method, f"/nhn/alimtalk/v2.3/appkeys/{appkey}{path}", headers=headers, **more)

    def send(self, reference: str, *, key: str | None = None, path: str = "/messages", **more: Any) -> httpx.Response:
        """A message to one recipient; `more` goes into the recipient, or into the body by its name."""
        body = {
            name: more.pop(name, default)
            for name, default in (("senderKey", SENDER), ("templateCode", "CANCELLED"), ("requestDate", None))
        }
        recipient = {
            "recipientNo": "01012345678",
            "recipientGroupingKey": reference,
            "templateParameter": {"order": "A-1"},
            **more,
        }
        filled = {name: value for name, value in body.items() if value is not None}
        return self.call("POST", path, key=key, json={**filled, "recipientList": [recipient]})

    def listed(self, reference: str) -> list[dict[str, Any]]:
        """What the list shows of a reference, within the last hour and until tomorrow."""
        korea = datetime.now(UTC) + timedelta(hours=9)
        window = {
            "startCreateDate": f"{korea - timedelta(hours=1):%Y-%m-%d %H:%M}",
            "endCreateDate": f"{korea + timedelta(days=1):%Y-%m-%d %H:%M}",
            "recipientGroupingKey": reference,
        }
        answer = self.call("GET", "/messages", params=window).json()
        messages: list[dict[str, Any]] = answer["messageSearchResultResponse"]["messages"]
        return messages


@pytest.fixture
def nhn(http: httpx.Client) -> Sender:
    """A sender with one approved template and one that isn't."""
    sender = Sender(http)
    # Nothing is to happen by itself while a slow test looks.
    sender.control.quirk(delivers_after_ms=MINUTE)
    sender.control.call("PUT", "/templates/CANCELLED", {"sender": SENDER, "text": TEXT})
    sender.control.call("PUT", "/templates/DRAFT", {"sender": SENDER, "text": TEXT, "approved": False})
    return sender


def code(response: httpx.Response) -> int:
    """The header's code; that it and `isSuccessful` agree, and that HTTP says 200 all the same."""
    header = response.json()["header"]
    assert response.status_code == 200
    assert header["isSuccessful"] is (header["resultCode"] == 0)
    return int(header["resultCode"])


def test_accepted_is_a_request_with_a_code_per_recipient(nhn: Sender) -> None:
    reference = fresh("notice")
    answer = nhn.send(reference)
    assert code(answer) == 0
    (result,) = answer.json()["message"]["sendResults"]
    assert (result["recipientSeq"], result["resultCode"]) == (1, 0)
    (message,) = nhn.control.messages(reference)
    assert (message["text"], message["to"], message["status"]) == (
        "A-1 주문이 취소되었습니다.",
        "01012345678",
        "accepted",
    )


def test_signing_in(nhn: Sender) -> None:
    assert code(nhn.call("GET", "/messages", appkey="nobody")) == -1000
    assert code(nhn.call("GET", "/messages", headers={"X-Secret-Key": "wrong"})) == -1001


@pytest.mark.parametrize(
    "wrong",
    [
        {"senderKey": "short"},
        {"senderKey": "1" * 40},
        {"templateCode": "T" * 21},
        {"recipientNo": "0" * 16},
        {"recipientGroupingKey": "k" * 101},
        {"templateParameter": {"order": 1}},
        {"requestDate": "tomorrow"},
        {"unknown": "field"},
        {"content": "whole text"},
    ],
)
def test_what_it_does_not_take(nhn: Sender, wrong: dict[str, Any]) -> None:
    reference = fresh("notice")
    assert code(nhn.send(reference, **wrong)) == -2000
    assert nhn.control.messages(reference) == []


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"templateCode": "NOTHING"}, -3003),
        ({"templateParameter": {}}, -3004),
        ({"templateCode": "DRAFT"}, -3005),
        ({"resendParameter": {"isResend": True}}, -2502),
        ({"resendParameter": {"isResend": True, "resendSendNo": "0299999999"}}, -1003),
    ],
)
def test_templates_and_fallbacks(nhn: Sender, wrong: dict[str, Any], expected: int) -> None:
    assert code(nhn.send(fresh("notice"), **wrong)) == expected


def test_a_bad_number_is_the_recipients_code_not_the_headers(nhn: Sender) -> None:
    reference = fresh("notice")
    answer = nhn.send(reference, recipientNo="12345")
    assert code(answer) == 0
    assert answer.json()["message"]["sendResults"][0]["resultCode"] == -4019
    assert nhn.control.messages(reference) == []


def test_a_whole_text_has_to_follow_its_template(nhn: Sender) -> None:
    reference = fresh("notice")
    assert code(nhn.send(reference, path="/raw-messages", content="A-2 주문이 취소되었습니다.")) == 0
    assert code(nhn.send(reference, path="/raw-messages", content="A-2 주문이 환불되었습니다.")) == -3010
    assert [message["text"] for message in nhn.control.messages(reference)] == ["A-2 주문이 취소되었습니다."]


class TestKeys:
    """Refused, not replayed."""

    def test_a_key_is_refused_for_ten_minutes(self, nhn: Sender) -> None:
        reference, key = fresh("notice"), fresh("key")
        assert code(nhn.send(reference, key=key)) == 0
        assert code(nhn.send(reference, key=key)) == -1005
        nhn.control.advance(590_000)
        assert code(nhn.send("another", key=key, path="/raw-messages", content="A 주문이 취소되었습니다.")) == -1005
        nhn.control.advance(10_000)
        assert code(nhn.send(reference, key=key)) == 0
        assert len(nhn.control.messages(reference)) == 2

    def test_a_lost_answer_has_sent(self, nhn: Sender) -> None:
        reference, key = fresh("notice"), fresh("key")
        nhn.control.fault("lose_answer", reference)
        with pytest.raises(httpx.RemoteProtocolError):
            nhn.send(reference, key=key)
        assert code(nhn.send(reference, key=key)) == -1005
        assert len(nhn.control.messages(reference)) == 1

    def test_duplicate_does_not_mean_sent(self, nhn: Sender) -> None:
        reference, key = fresh("notice"), fresh("key")
        nhn.control.fault("error_before", reference)
        assert nhn.send(reference, key=key).status_code == 500
        assert code(nhn.send(reference, key=key)) == -1005
        assert nhn.control.messages(reference) == []

    def test_or_a_failed_request_may_leave_its_key(self, nhn: Sender) -> None:
        nhn.control.quirk(failed_request_takes_key=False)
        reference, key = fresh("notice"), fresh("key")
        nhn.control.fault("error_before", reference)
        nhn.send(reference, key=key)
        assert code(nhn.send(reference, key=key)) == 0

    def test_a_key_at_work_is_refused_and_the_late_one_still_sends(self, nhn: Sender) -> None:
        reference, key = fresh("notice"), fresh("key")
        nhn.control.fault("late", reference, delayMs=900_000)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            late = pool.submit(nhn.send, reference, key=key)
            wait_until(lambda: not nhn.control.faults())
            assert code(nhn.send(reference, key=key)) == -1005
            nhn.control.advance(600_000)
            assert code(nhn.send(reference, key=key)) == 0
            nhn.control.advance(300_000)
            assert code(late.result()) == 0
        assert len(nhn.control.messages(reference)) == 2

    def test_without_a_key_each_one_is_sent(self, nhn: Sender) -> None:
        reference = fresh("notice")
        assert [code(nhn.send(reference)) for _ in range(2)] == [0, 0]
        assert len(nhn.control.messages(reference)) == 2


class TestLookingUp:
    """The list and the look-up. The clock has run ahead for other tests: only fresh references are looked for."""

    @pytest.fixture
    def fresh_world(self, nhn: Sender) -> Sender:
        """A message is listed at once, so that no clock has to be moved."""
        nhn.control.quirk(list_lag_ms=0)
        return nhn

    def test_a_fresh_message_is_not_listed_yet(self, nhn: Sender) -> None:
        nhn.control.quirk(list_lag_ms=60_000)
        reference = fresh("notice")
        request = nhn.send(reference).json()["message"]["requestId"]
        params = {"requestId": request}

        def listed() -> int:
            answer = nhn.call("GET", "/messages", params=params).json()
            return int(answer["messageSearchResultResponse"]["totalCount"])

        assert listed() == 0
        nhn.control.advance(60_000)
        assert listed() == 1

    def test_by_reference_and_window(self, fresh_world: Sender) -> None:
        reference = fresh("notice")
        request = fresh_world.send(reference).json()["message"]["requestId"]
        (found,) = fresh_world.listed(reference)
        assert (found["requestId"], found["recipientSeq"], found["messageStatus"]) == (request, 1, "READY")
        assert fresh_world.listed(fresh("notice")) == []

    def test_one_may_stay_unlisted(self, fresh_world: Sender) -> None:
        reference = fresh("notice")
        fresh_world.control.fault("unlisted", reference, delayMs=86_400_000)
        fresh_world.control.fault("lose_answer", reference)
        with pytest.raises(httpx.RemoteProtocolError):
            fresh_world.send(reference)
        assert fresh_world.listed(reference) == []
        assert len(fresh_world.control.messages(reference)) == 1

    @pytest.mark.parametrize(
        "params",
        [
            {},
            {"recipientGroupingKey": "r"},
            {"requestId": "r", "pageNum": "0"},
            {"requestId": "r", "pageSize": "all"},
            {"startCreateDate": "2026-01-01 00:00"},
            {"startCreateDate": "2020-01-01 00:00", "endCreateDate": "2020-01-02 00:00"},
            {"startCreateDate": "2020-01-01 00:00", "endCreateDate": "2099-01-02 00:00"},
            {"startCreateDate": "2026-01-01T00:00:00", "endCreateDate": "2026-01-02T00:00:00"},
        ],
    )
    def test_a_list_needs_a_request_or_a_window(self, nhn: Sender, params: dict[str, str]) -> None:
        assert code(nhn.call("GET", "/messages", params=params)) == -2000

    @pytest.mark.parametrize(
        ("resend", "outcome", "expected", "route"),
        [
            (False, "delivered", ("COMPLETED", "MRC01", "RSC01"), "alimtalk"),
            (False, "failed", ("FAILED", "MRC02", "RSC01"), "alimtalk"),
            (True, "failed", ("FAILED", "MRC02", "RSC04"), "sms"),
        ],
    )
    def test_how_it_ended(
        self, fresh_world: Sender, resend: bool, outcome: str, expected: tuple[str, str, str], route: str
    ) -> None:
        reference = fresh("notice")
        more: dict[str, Any] = {}
        if resend:
            more["resendParameter"] = {"isResend": True, "resendType": "SMS", "resendSendNo": "0215880000"}
        request = fresh_world.send(reference, **more).json()["message"]["requestId"]
        (message,) = fresh_world.control.messages(reference)
        fresh_world.control.call("POST", f"/messages/{message['ref']}/settle", {"outcome": outcome})
        shown = fresh_world.call("GET", f"/messages/{request}/1").json()["message"]
        assert (shown["messageStatus"], shown["resultCode"], shown["resendStatus"]) == expected
        assert fresh_world.control.messages(reference)[0]["route"] == route

    def test_it_is_delivered_by_itself_unless_it_can_not_be(self, fresh_world: Sender) -> None:
        good, bad = fresh("notice"), fresh("notice")
        fresh_world.control.fault("undelivered", bad)
        for reference in (good, bad):
            fresh_world.send(reference)
        fresh_world.control.advance(MINUTE)
        states = [fresh_world.control.messages(reference)[0]["status"] for reference in (good, bad)]
        assert states == ["delivered", "failed"]

    def test_an_unknown_one_is_no_error(self, nhn: Sender) -> None:
        answer = nhn.call("GET", "/messages/nothing/1")
        assert (code(answer), answer.json()["message"]) == (0, None)


def test_a_refusal_comes_in_a_200_and_an_error_need_not(nhn: Sender) -> None:
    reference = fresh("notice")
    nhn.control.fault("refuse", reference, code="-1017")
    assert code(nhn.send(reference)) == -1017
    nhn.control.fault("refuse", reference, code="-1", status=429)
    assert nhn.send(reference).status_code == 429
    assert nhn.control.messages(reference) == []
