"""The demo's stories on real parts: what they say comes out is what comes out, and what does not is noticed."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from api.tokens import Role
from cli.callers import make_token
from cli.demo import stories
from cli.demo.scene import ClaimParked, Scene
from cli.demo.shop import ORDERS, check_out, open_shop
from cli.demo.stories import PiecesStory, Story
from cli.demo.telling import tell
from cli.feeding.sending import Fed, send
from cli.service import Service
from settings import Settings
from tests.support.house import House

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=ZoneInfo("Asia/Seoul"))


@pytest.fixture(scope="module")
async def staff_and_anyone(service: str, settings: Settings) -> AsyncIterator[tuple[Service, Service]]:
    async with Service.at(service, None) as anyone:
        yield anyone.as_caller(make_token(settings, Role.VIEW, "demo")), anyone


@pytest.fixture
async def scene(
    staff_and_anyone: tuple[Service, Service], house: House, settings: Settings, request: pytest.FixtureRequest
) -> Scene:
    """A shop of the test's own, fed."""
    number = request.session.items.index(request.node)
    shop = open_shop(NOW + timedelta(seconds=number))
    staff, anyone = staff_and_anyone
    await check_out(shop, house.gateway)
    fed = Fed()
    await send(anyone.as_caller(make_token(settings, Role.FEED, "demo")), shop.records, fed, lambda: None)
    assert fed.faults == []
    return Scene(settings, shop, anyone, staff, house.gateway)


@pytest.mark.parametrize("story", stories.ALL, ids=lambda story: type(story).__name__ + str(stories.ALL.index(story)))
async def test_every_story_comes_out_as_it_says(scene: Scene, house: House, story: Story) -> None:
    await tell(scene, story)
    assert scene.wrong == []
    assert await house.balanced()


def _otherwise(story: PiecesStory, number: int, **facts: Any) -> Story:
    """The story with other facts of its piece `number`, counted from 1."""
    pieces = list(story.pieces)
    pieces[number - 1] = dataclasses.replace(pieces[number - 1], **facts)
    return dataclasses.replace(story, pieces=tuple(pieces))


_JEANS = stories.PIECES.pieces[1].cancel
_REST = stories.COSTLY.pieces[1].cancel

WRONG: dict[str, Story] = {
    "another refund": dataclasses.replace(stories.PART, refund=24_000),
    "another amount at the gateway": dataclasses.replace(stories.PART, refunds={"1": 24_000}),
    "nothing at the gateway": dataclasses.replace(stories.PART, refunds={}),
    "no stock": dataclasses.replace(stories.PART, restocked={}),
    "the coupon stays used": dataclasses.replace(stories.WHOLE, coupons_back=()),
    "no mileage": dataclasses.replace(stories.MIXED, mileage=0),
    "another quote of a claim that is undone": dataclasses.replace(stories.REFUSED, refund=80_001),
    "the gift stays": _otherwise(stories.PIECES, 2, cancel=dataclasses.replace(_JEANS, restocked={"G2002/001": 1})),
    "another explanation": _otherwise(stories.COSTLY, 1, explained={"UNITS": -1_000}),
    "the extra payment stays": _otherwise(stories.COSTLY, 2, cancel=dataclasses.replace(_REST, refunds={"1": 50_000})),
    "the rest is never cancelled": dataclasses.replace(stories.COSTLY, pieces=stories.COSTLY.pieces[:1]),
}


@pytest.mark.parametrize("story", WRONG.values(), ids=WRONG.keys())
async def test_what_does_not_come_out_is_noticed(scene: Scene, story: Story) -> None:
    await tell(scene, story)
    assert len(scene.wrong) == 1, scene.wrong


async def test_a_claim_that_is_parked_ends_the_demo_with_the_cause(scene: Scene, house: House) -> None:
    await house.fault("error_before", 100)
    with pytest.raises(ClaimParked, match="waits for a person"):
        await tell(scene, stories.PART)
    await house.mend()


def test_two_runs_share_no_order_number() -> None:
    first, second = (open_shop(NOW + timedelta(seconds=seconds)).numbers for seconds in (0, 1))
    assert len({*first.values(), *second.values()}) == 2 * len(ORDERS)
    last = open_shop(NOW.replace(hour=23, minute=59, second=59)).numbers
    assert all(len(number) == len("20230808O007404") for number in last.values())


def test_the_short_form_has_four_pieces_a_refusal_and_an_option_change() -> None:
    assert stories.PIECES in stories.SHORT
    assert stories.REFUSED in stories.SHORT
    assert stories.OPTION in stories.SHORT
