"""Which variant may take the place of another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.claims import Actor
from domain.options import Obstacle, candidates, check_change
from domain.orders import Item, LineStatus, SaleMethod, SaleStatus
from domain.refusals import Code, Refusal
from tests.support.orders import POLICY, fresh, held_claim, item, line, order

STATE = fresh(order(line(1, 10_000, 5)))


def test_a_variant_on_sale_in_stock_at_the_same_price_is_possible() -> None:
    assert check_change(STATE, 1, item(), Actor.MEMBER, POLICY) == STATE.order.lines[0]


@pytest.mark.parametrize(
    ("chosen", "obstacle"),
    [
        (None, Obstacle.UNKNOWN),
        (item("001"), Obstacle.SAME),
        (item(goods_no="GOODS2"), Obstacle.OTHER_GOODS),
        (item("001", goods_no="GOODS2"), Obstacle.OTHER_GOODS),
        (item(price=10_001), Obstacle.OTHER_PRICE),
        (item(price=9_999), Obstacle.OTHER_PRICE),
        (item(stock=4), Obstacle.SOLD_OUT),
        (item(sale_status=SaleStatus.SOLD_OUT), Obstacle.SOLD_OUT),
        (item(sale_status=SaleStatus.SUSPENDED), Obstacle.NOT_ON_SALE),
        (item(sale_status=SaleStatus.ENDED), Obstacle.NOT_ON_SALE),
        (item(sale_method=SaleMethod.RESERVATION), Obstacle.RESERVATION),
    ],
)
def test_impossible_variants(chosen: Item | None, obstacle: Obstacle) -> None:
    with pytest.raises(Refusal) as caught:
        check_change(STATE, 1, chosen, Actor.MEMBER, POLICY)
    assert (caught.value.code, caught.value.reason) == (Code.VARIANT_IMPOSSIBLE, obstacle)


def test_stock_must_cover_only_the_units_left() -> None:
    some_gone = replace(STATE, claims=(held_claim("C1", {1: 1}),))
    check_change(some_gone, 1, item(stock=4), Actor.MEMBER, POLICY)


def test_a_sold_out_variant_says_how_many_are_needed_and_there() -> None:
    with pytest.raises(Refusal) as caught:
        check_change(STATE, 1, item(stock=4), Actor.MEMBER, POLICY)
    assert caught.value.facts == {"line_no": 1, "units": 5, "stock": 4}


def test_the_line_is_judged_before_the_variant() -> None:
    shipped = fresh(order(line(1, 10_000, status=LineStatus.SHIPPED)))
    with pytest.raises(Refusal) as caught:
        check_change(shipped, 1, None, Actor.BACK_OFFICE, POLICY)
    assert (caught.value.code, caught.value.reason) == (Code.NOT_CANCELLABLE, "line.status")


def test_an_unknown_line() -> None:
    with pytest.raises(Refusal) as caught:
        check_change(STATE, 2, item(), Actor.MEMBER, POLICY)
    assert (caught.value.code, caught.value.reason) == (Code.BAD_VALUE, "line.unknown")


def test_each_variant_of_the_goods_says_whether_it_can_be_chosen_and_why_not() -> None:
    variants = [item("001"), item("002", stock=1), item("003", stock=0)]
    assert [one.obstacle for one in candidates(variants[0], variants)] == [Obstacle.SAME, None, Obstacle.SOLD_OUT]
