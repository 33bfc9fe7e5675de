"""What an order is: its lines, delivery groups, coupons, payments, and what earlier claims have made of it.

Amounts are integers in the minor units of the order's currency (KRW has none: 1 is one won). Times are aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class LineStatus(StrEnum):
    """Where a line stands. `FORWARD` gives the order in which the warehouse moves it."""

    AWAITING_DEPOSIT = "awaiting_deposit"
    PLACED = "placed"
    SHIP_INSTRUCTED = "ship_instructed"
    SHIP_WAITING = "ship_waiting"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COLLECTED = "collected"
    RETURNED = "returned"
    CANCELLED = "cancelled"


FORWARD: tuple[LineStatus, ...] = (
    LineStatus.AWAITING_DEPOSIT,
    LineStatus.PLACED,
    LineStatus.SHIP_INSTRUCTED,
    LineStatus.SHIP_WAITING,
    LineStatus.SHIPPED,
    LineStatus.DELIVERED,
    LineStatus.COLLECTED,
    LineStatus.RETURNED,
)
"""A line's status only ever moves to the right. `LineStatus.CANCELLED` is set by claims alone."""


class Means(StrEnum):
    """By what a payment was made."""

    CARD = "card"
    VIRTUAL_ACCOUNT = "virtual_account"
    BANK_TRANSFER = "bank_transfer"
    SIMPLE_PAY = "simple_pay"
    DEPOSIT = "deposit"
    MILEAGE = "mileage"
    GIFT_CARD = "gift_card"

    @property
    def external(self) -> bool:
        """True when money returns through a gateway; False when it is a credit of our own."""
        return self not in OWN_MEANS


OWN_MEANS: tuple[Means, ...] = (Means.GIFT_CARD, Means.DEPOSIT, Means.MILEAGE)
"""Credits of our own, in the order in which a refund falls back on them after the external means."""


class PaymentStatus(StrEnum):
    WAITING = "waiting"
    PAID = "paid"


class Promotion(StrEnum):
    GOODS = "goods_coupon"
    BASKET = "basket_coupon"
    DOUBLE = "double_coupon"
    FREE_SHIPPING = "free_shipping"
    FREE_RETURN = "free_return"


class BelowMinimum(StrEnum):
    """What becomes of a basket coupon when a partial cancel leaves its lines below its minimum."""

    TAKE_BACK = "take_back"
    KEEP = "keep"
    FORBID = "forbid"


class SaleStatus(StrEnum):
    ON_SALE = "on_sale"
    SOLD_OUT = "sold_out"
    SUSPENDED = "suspended"
    ENDED = "ended"


class SaleMethod(StrEnum):
    ORDINARY = "ordinary"
    RESERVATION = "reservation"


class Fault(StrEnum):
    """At whose fault a claim is made; the reason decides it."""

    CUSTOMER = "CUSTOMER"
    SELLER = "SELLER"


@dataclass(frozen=True, slots=True)
class Item:
    """One sellable variant of some goods. `stock` counts whole units; `price` is per unit."""

    goods_no: str
    variant_no: str
    goods_name: str
    variant_name: str
    options: tuple[tuple[str, str], ...]
    price: int
    sale_status: SaleStatus
    sale_method: SaleMethod
    stock: int


@dataclass(frozen=True, slots=True)
class Line:
    """`quantity` units of one variant at `price` each, as ordered: these never change, the variant can.

    A gift has the price 0 and the line that it comes with (`gift_of`), or the amount from which it is given
    (`gift_minimum`). `earned_points` are those that the line has brought its buyer, all units together.
    """

    line_no: int
    goods_no: str
    goods_name: str
    variant_no: str
    variant_name: str
    quantity: int
    price: int
    group_no: str
    status: LineStatus
    tax_free: bool = False
    gift_of: int | None = None
    gift_minimum: int | None = None
    earned_points: int = 0

    @property
    def gift(self) -> bool:
        return self.gift_of is not None or self.gift_minimum is not None


@dataclass(frozen=True, slots=True)
class DeliveryGroup:
    """Lines shipped together. `free_from`: free at or above this amount (0: no threshold). `fee`: the policy's fee.

    `fee_paid` is what this order paid for shipping after `fee_discount`, the part that the shipping coupon took off.
    `surcharge` was paid on top of it for a remote area. `collect`: the carrier takes its fee at the door, so this order
    neither paid nor owes any.
    """

    group_no: str
    policy_no: str
    free_from: int
    fee: int
    fee_discount: int
    fee_paid: int
    coupon_no: str | None = None
    surcharge: int = 0
    collect: bool = False


