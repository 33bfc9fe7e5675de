"""What a cancel costs and returns: the one computation behind the quote, the claim and the audit.

Everything is in integer minor units of the order's currency. A row's `amount` is its effect on the refund: goods are
positive, forfeited or taken-back discounts and charged fees negative, fees given back positive; the rows sum to
``refund − extra``. docs/money.md tells the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.orders import Means, Promotion


class CostKind(StrEnum):
    GOODS = "goods"
    DISCOUNT_FORFEITED = "discount_forfeited"
    DISCOUNT_TAKEN_BACK = "discount_taken_back"
    FEE_CHARGED = "fee_charged"
    FEE_RETURNED = "fee_returned"


class Rule(StrEnum):
    """The rule that made a row, for the explanation."""

    UNITS = "units"
    COUPON_SHARE = "coupon_share"
    COUPON_MINIMUM = "coupon_minimum"
    SHIPPING_THRESHOLD = "shipping_threshold"
    GROUP_CANCELLED = "group_cancelled"


class CouponCause(StrEnum):
    NOTHING_LEFT = "nothing_left"
    BELOW_MINIMUM = "below_minimum"


@dataclass(frozen=True, slots=True)
class CostRow:
    kind: CostKind
    rule: Rule
    amount: int
    line_no: int | None = None
    group_no: str | None = None
    coupon_no: str | None = None
    quantity: int | None = None


@dataclass(frozen=True, slots=True)
class FreedCoupon:
    """A coupon that this claim frees. `restored`: it comes back (an expired one at the customer's fault does not).

    `valid_days` extends one that had expired at the seller's fault; None leaves its expiry, with a day's grace should
    it pass between the quote and the return.
    """

    coupon_no: str
    promotion: Promotion
    cause: CouponCause
    restored: bool
    valid_days: int | None = None


@dataclass(frozen=True, slots=True)
class PlannedLeg:
    """What goes back to one payment; never 0."""

    payment_no: str
    means: Means
    amount: int


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be cancelled: units per line number, each at least 1."""

    line_no: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Costs:
    """The result: `refund` ≥ 0 and `extra` ≥ 0, never both above 0. `legs` sum to `refund`.

    `needs_account`: a refund account is needed, because a paid virtual account is touched.
    """

    currency: str
    rows: tuple[CostRow, ...]
    coupons: tuple[FreedCoupon, ...]
    legs: tuple[PlannedLeg, ...]
    refund: int
    extra: int
    needs_account: bool
