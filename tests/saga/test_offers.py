"""What a cancel that costs more than it returns needs before it opens: a quote, and an offer that the shop can take."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.claims import OpenCancel, Terms
from activities.messages import Begun
from activities.refusals import from_failure
from domain.claims import ChargeState, Step, StepStatus
from domain.extra_offers import ExtraOffer
from domain.orders import Means, Order
from domain.quotes import fingerprint
from domain.refusals import Refusal
from store.extra_payments import extra_of_claim
from store.feed_shop import FedMember, put_member
from store.orders import load_state
from store.private import Vault
from store.stored_means import FedMeans, ShownMeans, put
from tests.support.house import House
from tests.support.orders import Story, group, line, order
from tests.support.steps import Steps, run

COSTS = 2_000
CARD = ExtraOffer(Means.CARD, COSTS, "sandbox")
_members = (f"M-OFFERS-{number}" for number in itertools.count(1))


def cheap_piece(member_no: str | None = None) -> Order:
    """Cancelling line 1 returns 1,000 and costs 3,000 of shipping."""
    return order(
        line(1, 1_000),
        line(2, 29_000),
        groups=[group(fee=3_000, free_from=30_000)],
        member_no=member_no or next(_members),
    )


async def _fed(house: House, *, mileage: int = 0) -> str:
    """Such an order, whose member has that much mileage and a card stored at the sandbox."""
    made = cheap_piece()
    order_no = await house.feed(made)
    assert made.member_no is not None
    async with house.engine.begin() as conn:
        await put_member(conn, FedMember(made.member_no, "Kim", "kim@example.test", None, mileage, 0))
        stored = FedMeans(ShownMeans("S1", Means.CARD, "sandbox", "Visa"), token="token")
        await put(conn, made.member_no, [stored], Vault("secret"))
    return order_no


async def _asked(house: House, order_no: str, offer: ExtraOffer | None, **changes: Any) -> OpenCancel:
    """A request with a quote of what it costs now."""
    at = datetime.now(UTC)
    async with house.engine.connect() as conn:
        state = await load_state(conn, order_no)
    assert state is not None
    costs = Story(state).quote({1: 1}, at=at)
    terms = Terms(
        nonce=f"nonce-{order_no}",
        quoted_at=at,
        expires_at=at + timedelta(minutes=30),
        fingerprint=fingerprint(costs),
        refund=costs.refund,
        extra=costs.extra,
    )
    return house.asked(order_no, {1: 1}, **{"extra": offer, "terms": terms, **changes})


async def _open(house: House, asked: OpenCancel) -> Begun:
    """Opened as its workflow does it. Raises the Refusal."""
    try:
        begun: Begun = await run(Steps.of(house).claims.open_cancel, asked)
    except ApplicationError as failed:
        raise from_failure(failed) or failed from failed
    return begun


async def _refused(house: House, asked: OpenCancel) -> tuple[str, str]:
    with pytest.raises(Refusal) as refused:
        await _open(house, asked)
    assert await house.value("SELECT count(*) FROM claims WHERE order_no = :no", no=asked.order_no) == 0
    return refused.value.code.value, refused.value.reason


@pytest.mark.parametrize(
    ("offer", "gateway"),
    [
        (CARD, "sandbox"),
        (ExtraOffer(Means.CARD, COSTS, stored_no="S1"), "sandbox"),
        (ExtraOffer(Means.MILEAGE, COSTS), None),
    ],
    ids=["token", "stored", "mileage"],
)
async def test_an_offer_is_planned_and_nothing_is_charged_yet(
    idle_house: House, offer: ExtraOffer, gateway: str | None
) -> None:
    order_no = await _fed(idle_house, mileage=COSTS)
    asked = await _asked(idle_house, order_no, offer)
    begun = await _open(idle_house, asked)
    assert (begun.standing.extra, begun.standing.decided) == (COSTS, False)
    assert begun.standing.steps[Step.CHARGE] is StepStatus.WAITING
    async with idle_house.engine.connect() as conn:
        planned = await extra_of_claim(conn, asked.claim_no)
    assert planned is not None
    assert (planned.means, planned.amount, planned.gateway, planned.stored_no, planned.state) == (
        offer.means, COSTS, gateway, offer.stored_no, ChargeState.PLANNED
    )  # fmt: skip
    assert await idle_house.value("SELECT count(*) FROM credit_movements WHERE claim_no = :no", no=asked.claim_no) == 0
    assert await idle_house.balanced()


@pytest.mark.parametrize(
    ("offer", "code", "reason"),
    [
        (None, "2007", "payment.extra"),
        (ExtraOffer(Means.CARD, COSTS - 1, "sandbox"), "1002", "payment.other_amount"),
        (ExtraOffer(Means.BANK_TRANSFER, COSTS, "sandbox"), "1002", "payment.means"),
        (ExtraOffer(Means.CARD, COSTS, "elsewhere"), "1002", "payment.gateway_unknown"),
        (ExtraOffer(Means.CARD, COSTS, stored_no="S2"), "1002", "payment.stored_unknown"),
        (ExtraOffer(Means.MILEAGE, COSTS), "2007", "payment.balance"),
        (ExtraOffer(Means.DEPOSIT, COSTS), "2007", "payment.balance"),
    ],
)
async def test_nothing_opens_without_an_offer_that_can_be_taken(
    idle_house: House, offer: ExtraOffer | None, code: str, reason: str
) -> None:
    order_no = await _fed(idle_house, mileage=COSTS - 1)
    assert await _refused(idle_house, await _asked(idle_house, order_no, offer)) == (code, reason)


async def test_nobody_pays_what_was_not_quoted(idle_house: House) -> None:
    asked = await _asked(idle_house, await _fed(idle_house), CARD, terms=None)
    assert await _refused(idle_house, asked) == ("2007", "payment.needs_quote")


async def test_an_offer_where_nothing_is_owed(idle_house: House) -> None:
    order_no = await _fed(idle_house)
    asked = idle_house.asked(order_no, {1: 1, 2: 1}, extra=CARD)
    assert await _refused(idle_house, asked) == ("1002", "payment.not_needed")


async def test_a_bad_offer_is_told_before_what_the_order_refuses(idle_house: House) -> None:
    order_no = await _fed(idle_house)
    bad = ExtraOffer(Means.CARD, COSTS, "elsewhere")
    asked = idle_house.asked(order_no, {1: 99}, extra=bad)
    assert await _refused(idle_house, asked) == ("1002", "payment.gateway_unknown")


async def test_a_stored_means_is_its_members_alone(idle_house: House) -> None:
    await _fed(idle_house)
    made = cheap_piece(next(_members))
    order_no = await idle_house.feed(made)
    asked = await _asked(idle_house, order_no, ExtraOffer(Means.CARD, COSTS, stored_no="S1"))
    assert await _refused(idle_house, asked) == ("1002", "payment.stored_unknown")
