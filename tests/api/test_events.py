"""Events for the shop's systems, as they are fetched and as they are sent."""

from __future__ import annotations

import json
import uuid
from typing import Any

from api.tokens import Role
from domain.events import ClaimEvent
from gateways.events.wire import event_body
from store import outbox
from tests.api.shop import CANCEL, Shop, card, select
from tests.support.house import House

EVENTS = "/v1/events"


async def told(shop: Shop, claim_no: str, *, role: Role = Role.FEED) -> list[dict[str, Any]]:
    """Every event of the claim, fetched by pages of three."""
    found: list[dict[str, Any]] = []
    after = 0
    while True:
        answer = await shop.get(EVENTS, shop.token(role), after=after, limit=3)
        assert answer.status_code == 200, answer.text
        page = answer.json()["payload"]
        if not page["events"]:
            return found
        found += [one for one in page["events"] if one["claimNo"] == claim_no]
        assert page["next"] > after
        after = page["next"]


async def completed(shop: Shop, house: House, *, role: Role, subject: str) -> str:
    """A claim on one of two units, paid by card and mileage, completed."""
    payments = [card(18_000), {"payNo": "2", "payWayCd": "32", "payAmt": 2_000, "payStatCd": "12"}]
    order_no = await shop.order(payments=[{"partCnclPsbYn": "Y", **one} for one in payments])
    answer = await shop.call(CANCEL, select(order_no, {1: 2}), shop.token(role, subject), key=uuid.uuid4().hex)
    assert answer.status_code == 200, answer.text
    claim_no = str(answer.json()["payload"]["claimNo"])

    async def over() -> bool:
        return await house.status(claim_no) in ("COMPLETED", "COMPLETED_NOTICE_FAILED")

    await house.eventually(over)
    return claim_no


async def test_what_was_refunded_is_told_of_whoever_cancelled(shop: Shop, house: House) -> None:
    """P45, P46: lines, quantities, amounts by means, results; the same events whether the customer or staff cancels."""
    kinds = []
    for role, subject in ((Role.MEMBER, "M1"), (Role.OPERATE, "lee")):
        claim_no = await completed(shop, house, role=role, subject=subject)
        events = await told(shop, claim_no)
        assert [one["sequence"] for one in events] == list(range(1, len(events) + 1))
        kinds.append([one["type"] for one in events])
        settled = [one["about"] for one in events if one["type"] == "refund.settled"]
        assert {(one["payNo"], one["means"], one["amount"]) for one in settled} == {
            ("1", "card", 18_000),
            ("2", "mileage", 2_000),
        }
        last = events[-1]
        assert (last["type"], last["claim"]["status"], last["claim"]["refund"]) == (
            "claim.completed",
            "COMPLETED",
            20_000,
        )
        (line,) = last["claim"]["lines"]
        assert (line["ordSeq"], line["quantity"], line["restocked"]) == (1, 2, 2)
        assert {one["state"] for one in last["claim"]["refunds"]} == {"SETTLED"}
    assert kinds[0] == kinds[1]
    assert {"claim.opened", "refund.settled", "stock.returned", "claim.completed"} == set(kinds[0])


async def test_what_is_sent_is_what_is_fetched(shop: Shop, house: House) -> None:
    claim_no = await completed(shop, house, role=Role.MEMBER, subject="M1")
    fetched = await told(shop, claim_no, role=Role.VIEW)
    async with house.engine.connect() as conn:
        kept: list[ClaimEvent] = [
            one for one in await outbox.read(conn, after=0, limit=1000) if one.claim_no == claim_no
        ]
    sent = [json.loads(event_body(one)) for one in kept]
    assert sent == [_without_none(one) for one in fetched]
    assert "Kim" not in str(sent)


async def test_a_customer_reads_no_events(shop: Shop) -> None:
    assert (await shop.get(EVENTS, shop.token(Role.MEMBER, "M1"))).status_code == 403


def _without_none(told: Any) -> Any:
    if isinstance(told, dict):
        return {name: _without_none(value) for name, value in told.items() if value is not None}
    if isinstance(told, list):
        return [_without_none(value) for value in told]
    return told
