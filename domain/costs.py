"""What a cancel costs and returns: the one computation behind the quote, the claim and the audit.

Everything is in integer minor units of the order's currency. A row's `amount` is its effect on the refund: goods are
positive, forfeited or taken-back discounts and charged fees negative, fees given back positive; the rows sum to
``refund − extra``. docs/money.md tells the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from domain.orders import Means, Promotion
from domain.policy import Returning


class CostKind(StrEnum):
    GOODS = "goods"
    DISCOUNT_FORFEITED = "discount_forfeited"
    DISCOUNT_TAKEN_BACK = "discount_taken_back"
    FEE_CHARGED = "fee_charged"
    FEE_RETURNED = "fee_returned"
    UNPAID = "unpaid"
    """What the order was to cost and nobody has paid: it can't be returned."""
    RETURNED_OUTSIDE = "returned_outside"
    """What was returned past any claim, in a gateway's own console: it isn't returned again."""


class Rule(StrEnum):
    """The rule that made a row, for the explanation."""

    UNITS = "units"
    COUPON_SHARE = "coupon_share"
    COUPON_MINIMUM = "coupon_minimum"
    SHIPPING_THRESHOLD = "shipping_threshold"
    GROUP_CANCELLED = "group_cancelled"
    REMOTE_SURCHARGE = "remote_surcharge"
    GIFT = "gift"
    WAITING_PAYMENT = "waiting_payment"
    RETURNED_OUTSIDE = "returned_outside"


class CouponCause(StrEnum):
    NOTHING_LEFT = "nothing_left"
    BELOW_MINIMUM = "below_minimum"


@dataclass(frozen=True, slots=True)
class CostRow:
    """One amount and the rule that made it. `inputs` are the numbers that the rule went by, for the explanation.

    Equal amounts are equal rows, whatever the inputs: they are no part of what a quote promises.
    """

    kind: CostKind
    rule: Rule
    amount: int
    line_no: int | None = None
    group_no: str | None = None
    coupon_no: str | None = None
    quantity: int | None = None
    inputs: Mapping[str, int] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class FreedCoupon:
    """A coupon that this claim frees, and what becomes of it by the shop's policy.

    `valid_days` is for one that is extended or reissued; None leaves its expiry, with a day's grace should it pass
    between the quote and the return.
    """

    coupon_no: str
    promotion: Promotion
    cause: CouponCause
    returning: Returning
    valid_days: int | None = None

    @property
    def restored(self) -> bool:
        """Whether the member has a coupon to use again."""
        return self.returning is not Returning.FORFEIT


@dataclass(frozen=True, slots=True)
class PlannedLeg:
    """What goes back to one payment; never 0.

    `tax_free` and `vat` are the parts of `amount` that the payment's gateway is told, None when it was told none at
    purchase. `valid_days` is for mileage that had expired; None leaves its expiry.
    """

    payment_no: str
    means: Means
    amount: int
    tax_free: int | None = None
    vat: int | None = None
    valid_days: int | None = None


@dataclass(frozen=True, slots=True)
class PointsBack:
    """Points that cancelled units of a line had earned, and that go with them. No part of the refund."""

    line_no: int
    amount: int


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be cancelled: units per line number, each at least 1."""

    line_no: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Costs:
    """The result: `refund` ≥ 0 and `extra` ≥ 0, never both above 0. `legs` sum to `refund`.

    `needs_account`: a refund account is needed, because a paid virtual account is touched. `gifts` leave with the goods
    selected; `closed` are the numbers of waiting payments that nobody has to make any more. `policy_version` is of the
    policy that all of it was reckoned by; no part of what a quote promises.
    """

    currency: str
    rows: tuple[CostRow, ...]
    coupons: tuple[FreedCoupon, ...]
    legs: tuple[PlannedLeg, ...]
    refund: int
    extra: int
    needs_account: bool
    gifts: tuple[Selection, ...] = ()
    points: tuple[PointsBack, ...] = ()
    closed: tuple[str, ...] = ()
    policy_version: str = field(default="", compare=False)
