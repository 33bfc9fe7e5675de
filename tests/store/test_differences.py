"""What doesn't add up is listed, row by row: every sum is seen to fail by one wrong row, and none while all is well."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import Step, StepStatus
from domain.differences import Measure, Sum
from domain.orders import Held, Means, PaymentStatus
from domain.policy import Policy, Returning
from store import claims, feed_shop, late_money, stock
from store.conservation import differences
from tests.store import shop
from tests.support import orders as made

REFUNDED = made.order(
    made.line(1, 10_000, 3, points=90, tax_free=True),
    made.line(2, 5_000, 2),
    made.gift(3, 2, of=2),
    groups=(made.group(fee=3_000, paid=3_000, surcharge=1_000),),
    benefits=(made.goods_coupon("B1", 1, 4_000),),
    payments=(made.payment("1", 30_000, tax_free=20_000, vat=900), made.payment("2", 10_000, Means.MILEAGE)),
)
CHARGED = made.order(
    made.line(1, 1_000), made.line(2, 29_000), groups=(made.group(fee=3_000, free_from=30_000),), benefits=()
)
"""Cancelling line 1 costs 2,000 more than it returns."""
UNPAID = made.order(
    made.line(1, 10_000, 2),
    payments=(
        made.payment("1", 15_000, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING),
        made.payment("2", 5_000, Means.MILEAGE),
    ),
)
REISSUING = made.POLICY.model_copy(
    update={"coupons": made.POLICY.coupons.model_copy(update={"unexpired": Returning.REISSUE})}
)


async def _refunded(conn: AsyncConnection) -> str:
    """A cancel of everything, the gift with it, all given back."""
    await shop.bring(conn, REFUNDED)
    claim_no, _ = await shop.open_cancel(conn, REFUNDED.order_no, {1: 3, 2: 2})
    await shop.complete(conn, claim_no)
    return claim_no


async def _half_returned_outside(conn: AsyncConnection) -> str:
    """A cancel of everything, of which half of the card's money had gone back in the gateway's console."""
    await shop.bring(conn, REFUNDED)
    assert await late_money.book_foreign_refund(conn, REFUNDED.order_no, "1", "console-1", 15_000)
    claim_no, _ = await shop.open_cancel(conn, REFUNDED.order_no, {1: 3, 2: 2})
    await shop.complete(conn, claim_no)
    return claim_no


async def _opened(conn: AsyncConnection) -> str:
    """A cancel of which nothing has been given back yet."""
    await shop.bring(conn, REFUNDED)
    claim_no, _ = await shop.open_cancel(conn, REFUNDED.order_no, {1: 1})
    return claim_no


async def _undone(conn: AsyncConnection) -> str:
    claim_no = await _opened(conn)
    await shop.undo(conn, claim_no)
    return claim_no


async def _charged(conn: AsyncConnection, *, by: Means = Means.DEPOSIT) -> str:
    """A cancel whose costs were taken from the member's deposit."""
    await shop.bring(conn, CHARGED)
    await feed_shop.put_member(conn, feed_shop.FedMember("M1", "Kim", None, None, 0, 5_000))
    claim_no, _ = await shop.open_cancel(conn, CHARGED.order_no, {1: 1}, extra_by=by)
    await shop.complete(conn, claim_no)
    return claim_no


async def _unpaid(conn: AsyncConnection) -> str:
    """A cancel that closed a payment nobody had made yet."""
    await shop.bring(conn, UNPAID)
    claim_no, _ = await shop.open_cancel(conn, UNPAID.order_no, {1: 2})
    await shop.complete(conn, claim_no)
    return claim_no


async def _reissued(conn: AsyncConnection) -> str:
    """A cancel that gave a new coupon for the one used."""
    await shop.bring(conn, REFUNDED)
    claim_no, _ = await shop.open_cancel(conn, REFUNDED.order_no, {1: 3}, policy=REISSUING)
    await shop.complete(conn, claim_no)
    return claim_no


