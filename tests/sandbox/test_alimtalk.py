"""The stand-in for AlimTalk: it refuses a key it knows instead of replaying, and suffers faults of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.sandbox.caller import Caller, fresh, is_error
from tests.support.sandbox import SandboxProcess
from tests.support.waiting import wait_until


def test_a_message_is_accepted_and_listed(caller: Caller) -> None:
    reference = fresh("ref")

    answer = caller.message(key="m1", reference=reference, text="주문이 취소되었습니다")

    assert answer.status_code == 200
    assert answer.json() == {"messageId": answer.json()["messageId"], "status": "accepted"}
    (listed,) = caller.messages(reference)
    assert listed["messageId"] == answer.json()["messageId"]
    assert (listed["key"], listed["to"], listed["template"], listed["text"], listed["reference"]) == (
        "m1", "01000000000", "CANCEL", "주문이 취소되었습니다", reference,
    )  # fmt: skip
    assert caller.messages(fresh("ref")) == []


def test_a_known_key_is_refused_whatever_the_body(caller: Caller) -> None:
    reference, key = fresh("ref"), fresh("key")
    caller.message(key=key, reference=reference)

    assert is_error(caller.message(key=key, reference=reference), 409, "duplicate")
    assert is_error(caller.message(key=key, reference=reference, text="other"), 409, "duplicate")
    assert len(caller.messages(reference)) == 1


def test_one_key_at_once_sends_once(caller: Caller) -> None:
    reference, key = fresh("ref"), fresh("key")

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: caller.message(key=key, reference=reference), range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19
    assert len(caller.messages(reference)) == 1


def test_a_key_is_free_again_after_its_life(tmp_path: Path) -> None:
    with SandboxProcess(tmp_path / "data", "--alimtalk-key-life-ms", "400") as process, Caller(process.url) as caller:
        assert caller.message(key="k").status_code == 200
        assert is_error(caller.message(key="k"), 409, "duplicate")

        wait_until(lambda: caller.message(key="k").status_code == 200)

        assert len(caller.messages("ref")) == 2


@pytest.mark.parametrize(
    ("kind", "seen", "sent"),
    [("refuse", 403, 0), ("error_before", 500, 0), ("error_after", 500, 1), ("lose_answer", "cut", 1)],
)
def test_messages_suffer_their_faults(caller: Caller, kind: str, seen: object, sent: int) -> None:
    reference, key = fresh("ref"), fresh("key")
    caller.fault(kind, "alimtalk")
    answer: object

    try:
        answer = caller.message(key=key, reference=reference).status_code
    except (httpx.RemoteProtocolError, httpx.ReadError):
        answer = "cut"

    assert answer == seen
    assert len(caller.messages(reference)) == sent
    assert caller.message(key=key, reference=reference).status_code == (409 if sent else 200)
    assert len(caller.messages(reference)) == 1


def test_faults_of_payments_and_of_messages_keep_apart(caller: Caller) -> None:
    caller.fault("refuse", None)
    assert caller.message().status_code == 200

    caller.http.delete("/faults")
    caller.fault("refuse", "alimtalk")
    assert caller.refund(caller.new_payment(), 1).status_code == 200
    assert caller.message().status_code == 403
