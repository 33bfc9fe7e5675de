"""P34: an order is cancelled unpaid, and its customer pays all the same. At Toss's stand-in, with a refund account.

P35: whether its payment was closed at the gateway or is refunded, for it was paid meanwhile, its claim ends alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.claims import OpenCancel
from activities.comparing import AskedPayment
from api import tokens
from api.tokens import Role
from domain.orders import LineStatus, Means, PaymentStatus
from store import private
from store.private import BANK_PART, HOLDER_PART, NUMBER_PART, Vault
from tests.support.house import House
from tests.support.orders import line, order, payment
from tests.support.served import serving_api
from workflows.following import begin_following

AMOUNT, MILEAGE = 9_000, 1_000


async def control(house: House, method: str, path: str, body: object = None) -> Mapping[str, Any]:
    response = await house.gateway.request(method, f"/control/toss{path}", json=body)
    told: Mapping[str, Any] = response.raise_for_status().json()
    return told


async def awaited(house: House, gateway: str = "toss") -> OpenCancel:
    """The cancel of an order of which mileage is paid and a deposit awaited; asked with a refund account."""
    made = order(
        line(1, AMOUNT + MILEAGE, status=LineStatus.AWAITING_DEPOSIT),
        payments=[
            replace(payment("1", AMOUNT, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING), gateway=gateway),
            payment("2", MILEAGE, Means.MILEAGE),
        ],
    )
    order_no = await house.feed(made)
    if gateway == "toss":
        await control(house, "DELETE", "/faults")
        body = {"amount": AMOUNT, "method": "virtual_account", "state": "waiting"}
        await control(house, "PUT", f"/payments/{order_no}-1", body)
    vault = Vault(house.settings.service_secret.get_secret_value())
    parts = {BANK_PART: "088", NUMBER_PART: "110-234-567890", HOLDER_PART: "김하나"}
    async with house.engine.begin() as conn:
        private_id = await private.keep(conn, vault.seal(parts))
    return house.asked(order_no, {1: 1}, has_account=True, private_id=private_id)


async def at_toss(house: House, order_no: str) -> list[Mapping[str, Any]]:
    refunds: list[Mapping[str, Any]] = (await control(house, "GET", f"/payments/{order_no}-1"))["refunds"]
    return refunds


async def events(house: House, claim_no: str) -> list[str]:
    rows = await house.rows("SELECT event FROM claim_events WHERE claim_no = :no ORDER BY event_id", no=claim_no)
    return [row["event"] for row in rows]


async def refunded(house: House, asked: OpenCancel) -> None:
    """The late refund is accepted, arrives, and the claim is over again, with every sum right."""

    async def accepted() -> bool:
        return [one["amount"] for one in await at_toss(house, asked.order_no)] == [AMOUNT]

    await house.eventually(accepted)
    [refund] = await at_toss(house, asked.order_no)
    assert refund["reference"] == f"{asked.claim_no}-2"
    await control(house, "POST", f"/refunds/{refund['ref']}/settle", {})

    async def over() -> bool:
        return await house.status(asked.claim_no) == "COMPLETED"

    await house.eventually(over)
    [claim] = await house.rows("SELECT refund FROM claims WHERE claim_no = :no", no=asked.claim_no)
    assert claim["refund"] == MILEAGE
    assert await house.balanced()
    [books] = await house.rows("SELECT * FROM order_conservation WHERE order_no = :no", no=asked.order_no)
    assert (books["paid"], books["refunded"], books["due"]) == (AMOUNT + MILEAGE, AMOUNT + MILEAGE, 0)


async def test_p34_a_deposit_that_comes_after_the_cancel_was_completed_goes_back_under_it(house: House) -> None:
    """The account is closed at Toss, and the bank takes the money all the same; its customer is told a second time."""
    asked = await awaited(house)
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert "payment.closed_at_gateway" in await events(house, asked.claim_no)
    assert (await control(house, "GET", f"/payments/{asked.order_no}-1"))["state"] == "closed"
    await control(house, "POST", f"/payments/{asked.order_no}-1/deposit")
    await begin_following(
        house.temporal,
        house.settings.task_queue,
        AskedPayment(gateway="toss", payment_ref=f"{asked.order_no}-1"),
    )
    await refunded(house, asked)
    assert {"payment.captured_late", "claim.reopened"} <= set(await events(house, asked.claim_no))
    told = await house.rows(
        "SELECT round, body FROM notices WHERE claim_no = :no AND channel = 'inbox' AND event = 'completed'"
        " ORDER BY round",
        no=asked.claim_no,
    )
    assert [row["round"] for row in told] == [1, 2]
    assert "10,000" in told[1]["body"]


async def test_p34_a_deposit_that_came_just_before_the_cancel_is_found_when_the_account_is_closed(
    house: House,
) -> None:
    """Nobody told us: closing finds it, and the same run gives it back before it ends."""
    asked = await awaited(house)
    await control(house, "POST", f"/payments/{asked.order_no}-1/deposit")
    await house.cancel(asked)
    await refunded(house, asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert "payment.captured_late" in await events(house, asked.claim_no)


async def test_p34_without_an_account_one_is_asked_for_and_the_deposit_goes_there_once(house: House) -> None:
    """Nobody needed an account when the order was cancelled unpaid; and Toss, asked too soon after, wants a pause."""
    asked = (await awaited(house)).model_copy(update={"has_account": False, "private_id": None})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    await control(house, "POST", f"/payments/{asked.order_no}-1/deposit")
    await begin_following(
        house.temporal,
        house.settings.task_queue,
        AskedPayment(gateway="toss", payment_ref=f"{asked.order_no}-1"),
    )
    parking = await house.parking(asked.claim_no)
    assert (parking["cause"], parking["part"]) == ("ACCOUNT_NEEDED", f"{asked.claim_no}-2")
    assert await at_toss(house, asked.order_no) == []
    too_soon = {"kind": "refuse", "code": "FORBIDDEN_CONSECUTIVE_REQUEST", "target": f"{asked.order_no}-1"}
    await control(house, "POST", "/faults", too_soon)
    async with serving_api(house) as url:
        secret = house.settings.jwt_secret.get_secret_value()
        token = tokens.make(secret, Role.OPERATE, "lee", now=datetime.now(UTC), lifetime=timedelta(minutes=5))
        answer = await house.gateway.post(
            f"{url}/v1/ops/claims/{asked.claim_no}/resolve",
            json={
                "parkingNo": parking["parking_no"],
                "action": "provideAccount",
                "reason": "the customer called",
                "rfdBankCd": "088",
                "rfdActnNo": "110-234-567890",
                "rfdActnDepositorNm": "김하나",
            },
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 200, answer.text
    await refunded(house, asked)
    codes = "SELECT code FROM refund_attempts WHERE leg_id = :leg"
    told = [row["code"] for row in await house.rows(codes, leg=f"{asked.claim_no}-2")]
    assert "FORBIDDEN_CONSECUTIVE_REQUEST" in told
    assert await house.value("SELECT count(*) FROM parkings WHERE claim_no = :no", no=asked.claim_no) == 1


async def test_a_gateway_that_does_not_answer_holds_no_cancel_up(house: House) -> None:
    """Its answers are lost more often than it is asked: the claim is completed and its customer told."""
    asked = await awaited(house)
    await control(house, "POST", "/faults", {"kind": "error_before", "target": f"{asked.order_no}-1", "times": 9})
    await house.cancel(asked)

    async def over() -> bool:
        return await house.status(asked.claim_no) == "COMPLETED"

    await house.eventually(over)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert "payment.closed_at_gateway" not in await events(house, asked.claim_no)
    assert await house.balanced()


async def test_where_nothing_can_be_closed_the_timeline_says_so(house: House) -> None:
    asked = await awaited(house, "sandbox")
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert "payment.stays_open" in await events(house, asked.claim_no)
