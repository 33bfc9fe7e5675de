"""The work grows with the lines, counted in calls so that a busy machine changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

from domain.claims import Actor
from domain.conservation import books
from domain.eligibility import Gates, check_cancel
from domain.feeding import check_order
from domain.orders import Fault, OrderState
from domain.pricing import price
from tests.support.orders import (
    NOW,
    POLICY,
    basket_coupon,
    fresh,
    gift,
    goods_coupon,
    group,
    held_claim,
    line,
    order,
    select,
)


def calls(run: Callable[[], object]) -> int:
    """How many calls, of C and of Python, and steps of generators `run` takes."""
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(None)
    return counted


def big(size: int) -> OrderState:
    """A group, a gift and a goods coupon per five lines, three basket coupons over all, a unit of each line held.

    Every other group paid its fee and a surcharge; one coupon shipped the others. All lines earned points.
    """
    lines = [line(no, 1_000, 3, group=f"G{no // 5}", points=7, tax_free=no % 2 == 0) for no in range(1, size + 1)]
    gifts = [gift(size + of.line_no, of=of.line_no, group=of.group_no) for of in lines[::10]]
    gifts += [gift(size + of.line_no, minimum=size * 2_500, group=of.group_no) for of in lines[5::10]]
    made = order(
        *lines,
        *gifts,
        groups=[
            group(f"G{no}", fee=3_000, free_from=9_000, paid=3_000, surcharge=500)
            if no % 2
            else group(f"G{no}", fee=3_000, free_from=9_000, discount=3_000, coupon="S1")
            for no in range(size // 5 + 1)
        ],
        benefits=[
            *[basket_coupon(f"B{no}", {of.line_no: 30 for of in lines}, minimum=size * 2_000) for no in range(3)],
            *[goods_coupon(f"C{of.line_no}", of.line_no, 50) for of in lines[::5]],
        ],
    )
    state = fresh(made)
    return OrderState(made, (held_claim("C1", {of.line_no: 1 for of in lines}),), state.coupons)


def everything(state: OrderState) -> None:
    goods = [of.line_no for of in state.order.lines if not of.gift]
    check_order(state.order)
    for units in (1, 2):
        wanted = select(dict.fromkeys(goods, units))
        check_cancel(state, wanted, Actor.MEMBER, POLICY)
        assert price(state, wanted, Fault.CUSTOMER, NOW, POLICY).gifts
    gates = Gates(state, Actor.MEMBER, POLICY)
    for of in state.order.lines:
        gates.cancellable(of)
        gates.changeable(of)
    books(state, [])


def test_twice_the_lines_take_about_twice_the_work() -> None:
    small, large = big(250), big(500)
    everything(small)  # what is looked up only once is looked up now
    assert calls(lambda: everything(large)) < 2.2 * calls(lambda: everything(small))
