"""Whether the units left of a line can become another variant of the same goods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.claims import Actor
from domain.eligibility import Gates
from domain.orders import Item, Line, OrderState, SaleMethod, SaleStatus
from domain.policy import Policy
from domain.refusals import Code, Refusal


class Obstacle(StrEnum):
    """Why a variant can't take the place of another; the reason of a VARIANT_IMPOSSIBLE refusal."""

    UNKNOWN = "variant.unknown"
    SAME = "variant.same"
    OTHER_GOODS = "variant.other_goods"
    NOT_ON_SALE = "variant.not_on_sale"
    RESERVATION = "variant.reservation"
    OTHER_PRICE = "variant.other_price"
    SOLD_OUT = "variant.sold_out"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A variant and what keeps it from being chosen; None: nothing does."""

    item: Item
    obstacle: Obstacle | None


@dataclass(frozen=True, slots=True)
class Present:
    """What would be changed: `units` of one variant that cost `price` each."""

    goods_no: str
    variant_no: str
    price: int
    units: int


def check_change(state: OrderState, line_no: int, item: Item | None, actor: Actor, policy: Policy) -> Line:
    """The line, when `actor` may change its units left to `item` (None: no such variant).

    Raises BAD_VALUE for an unknown line, NOT_CANCELLABLE when the line can't be changed (any more), with the claim
    that holds it, VARIANT_IMPOSSIBLE with an `Obstacle` as its reason.
    """
    line = state.order.line(line_no)
    if line is None:
        raise Refusal(Code.BAD_VALUE, "line.unknown", line_no=line_no)
    possible = Gates(state, actor, policy).changeable(line)
    if possible.why_not:
        raise possible.why_not
    found = obstacle(Present(line.goods_no, line.variant_no, line.price, possible.units), item)
    if found:
        stock = item.stock if item and found is Obstacle.SOLD_OUT else None
        raise Refusal(Code.VARIANT_IMPOSSIBLE, found.value, line_no=line_no, units=possible.units, stock=stock)
    return line


def candidates(present: Item, variants: Sequence[Item]) -> tuple[Candidate, ...]:
    """Which of `variants` could take the place of one unit of `present`, at today's prices, and why the others not."""
    one = Present(present.goods_no, present.variant_no, present.price, 1)
    return tuple(Candidate(variant, obstacle(one, variant)) for variant in variants)


def obstacle(present: Present, item: Item | None) -> Obstacle | None:
    """The first thing that keeps `item` from taking the place of `present`."""
    if item is None:
        return Obstacle.UNKNOWN
    impossible = {
        Obstacle.OTHER_GOODS: item.goods_no != present.goods_no,
        Obstacle.SAME: (item.goods_no, item.variant_no) == (present.goods_no, present.variant_no),
        Obstacle.NOT_ON_SALE: item.sale_status in (SaleStatus.SUSPENDED, SaleStatus.ENDED),
        Obstacle.RESERVATION: item.sale_method is SaleMethod.RESERVATION,
        Obstacle.OTHER_PRICE: item.price != present.price,
        Obstacle.SOLD_OUT: item.sale_status is SaleStatus.SOLD_OUT or item.stock < present.units,
    }
    return next((found for found, holds in impossible.items() if holds), None)
