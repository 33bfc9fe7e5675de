"""`claims stuck`, `resolve`, `resume`, `show` and `audit`: what an operator sees and does, with the console alone."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from api.tokens import Role
from tests.api.shop import CANCEL, Shop, card, select
from tests.cli.console import Console
from tests.support.house import House


async def cancelled(shop: Shop, order_no: str, units: int = 1) -> str:
    """A claim for some units, as the member opens it."""
    asked, caller = select(order_no, {1: units}), shop.token(Role.MEMBER, "M1")
    answer = await shop.call(CANCEL, asked, caller, key=uuid.uuid4().hex)
    assert answer.status_code == 200, answer.text
    claim_no: str = answer.json()["payload"]["claimNo"]
    return claim_no


async def completed(house: House, claim_no: str) -> None:
    async def over() -> bool:
        return (await house.status(claim_no)).startswith("COMPLETED")

    await house.eventually(over)


@asynccontextmanager
async def parked(shop: Shop, house: House) -> AsyncIterator[tuple[str, str, int]]:
    """An order, its claim, and the parking it is in, because the gateway is down; at the end nothing is parked."""
    order_no = await shop.order()
    await house.fault("down", 1000)
    claim_no = await cancelled(shop, order_no)
    parking = await house.parking(claim_no)
    await house.mend()
    yield order_no, claim_no, parking["parking_no"]


async def test_a_parked_claim_is_listed_with_cause_actions_and_link(claims: Console, shop: Shop, house: House) -> None:
    assert "Claims that wait for a person: 0." in (await claims("stuck")).out
    async with parked(shop, house) as (order_no, claim_no, parking_no):
        ran = await claims("stuck")
        assert (ran.code, ran.err) == (0, "")
        for expected in (
            f"Claim {claim_no} waits for a person: parking {parking_no}",
            order_no,
            "PSP_DOWN: The payment gateway does not answer.",
            f"claims resolve {claim_no} --parking {parking_no} --action retry --reason …",
            f"/namespaces/default/workflows/cancel%2F{order_no}%2F",
            "Claims that wait for a person: 1.",
        ):
            assert expected in ran.out

        shown = await claims("show", claim_no)
        assert f"parking {parking_no}" in shown.out
        assert re.search(r"^refund +PARKED", shown.out, re.MULTILINE)

        ran = await claims("resolve", claim_no, f"--parking={parking_no}", "--action=retry", "--reason=it is back")
        assert ran.code == 0, ran.err
        await completed(house, claim_no)
        assert "Claims that wait for a person: 0." in (await claims("stuck")).out
        assert len(await house.refunds(order_no)) == 1
    [kept] = await house.rows("SELECT * FROM operator_commands WHERE claim_no = :no", no=claim_no)
    assert (kept["command"], kept["reason"], kept["actor_verified"]) == ("retry", "it is back", True)


async def test_a_command_that_does_not_fit_is_refused_in_one_line(claims: Console, shop: Shop, house: House) -> None:
    async with parked(shop, house) as (_, claim_no, parking_no):
        for arguments, code in (
            ((claim_no, "--parking=999999", "--action=retry"), "2010"),
            ((claim_no, f"--parking={parking_no}", "--action=skip"), "2010"),
            ((claim_no, f"--parking={parking_no}", "--action=settle"), "1001"),
            (("20260101C999999", "--parking=1", "--action=retry"), "1003"),
        ):
            ran = await claims("resolve", *arguments, "--reason=why not")
            assert (ran.code, ran.out) == (1, "")
            assert ran.err.startswith(f"{code} ")
            assert len(ran.err.splitlines()) == 1
        ran = await claims("resolve", claim_no, f"--parking={parking_no}", "--action=retry", "--reason=go on")
        assert ran.code == 0
        await completed(house, claim_no)


async def test_a_refund_made_by_hand_is_settled_with_evidence(claims: Console, shop: Shop, house: House) -> None:
    order_no = await shop.order(payments=[card(15_000), card(5_000, payNo="2")])
    await house.fault("refuse", payment=f"{order_no}-2")
    claim_no = await cancelled(shop, order_no, 2)
    parking = await house.parking(claim_no)
    ran = await claims(
        *("resolve", claim_no, f"--parking={parking['parking_no']}", "--action=settle"),
        *("--reason=returned by bank transfer", "--evidence=BANK-2026-77"),
    )
    assert ran.code == 0, ran.err
    await completed(house, claim_no)
    shown = await claims("show", claim_no)
    assert re.search(r"SETTLED +HAND +BANK-2026-77", shown.out)


async def test_a_refund_account_is_given_without_showing_it_and_a_payout_is_followed(
    claims: Console, shop: Shop, house: House
) -> None:
    """P40: the number comes through a pipe or without echo; shown in full it is only to whoever pays, and audited."""
    payments = [card(10_000), card(10_000, payNo="2", payWayCd="21", gateway="toss")]
    order_no = await shop.order(payments=payments)
    at_toss = f"/control/toss/payments/{order_no}-2"
    body = {"amount": 10_000, "method": "virtual_account"}
    (await house.gateway.put(at_toss, json=body)).raise_for_status()
    wrong = {"rfdBankCd": "209", "rfdActnNo": "110-200-300401", "rfdActnDepositorNm": "김하나"}
    asked, caller = select(order_no, {1: 2}, **wrong), shop.token(Role.MEMBER, "M1")
    claim_no = (await shop.call(CANCEL, asked, caller, key=uuid.uuid4().hex)).json()["payload"]["claimNo"]
    number = (await house.parking(claim_no))["parking_no"]
    stuck = (await claims("stuck")).out
    assert re.search(r"^To account +209 \*{4}0401$", stuck, re.MULTILINE)
    assert f"--parking {number} --action provideAccount --reason … --bank … --holder …" in stuck

    answer = ("resolve", claim_no, f"--parking={number}", "--action=provideAccount", "--reason=the customer called")
    opened = await claims(
        *("payouts", "open", claim_no, f"--parking={number}", "--reason=the bank refuses it"),
        *("--bank=088", "--holder=김하나"),
        typed="110-555-777901\n",
    )
    assert (opened.code, opened.err) == (0, "")
    payout_no = f"{claim_no}-2-1"
    assert re.search(rf"^Payout +{payout_no}$", opened.out, re.MULTILINE)
    assert "110" not in opened.out.replace(claim_no, "")
    assert re.search(
        rf"^{payout_no} .* 088 \*{{4}}7901 +untreated ", (await claims("payouts", "list")).out, re.MULTILINE
    )
    shown = await claims("payouts", "account", claim_no, payout_no, "--reason=to pay it")
    assert re.search(r"^Account +110555777901$", shown.out, re.MULTILINE)
    ran = await claims("payouts", "failed", claim_no, payout_no, "--reason=no such account")
    assert ran.code == 0, ran.err

    (await house.gateway.post("/control/toss/clock", json={"advanceMs": 1_000})).raise_for_status()
    ran = await claims(*answer, "--bank=088", "--holder=김하나", typed="110-555-777901\n")
    assert ran.code == 0, ran.err

    async def sent() -> bool:
        return len((await house.gateway.get(at_toss)).json()["refunds"]) == 1

    await house.eventually(sent)
    [refund] = (await house.gateway.get(at_toss)).json()["refunds"]
    (await house.gateway.post(f"/control/toss/refunds/{refund['ref']}/settle", json={})).raise_for_status()
    await completed(house, claim_no)


async def test_a_lost_workflow_is_resumed(claims: Console, shop: Shop, house: House) -> None:
    async with parked(shop, house) as (order_no, claim_no, _):
        workflow_id = await house.value("SELECT workflow_id FROM claims WHERE claim_no = :no", no=claim_no)
        await house.handle(workflow_id).terminate("lost by a test")
        assert (await claims("resume", "20260101C999999", "--reason=x")).err.startswith("1003 ")
        ran = await claims("resume", claim_no, "--reason=its workflow was terminated")
        assert ran.code == 0, ran.err
        await completed(house, claim_no)
        assert len(await house.refunds(order_no)) == 1
    again = await claims("resume", claim_no, "--reason=once more")
    assert (again.code, again.err[:5]) == (1, "2010 ")


async def test_what_the_sweeper_found_is_listed_and_money_fails_the_audit(claims: Console, house: House) -> None:
    insert = (
        "INSERT INTO findings (finding_key, kind, order_no, claim_no, detail) VALUES (:key, :kind, 'O1', 'C1', :detail)"
    )
    wrong = {"rule": "restocked", "claim_no": "C1", "subject": "1", "currency": "KRW"}
    differences = json.dumps({"differences": [{**wrong, "expected": 2, "found": 3, "difference": 1}]})
    async with house.engine.begin() as conn:
        await conn.execute(text(insert), {"key": "quiet/C1", "kind": "quiet", "detail": "{}"})
        await conn.execute(text(insert), {"key": "conservation/O1", "kind": "conservation", "detail": differences})
    stuck = (await claims("stuck")).out
    assert "Found by the sweeper: quiet" in stuck
    assert re.search(r"^restocked +C1 +1 +2 units +3 units +1 units$", stuck, re.MULTILINE)
    assert (await claims("audit")).code == 0
    async with house.engine.begin() as conn:
        await conn.execute(text(insert), {"key": "late_refund/C1-1", "kind": "late_refund", "detail": "{}"})
    assert "Open findings: 3." in (await claims("stuck")).out
    ran = await claims("audit")
    assert (ran.code, "late_refund" in ran.out, "quiet" in ran.out) == (1, True, False)
    async with house.engine.begin() as conn:
        await conn.execute(text("DELETE FROM findings"))


async def test_show_tells_a_claims_money_and_timeline(claims: Console, shop: Shop, house: House) -> None:
    order_no = await shop.order()
    claim_no = await cancelled(shop, order_no)
    await completed(house, claim_no)
    ran = await claims("show", claim_no)
    assert (ran.code, ran.err) == (0, "")
    for expected in (order_no, "Goods 1", "10,000 KRW", "COMPLETED", f"/workflows/cancel%2F{order_no}%2F"):
        assert expected in ran.out
    assert re.search(r"^1 +10,000 KRW +SETTLED +GATEWAY +\S+", ran.out, re.MULTILINE)
    for step in ("open", "refund", "restock", "complete"):
        assert re.search(rf"^{step} +DONE +\d{{4}}-\d\d-\d\d ", ran.out, re.MULTILINE)
    for event in ("claim.opened", "refund.sent", "refund.done", "claim.decided", "claim.completed"):
        assert re.search(rf" {re.escape(event)}( |$)", ran.out, re.MULTILINE), event
    unknown = await claims("show", "20260101C999999")
    assert (unknown.code, unknown.out) == (1, "")
    assert unknown.err.startswith("1003 ")


async def test_audit_says_whether_the_money_adds_up(claims: Console, shop: Shop, house: House) -> None:
    order_no = await shop.order()
    claim_no = await cancelled(shop, order_no)
    await completed(house, claim_no)
    ran = await claims("audit")
    assert (ran.code, ran.out) == (0, "The money of every order adds up.\n")
    ran = await claims("audit", order_no)
    assert ran.code == 0
    assert re.search(r"^Refunded +10,000 KRW$", ran.out, re.MULTILINE)
    assert re.search(rf"^{claim_no} +restock +G1 +001 +\+1", ran.out, re.MULTILINE)

    async with off_by_one(house, claim_no):
        one, every = await claims("audit", order_no), await claims("audit")
    assert "It does not add up: 3 of its sums do not come out." in one.out
    assert "Sums that do not come out: 3, of 1 orders." in every.out
    for ran in (one, every):
        assert ran.code == 1
        assert re.search(
            rf"^refund_legs +{claim_no} +{claim_no} +10,000 KRW +9,999 KRW +-1 KRW +", ran.out, re.MULTILINE
        )
        assert order_no in ran.out
    assert (await claims("audit", "20260101O999999")).err.startswith("1003 ")


@asynccontextmanager
async def off_by_one(house: House, claim_no: str) -> AsyncIterator[None]:
    """A refund of one won less than its claim says, as no code of ours writes it."""
    change = "UPDATE refund_legs SET amount = amount + :by WHERE claim_no = :no"
    async with house.engine.begin() as conn:
        await conn.execute(text(change), {"by": -1, "no": claim_no})
    yield
    async with house.engine.begin() as conn:
        await conn.execute(text(change), {"by": 1, "no": claim_no})


@pytest.mark.parametrize(
    "arguments",
    [
        ("stuck",),
        ("show", "C1"),
        ("resolve", "C1", "--parking=1", "--action=retry", "--reason=x"),
    ],
)
async def test_a_service_that_is_away_is_one_clear_line(lonely: Console, arguments: tuple[str, ...]) -> None:
    ran = await lonely(*arguments)
    assert (ran.code, ran.out) == (1, "")
    assert "does not answer" in ran.err
    assert len(ran.err.splitlines()) == 1


async def test_another_server_is_not_taken_for_the_service(lonely: Console, house: House) -> None:
    ran = await lonely("stuck", CLAIMS_API_URL=house.sandbox.url)
    assert ran.code == 1
    assert "is not the service" in ran.err
