"""Loading an order with all that a price or a gate depends on, in a fixed number of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Label,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import NamedColumn

from domain.claims import FINAL, ClaimKind, ClaimStatus, ExternalState
from domain.costs import CostKind, CouponCause
from domain.orders import (
    BelowMinimum,
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
    external_refunds,
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

    Read it under the order's lock (`store.fence.lock_order`), or in a repeatable-read transaction: with coupons it is
    two statements, and must be one picture.
    """
    row = (await conn.execute(_STATE, {"order_no": order_no})).one_or_none()
    if row is None:
        return None
    groups = tuple(DeliveryGroup(**group) for group in row.groups)
    shares: dict[str, dict[int, int]] = defaultdict(dict)
    for share in row.shares:
        shares[share["coupon_no"]][share["line_no"]] = share["amount"]
    benefits = tuple(_benefit(benefit, shares[benefit["coupon_no"]]) for benefit in row.benefits)
    order = Order(
        order_no=order_no,
        member_no=row.member_no,
        currency=row.currency,
        ordered_at=row.ordered_at,
        groups=groups,
        lines=tuple(_line(line) for line in row.lines),
        benefits=benefits,
        payments=tuple(_payment(payment) for payment in row.payments),
    )
    used = {benefit.coupon_no for benefit in benefits} | {group.coupon_no for group in groups if group.coupon_no}
    return OrderState(order=order, claims=_standing_claims(row), coupons=await _coupons(conn, used) if used else {})


async def load_payments(conn: AsyncConnection, order_no: str) -> tuple[Payment, ...]:
    """The order's payments, those that claims took as extra ones last."""
    found = await conn.execute(
        select(*_PAYMENT).where(order_payments.c.order_no == order_no).order_by(order_payments.c.position)
    )
    return tuple(_payment(row._asdict()) for row in found)


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


def _line(row: dict[str, Any]) -> Line:
    return Line(**{**row, "status": LineStatus(row["status"])})


def _benefit(row: dict[str, Any], shares: dict[int, int]) -> Benefit:
    below_minimum = row["below_minimum"]
    told = {
        **row,
        "promotion": Promotion(row["promotion"]),
        "below_minimum": None if below_minimum is None else BelowMinimum(below_minimum),
    }
    return Benefit(**told, shares=shares)


def _payment(row: dict[str, Any]) -> Payment:
    told = {name: value for name, value in row.items() if name not in ("taken_by", "closed_by")}
    return Payment(
        **{
            **told,
            "means": Means(row["means"]),
            "status": PaymentStatus(row["status"]),
            "expires_at": _aware(row["expires_at"]),
        },
        closed=row["closed_by"] is not None,
        extra=row["taken_by"] is not None,
    )


