"""Which piece of a line can't be cancelled by itself, because of how its discounts were rounded.

docs/money.md: units. Several coupons that make a line almost free, each rounded by itself, can make some of its units
worth a little less than nothing, and others a little more than was paid for them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from domain.costs import FreedCoupon
from domain.orders import Fault
from domain.refusals import Code, Refusal
from domain.situation import LineUnits, Situation


@dataclass(slots=True)
class _Worth:
    """What the units that a claim takes of a line, and those that it leaves, come to; minor units of the currency."""

    taken: int
    left: int


def check_rounding(situation: Situation, coupons: Collection[FreedCoupon], net: int) -> None:
    """Raises WHOLE_ONLY for a piece of a line that would leave the rest of it worth less than nothing.

    Such a piece would be refunded with money of other goods, which then couldn't be refunded any more. All that is left
    of a line is never worth less than nothing, so it can always be cancelled together, and the others too. Nor is a
    piece cancelled at the seller's fault that comes to less than nothing itself: the customer pays nothing then.
    `coupons` are those that the claim frees, `net` what it returns.
    """
    pieces = {line_no: units for line_no, units in sorted(situation.lines.items()) if units.taken and units.left}
    if not pieces:
        return
    worth = _worth(situation, pieces, {freed.coupon_no for freed in coupons})
    seller_owes = situation.fault is Fault.SELLER and net < 0
    for line_no, of in worth.items():
        if of.left < 0 or (seller_owes and of.taken < 0):
            left = pieces[line_no].left + pieces[line_no].taken_quantity
            raise Refusal(Code.WHOLE_ONLY, "order.rounding", line_no=line_no, left=left)


def _worth(situation: Situation, pieces: Mapping[int, LineUnits], freed: Collection[str]) -> dict[int, _Worth]:
    """By line number. A coupon that this claim frees while units are left was taken back: they stand without it."""
    worth = {
        line_no: _Worth(units.line.price * units.taken_quantity, units.line.price * units.left)
        for line_no, units in pieces.items()
    }
    for benefit in situation.state.order.benefits:
        if benefit.coupon_no in situation.taken_back_before:
            continue
        for line_no, share in benefit.shares.items():
            if line_no in pieces:
                worth[line_no].taken -= pieces[line_no].taken_share(share)
                if benefit.coupon_no not in freed:
                    worth[line_no].left -= pieces[line_no].left_share(share)
    return worth
