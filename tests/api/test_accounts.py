"""Refund accounts and payouts by hand, over HTTP, with payments at Toss's stand-in (P40)."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from temporalio.client import WorkflowUpdateFailedError

from api.tokens import Role
from domain.accounts import masked
from tests.api.shop import CANCEL, DETAILS, Shop, card, select
from tests.support.house import House

OPS = "/v1/ops/claims"

WRONG = {"rfdBankCd": "209", "rfdActnNo": "110-200-300401", "rfdActnDepositorNm": "김하나"}
"""At a broker that Toss pays to no account of."""
RIGHT = {"rfdBankCd": "088", "rfdActnNo": "110-555-777901", "rfdActnDepositorNm": "김하나"}
SECRETS = ("110-200-300401", "110200300401", "110-555-777901", "110555777901", "김하나")


def payload(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["payload"]


def error(answer: httpx.Response) -> tuple[str, str]:
    return answer.json()["code"], answer.json()["error"]


@dataclass
class Parked:
    """A claim of 20,000: 10,000 went back to a card, 10,000 of a virtual account at Toss could not go anywhere."""

    shop: Shop
    house: House
    order_no: str
    claim_no: str
    office: dict[str, str]

    @property
    def leg(self) -> str:
        return f"{self.claim_no}-2"

    async def parking(self) -> dict[str, Any]:
        """Its parking as operators see it; waits for it."""

        async def listed() -> dict[str, Any] | None:
            view = self.shop.token(Role.VIEW, "kim")
            found = payload(await self.shop.get(OPS, view, needsOperator="Y", claimNo=self.claim_no))["claimList"]
            return found[0]["parkingList"][0] if found else None

        found = await self.house.eventually(listed)
        assert found is not None
        return found

    async def resolve(self, action: str, **more: Any) -> httpx.Response:
        # Toss lets a second pass between two cancels.
        (await self.house.gateway.post("/control/toss/clock", json={"advanceMs": 1_000})).raise_for_status()
        parking = await self.parking()
        body = {"parkingNo": parking["parkingNo"], "action": action, "reason": "test", **more}
        return await self.shop.call(f"{OPS}/{self.claim_no}/resolve", body, self.office)

    async def pay_out(self, **more: Any) -> httpx.Response:
        body = {"parkingNo": (await self.parking())["parkingNo"], "reason": "the bank refuses it", **more}
        return await self.shop.call(f"{OPS}/{self.claim_no}/payouts", body, self.office)

    async def result(self, payout_no: str, **told: Any) -> httpx.Response:
        return await self.shop.call(f"{OPS}/{self.claim_no}/payouts/{payout_no}/result", told, self.office)

    async def at_toss(self) -> list[Mapping[str, Any]]:
        shown = (await self.house.gateway.get(f"/control/toss/payments/{self.order_no}-2")).raise_for_status().json()
        refunds: list[Mapping[str, Any]] = shown["refunds"]
        return refunds

    async def account_at_toss(self) -> str:
        """As Toss itself shows where the money went."""
        answer = await self.house.gateway.get(
            f"/toss/v1/payments/{self.order_no}-2", auth=httpx.BasicAuth("test_sk_sandbox", "")
        )
        return str(answer.raise_for_status().json()["virtualAccount"]["refundReceiveAccount"]["accountNumber"])

    async def arrived(self) -> None:
        """The money has reached the account, and the claim is over."""

        async def pending() -> bool:
            state = await self.house.value("SELECT state FROM refund_legs WHERE leg_id = :leg", leg=self.leg)
            return bool(state == "PENDING")

        await self.house.eventually(pending)
        [refund] = await self.at_toss()
        (await self.house.gateway.post(f"/control/toss/refunds/{refund['ref']}/settle", json={})).raise_for_status()
        await self.completed()

    async def completed(self) -> None:
        async def over() -> bool:
            return (await self.house.status(self.claim_no)).startswith("COMPLETED")

        await self.house.eventually(over)

    async def refund(self) -> dict[str, Any]:
        """The refund as the customer's claim details show it."""
        me = self.shop.token(Role.MEMBER, "M1")
        told = payload(await self.shop.call(DETAILS, {"ordNo": self.order_no, "claimNo": self.claim_no}, me))
        [row] = [one for one in told["payRfdList"] if one["uprPayNo"] == "2"]
        found: dict[str, Any] = row
        return found

    async def told(self) -> str:
        """Everything that is told or kept of the claim but its encrypted parts."""
        view, path = self.shop.token(Role.VIEW, "kim"), f"{OPS}/{self.claim_no}"
        workflow = await self.house.value("SELECT workflow_id FROM claims WHERE claim_no = :no", no=self.claim_no)
        answers = [
            await self.shop.get(f"{path}/timeline", view),
            await self.shop.get(OPS, view, claimNo=self.claim_no),
            await self.shop.get("/v1/ops/payouts", view),
            await self.shop.get(f"/v1/audit/{self.order_no}", view),
        ]
        commands = await self.house.rows("SELECT * FROM operator_commands WHERE claim_no = :no", no=self.claim_no)
        history = (await self.house.temporal.get_workflow_handle(workflow).fetch_history()).to_json()
        return "\n".join([*(answer.text for answer in answers), str(commands), history, str(await self.refund())])