async def _changed(conn: AsyncConnection) -> str:
    """An option change that is over: variant 001 is back in stock, 002 was taken out of it."""
    await shop.bring(conn, REFUNDED)
    await feed_shop.put_item(conn, shop.item_of("GOODS1", "002"))
    claim_no = await shop.open_change(conn, REFUNDED.order_no, Held(1, 1, 3), "002")
    line = await stock.changed_line(conn, claim_no)
    await stock.move(conn, "reserve", claim_no, line, "002", -3)
    await stock.move(conn, "release", claim_no, line, "001", 3)
    await claims.close(conn, claim_no)
    await claims.restate(conn, claim_no)
    return claim_no


@dataclass(frozen=True)
class Wrong:
    """One wrong row, and what it does to a sum: `subject` where ``{claim}`` stands for the claim's number."""

    story: Callable[[AsyncConnection], Awaitable[str]]
    statement: str
    rule: Sum
    subject: str
    expected: int
    found: int


WRONG = [
    Wrong(_opened, "UPDATE order_lines SET price = price + 1 WHERE line_no = 2", Sum.BOOKS, "{order}", 40_000, 40_002),
    Wrong(
        _refunded,
        "UPDATE claim_costs SET amount = amount + 1 WHERE line_no = 1 AND kind = 'goods'",
        *(Sum.COST_ROWS, "{claim}", 40_000, 40_001),
    ),
    Wrong(
        _refunded, "UPDATE claim_costs SET quantity = 2 WHERE line_no = 1 AND kind = 'goods'", Sum.COST_UNITS, "1", 3, 2
    ),
    Wrong(_refunded, "DELETE FROM claim_costs WHERE rule = 'gift'", Sum.COST_UNITS, "3", 2, 0),
    Wrong(_opened, "UPDATE claim_lines SET live = false", Sum.HELD_UNITS, "1", 1, 0),
    Wrong(_undone, "UPDATE claim_lines SET live = true", Sum.HELD_UNITS, "1", 0, 1),
    Wrong(
        _refunded,
        "UPDATE refund_legs SET state = 'VOID', settled_by = NULL WHERE external",
        *(Sum.REFUND_LEGS, "{claim}", 40_000, 10_000),
    ),
    Wrong(_undone, "UPDATE refund_legs SET state = 'PLANNED'", Sum.REFUND_LEGS, "{claim}", 0, 8_667),
    Wrong(
        _unpaid,
        "UPDATE order_payments SET status = 'paid', captured_late = 14000 WHERE closed_by IS NOT NULL",
        *(Sum.LATE_REFUND, "{claim}", 14_000, 0),
    ),
    Wrong(
        _half_returned_outside,
        "UPDATE external_refunds SET amount = 14000",
        *(Sum.RETURNED_OUTSIDE, "{order}", 14_000, 15_000),
    ),
    Wrong(
        _half_returned_outside, "UPDATE external_refunds SET amount = 15001", Sum.PAYMENT_REFUNDED, "1", 30_000, 30_001
    ),
    Wrong(_refunded, "DELETE FROM credit_movements WHERE kind = 'refund'", Sum.CREDIT_RETURNED, "{claim}-2", 10_000, 0),
    Wrong(
        _refunded,
        "UPDATE refund_legs SET state = 'PENDING', settled_by = NULL WHERE NOT external",
        *(Sum.CREDIT_RETURNED, "{claim}-2", 0, 10_000),
    ),
    Wrong(
        _refunded,
        "UPDATE order_payments SET refunding = refunding - 1 WHERE payment_no = '1'",
        *(Sum.PAYMENT_REFUNDING, "1", 30_000, 29_999),
    ),
    Wrong(
        _refunded,
        "UPDATE order_payments SET refunding_tax_free = refunding_tax_free - 1 WHERE payment_no = '1'",
        *(Sum.PAYMENT_TAX_FREE, "1", 20_000, 19_999),
    ),
    Wrong(_refunded, "UPDATE refund_legs SET vat = vat + 1", Sum.PAYMENT_VAT, "1", 900, 901),
    Wrong(
        _refunded,
        "UPDATE refund_legs SET amount = amount + 1 WHERE external",
        *(Sum.PAYMENT_REFUNDED, "1", 30_000, 30_001),
    ),
    Wrong(_unpaid, "UPDATE order_payments SET closed_by = NULL", Sum.PAYMENT_CLOSED, "{claim}", 15_000, 0),
    Wrong(
        _unpaid,
        "UPDATE order_payments SET closed_by = 'NOBODY' WHERE status = 'waiting'",
        *(Sum.PAYMENT_CLOSED, "NOBODY", 0, 15_000),
    ),
    Wrong(_charged, "UPDATE extra_payments SET amount = 1999", Sum.EXTRA_PLANNED, "{claim}", 2_000, 1_999),
    Wrong(
        _charged,
        "UPDATE order_payments SET amount = 1999 WHERE taken_by IS NOT NULL",
        *(Sum.EXTRA_TAKEN, "{claim}", 2_000, 1_999),
    ),
    Wrong(
        _charged,
        "UPDATE extra_payments SET state = 'PLANNED', payment_no = NULL",
        *(Sum.EXTRA_TAKEN, "{claim}", 2_000, 0),
    ),
    Wrong(
        _charged,
        "UPDATE extra_payments SET state = 'PLANNED', payment_no = NULL",
        *(Sum.EXTRA_UNKNOWN, "X-{claim}", 0, 2_000),
    ),
    Wrong(_charged, "DELETE FROM credit_movements WHERE kind = 'extra'", Sum.EXTRA_DEBITED, "{claim}", -2_000, 0),
    Wrong(_refunded, "DELETE FROM stock_movements WHERE kind = 'restock' AND line_no = 3", Sum.RESTOCKED, "3", 2, 0),
    Wrong(_refunded, "UPDATE claim_steps SET status = 'WAITING' WHERE step = 'restock'", Sum.RESTOCKED, "1", 0, 3),
    Wrong(_refunded, "DELETE FROM coupon_movements WHERE kind = 'restore'", Sum.COUPON_RESTORED, "B1", 1, 0),
    Wrong(
        _refunded, "UPDATE claim_steps SET status = 'WAITING' WHERE step = 'coupons'", Sum.COUPON_RESTORED, "B1", 0, 1
    ),
    Wrong(_refunded, "UPDATE coupons SET used_order_no = '{order}'", Sum.COUPON_USED, "B1", 0, 1),
    Wrong(_reissued, "DELETE FROM coupon_movements WHERE kind = 'reissue'", Sum.COUPON_REISSUED, "B1", 1, 0),
    Wrong(_reissued, "DELETE FROM coupons WHERE reissue_of = 'B1'", Sum.COUPON_REISSUED, "B1", 1, 0),
    Wrong(_refunded, "DELETE FROM credit_movements WHERE kind = 'points'", Sum.POINTS_TAKEN_BACK, "{claim}", 90, 0),
    Wrong(
        _refunded,
        "UPDATE credit_movements SET owed = 5 WHERE kind = 'points'",
        Sum.POINTS_TAKEN_BACK,
        "{claim}",
        90,
        95,
    ),
    Wrong(
        _undone,
        "INSERT INTO credit_movements (movement_key, kind, means, member_no, amount, claim_no, order_no)"
        " VALUES ('points/{claim}', 'points', 'mileage', 'M1', -30, '{claim}', '{order}')",
        *(Sum.POINTS_TAKEN_BACK, "{claim}", 0, 30),
    ),
    Wrong(_refunded, "UPDATE order_lines SET earned_points = 80 WHERE line_no = 1", Sum.POINTS_EARNED, "1", 80, 90),
    Wrong(_changed, "DELETE FROM stock_movements WHERE kind = 'release'", Sum.CHANGE_STOCK, "{claim}", 0, -3),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.rule.value}: {wrong.statement}")
