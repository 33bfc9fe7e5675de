"""The parts of an order as rows: its delivery groups, lines, benefits and payments, written and deleted as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.orders import Line, Order, Promotion
from domain.refusals import Code, Refusal
from store.rows import insert_rows
from store.tables import (
    coupons,
    items,
    order_benefit_shares,
    order_benefits,
    order_groups,
    order_lines,
    order_payments,
)


async def write_parts(conn: AsyncConnection, order: Order) -> None:
    """Groups, lines, benefits and payments: one statement for each kind. Coupons are locked before items.

    A coupon not known yet becomes a stub. Raises NOT_FOUND for an item that is not known.
    """
    await _add_stub_coupons(conn, order)
    await _know_items(conn, order.lines)
    await insert_rows(conn, order_groups, _group_rows(order))
    await insert_rows(conn, order_lines, _line_rows(order))
    await insert_rows(conn, order_benefits, _benefit_rows(order))
    await insert_rows(conn, order_benefit_shares, _share_rows(order))
    await insert_rows(conn, order_payments, _payment_rows(order))


async def delete_parts(conn: AsyncConnection, order_no: str) -> None:
    for table in (order_benefit_shares, order_benefits, order_payments, order_lines, order_groups):
        await conn.execute(delete(table).where(table.c.order_no == order_no))


async def _add_stub_coupons(conn: AsyncConnection, order: Order) -> None:
    """A coupon not fed yet becomes a stub, used by this order and without expiry until it is fed.

    Raises BAD_VALUE for one that another order has used.
    """
    discounts = {benefit.coupon_no: benefit.promotion for benefit in order.benefits}
    shipping = {group.coupon_no: Promotion.FREE_SHIPPING for group in order.groups if group.coupon_no}
    promotions = discounts | shipping
    if not promotions:
        return
    await conn.execute(
        insert(coupons)
        .values(
            [
                {
                    "coupon_no": coupon_no,
                    "member_no": order.member_no,
                    "promotion": promotions[coupon_no],
                    "used_order_no": order.order_no,
                    "stub": True,
                }
                for coupon_no in sorted(promotions)
            ]
        )
        .on_conflict_do_nothing()
    )
    used = await conn.execute(
        select(coupons.c.coupon_no, coupons.c.used_order_no)
        .where(coupons.c.coupon_no.in_(sorted(promotions)))
        .order_by(coupons.c.coupon_no)
        .with_for_update(read=True, key_share=True)
    )
    for coupon in used:
        if coupon.used_order_no not in (None, order.order_no):
            raise Refusal(Code.BAD_VALUE, "coupon.used_elsewhere", coupon_no=coupon.coupon_no)


async def _know_items(conn: AsyncConnection, lines: Iterable[Line]) -> None:
    wanted = sorted({(line.goods_no, line.variant_no) for line in lines})
    found = await conn.execute(
        select(items.c.goods_no, items.c.variant_no)
        .where(tuple_(items.c.goods_no, items.c.variant_no).in_(wanted))
        .order_by(items.c.goods_no, items.c.variant_no)
        .with_for_update(read=True, key_share=True)
    )
    unknown = sorted(set(wanted) - {(row.goods_no, row.variant_no) for row in found})
    if unknown:
        goods_no, variant_no = unknown[0]
        raise Refusal(Code.NOT_FOUND, "item.unknown", goods_no=goods_no, variant_no=variant_no)


def _group_rows(order: Order) -> list[Mapping[str, Any]]:
    return [
        {
            "order_no": order.order_no,
            "group_no": group.group_no,
            "position": position,
            "policy_no": group.policy_no,
            "free_from": group.free_from,
            "fee": group.fee,
            "fee_discount": group.fee_discount,
            "fee_paid": group.fee_paid,
            "coupon_no": group.coupon_no,
            "surcharge": group.surcharge,
            "collect": group.collect,
        }
        for position, group in enumerate(order.groups, start=1)
    ]


def _line_rows(order: Order) -> list[Mapping[str, Any]]:
    return [
        {
            "order_no": order.order_no,
            "line_no": line.line_no,
            "goods_no": line.goods_no,
            "goods_name": line.goods_name,
            "variant_no": line.variant_no,
            "variant_name": line.variant_name,
            "quantity": line.quantity,
            "price": line.price,
            "group_no": line.group_no,
            "status": line.status,
            "tax_free": line.tax_free,
            "gift_of": line.gift_of,
            "gift_minimum": line.gift_minimum,
            "earned_points": line.earned_points,
        }
        for line in order.lines
    ]


def _benefit_rows(order: Order) -> list[Mapping[str, Any]]:
    return [
        {
            "order_no": order.order_no,
            "coupon_no": benefit.coupon_no,
            "position": position,
            "promotion": benefit.promotion,
            "amount": benefit.amount,
            "minimum": benefit.minimum,
            "below_minimum": benefit.below_minimum,
        }
        for position, benefit in enumerate(order.benefits, start=1)
    ]


def _share_rows(order: Order) -> list[Mapping[str, Any]]:
    return [
        {"order_no": order.order_no, "coupon_no": benefit.coupon_no, "line_no": line_no, "amount": amount}
        for benefit in order.benefits
        for line_no, amount in benefit.shares.items()
    ]


def _payment_rows(order: Order) -> list[Mapping[str, Any]]:
    return [
        {
            "order_no": order.order_no,
            "payment_no": payment.payment_no,
            "position": position,
            "means": payment.means,
            "amount": payment.amount,
            "status": payment.status,
            "gateway": payment.gateway,
            "gateway_ref": payment.gateway_ref,
            "partial_cancel": payment.partial_cancel,
            "tax_free": payment.tax_free,
            "vat": payment.vat,
            "expires_at": None if payment.expires_at is None else payment.expires_at.isoformat(),
            "receipt_ref": payment.receipt_ref,
        }
        for position, payment in enumerate(order.payments, start=1)
    ]