@pytest.fixture
async def parked(shop: Shop, house: House) -> Parked:
    """The customer's own account is wrong."""
    payments = [card(10_000), card(10_000, payNo="2", payWayCd="21", gateway="toss")]
    order_no = await shop.order(payments=payments)
    body = {"amount": 10_000, "method": "virtual_account"}
    (await house.gateway.put(f"/control/toss/payments/{order_no}-2", json=body)).raise_for_status()
    me = shop.token(Role.MEMBER, "M1")
    asked = select(order_no, {1: 2}, **WRONG)
    claim_no = payload(await shop.call(CANCEL, asked, me, key=uuid.uuid4().hex))["claimNo"]
    return Parked(shop, house, order_no, claim_no, shop.token(Role.OPERATE, "lee"))


async def test_a_wrong_account_waits_for_another_and_gets_the_money_once(parked: Parked) -> None:
    """P40: which account it was is seen by its last digits, and the right one is in no history, view or log."""
    parking = await parked.parking()
    assert (parking["stuckReason"], parking["rfdActnMask"]) == ("ACCOUNT_NEEDED", "209 ****0401")
    assert "provideAccount" in parking["actions"]
    assert await parked.at_toss() == []
    assert payload(await parked.resolve("provideAccount", **RIGHT))["claimNo"] == parked.claim_no
    await parked.arrived()
    [refund] = await parked.at_toss()
    assert (refund["amount"], refund["reference"], refund["key"]) == (10_000, parked.leg, f"refund-{parked.leg}-2")
    assert await parked.account_at_toss() == "110****7901"
    assert (await parked.refund())["rfdActnMask"] == "088 ****7901"
    told = await parked.told()
    assert [secret for secret in SECRETS if secret in told] == []
    assert told.count("209 ****0401") >= 1, "the account of the first try"
    assert await parked.house.balanced()