def _aware(at: str | datetime | None) -> datetime | None:
    """A time as UTC, whether it comes as a column of its own or inside a JSON list."""
    if at is None:
        return None
    return (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(UTC)


async def _coupons(conn: AsyncConnection, coupon_nos: set[str]) -> dict[str, Coupon]:
    found = await conn.execute(
        select(coupons.c.coupon_no, coupons.c.expires_at, coupons.c.used_order_no).where(
            coupons.c.coupon_no.in_(sorted(coupon_nos))
        )
    )
    return {row.coupon_no: Coupon(row.coupon_no, row.expires_at, row.used_order_no) for row in found}


def _standing_claims(row: Any) -> tuple[PriorClaim, ...]:
    held: dict[str, list[Held]] = defaultdict(list)
    for line in row.claim_lines:
        held[line["claim_no"]].append(Held(line["line_no"], line["first"], line["quantity"]))
    charged: dict[str, dict[str, int]] = defaultdict(dict)
    returned: dict[str, dict[str, int]] = defaultdict(dict)
    for fee in row.claim_fees:
        into = (charged if fee["kind"] == CostKind.FEE_CHARGED else returned)[fee["claim_no"]]
        into[fee["group_no"]] = into.get(fee["group_no"], 0) + abs(fee["amount"])
    outside = {of["claim_no"]: -of["amount"] for of in row.claim_outside}
    taken_back: dict[str, set[str]] = defaultdict(set)
    freed: dict[str, set[str]] = defaultdict(set)
    for coupon in row.claim_coupons:
        freed[coupon["claim_no"]].add(coupon["coupon_no"])
        if coupon["cause"] == CouponCause.BELOW_MINIMUM:
            taken_back[coupon["claim_no"]].add(coupon["coupon_no"])
    return tuple(
        PriorClaim(
            claim_no=claim["claim_no"],
            option_change=claim["kind"] == ClaimKind.OPTION_CHANGE,
            decided=claim["decided"],
            final=ClaimStatus(claim["status"]) in FINAL,
            fault=Fault(claim["fault"]),
            held=tuple(held[claim["claim_no"]]),
            fees_charged=charged[claim["claim_no"]],
            fees_returned=returned[claim["claim_no"]],
            coupons_taken_back=frozenset(taken_back[claim["claim_no"]]),
            coupons_freed=frozenset(freed[claim["claim_no"]]),
            returned_outside=outside.get(claim["claim_no"], 0),
        )
        for claim in row.claims
    )


def _returned_outside() -> Label[Any]:
    found = external_refunds.c
    returned = select(func.coalesce(func.sum(found.amount), 0)).where(
        found.order_no == order_payments.c.order_no,
        found.payment_no == order_payments.c.payment_no,
        found.state == ExternalState.COUNTED,
    )
    return cast(returned.scalar_subquery(), BigInteger).label("returned_outside")


_PAYMENT = (
    *(
        order_payments.c[name]
        for name in (
            "payment_no",
            "means",
            "amount",
            "status",
            "gateway",
            "gateway_ref",
            "partial_cancel",
            "refunding",
            "tax_free",
            "vat",
            "refunding_tax_free",
            "expires_at",
            "receipt_ref",
            "taken_by",
            "closed_by",
            "captured_late",
        )
    ),
    _returned_outside(),
)


def _list(name: str, columns: Sequence[NamedColumn[Any]], *, where: ColumnElement[bool], by: Sequence[Any]) -> Any:
    """The rows as one JSON list of objects by column name, in the order of `by`. Times become ISO 8601 texts."""
    fields: list[ColumnElement[Any]] = []
    for column in columns:
        fields += [literal_column(f"'{column.name}'"), column]
    rows = func.json_agg(aggregate_order_by(func.json_build_object(*fields), *by))
    return select(func.coalesce(rows, literal_column("'[]'"))).where(where).scalar_subquery().label(name)


def _state_statement() -> Select[Any]:
    """Everything about an order in one statement: a round trip each would cost more than all else here."""
    order_no = bindparam("order_no", type_=Text)
    group, line, benefit, payment = order_groups.c, order_lines.c, order_benefits.c, order_payments.c
    share, claim, held, fee, freed = order_benefit_shares.c, claims.c, claim_lines.c, claim_costs.c, claim_coupons.c
    stands = and_(claim.order_no == order_no, claim.status != ClaimStatus.REJECTED)
    is_fee = or_(fee.kind == CostKind.FEE_CHARGED, fee.kind == CostKind.FEE_RETURNED)
    is_reckoned = fee.kind == CostKind.RETURNED_OUTSIDE
    return select(
        orders.c.member_no,
        orders.c.currency,
        orders.c.ordered_at,
        _list(
            "groups",
            (
                group.group_no,
                group.policy_no,
                group.free_from,
                group.fee,
                group.fee_discount,
                group.fee_paid,
                group.coupon_no,
                group.surcharge,
                group.collect,
            ),
            where=group.order_no == order_no,
            by=[group.position],
        ),
        _list(
            "lines",
            (
                line.line_no,
                line.goods_no,
                line.goods_name,
                line.variant_no,
                line.variant_name,
                line.quantity,
                line.price,
                line.group_no,
                line.status,
                line.tax_free,
                line.gift_of,
                line.gift_minimum,
                line.earned_points,
            ),
            where=line.order_no == order_no,
            by=[line.line_no],
        ),
        _list(
            "benefits",
            (benefit.coupon_no, benefit.promotion, benefit.amount, benefit.minimum, benefit.below_minimum),
            where=benefit.order_no == order_no,
            by=[benefit.position],
        ),
        _list(
            "shares",
            (share.coupon_no, share.line_no, share.amount),
            where=share.order_no == order_no,
            by=[share.line_no],
        ),
        _list(
            "payments",
            _PAYMENT,
            where=payment.order_no == order_no,
            by=[payment.position],
        ),
        _list(
            "claims",
            (claim.claim_no, claim.kind, claim.decided, claim.fault, claim.status),
            where=stands,
            by=[claim.opened_at, claim.claim_no],
        ),
        _list(
            "claim_lines",
            (held.claim_no, held.line_no, held.first, held.quantity),
            where=and_(held.order_no == order_no, held.live),
            by=[held.line_no, held.first],
        ),
        _list(
            "claim_fees",
            (fee.claim_no, fee.kind, fee.group_no, fee.amount),
            where=and_(fee.claim_no == claim.claim_no, stands, is_fee),
            by=[fee.claim_no, fee.position],
        ),
        _list(
            "claim_outside",
            (fee.claim_no, fee.amount),
            where=and_(fee.claim_no == claim.claim_no, stands, is_reckoned),
            by=[fee.claim_no],
        ),
        _list(
            "claim_coupons",
            (freed.claim_no, freed.coupon_no, freed.cause),
            where=and_(freed.claim_no == claim.claim_no, stands),
            by=[freed.claim_no, freed.coupon_no],
        ),
    ).where(orders.c.order_no == order_no)


_STATE = _state_statement()