@dataclass(frozen=True, slots=True)
class Benefit:
    """A goods, double or basket coupon used on this order. `shares` gives its discount per line; they sum to `amount`.

    `below_minimum` is the coupon's own declared policy; None: the shop's.
    """

    coupon_no: str
    promotion: Promotion
    amount: int
    minimum: int
    shares: Mapping[int, int]
    below_minimum: BelowMinimum | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment of the order. `refunding` is what claims that stand have planned to return, or returned, of it.

    `tax_free` and `vat` are the parts of `amount` that its gateway was told, None when none were; of `tax_free` so much
    as `refunding_tax_free` is returned. `expires_at` is when mileage would have expired. `closed`: a waiting payment
    that a claim has closed; `captured_late` is what came in of it all the same. `extra`: a claim took it, it was not
    made at purchase. `returned_outside` went back past any claim, in the gateway's own console. `receipt_ref` is the
    gateway's name of a cash receipt that was issued for it by itself, and is cancelled by itself.
    """

    payment_no: str
    means: Means
    amount: int
    status: PaymentStatus
    gateway: str | None
    gateway_ref: str | None
    partial_cancel: bool
    refunding: int = 0
    tax_free: int | None = None
    vat: int | None = None
    refunding_tax_free: int = 0
    expires_at: datetime | None = None
    closed: bool = False
    extra: bool = False
    captured_late: int | None = None
    returned_outside: int = 0
    receipt_ref: str | None = None

    @property
    def waiting(self) -> bool:
        """Whether its money is still awaited."""
        return self.status is PaymentStatus.WAITING and not self.closed

    @property
    def received(self) -> int:
        """What came in of it; of one that is waiting, what is to come."""
        return self.amount if self.captured_late is None else self.captured_late

    @property
    def left(self) -> int:
        """What can still be given back. Somebody else may have taken what claims have planned to return."""
        return max(self.received - self.refunding - self.returned_outside, 0)


@dataclass(frozen=True, slots=True)
class Coupon:
    coupon_no: str
    expires_at: datetime | None
    used_order_no: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """An order as fed, as it stands now. `member_no` is None for a guest's."""

    order_no: str
    member_no: str | None
    currency: str
    ordered_at: datetime
    groups: tuple[DeliveryGroup, ...]
    lines: tuple[Line, ...]
    benefits: tuple[Benefit, ...]
    payments: tuple[Payment, ...]
    _by_no: Mapping[int, Line] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_no", {line.line_no: line for line in self.lines})

    def line(self, line_no: int) -> Line | None:
        return self._by_no.get(line_no)


@dataclass(frozen=True, slots=True)
class Held:
    """Units ``first … first + quantity − 1`` of a line (counted from 1), held or cancelled by a claim."""

    line_no: int
    first: int
    quantity: int


@dataclass(frozen=True, slots=True)
class PriorClaim:
    """A claim of the order that stands (not undone), as far as later prices and gates depend on it.

    `fees_charged` is per delivery group, what this claim charged; `coupons_taken_back` are the coupons that it freed
    while units discounted by them stayed bought; `coupons_freed` are all that it freed, those included.
    `returned_outside` is what it returned less because it had gone back past any claim.
    """

    claim_no: str
    option_change: bool
    decided: bool
    final: bool
    fault: Fault
    held: tuple[Held, ...]
    fees_charged: Mapping[str, int] = field(default_factory=dict)
    fees_returned: Mapping[str, int] = field(default_factory=dict)
    coupons_taken_back: frozenset[str] = frozenset()
    coupons_freed: frozenset[str] = frozenset()
    returned_outside: int = 0


@dataclass(frozen=True, slots=True)
class OrderState:
    """Everything that a price or a gate is computed from: the order, the claims that stand, its coupons."""

    order: Order
    claims: tuple[PriorClaim, ...]
    coupons: Mapping[str, Coupon]
    _gone: Mapping[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Counted once: every line asks, and asking the claims for each line would be quadratic.
        gone: dict[int, int] = {}
        for claim in self.cancels:
            for held in claim.held:
                gone[held.line_no] = gone.get(held.line_no, 0) + held.quantity
        object.__setattr__(self, "_gone", gone)

    @property
    def cancels(self) -> tuple[PriorClaim, ...]:
        return tuple(claim for claim in self.claims if not claim.option_change)

    def units_gone(self, line_no: int) -> int:
        """How many units of the line cancel claims hold or have cancelled."""
        return self._gone.get(line_no, 0)

    def units_left(self, line: Line) -> int:
        return line.quantity - self.units_gone(line.line_no)