async def test_an_account_that_is_gone_is_asked_for_and_provided(parked: Parked) -> None:
    """P40: as for a deposit that came late: the claim has no account (any more)."""
    await parked.parking()
    async with parked.house.engine.begin() as conn:
        gone = "UPDATE claims SET private_id = NULL WHERE claim_no = :no"
        await conn.execute(text(gone), {"no": parked.claim_no})
    assert payload(await parked.resolve("retry"))
    parking = await parked.parking()
    assert (parking["stuckReason"], parking["rfdActnMask"]) == ("ACCOUNT_NEEDED", None)
    assert payload(await parked.resolve("provideAccount", **RIGHT))
    await parked.arrived()
    assert (len(await parked.at_toss()), await parked.account_at_toss()) == (1, "110****7901")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"rfdBankCd": "999"}, ("1002", "account.bank", "rfdBankCd")),
        ({"rfdActnNo": "12-3"}, ("1002", "account.number", "rfdActnNo")),
        ({"rfdActnDepositorNm": "김" * 61}, ("1002", "account.holder", "rfdActnDepositorNm")),
        ({"rfdActnDepositorNm": None}, ("1001", "account.incomplete", "rfdActnDepositorNm")),
        (dict.fromkeys(RIGHT), ("1001", "account.missing", "rfdActnNo")),
    ],
)
async def test_an_account_is_checked_before_it_is_kept(
    idle_shop: Shop, changed: dict[str, Any], told: tuple[str, str, str]
) -> None:
    """P40: what can't be an account is refused at once, of an operator's and of the customer's own alike."""
    body = {"parkingNo": 1, "action": "provideAccount", "reason": "x", **RIGHT, **changed}
    answer = await idle_shop.call(f"{OPS}/20230808C000001/resolve", body, idle_shop.token(Role.OPERATE, "lee"))
    assert (*error(answer), answer.json()["errors"][0]["field"]) == told
    if changed.get("rfdActnDepositorNm", "-") is not None and len(changed) == 1:
        order_no = await idle_shop.order(payments=[card(20_000, payWayCd="21")])
        asked = select(order_no, {1: 1}, **{**RIGHT, **changed})
        answer = await idle_shop.call(CANCEL, asked, idle_shop.token(Role.MEMBER, "M1"), key=uuid.uuid4().hex)
        assert (*error(answer), answer.json()["errors"][0]["field"]) == told


async def test_no_account_goes_through_the_web_ui(parked: Parked) -> None:
    """It would stay in the workflow's history: the command is refused, one that has it already leaves no trace."""
    number = (await parked.parking())["parkingNo"]
    workflow = await parked.house.value("SELECT workflow_id FROM claims WHERE claim_no = :no", no=parked.claim_no)
    plain = {"parkingNo": number, "action": "provideAccount", "reason": "x", "actor": "Lee"}
    for sent in (plain, {**plain, "accountId": 1}, {**plain, "account": RIGHT}):
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await parked.house.handle(workflow).execute_update("resolve", sent)
        assert "claims resolve" in str(refused.value.cause)
    told = await parked.told()
    assert not any(secret in told for secret in SECRETS)
    kept = await parked.house.rows("SELECT refusal FROM operator_commands WHERE claim_no = :no", no=parked.claim_no)
    assert [row["refusal"] for row in kept] == ["account.by_api", "account.by_api"]


async def test_other_actions_take_no_account(idle_shop: Shop) -> None:
    body = {"parkingNo": 1, "action": "retry", "reason": "x", **RIGHT}
    answer = await idle_shop.call(f"{OPS}/20230808C000001/resolve", body, idle_shop.token(Role.OPERATE, "lee"))
    assert error(answer) == ("1002", "account.unneeded")


# --- paid out by hand -------------------------------------------------------------------------------------------------


async def test_a_refund_paid_by_hand_is_tracked_until_it_is_settled_with_evidence(parked: Parked) -> None:
    """P40: a payout is a state of its own, to an account that is seen in full only by whoever is kept in the audit."""
    opened = payload(await parked.pay_out(**RIGHT))
    number = opened["payoutNo"]
    assert (opened["manlRfdRsltCd"], opened["rfdAmt"], opened["rfdActnMask"]) == ("10", 10_000, "088 ****7901")
    parking = await parked.parking()
    assert (parking["payoutNo"], parking["actions"]) == (number, ["settle"])
    assert (await parked.refund())["manlRfdRsltCd"] == "10"
    # Money is on its way: nothing else may send it, and no second person.
    for again in (parked.resolve("retry"), parked.resolve("provideAccount", **RIGHT), parked.pay_out()):
        assert error(await again) == ("2010", "payout.untreated")
    path = f"{OPS}/{parked.claim_no}/payouts/{number}/account"
    denied = await parked.shop.call(path, {"reason": "curious"}, parked.shop.token(Role.VIEW, "kim"))
    assert error(denied)[0] == "1006"
    shown = payload(await parked.shop.call(path, {"reason": "to pay it"}, parked.office))
    assert (shown["rfdBankCd"], shown["rfdActnNo"], shown["rfdActnDepositorNm"]) == ("088", "110555777901", "김하나")
    assert error(await parked.result(number, manlRfdRsltCd="20")) == ("1001", "evidence.missing")
    assert payload(await parked.result(number, manlRfdRsltCd="20", evidence="BANK-2026-77"))
    await parked.completed()
    assert await parked.at_toss() == []
    [leg] = await parked.house.rows("SELECT * FROM refund_legs WHERE leg_id = :leg", leg=parked.leg)
    assert (leg["state"], leg["settled_by"], leg["evidence"]) == ("SETTLED", "HAND", "BANK-2026-77")
    assert (await parked.refund())["manlRfdRsltCd"] == "20"
    assert error(await parked.result(number, manlRfdRsltCd="30", reason="no")) == ("2010", "payout.closed")
    told = await parked.told()
    assert [secret for secret in SECRETS if secret in told] == []
    kept = await parked.house.rows(
        "SELECT command, actor, accepted FROM operator_commands WHERE claim_no = :no ORDER BY command_id",
        no=parked.claim_no,
    )
    accepted = [row["command"] for row in kept if row["accepted"]]
    assert accepted == ["payout", "payout_account", "settle"]
    assert await parked.house.balanced()