async def test_one_wrong_row_is_listed_with_both_sides(conn: AsyncConnection, wrong: Wrong) -> None:
    claim_no = await wrong.story(conn)
    assert await differences(conn) == []
    known = {"claim": claim_no, "order": REFUNDED.order_no}
    await conn.execute(text(wrong.statement.format(**known)))
    subject = wrong.subject.format(**known)
    [found] = [one for one in await differences(conn) if (one.rule, one.subject) == (wrong.rule, subject)]
    assert (found.expected, found.found) == (wrong.expected, wrong.found)
    assert found.difference == wrong.found - wrong.expected


def test_every_sum_is_seen_to_fail() -> None:
    assert {wrong.rule for wrong in WRONG} == set(Sum)


def test_every_sum_is_told_in_the_page_about_the_audit() -> None:
    page = (Path(__file__).parents[2] / "docs/audit.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` ", page, re.MULTILINE) == [rule.value for rule in Sum]


async def test_a_claim_is_named_where_the_sum_is_of_one(conn: AsyncConnection) -> None:
    claim_no = await _refunded(conn)
    await conn.execute(text("UPDATE refund_legs SET amount = amount + 1 WHERE external"))
    assert [(one.claim_no, one.rule, one.subject, one.difference) for one in await differences(conn)] == [
        (None, Sum.BOOKS, REFUNDED.order_no, 1),
        (None, Sum.PAYMENT_REFUNDED, "1", 1),
        (None, Sum.PAYMENT_REFUNDING, "1", -1),
        (claim_no, Sum.REFUND_LEGS, claim_no, 1),
    ]


