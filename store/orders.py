"""Loading an order with all that a price or a gate depends on, in a fixed number of statements."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Select, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import FINAL, ClaimKind, ClaimStatus
from domain.costs import CostKind, CouponCause
from domain.orders import (
    Benefit,
    Coupon,
    DeliveryGroup,
    Fault,
    Held,
    Item,
    Line,
    LineStatus,
    Means,
    Order,
    OrderState,
    Payment,
    PaymentStatus,
    PriorClaim,
    Promotion,
    SaleMethod,
    SaleStatus,
)
from store.tables import (
    claim_costs,
    claim_coupons,
    claim_lines,
    claims,
    coupons,
    items,
    order_benefit_shares,
    order_benefits,
    order_groups,
    order_lines,
    order_payments,
    orders,
)


async def load_state(conn: AsyncConnection, order_no: str) -> OrderState | None:
    """The order, the claims of it that stand (rejected ones are as never made), and its coupons; None: no such order.

    Read it under the order's lock (`store.fence.lock_order`), or in a repeatable-read transaction: it is several
    statements, and must be one picture.
    """
    head = (await conn.execute(select(orders).where(orders.c.order_no == order_no))).one_or_none()
    if head is None:
        return None
    groups = [
        DeliveryGroup(
            group_no=row.group_no,
            policy_no=row.policy_no,
            free_from=row.free_from,
            fee=row.fee,
            fee_discount=row.fee_discount,
            fee_paid=row.fee_paid,
            coupon_no=row.coupon_no,
        )
        for row in await _of_order(conn, order_groups, order_no, order_groups.c.position)
    ]
    lines = [
        Line(
            line_no=row.line_no,
            goods_no=row.goods_no,
            goods_name=row.goods_name,
            variant_no=row.variant_no,
            variant_name=row.variant_name,
            quantity=row.quantity,
            price=row.price,
            group_no=row.group_no,
            status=LineStatus(row.status),
            tax_free=row.tax_free,
        )
        for row in await _of_order(conn, order_lines, order_no, order_lines.c.line_no)
    ]
    shares: dict[str, dict[int, int]] = defaultdict(dict)
    for row in await _of_order(conn, order_benefit_shares, order_no, order_benefit_shares.c.line_no):
        shares[row.coupon_no][row.line_no] = row.amount
    benefits = [
        Benefit(
            coupon_no=row.coupon_no,
            promotion=Promotion(row.promotion),
            amount=row.amount,
            minimum=row.minimum,
            shares=shares[row.coupon_no],
        )
        for row in await _of_order(conn, order_benefits, order_no, order_benefits.c.position)
    ]
    payments = [
        Payment(
            payment_no=row.payment_no,
            means=Means(row.means),
            amount=row.amount,
            status=PaymentStatus(row.status),
            gateway=row.gateway,
            gateway_ref=row.gateway_ref,
            partial_cancel=row.partial_cancel,
            refunding=row.refunding,
        )
        for row in await _of_order(conn, order_payments, order_no, order_payments.c.position)
    ]
    order = Order(
        order_no=head.order_no,
        member_no=head.member_no,
        currency=head.currency,
        ordered_at=head.ordered_at,
        groups=tuple(groups),
        lines=tuple(lines),
        benefits=tuple(benefits),
        payments=tuple(payments),
    )
    used = {benefit.coupon_no for benefit in benefits} | {group.coupon_no for group in groups if group.coupon_no}
    return OrderState(
        order=order,
        claims=await _standing_claims(conn, order_no),
        coupons=await _coupons(conn, used) if used else {},
    )


async def load_items(conn: AsyncConnection, goods_nos: set[str]) -> list[Item]:
    """Every variant of the goods named, by goods and variant number."""
    found = await conn.execute(
        select(items).where(items.c.goods_no.in_(sorted(goods_nos))).order_by(items.c.goods_no, items.c.variant_no)
    )
    return [as_item(row) for row in found]


async def load_item(conn: AsyncConnection, goods_no: str, variant_no: str, *, lock: bool = False) -> Item | None:
    asked = select(items).where(items.c.goods_no == goods_no, items.c.variant_no == variant_no)
    row = (await conn.execute(asked.with_for_update() if lock else asked)).one_or_none()
    return None if row is None else as_item(row)


def as_item(row: Any) -> Item:
    return Item(
        goods_no=row.goods_no,
        variant_no=row.variant_no,
        goods_name=row.goods_name,
        variant_name=row.variant_name,
        options=tuple((name, value) for name, value in row.options),
        price=row.price,
        sale_status=SaleStatus(row.sale_status),
        sale_method=SaleMethod(row.sale_method),
        stock=row.stock,
    )


async def _of_order(conn: AsyncConnection, table: Any, order_no: str, by: Any) -> Any:
    asked: Select[Any] = select(table).where(table.c.order_no == order_no).order_by(by)
    return (await conn.execute(asked)).all()


async def _coupons(conn: AsyncConnection, coupon_nos: set[str]) -> dict[str, Coupon]:
    found = await conn.execute(
        select(coupons.c.coupon_no, coupons.c.expires_at, coupons.c.used_order_no).where(
            coupons.c.coupon_no.in_(sorted(coupon_nos))
        )
    )
    return {row.coupon_no: Coupon(row.coupon_no, row.expires_at, row.used_order_no) for row in found}


async def _standing_claims(conn: AsyncConnection, order_no: str) -> tuple[PriorClaim, ...]:
    stands = and_(claims.c.order_no == order_no, claims.c.status != ClaimStatus.REJECTED)
    heads = (
        await conn.execute(
            select(
                claims.c.claim_no, claims.c.kind, claims.c.decided, claims.c.fault, claims.c.status, claims.c.opened_at
            )
            .where(stands)
            .order_by(claims.c.opened_at, claims.c.claim_no)
        )
    ).all()
    if not heads:
        return ()
    held: dict[str, list[Held]] = defaultdict(list)
    for line in await conn.execute(
        select(claim_lines.c.claim_no, claim_lines.c.line_no, claim_lines.c.first, claim_lines.c.quantity)
        .where(claim_lines.c.order_no == order_no, claim_lines.c.live)
        .order_by(claim_lines.c.line_no, claim_lines.c.first)
    ):
        held[line.claim_no].append(Held(line.line_no, line.first, line.quantity))
    charged: dict[str, dict[str, int]] = defaultdict(dict)
    returned: dict[str, dict[str, int]] = defaultdict(dict)
    fees = (CostKind.FEE_CHARGED, CostKind.FEE_RETURNED)
    for fee in await conn.execute(
        select(claim_costs.c.claim_no, claim_costs.c.kind, claim_costs.c.group_no, claim_costs.c.amount)
        .join(claims, claims.c.claim_no == claim_costs.c.claim_no)
        .where(stands, claim_costs.c.kind.in_(fees))
    ):
        into = charged if fee.kind == CostKind.FEE_CHARGED else returned
        into[fee.claim_no][fee.group_no] = into[fee.claim_no].get(fee.group_no, 0) + abs(fee.amount)
    taken_back: dict[str, set[str]] = defaultdict(set)
    freed: dict[str, set[str]] = defaultdict(set)
    for coupon in await conn.execute(
        select(claim_coupons.c.claim_no, claim_coupons.c.coupon_no, claim_coupons.c.cause)
        .join(claims, claims.c.claim_no == claim_coupons.c.claim_no)
        .where(stands)
    ):
        freed[coupon.claim_no].add(coupon.coupon_no)
        if coupon.cause == CouponCause.BELOW_MINIMUM:
            taken_back[coupon.claim_no].add(coupon.coupon_no)
    return tuple(
        PriorClaim(
            claim_no=row.claim_no,
            option_change=row.kind == ClaimKind.OPTION_CHANGE,
            decided=row.decided,
            final=ClaimStatus(row.status) in FINAL,
            fault=Fault(row.fault),
            held=tuple(held[row.claim_no]),
            fees_charged=charged[row.claim_no],
            fees_returned=returned[row.claim_no],
            coupons_taken_back=frozenset(taken_back[row.claim_no]),
            coupons_freed=frozenset(freed[row.claim_no]),
        )
        for row in heads
    )
