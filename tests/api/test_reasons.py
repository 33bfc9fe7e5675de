"""Reasons and buttons are the shop's: what a policy keeps for staff no customer is offered, or may send."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from api.main import create_app
from api.tokens import Role
from domain.claims import Actor
from domain.orders import LineStatus
from domain.policy import Button, Policy
from tests.api.shop import CANCEL, POPUP, QUOTE, Shop, line, select
from tests.api.test_cancel import code, payload
from tests.support.house import House


def strict(policy: Policy) -> Policy:
    """The policy with reason 50 for staff alone, and no cancel by customers once a line is ordered."""
    reasons = tuple(
        reason.model_copy(update={"offered_to": frozenset({Actor.BACK_OFFICE})}) if reason.code == "50" else reason
        for reason in policy.reasons
    )
    buttons = tuple(
        rule.model_copy(update={"actors": frozenset({Actor.BACK_OFFICE})})
        if (rule.status, rule.button) == (LineStatus.PLACED, Button.CANCEL)
        else rule
        for rule in policy.buttons
    )
    changed = policy.model_dump() | {"version": "strict", "reasons": reasons, "buttons": buttons}
    return Policy.model_validate(changed)


@pytest.fixture(scope="module")
async def strict_shop(idle_house: House) -> AsyncIterator[Shop]:
    app = create_app(idle_house.settings, strict(idle_house.policy))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://strict.test", timeout=60) as http:
            yield Shop(http, idle_house.gateway, idle_house.settings)


@pytest.fixture
def me(strict_shop: Shop) -> dict[str, str]:
    return strict_shop.token(Role.MEMBER, "M1")


@pytest.fixture
def office(strict_shop: Shop) -> dict[str, str]:
    return strict_shop.token(Role.OPERATE, "lee")


async def test_a_reason_for_staff_is_offered_to_staff_alone(
    strict_shop: Shop, me: dict[str, str], office: dict[str, str]
) -> None:
    order_no = await strict_shop.order()

    async def offered(headers: dict[str, str]) -> list[str]:
        popup = payload(await strict_shop.call(POPUP, {"ordNo": order_no}, headers))
        return [one["cd"] for one in popup["claimCausList"]]

    assert await offered(me) == ["10", "20", "30", "60", "70"]
    assert await offered(office) == ["10", "20", "30", "50", "60", "70"]


async def test_a_reason_for_staff_is_refused_from_a_customer(
    strict_shop: Shop, me: dict[str, str], office: dict[str, str]
) -> None:
    order_no = await strict_shop.order(line(ordDtlStatCd="10"))
    asked = select(order_no, {1: 1}, reason="50")
    for path in (QUOTE, CANCEL):
        refused = (await strict_shop.call(path, asked, me, key="k")).json()
        assert (refused["code"], refused["errors"][0]["field"]) == ("1002", "claimCausCd")
    assert code(await strict_shop.call(QUOTE, asked, office)) == "0000"
    told = payload(await strict_shop.call(QUOTE, {**asked, "whatIf": {"actorCd": "MEMBER"}}, office))
    assert (told["totRfdAmt"], told["whyNot"]["error"]) == (10_000, "reason.unknown")


async def test_buttons_are_the_shops(strict_shop: Shop, me: dict[str, str], office: dict[str, str]) -> None:
    order_no = await strict_shop.order()
    for headers, expected in ((me, "N"), (office, "Y")):
        popup = payload(await strict_shop.call(POPUP, {"ordNo": order_no}, headers))
        order = payload(await strict_shop.get(f"/v1/orders/{order_no}", headers))
        assert popup["claimTgtList"][0]["cnclPsbYn"] == order["ordDtlList"][0]["cnclPsbYn"] == expected
    assert code(await strict_shop.call(QUOTE, select(order_no, {1: 1}), me)) == "2001"
    told = payload(await strict_shop.call(QUOTE, select(order_no, {1: 1}), office))
    assert told["policyVer"] == "strict"


async def test_a_repeat_gets_the_first_answer_whatever_the_policy_says_by_now(
    shop: Shop, strict_shop: Shop, me: dict[str, str]
) -> None:
    order_no = await shop.order()
    asked = select(order_no, {1: 1}, reason="50")
    first = payload(await shop.call(CANCEL, asked, me, key="before"))
    assert payload(await strict_shop.call(CANCEL, asked, me, key="before")) == first
    assert code(await strict_shop.call(CANCEL, asked, me, key="after")) == "1002"
    other = select(order_no, {1: 2}, reason="60")
    assert code(await strict_shop.call(CANCEL, other, me, key="before")) == "2004"
    assert code(await strict_shop.call(CANCEL, {**other, "claimCausCd": "50"}, me, key="before")) == "1002"
