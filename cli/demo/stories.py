"""What happens to the shop's orders, and what must come of it. Amounts are won; docs/money.md has the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CancelStory:
    """A cancel of some units. Keys of `refunds` are the order's payments; `coupons_back` are ends of coupon numbers."""

    title: str
    order: str
    selection: Mapping[int, int]
    reason: str
    refund: int
    refunds: Mapping[str, int]
    restocked: Mapping[str, int]
    coupons_back: tuple[str, ...] = ()
    mileage: int = 0
    gateway_refuses: bool = False


@dataclass(frozen=True, slots=True)
class ChangeStory:
    """An option change of a line."""

    title: str
    order: str
    line_no: int
    goods_no: str
    old_variant: str
    new_variant: str


@dataclass(frozen=True, slots=True)
class RaceStory:
    """The same option change of several orders at once, for the last unit of the new variant."""

    title: str
    orders: tuple[str, ...]
    line_no: int
    goods_no: str
    old_variant: str
    new_variant: str


Story = CancelStory | ChangeStory | RaceStory

WHOLE = CancelStory(
    title="A member cancels a whole order; its coupon comes back",
    order="whole",
    selection={1: 2, 2: 1},
    reason="10",
    refund=107_000,
    refunds={"1": 107_000},
    restocked={"G2001/001": 2, "G2002/001": 1},
    coupons_back=("B",),
)
PART = CancelStory(
    title="A member cancels a part; what stays is below the free shipping threshold, so shipping is charged",
    order="part",
    selection={2: 1},
    reason="10",
    refund=21_000,
    refunds={"1": 21_000},
    restocked={"G3002/001": 1},
)
GUEST = CancelStory(
    title="A guest cancels because of a late delivery, and gets the shipping fee back too",
    order="guest",
    selection={1: 3},
    reason="60",
    refund=39_000,
    refunds={"1": 39_000},
    restocked={"G3001/001": 3},
)
MIXED = CancelStory(
    title="Paid by card and mileage: each gets back what it gave",
    order="mixed",
    selection={1: 1, 2: 1},
    reason="20",
    refund=77_000,
    refunds={"1": 65_000},
    restocked={"G2002/001": 1, "G3003/001": 1},
    mileage=12_000,
)
REFUSED = CancelStory(
    title="The gateway refuses the refund: the claim is undone, and the order stands as it stood",
    order="refused",
    selection={1: 1},
    reason="10",
    refund=80_000,
    refunds={},
    restocked={},
    gateway_refuses=True,
)
OPTION = ChangeStory(
    title="A member changes an option: the new variant is reserved, the old one released",
    order="option",
    line_no=1,
    goods_no="G2001",
    old_variant="001",
    new_variant="002",
)
RACE = RaceStory(
    title="Two members want the last unit of a variant at the same moment: one gets it, the other is refused",
    orders=("racer", "rival"),
    line_no=1,
    goods_no="G2001",
    old_variant="001",
    new_variant="003",
)

ALL: tuple[Story, ...] = (WHOLE, PART, GUEST, MIXED, REFUSED, OPTION, RACE)
SHORT: tuple[Story, ...] = (WHOLE, PART, REFUSED, OPTION)