# --- nothing is listed while all is well ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "story", [_refunded, _half_returned_outside, _opened, _undone, _charged, _unpaid, _reissued, _changed]
)
async def test_nothing_is_listed_of(conn: AsyncConnection, story: Callable[[AsyncConnection], Awaitable[str]]) -> None:
    await story(conn)
    assert await differences(conn) == []


async def test_steps_that_an_operator_left_out_are_no_difference(conn: AsyncConnection) -> None:
    await shop.bring(conn, REFUNDED)
    claim_no, _ = await shop.open_cancel(conn, REFUNDED.order_no, {1: 3, 2: 2})
    await shop.decide(conn, claim_no)
    await shop.settle(conn, claim_no)
    for step in (Step.COUPONS, Step.RESTOCK):
        await claims.set_step(conn, claim_no, step, StepStatus.SKIPPED, "skipped by operator")
    await shop.take_points(conn, claim_no)
    await claims.close(conn, claim_no)
    await claims.restate(conn, claim_no)
    assert await differences(conn) == []


async def test_points_spent_before_they_are_taken_back_are_owed(conn: AsyncConnection) -> None:
    await shop.bring(conn, REFUNDED)
    claim_no, _ = await shop.open_cancel(conn, REFUNDED.order_no, {1: 1})
    await shop.complete(conn, claim_no)
    member = await feed_shop.get_member(conn, "M1")
    assert member is not None
    assert (member.mileage, member.points_owed) == (0, 30)
    assert await differences(conn) == []
    await feed_shop.put_member(conn, feed_shop.FedMember("M1", "Kim", None, None, 700, 0))
    fed = await feed_shop.get_member(conn, "M1")
    assert fed is not None
    assert (fed.mileage, fed.points_owed) == (700, 30)


@pytest.mark.parametrize("used", [None, "another order"])
@pytest.mark.parametrize("policy", [made.POLICY, REISSUING], ids=["restored", "given anew"])
async def test_a_coupon_that_is_used_elsewhere_meanwhile_is_no_difference(
    conn: AsyncConnection, policy: Policy, used: str | None
) -> None:
    await shop.bring(conn, REFUNDED)
    claim_no, _ = await shop.open_cancel(conn, REFUNDED.order_no, {1: 3}, policy=policy)
    await conn.execute(text("UPDATE coupons SET used_order_no = :used"), {"used": used})
    await shop.complete(conn, claim_no)
    assert await differences(conn) == []


async def test_an_extra_payment_by_card_debits_no_balance(conn: AsyncConnection) -> None:
    await _charged(conn, by=Means.CARD)
    assert await differences(conn) == []


async def test_an_extra_payment_that_is_not_taken_yet_is_owed(conn: AsyncConnection) -> None:
    await shop.bring(conn, CHARGED)
    claim_no, _ = await shop.open_cancel(conn, CHARGED.order_no, {1: 1}, extra_by=Means.CARD)
    assert await differences(conn) == []
    await shop.undo(conn, claim_no)
    assert await differences(conn) == []


def test_each_sum_counts_one_thing() -> None:
    measures = {rule.value: rule.measure for rule in Sum if rule.measure is not Measure.MONEY}
    assert measures == {
        "cost_units": Measure.UNITS,
        "held_units": Measure.UNITS,
        "restocked": Measure.UNITS,
        "change_stock": Measure.UNITS,
        "coupon_restored": Measure.COUPONS,
        "coupon_used": Measure.COUPONS,
        "coupon_reissued": Measure.COUPONS,
        "points_taken_back": Measure.POINTS,
        "points_earned": Measure.POINTS,
    }
