"""Our ledger compared with the gateways' by the daily workflow: each difference a case, none invented, none mended."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

import bootstrap
from activities.claims import OpenCancel
from activities.comparing import Comparison
from activities.messages import Pace
from activities.notices import NoticePlanner
from activities.reconciliation import Reconcile, ReconciliationActivities
from gateways.notices.texts import NoticeTexts
from store import findings
from tests.support.house import House, open_house
from tests.support.orders import line, order, payment
from tests.support.sandbox import SandboxProcess
from workflows.reconcile import ReconcileWorkflow

GATEWAYS = ("sandbox", "toss", "stripe", "portone", "kakaopay")
OTHER_TOSS = "toss-b"


@pytest.fixture(scope="module")
async def idle_house(
    module_database_url: str, temporal_client: Client, sandbox: SandboxProcess
) -> AsyncIterator[House]:
    """A shop with an account at each gateway, and a second one at Toss."""
    other = {"kind": "toss", "secret_key": "test_sk_other", "base_url": f"{sandbox.url}/toss", "settling": 1}
    async with open_house(
        module_database_url, temporal_client, sandbox, f"saga-{uuid.uuid4()}", merchants={OTHER_TOSS: other}
    ) as house:
        await control(house, "toss", "PUT", f"/merchants/{OTHER_TOSS}", {"secret": "test_sk_other"})
        # Else what is done now shows in its list only in an hour.
        await control(house, "toss", "PUT", "/quirks", {"transactions_lag_ms": 0})
        yield house


async def control(house: House, provider: str, method: str, path: str, body: object = None) -> Mapping[str, Any]:
    response = await house.gateway.request(method, f"/control/{provider}{path}", json=body)
    told: Mapping[str, Any] = response.raise_for_status().json()
    return told


async def paid(house: House, gateway: str, amount: int = 20_000) -> str:
    """An order of two units, paid at the gateway."""
    one = replace(payment("1", amount), gateway=gateway)
    order_no = await house.feed(order(line(1, amount // 2, quantity=2), payments=[one]))
    if gateway != "sandbox":
        body: dict[str, object] = {"amount": amount}
        if gateway == OTHER_TOSS:
            body["merchant"] = OTHER_TOSS
        await control(house, gateway.split("-")[0], "PUT", f"/payments/{order_no}-1", body)
    return order_no


async def cancelled(house: House, gateway: str) -> OpenCancel:
    """One of two units cancelled and given back."""
    asked = house.asked(await paid(house, gateway), {1: 1})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    return asked


async def refund_in_the_console(house: House, gateway: str, order_no: str, amount: int) -> None:
    if gateway == "sandbox":
        made = {"amount": amount, "reference": "console"}
        path = f"/payments/{order_no}-1/refunds"
        key = {"Idempotency-Key": uuid.uuid4().hex}
        (await house.gateway.post(path, json=made, headers=key)).raise_for_status()
    else:
        provider = gateway.split("-")[0]
        await control(
            house, provider, "POST", f"/payments/{order_no}-1/refunds", {"amount": amount, "reason": "고객 응대"}
        )


def today(house: House) -> date:
    return datetime.now(ZoneInfo(house.settings.timezone)).date()


async def reconcile(house: House, gateway: str | None = None) -> None:
    await house.temporal.execute_workflow(
        ReconcileWorkflow.run,
        Reconcile(gateway=gateway, day=today(house)),
        id=f"reconcile-{uuid.uuid4().hex}",
        task_queue=house.settings.task_queue,
    )


async def write(house: House, statement: str, **values: object) -> None:
    async with house.engine.begin() as conn:
        await conn.execute(text(statement), values)


async def cases(house: House, order_no: str) -> list[tuple[str, int | None, int | None]]:
    """The order's open cases: what each is, and both amounts."""
    async with house.engine.connect() as conn:
        found = await findings.list_findings(conn, order_no=order_no)
    return [(one.kind, one.detail.get("ours"), one.detail.get("shown")) for one in found]


async def test_a_refund_made_in_the_console_is_found_at_every_gateway(house: House) -> None:
    """P10, P11: on payments that we never touched; one of the same amount beside it is left alone."""
    touched = {gateway: await paid(house, gateway) for gateway in GATEWAYS}
    beside = [await paid(house, gateway) for gateway in GATEWAYS]
    claimed = {gateway: await cancelled(house, gateway) for gateway in GATEWAYS}
    for gateway, order_no in touched.items():
        # As much as a claim gives back for one unit.
        await refund_in_the_console(house, gateway, order_no, 10_000)
    await reconcile(house)
    for order_no in touched.values():
        assert await cases(house, order_no) == [("foreign_refund", None, 10_000)]
        # In the books, so that the next claim reckons with it.
        assert await house.value("SELECT amount FROM external_refunds WHERE order_no = :no", no=order_no) == 10_000
    for order_no in [*beside, *(asked.order_no for asked in claimed.values())]:
        assert await cases(house, order_no) == []
    days = await house.rows("SELECT * FROM reconciliations WHERE day = :day", day=today(house))
    assert {row["gateway"] for row in days} == {*GATEWAYS, OTHER_TOSS}
    assert all(row["ended_at"] and row["code"] is None and row["unread"] == 0 for row in days), days
    # What it found is no more by being looked at again.
    await reconcile(house)
    for order_no in touched.values():
        assert await cases(house, order_no) == [("foreign_refund", None, 10_000)]
        assert await house.value("SELECT count(*) FROM external_refunds WHERE order_no = :no", no=order_no) == 1
    assert await house.balanced()


