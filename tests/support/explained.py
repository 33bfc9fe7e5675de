"""Whether a price explains itself: every amount follows from its row's own inputs, and the rows add up."""

from __future__ import annotations

from domain.allocation import share_of_first
from domain.costs import CostRow, Costs, Rule


def check_explained(costs: Costs) -> None:
    """Rows sum to the totals, legs to the refund, one sign only; and each row's amount is what its inputs come to."""
    assert sum(row.amount for row in costs.rows) == costs.refund - costs.extra
    assert sum(leg.amount for leg in costs.legs) == costs.refund
    assert min(costs.refund, costs.extra) == 0
    assert max(costs.refund, costs.extra) >= 0
    assert all(leg.amount > 0 for leg in costs.legs)
    for row in costs.rows:
        assert row.amount == explained(row), row


def explained(row: CostRow) -> int:
    """The amount that a reader of the explanation comes to."""
    told = row.inputs
    match row.rule:
        case Rule.UNITS:
            return told["price"] * told["quantity"]
        case Rule.COUPON_SHARE:
            before = told["first"] - 1
            upto = before + told["quantity"]
            return share_of_first(told["share"], before, told["ordered"]) - share_of_first(
                told["share"], upto, told["ordered"]
            )
        case Rule.COUPON_MINIMUM:
            assert told["bought"] < told["minimum"]
            gone = told["ordered"] - told["left"]
            return share_of_first(told["share"], gone, told["ordered"]) - told["share"]
        case Rule.SHIPPING_THRESHOLD if row.amount < 0:
            assert told["bought"] + told["missing"] == told["free_from"]
            assert told["missing"] > 0
            return -told["fee"]
        case Rule.SHIPPING_THRESHOLD:
            return told["charged"]
        case Rule.GROUP_CANCELLED:
            return told["fee_paid"]
        case Rule.REMOTE_SURCHARGE:
            return told["surcharge"]
        case Rule.GIFT:
            return 0
        case Rule.WAITING_PAYMENT | Rule.RETURNED_OUTSIDE:
            return -_not_returned(row)


def _not_returned(row: CostRow) -> int:
    """What is not the shop's to give back: nobody paid it, or it went back already."""
    told = row.inputs
    if row.rule is Rule.WAITING_PAYMENT:
        return told["waiting"]
    assert 0 < told["net"] - told["refundable"] <= told["returned"]
    return told["net"] - told["refundable"]
