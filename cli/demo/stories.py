"""What happens to the shop's orders, and what must come of it. Amounts are won; docs/money.md has the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CancelStory:
    """A cancel of some units. Keys of `refunds` are the order's payments; `coupons_back` are ends of coupon numbers.

    `mileage` comes back of what was paid; `points` are earned ones that go. `extra` is what the cancel costs beyond its
    refund: a card pays it.
    """

    title: str
    order: str
    selection: Mapping[int, int]
    reason: str
    refund: int
    refunds: Mapping[str, int]
    restocked: Mapping[str, int]
    coupons_back: tuple[str, ...] = ()
    mileage: int = 0
    points: int = 0
    extra: int = 0
    gateway_refuses: bool = False


@dataclass(frozen=True, slots=True)
class Books:
    """Both sides after a claim: paid + extra paid = refunded + bought + fees; nothing is due any more."""

    paid: int
    refunded: int
    bought: int
    fees: int
    extra_paid: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """A cancel of a part, how the quote explains it (amounts by rule), and what the books say after it."""

    cancel: CancelStory
    explained: Mapping[str, int]
    books: Books


@dataclass(frozen=True, slots=True)
class PiecesStory:
    """An order cancelled to nothing, piece by piece: in the end all that was paid is back."""

    title: str
    pieces: tuple[Piece, ...]

    @property
    def order(self) -> str:
        """How the stories call the order; every piece is of the same."""
        return self.pieces[0].cancel.order


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


Story = CancelStory | PiecesStory | ChangeStory | RaceStory

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
# Goods of 2 × 12,000 + 59,000 + 18,000; a coupon of 10,000 and a gift, both from 100,000; shipped free from 50,000. The
# coupon's shares: 2,377, 5,841 and 1,782. Paid: 70,000 by card, 21,000 in mileage. Points earned: 240, 590 and 180.
PIECES = PiecesStory(
    title="An order cancelled in four pieces: each quote explains itself, and in the end everything is back",
    pieces=(
        Piece(
            CancelStory(
                title="One hand cream is out of stock: the shop's fault, so coupon, gift and free shipping stay",
                order="pieces",
                selection={1: 1},
                reason="50",
                refund=10_811,
                refunds={"1": 10_811},
                restocked={"G3001/001": 1},
                points=120,
            ),
            explained={"UNITS": 12_000, "COUPON_SHARE": -1_189},
            books=Books(paid=91_000, refunded=10_811, bought=80_189, fees=0),
        ),
        Piece(
            CancelStory(
                title="A change of mind about the jeans: 42,000 stay, too little for coupon, gift and free shipping",
                order="pieces",
                selection={2: 1},
                reason="10",
                refund=47_189,
                refunds={"1": 47_189},
                restocked={"G2002/001": 1, "G5001/001": 1},
                coupons_back=("B",),
                points=590,
            ),
            explained={
                "UNITS": 59_000,
                "COUPON_SHARE": -5_841,
                "COUPON_MINIMUM": -1_188 - 1_782,
                "SHIPPING_THRESHOLD": -3_000,
                "GIFT": 0,
            },
            books=Books(paid=91_000, refunded=58_000, bought=30_000, fees=3_000),
        ),
        Piece(
            CancelStory(
                title="The bag too: at its full price, no second fee; the card is used up, so mileage takes the rest",
                order="pieces",
                selection={3: 1},
                reason="10",
                refund=18_000,
                refunds={"1": 12_000},
                restocked={"G3003/001": 1},
                mileage=6_000,
                points=180,
            ),
            explained={"UNITS": 18_000},
            books=Books(paid=91_000, refunded=76_000, bought=12_000, fees=3_000),
        ),
        Piece(
            CancelStory(
                title="And the last hand cream: the shipping fee comes back with it",
                order="pieces",
                selection={1: 1},
                reason="10",
                refund=15_000,
                refunds={},
                restocked={"G3001/001": 1},
                mileage=15_000,
                points=120,
            ),
            explained={"UNITS": 12_000, "SHIPPING_THRESHOLD": 3_000},
            books=Books(paid=91_000, refunded=91_000, bought=0, fees=0),
        ),
    ),
)
# 2,000 + 2 × 24,000, shipped free from 50,000; paid by card.
COSTLY = PiecesStory(
    title="A cancel that costs more than it returns: the customer pays the difference, and gets that back too",
    pieces=(
        Piece(
            CancelStory(
                title="Without the socks shipping isn't free: 2,000 for them, 3,000 for shipping",
                order="costly",
                selection={1: 1},
                reason="10",
                refund=0,
                refunds={},
                restocked={"G3004/001": 1},
                extra=1_000,
            ),
            explained={"UNITS": 2_000, "SHIPPING_THRESHOLD": -3_000},
            books=Books(paid=50_000, extra_paid=1_000, refunded=0, bought=48_000, fees=3_000),
        ),
        Piece(
            CancelStory(
                title="Then the rest: refunded over both payments",
                order="costly",
                selection={2: 2},
                reason="10",
                refund=51_000,
                refunds={"1": 50_000, "2": 1_000},
                restocked={"G3002/001": 2},
            ),
            explained={"UNITS": 48_000, "SHIPPING_THRESHOLD": 3_000},
            books=Books(paid=50_000, extra_paid=1_000, refunded=51_000, bought=0, fees=0),
        ),
    ),
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

ALL: tuple[Story, ...] = (WHOLE, PART, GUEST, MIXED, PIECES, COSTLY, REFUSED, OPTION, RACE)
SHORT: tuple[Story, ...] = (WHOLE, PART, PIECES, REFUSED, OPTION)