async def test_two_merchants_of_one_kind_are_told_apart(house: House) -> None:
    mine, other = await paid(house, "toss"), await paid(house, OTHER_TOSS)
    for gateway, order_no in (("toss", mine), (OTHER_TOSS, other)):
        await refund_in_the_console(house, gateway, order_no, 700)
    await reconcile(house, OTHER_TOSS)
    assert (await cases(house, mine), await cases(house, other)) == ([], [("foreign_refund", None, 700)])


async def test_our_refund_that_is_not_there_and_one_with_another_amount(house: House) -> None:
    missing, differing = await cancelled(house, "stripe"), await cancelled(house, "portone")
    # Our ledger names another payment of that amount, of which nothing went back.
    other = await paid(house, "stripe")
    moved = {"ref": f"{other}-1x", "no": missing.order_no}
    await write(house, "UPDATE order_payments SET gateway_ref = :ref WHERE order_no = :no", **moved)
    await write(house, "UPDATE refund_legs SET gateway_ref = :ref WHERE order_no = :no", **moved)
    await write(house, "UPDATE refund_legs SET amount = 9999 WHERE order_no = :no", no=differing.order_no)
    await control(house, "stripe", "PUT", f"/payments/{other}-1x", {"amount": 20_000})
    await reconcile(house)
    assert await cases(house, missing.order_no) == [("refund_missing", 10_000, None)]
    assert await cases(house, differing.order_no) == [("amount_differs", 9_999, 10_000)]
    # A case that is gone at the next comparison clears itself.
    await write(house, "UPDATE refund_legs SET amount = 10000 WHERE order_no = :no", no=differing.order_no)
    await reconcile(house, "portone")
    assert await cases(house, differing.order_no) == []


async def test_a_refund_that_failed_late_is_found_without_a_webhook(house: House) -> None:
    """P6: its claim is open again, and carried on: it waits for a person."""
    asked = await cancelled(house, "stripe")
    ref = await house.value("SELECT refund_ref FROM refund_legs WHERE claim_no = :no", no=asked.claim_no)
    await control(house, "stripe", "POST", f"/refunds/{ref}/settle", {"status": "failed"})
    await reconcile(house, "stripe")
    assert await cases(house, asked.order_no) == [("refund_failed_late", 10_000, 10_000)]
    parking = await house.parking(asked.claim_no)
    assert (parking["step"], parking["cause"]) == ("refund", "PSP_DECLINED")
    # The case tells what has happened: it stays, though nothing differs any more.
    await reconcile(house, "stripe")
    assert await cases(house, asked.order_no) == [("refund_failed_late", 10_000, 10_000)]
    await house.resolve(asked.workflow_id, parking["parking_no"], "retry")
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await house.balanced()


async def due(house: House, gateway: str) -> list[date]:
    planner = NoticePlanner(NoticeTexts(house.settings.timezone), house.policy)
    gateways = bootstrap.gateways(house.settings)
    comparison = Comparison(house.engine, gateways, planner)
    made = ReconciliationActivities(
        house.engine, {gateway: gateways[gateway]}, comparison, Pace(), timezone=house.settings.timezone
    )
    found = await ActivityEnvironment().run(made.days_to_reconcile, Reconcile())
    return [one.day for one in found.days]


async def test_a_gateway_that_is_away_leaves_a_case_and_is_made_up_for(house: House) -> None:
    await control(house, "portone", "POST", "/faults", {"kind": "down"})
    day = (await due(house, "portone"))[-1]

    async def run() -> Mapping[str, Any]:
        await house.temporal.execute_workflow(
            ReconcileWorkflow.run,
            Reconcile(gateway="portone", day=day),
            id=f"reconcile-{uuid.uuid4().hex}",
            task_queue=house.settings.task_queue,
        )
        [row] = await house.rows("SELECT * FROM reconciliations WHERE gateway = 'portone' AND day = :day", day=day)
        return row

    row = await run()
    assert row["ended_at"] is not None
    assert row["code"].startswith("portone: ")
    key = f"not_reconciled/portone/{day}"
    open_case = "SELECT count(*) FROM findings WHERE finding_key = :key AND cleared_at IS NULL"
    assert await house.value(open_case, key=key) == 1
    assert day in await due(house, "portone")
    await control(house, "portone", "DELETE", "/faults")
    assert (await run())["code"] is None
    assert await house.value(open_case, key=key) == 0
    assert day not in await due(house, "portone")


async def test_a_case_that_a_person_closed_comes_back_only_with_new_facts(house: House) -> None:
    order_no = await paid(house, "toss")
    await refund_in_the_console(house, "toss", order_no, 400)
    await reconcile(house, "toss")
    async with house.engine.begin() as conn:
        [case] = await findings.list_findings(conn, order_no=order_no)
        told = {"actor": "lee", "channel": "api", "reason": "agreed with the customer"}
        assert await findings.close(conn, case.finding_key, **told) is findings.Closing.CLOSED
        assert await findings.close(conn, case.finding_key, **told) is findings.Closing.UNKNOWN
    await reconcile(house, "toss")
    assert await cases(house, order_no) == []
    await control(house, "toss", "POST", "/clock", {"advanceMs": 1_001})
    await refund_in_the_console(house, "toss", order_no, 300)
    await reconcile(house, "toss")
    assert await cases(house, order_no) == [("foreign_refund", None, 300)]
