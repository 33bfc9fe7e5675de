"""What a cancel does to shipping, per delivery group: fees charged, fees given back, shipping coupons freed.

docs/money.md: shipping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.costs import CostKind, CostRow, CouponCause, FreedCoupon, Rule
from domain.coupon_rules import freed
from domain.orders import DeliveryGroup, OrderState, Promotion
from domain.policy import BelowThreshold
from domain.situation import Settled, Situation


def settle_shipping(situation: Situation) -> Settled:
    """The groups that the claim takes goods of, each once. Gifts neither keep a group nor empty it."""
    members: dict[str, list[int]] = {}
    for line in situation.state.order.lines:
        if not line.gift:
            members.setdefault(line.group_no, []).append(line.line_no)
    charged = _fees_standing(situation.state)
    rows: list[CostRow] = []
    for group in situation.state.order.groups:
        line_nos = members.get(group.group_no, [])
        if not any(situation.lines[line_no].taken for line_no in line_nos):
            continue  # another group's partial cancel never charges this one
        if any(situation.lines[line_no].left for line_no in line_nos):
            # Asked although a group falls once: units that rounding makes worth less than nothing lift it again.
            if group.group_no not in charged:
                rows.extend(_fee_charged(situation, group, line_nos))
        else:
            rows.extend(_fees_returned(group, charged.get(group.group_no, 0)))
    return Settled(tuple(rows), _shipping_coupons(situation, members))


def _fees_standing(state: OrderState) -> dict[str, int]:
    """Per group, the fees that earlier claims charged and none gave back. A group is in it once it was charged."""
    standing: dict[str, int] = {}
    for claim in state.cancels:
        for group_no, amount in claim.fees_charged.items():
            standing[group_no] = standing.get(group_no, 0) + amount
    return standing


def _fee_charged(situation: Situation, group: DeliveryGroup, line_nos: Sequence[int]) -> tuple[CostRow, ...]:
    """A group that was shipped free by its threshold and falls below it pays its fee.

    Nothing falls below at the seller's fault: the units taken then go on counting as bought. Nor does a group that was
    below before, and that the policy of that day left free.
    """
    if situation.policy.shipping.below_threshold is BelowThreshold.KEEP_FREE:
        return ()
    if not group.fee or group.collect:
        return ()
    free = group.free_from > 0 and group.fee_paid == 0 and group.fee_discount == 0
    if not free or situation.bought_at_purchase(line_nos) < group.free_from:
        return ()
    bought = situation.bought_after(line_nos)
    if not bought < group.free_from <= situation.bought_before(line_nos):
        return ()
    inputs = {"free_from": group.free_from, "bought": bought, "missing": group.free_from - bought, "fee": group.fee}
    row = CostRow(CostKind.FEE_CHARGED, Rule.SHIPPING_THRESHOLD, -group.fee, group_no=group.group_no, inputs=inputs)
    return (row,)


def _fees_returned(group: DeliveryGroup, charged: int) -> tuple[CostRow, ...]:
    """A group of which nothing is left gives back what was paid for it, at purchase and by earlier partial cancels."""
    returned = (
        (Rule.GROUP_CANCELLED, group.fee_paid, "fee_paid"),
        (Rule.REMOTE_SURCHARGE, group.surcharge, "surcharge"),
        (Rule.SHIPPING_THRESHOLD, charged, "charged"),
    )
    return tuple(
        CostRow(CostKind.FEE_RETURNED, rule, amount, group_no=group.group_no, inputs={name: amount})
        for rule, amount, name in returned
        if amount
    )


def _shipping_coupons(situation: Situation, members: Mapping[str, Sequence[int]]) -> tuple[FreedCoupon, ...]:
    """A shipping coupon is free again when nothing is left of any group that it shipped."""
    groups: dict[str, list[str]] = {}
    for group in situation.state.order.groups:
        if group.coupon_no is not None:
            groups.setdefault(group.coupon_no, []).append(group.group_no)
    returned = []
    for coupon_no, group_nos in groups.items():
        units = [situation.lines[line_no] for group_no in group_nos for line_no in members.get(group_no, ())]
        if any(of_line.taken for of_line in units) and not any(of_line.left for of_line in units):
            returned.append(freed(situation, coupon_no, Promotion.FREE_SHIPPING, CouponCause.NOTHING_LEFT))
    return tuple(returned)