async def test_a_failed_payout_leaves_the_refund_waiting_and_another_may_follow(parked: Parked) -> None:
    """P40, and never twice: a run that starts anew meanwhile sends nothing either."""
    first = payload(await parked.pay_out(**WRONG))["payoutNo"]
    workflow = await parked.house.value("SELECT workflow_id FROM claims WHERE claim_no = :no", no=parked.claim_no)
    await parked.house.handle(workflow).terminate("test")
    resume = f"{OPS}/{parked.claim_no}/resume"
    assert payload(await parked.shop.call(resume, {"reason": "it was terminated"}, parked.office))

    async def by_hand() -> bool:
        return bool((await parked.parking())["stuckReason"] == "PAYOUT_OPEN")

    await parked.house.eventually(by_hand)
    assert await parked.at_toss() == []
    assert error(await parked.result(first, manlRfdRsltCd="30")) == ("1001", "payout.no_reason")
    assert payload(await parked.result(first, manlRfdRsltCd="30", reason="no such account"))
    assert (await parked.refund())["manlRfdRsltCd"] == "30"
    second = payload(await parked.pay_out(**RIGHT))["payoutNo"]
    assert (first, second) == (f"{parked.leg}-1", f"{parked.leg}-2")
    assert payload(await parked.result(second, manlRfdRsltCd="30", reason="the bank is closed"))
    assert payload(await parked.resolve("provideAccount", **RIGHT))
    await parked.arrived()
    assert len(await parked.at_toss()) == 1
    listed = payload(await parked.shop.get("/v1/ops/payouts", parked.office, manlRfdRsltCd="30"))["payoutList"]
    mine = [one for one in listed if one["claimNo"] == parked.claim_no]
    assert [(one["payoutNo"], one["failReason"]) for one in mine] == [
        (first, "no such account"),
        (second, "the bank is closed"),
    ]


async def test_a_refund_of_unknown_outcome_is_not_paid_by_hand(parked: Parked) -> None:
    await parked.parking()
    async with parked.house.engine.begin() as conn:
        sent = "UPDATE refund_attempts SET state = 'SENT' WHERE leg_id = :leg"
        await conn.execute(text(sent), {"leg": parked.leg})
    assert error(await parked.pay_out(**RIGHT)) == ("2010", "payout.outcome_unknown")
    assert error(await parked.resolve("provideAccount", **RIGHT)) == ("2010", "action.unsafe")
    async with parked.house.engine.begin() as conn:
        answered = "UPDATE refund_attempts SET state = 'ANSWERED' WHERE leg_id = :leg"
        await conn.execute(text(answered), {"leg": parked.leg})


def test_masked_shows_the_last_four_at_most() -> None:
    assert masked("088", "110-555-777901") == "088 ****7901"
    assert masked("088", "123456") == "088 ****"
    assert re.findall(r"\d{5,}", json.dumps(masked("088", "1" * 20))) == []
