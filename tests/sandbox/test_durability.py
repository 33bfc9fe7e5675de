"""What was answered outlives SIGKILL; what was taken is done after it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.sandbox.caller import Caller, fresh, is_error
from tests.support.sandbox import ROOT, SandboxProcess
from tests.support.waiting import wait_until


@pytest.fixture
def own_caller(own_sandbox: SandboxProcess) -> Caller:
    return Caller(own_sandbox.url)


def test_everything_answered_outlives_sigkill(own_sandbox: SandboxProcess, own_caller: Caller) -> None:
    pg_tid, reference = own_caller.new_payment(), fresh("ref")
    refund = own_caller.refund(pg_tid, 100, key="r")
    charge = own_caller.charge(200, key="c", reference=reference)
    message = own_caller.message(key="m", reference=reference)
    own_caller.fault("refuse", pg_tid, times=3)
    payment = own_caller.payment(pg_tid)

    own_sandbox.restart()

    assert own_caller.payment(pg_tid) == payment
    assert own_caller.refund(pg_tid, 100, key="r").content == refund.content
    assert is_error(own_caller.refund(pg_tid, 101, key="r"), 422, "idempotency_mismatch")
    assert own_caller.charge(200, key="c", reference=reference).content == charge.content
    assert own_caller.charges(reference) == [charge.json()]
    assert is_error(own_caller.message(key="m"), 409, "duplicate")
    assert [each["messageId"] for each in own_caller.messages(reference)] == [message.json()["messageId"]]
    assert own_caller.faults() == [(pg_tid, "refuse", 3)]


def test_a_ledger_of_an_earlier_version_is_taken_on(own_sandbox: SandboxProcess, own_caller: Caller) -> None:
    pg_tid = own_caller.new_payment(1_000)
    earlier = own_caller.refund(pg_tid, 100, key="r").json()
    own_sandbox.stop()
    with closing(sqlite3.connect(own_sandbox.ledger)) as connection:
        for column in ("tax_free", "vat"):
            connection.execute(f"ALTER TABLE refunds DROP COLUMN {column}")
        connection.commit()
    own_sandbox.start()
    assert own_caller.refund(pg_tid, 100, key="r").json() == earlier
    assert own_caller.refund(pg_tid, 200, taxFreeAmount=50).json()["taxFreeAmount"] == 50
    assert [one["amount"] for one in own_caller.payment(pg_tid)["refunds"]] == [100, 200]


def test_a_late_refund_happens_after_a_restart(own_sandbox: SandboxProcess, own_caller: Caller) -> None:
    pg_tid = own_caller.new_payment()
    own_caller.fault("late", pg_tid, delay_ms=8_000)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(own_caller.refund, pg_tid, 100, key="k")
        wait_until(lambda: not own_caller.faults())
        own_sandbox.kill()
        assert isinstance(waiting.exception(), httpx.TransportError)

    own_sandbox.start()

    assert own_caller.payment(pg_tid)["refunds"] == []
    assert is_error(own_caller.refund(pg_tid, 100, key="k"), 409, "in_progress")
    refunds = wait_until(lambda: own_caller.payment(pg_tid)["refunds"])
    assert [(refund["key"], refund["amount"]) for refund in refunds] == [("k", 100)]
    replay = own_caller.refund(pg_tid, 100, key="k")
    assert (replay.status_code, replay.json()["refundId"]) == (200, refunds[0]["refundId"])

    own_sandbox.restart()
    assert own_caller.payment(pg_tid)["refunds"] == refunds


def test_a_late_refund_that_fell_due_while_dead_happens_at_the_start(
    own_sandbox: SandboxProcess, own_caller: Caller
) -> None:
    pg_tid = own_caller.new_payment()
    own_caller.fault("late", pg_tid, delay_ms=1_500)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(own_caller.refund, pg_tid, 100)
        wait_until(lambda: not own_caller.faults())
        due_at = time.time() + 1.5
        assert own_caller.payment(pg_tid)["refunds"] == []
        own_sandbox.kill()
        assert isinstance(waiting.exception(), httpx.TransportError)
    wait_until(lambda: time.time() > due_at)

    own_sandbox.start()

    wait_until(lambda: len(own_caller.payment(pg_tid)["refunds"]) == 1)


def test_a_late_charge_happens_after_a_restart(own_sandbox: SandboxProcess, own_caller: Caller) -> None:
    own_caller.fault("late", delay_ms=2_000)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(own_caller.charge, 100, key="k", reference="r")
        wait_until(lambda: not own_caller.faults())
        own_sandbox.kill()
        assert isinstance(waiting.exception(), httpx.TransportError)

    own_sandbox.start()

    assert [charge["amount"] for charge in wait_until(lambda: own_caller.charges("r"))] == [100]


def test_a_delayed_answer_is_kept_when_its_sender_dies(own_sandbox: SandboxProcess, own_caller: Caller) -> None:
    pg_tid = own_caller.new_payment()
    own_caller.fault("delay", pg_tid, delay_ms=3_000)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(own_caller.refund, pg_tid, 100, key="k")
        refunds = wait_until(lambda: own_caller.payment(pg_tid)["refunds"])
        own_sandbox.kill()
        assert isinstance(waiting.exception(), httpx.TransportError)

    own_sandbox.start()

    wait_until(lambda: own_caller.refund(pg_tid, 100, key="k").status_code == 200)
    assert own_caller.refund(pg_tid, 100, key="k").json()["refundId"] == refunds[0]["refundId"]
    assert own_caller.payment(pg_tid)["refunds"] == refunds


def test_down_outlives_sigkill(own_sandbox: SandboxProcess, own_caller: Caller) -> None:
    own_caller.fault("down")

    own_sandbox.restart()

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        own_caller.http.get("/health")
    own_caller.http.delete("/faults")
    assert own_caller.http.get("/health").status_code == 200


def test_sigkill_amid_refunds_loses_none_that_was_answered(own_sandbox: SandboxProcess, own_caller: Caller) -> None:
    pg_tid = own_caller.new_payment(1_000_000)

    def refund(number: int) -> tuple[str, str | None]:
        key = f"k{number}"
        try:
            answer: str = own_caller.refund(pg_tid, 1, key=key).json()["refundId"]
        except httpx.TransportError:
            return key, None
        return key, answer

    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(refund, number) for number in range(400)]
        wait_until(lambda: sum(each.done() for each in sent) >= 20)
        own_sandbox.kill()
        answered = [each.result() for each in sent]
    unanswered = [key for key, refund_id in answered if refund_id is None]
    assert unanswered, "the process was meant to die amid the refunds"

    own_sandbox.start()

    listed = {refund["key"]: refund["refundId"] for refund in own_caller.payment(pg_tid)["refunds"]}
    assert {key: refund_id for key, refund_id in answered if refund_id}.items() <= listed.items()
    for key in unanswered[:20]:
        assert own_caller.refund(pg_tid, 1, key=key).status_code == 200
    keys = [refund["key"] for refund in own_caller.payment(pg_tid)["refunds"]]
    assert len(keys) == len(set(keys))


def test_stops_cleanly_although_a_caller_waits(own_sandbox: SandboxProcess, own_caller: Caller) -> None:
    pg_tid = own_caller.new_payment()
    own_caller.fault("late", pg_tid, delay_ms=60_000)
    own_caller.fault("delay", pg_tid, delay_ms=60_000)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(own_caller.refund, pg_tid, 100) for _ in range(2)]
        wait_until(lambda: not own_caller.faults())

        code = own_sandbox.stop()

        assert [type(each.exception()) for each in waiting] == [httpx.RemoteProtocolError] * 2
    assert code == 0
    assert "ERROR" not in own_sandbox.log()


def test_a_port_in_use_ends_it_with_a_clear_error(own_sandbox: SandboxProcess, tmp_path: Path) -> None:
    port = own_sandbox.url.rpartition(":")[2]
    command = [sys.executable, "-m", "sandbox", "--port", port, "--data", str(tmp_path / "other")]

    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)

    assert second.returncode == 3
    assert "address already in use" in second.stderr


def test_the_ledger_is_readable_by_its_owner_alone(own_sandbox: SandboxProcess, tmp_path: Path) -> None:
    assert own_sandbox.url
    assert os.stat(tmp_path / "data").st_mode & 0o077 == 0  # noqa: PTH116
