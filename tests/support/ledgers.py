"""Whether all the ledgers agree once nothing is under way: the gateway's, the shop's and the claims' own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.extra import charged, refunds_of, taken
from tests.support.house import House


async def disagreements(house: House, order_nos: Sequence[str], stock: int) -> list[str]:
    """What does not agree, in words; empty when everything does. Every item was fed with `stock` units.

    No two orders share a member, and every member was fed without credits.
    """
    found = [
        *await _unfinished(house),
        *await _told(house, "SELECT * FROM order_differences", "a sum that does not come out"),
        *await _told(house, COUPONS, "a coupon not as planned"),
        *await _told(house, CREDITS, "credits not what was returned"),
        *await _told(house, STOCK, "units lost or made", stock=stock),
        *await _told(house, UNITS, "a line and its claims differ"),
    ]
    for order_no in order_nos:
        found += await _at_the_gateway(house, order_no)
    return found


async def _unfinished(house: House) -> list[str]:
    return [
        *await _told(house, "SELECT * FROM claims WHERE closed_at IS NULL", "not final"),
        *await _told(house, "SELECT * FROM parkings WHERE closed_at IS NULL", "a parking left open"),
        *await _told(house, "SELECT * FROM refund_attempts WHERE state = 'SENT'", "an outcome unknown"),
        *await _told(house, "SELECT * FROM extra_payments WHERE state IN ('PLANNED', 'SENT')", "a charge left open"),
    ]


async def _at_the_gateway(house: House, order_no: str) -> list[str]:
    """Every refund there, failed ones left out, is one leg settled by the gateway, and each such leg one refund."""
    legs = await house.rows(
        "SELECT payment_no, leg_id, amount FROM refund_legs WHERE order_no = :no AND settled_by = 'GATEWAY'",
        no=order_no,
    )
    found = []
    payments = await house.rows(
        "SELECT payment_no, gateway_ref FROM order_payments WHERE order_no = :no AND gateway IS NOT NULL", no=order_no
    )
    for payment in payments:
        there = await refunds_of(house, payment["gateway_ref"])
        ours = sorted((leg["leg_id"], leg["amount"]) for leg in legs if leg["payment_no"] == payment["payment_no"])
        if sorted((one["reference"], one["amount"]) for one in there) != ours:
            found.append(f"{order_no}-{payment['payment_no']}: the gateway has {there}, we have {ours}")
    return found + await _charged_at_the_gateway(house, order_no)


async def _charged_at_the_gateway(house: House, order_no: str) -> list[str]:
    """Every charge there is one payment that its claim took, and each such payment one charge."""
    found = []
    for claim in await house.rows("SELECT claim_no FROM claims WHERE order_no = :no AND extra > 0", no=order_no):
        there = await charged(house, claim["claim_no"])
        ours = [one for one in await taken(house, claim["claim_no"]) if one["gateway"] is not None]
        if [(one["pgTid"], one["amount"]) for one in there] != [(one["gateway_ref"], one["amount"]) for one in ours]:
            found.append(f"{claim['claim_no']}: the gateway has charged {there}, we have taken {ours}")
    return found


async def _told(house: House, statement: str, wrong: str, **values: Any) -> list[str]:
    rows: list[Mapping[str, Any]] = await house.rows(statement, **values)
    return [f"{wrong}: {row}" for row in rows]


COUPONS = """
SELECT coupon_no, used_order_no, planned, given FROM coupons
CROSS JOIN LATERAL (
    SELECT count(*) AS planned FROM claim_coupons JOIN claims USING (claim_no)
    JOIN claim_steps USING (claim_no)
    WHERE claim_coupons.coupon_no = coupons.coupon_no AND restored AND claims.status <> 'REJECTED'
      AND claim_steps.step = 'coupons' AND claim_steps.status = 'DONE'
) AS plans
CROSS JOIN LATERAL (
    SELECT count(*) AS given FROM coupon_movements WHERE coupon_no = coupons.coupon_no AND kind = 'restore'
) AS moves
WHERE planned <> given OR given > 1 OR (used_order_no IS NULL) <> (given = 1)
"""
CREDITS = """
SELECT member_no, mileage, deposit, points_owed, returned, charged, earned FROM members
CROSS JOIN LATERAL (
    SELECT coalesce(sum(leg.amount), 0) AS returned FROM refund_legs AS leg JOIN orders USING (order_no)
    WHERE orders.member_no = members.member_no AND leg.settled_by = 'OURS'
) AS legs
CROSS JOIN LATERAL (
    SELECT coalesce(sum(extra.amount), 0) AS charged FROM extra_payments AS extra JOIN orders USING (order_no)
    WHERE orders.member_no = members.member_no AND extra.state = 'TAKEN' AND extra.gateway IS NULL
) AS charges
CROSS JOIN LATERAL (
    SELECT coalesce(sum(held.points), 0) AS earned FROM claim_lines AS held JOIN claims USING (claim_no, order_no)
    JOIN orders USING (order_no)
    WHERE orders.member_no = members.member_no AND claims.status <> 'REJECTED'
) AS points
WHERE mileage + deposit - points_owed <> returned - charged - earned
"""
"""What the balance lacked of the points that cancelled units had earned is owed."""
STOCK = """
SELECT goods_no, variant_no, stock, sold, kept, skipped FROM items
CROSS JOIN LATERAL (
    SELECT coalesce(sum(quantity), 0) AS sold FROM order_lines
    WHERE order_lines.goods_no = items.goods_no AND items.variant_no = '001'
) AS bought
CROSS JOIN LATERAL (
    SELECT coalesce(sum(line.quantity - coalesce(gone.quantity, 0)), 0) AS kept FROM order_lines AS line
    LEFT JOIN (
        SELECT order_no, line_no, sum(quantity) AS quantity FROM claim_lines JOIN claims USING (claim_no, order_no)
        WHERE kind = 'CANCEL' AND status <> 'REJECTED' GROUP BY order_no, line_no
    ) AS gone USING (order_no, line_no)
    WHERE line.goods_no = items.goods_no AND line.variant_no = items.variant_no
) AS with_customers
CROSS JOIN LATERAL (
    SELECT coalesce(sum(held.quantity), 0) AS skipped FROM claim_lines AS held
    JOIN claims USING (claim_no) JOIN claim_steps USING (claim_no)
    WHERE held.goods_no = items.goods_no AND held.variant_no = items.variant_no AND claims.status <> 'REJECTED'
      AND claim_steps.step = 'restock' AND claim_steps.status = 'SKIPPED'
) AS not_restocked
WHERE stock + kept + skipped <> :stock + sold
"""
"""Orders are fed with variant 001 of goods that no other order has."""
UNITS = """
SELECT line.order_no, line.line_no, line.quantity, line.status, gone FROM order_lines AS line
CROSS JOIN LATERAL (
    SELECT coalesce(sum(held.quantity), 0) AS gone FROM claim_lines AS held JOIN claims USING (claim_no)
    WHERE held.order_no = line.order_no AND held.line_no = line.line_no
      AND kind = 'CANCEL' AND claims.status <> 'REJECTED'
) AS held
WHERE gone > line.quantity OR (gone = line.quantity) <> (line.status = 'cancelled')
"""
