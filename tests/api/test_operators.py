"""The operators' calls: parked claims listed, answered and resumed; each command audited."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import httpx
import pytest

from api.tokens import Role
from domain.findings import FindingKind
from store import findings
from store.findings import Finding
from tests.api.shop import CANCEL, Shop, select
from tests.support.house import House

OPS = "/v1/ops/claims"


def payload(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["payload"]


@pytest.fixture
def office(shop: Shop) -> dict[str, str]:
    return shop.token(Role.OPERATE, "lee")


async def parked(shop: Shop, house: House) -> tuple[str, dict[str, Any]]:
    """An order and its claim in the list, parked because the gateway is down."""
    order_no = await shop.order()
    me = shop.token(Role.MEMBER, "M1")
    await house.fault("down", 1000)
    payload(await shop.call(CANCEL, select(order_no, {1: 1}), me, key=uuid.uuid4().hex))
    view = shop.token(Role.VIEW, "kim")

    async def listed() -> dict[str, Any] | None:
        found = payload(await shop.get(OPS, view, needsOperator="Y", ordNo=order_no))["claimList"]
        return found[0] if found else None

    claim = await house.eventually(listed)
    assert claim is not None
    await house.mend()
    return order_no, claim


async def test_a_parked_claim_is_listed_with_its_cause_and_retried(
    shop: Shop, house: House, office: dict[str, str]
) -> None:
    order_no, claim = await parked(shop, house)
    assert claim["claimStatCd"] == "NEEDS_OPERATOR"
    assert claim["stuckReason"] == "PSP_DOWN"
    assert (claim["step"], claim["parkingNo"] > 0) == ("refund", True)
    assert "retry" in claim["actions"]
    assert claim["workflowUrl"].endswith(claim["workflowId"].replace("/", "%2F"))
    body = {"parkingNo": claim["parkingNo"], "action": "retry", "reason": "the gateway is back"}
    answer = await shop.call(f"{OPS}/{claim['claimNo']}/resolve", body, office)
    assert payload(answer)["claimNo"] == claim["claimNo"]

    async def completed() -> bool:
        return (await house.status(claim["claimNo"])).startswith("COMPLETED")

    await house.eventually(completed)
    assert len(await house.refunds(order_no)) == 1
    kept = await house.rows("SELECT * FROM operator_commands WHERE claim_no = :no", no=claim["claimNo"])
    assert [(row["command"], row["actor"], row["actor_verified"], row["channel"], row["accepted"]) for row in kept] == [
        ("retry", "lee", True, "api", True)
    ]
    again = await shop.call(f"{OPS}/{claim['claimNo']}/resolve", body, office)
    assert (again.status_code, again.json()["code"]) == (409, "2010")
    told = payload(await shop.get(f"{OPS}/{claim['claimNo']}/timeline", office))
    events = [one["event"] for one in told["eventList"]]
    assert events[0] == "claim.opened"
    assert events.index("claim.parked") < events.index("operator.retry") < events.index("refund.done")
    [command] = [one for one in told["eventList"] if one["event"] == "operator.retry"]
    assert command["actor"] == "lee"
    mine = await shop.get(f"{OPS}/{claim['claimNo']}/timeline", shop.token(Role.MEMBER, "M1"))
    assert (mine.status_code, mine.json()["code"]) == (403, "1006")


async def test_a_command_that_does_not_fit_is_refused_and_audited(
    shop: Shop, house: House, office: dict[str, str]
) -> None:
    _, claim = await parked(shop, house)
    for parking_no, action in ((claim["parkingNo"] + 1000, "retry"), (claim["parkingNo"], "skip")):
        body = {"parkingNo": parking_no, "action": action, "reason": "why not"}
        answer = await shop.call(f"{OPS}/{claim['claimNo']}/resolve", body, office)
        assert (answer.status_code, answer.json()["code"]) == (409, "2010"), answer.text
    kept = await house.rows("SELECT accepted FROM operator_commands WHERE claim_no = :no", no=claim["claimNo"])
    assert [row["accepted"] for row in kept] == [False, False]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "retry", "reason": "x"}, "parkingNo"),
        ({"parkingNo": 1, "reason": "x"}, "action"),
        ({"parkingNo": 1, "action": "retry", "reason": " "}, "reason"),
        ({"parkingNo": 1, "action": "settle", "reason": "x"}, "evidence"),
    ],
)
async def test_a_command_without_a_part_is_told_which(
    shop: Shop, office: dict[str, str], body: dict[str, Any], field: str
) -> None:
    answer = await shop.call(f"{OPS}/20230808C000001/resolve", body, office)
    assert (answer.status_code, answer.json()["code"]) == (400, "1001")
    assert field in [one["field"] for one in answer.json()["errors"]]


async def test_an_unknown_claim_is_not_found(shop: Shop, office: dict[str, str]) -> None:
    answer = await shop.call(f"{OPS}/20230808C999999/resume", {"reason": "x"}, office)
    assert (answer.status_code, answer.json()["code"]) == (404, "1003")


async def test_viewers_list_and_never_command(shop: Shop) -> None:
    view = shop.token(Role.VIEW, "kim")
    assert (await shop.get(OPS, view)).status_code == 200
    answer = await shop.call(f"{OPS}/20230808C000001/resume", {"reason": "x"}, view)
    assert (answer.status_code, answer.json()["code"]) == (403, "1006")
    member = await shop.get(OPS, shop.token(Role.MEMBER, "M1"))
    assert (member.status_code, member.json()["code"]) == (403, "1006")


async def test_a_terminated_claim_is_resumed_and_a_running_one_is_not(
    shop: Shop, house: House, office: dict[str, str]
) -> None:
    order_no, claim = await parked(shop, house)
    path = f"{OPS}/{claim['claimNo']}"
    running = await shop.call(f"{path}/resume", {"reason": "too early"}, office)
    assert (running.status_code, running.json()["code"]) == (409, "2010")
    await house.handle(claim["workflowId"]).terminate("test")
    body = {"parkingNo": claim["parkingNo"], "action": "retry", "reason": "nobody is there"}
    lost = await shop.call(f"{path}/resolve", body, office)
    assert (lost.json()["code"], lost.json()["error"]) == ("2010", "command.no_workflow")
    payload(await shop.call(f"{path}/resume", {"reason": "it was terminated"}, office))

    async def completed() -> bool:
        return (await house.status(claim["claimNo"])).startswith("COMPLETED")

    await house.eventually(completed)
    assert len(await house.refunds(order_no)) == 1
    final = await shop.call(f"{path}/resume", {"reason": "once more"}, office)
    assert final.json()["code"] == "2010"
    await house.outcome(claim["workflowId"])
    over = await shop.call(f"{path}/resolve", body, office)
    assert (over.json()["code"], over.json()["error"]) == ("2010", "command.final")
    kept = await house.rows(
        "SELECT command, accepted FROM operator_commands WHERE claim_no = :no ORDER BY command_id", no=claim["claimNo"]
    )
    assert [(row["command"], row["accepted"]) for row in kept] == [
        ("resume", False),
        ("retry", False),
        ("resume", True),
        ("resume", False),
        ("retry", False),
    ]


async def test_a_finding_is_closed_by_an_operator_with_a_reason_and_stays_closed(
    shop: Shop, house: House, office: dict[str, str]
) -> None:
    """Every case is somebody's to decide, and it stays decided for the same facts."""
    order_no = await shop.order()
    kind = FindingKind.FOREIGN_REFUND
    found = Finding(kind, f"sandbox/{order_no}/R1", order_no, None, {"amount": 400})
    own = Finding(FindingKind.QUIET, order_no, order_no, None, {})

    async def seen(*what: Finding) -> None:
        async with house.engine.begin() as conn:
            await findings.keep(conn, what)

    async def listed() -> dict[str, str]:
        shown = payload(await shop.get("/v1/ops/findings", shop.token(Role.VIEW, "kim"), ordNo=order_no))
        return {one["findingKey"]: one["clsPsbYn"] for one in shown["findingList"]}

    async def close(key: str, caller: dict[str, str], **body: str) -> tuple[int, str]:
        answer = await shop.call(f"/v1/ops/findings/{key}/close", body, caller)
        return answer.status_code, answer.json()["code"]

    await seen(found, own)
    assert await listed() == {found.key: "Y", own.key: "N"}
    for role in (Role.VIEW, Role.FEED, Role.MEMBER):
        assert await close(found.key, shop.token(role, "kim"), reason="x") == (403, "1006")
    assert await close(found.key, office) == (400, "1001")
    assert await close(f"{found.key}-other", office, reason="x") == (404, "1003")
    assert await close(own.key, office, reason="x") == (409, "2010")
    assert await close(found.key, office, reason="agreed with the customer") == (200, "0000")
    assert await close(found.key, office, reason="once more") == (404, "1003")
    kept = await house.rows("SELECT * FROM finding_closings WHERE finding_key = :key", key=found.key)
    told = [(one["actor"], one["channel"], one["reason"], one["detail"]) for one in kept]
    assert told == [("lee", "api", "agreed with the customer", {"amount": 400})]
    await seen(found)
    assert await listed() == {own.key: "N"}
    await seen(replace(found, detail={"amount": 500}))
    assert await listed() == {found.key: "Y", own.key: "N"}


async def test_the_list_is_paged(shop: Shop) -> None:
    me = shop.token(Role.MEMBER, "M1")
    for _ in range(3):
        payload(await shop.call(CANCEL, select(await shop.order(), {1: 1}), me, key=uuid.uuid4().hex))
    view = shop.token(Role.VIEW, "kim")
    whole = [one["claimNo"] for one in payload(await shop.get(OPS, view, size=200))["claimList"]]
    first = payload(await shop.get(OPS, view, size=2))
    second = payload(await shop.get(OPS, view, size=2, after=first["next"]))
    assert [one["claimNo"] for one in first["claimList"] + second["claimList"]] == whole[:4]
    assert whole == sorted(whole, reverse=True)
    wrong = await shop.get(OPS, view, needsOperator="maybe")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "1002")
