"""One claim whole: its lines, costs, coupons, refund legs, steps, timeline, and what it waits for.

It is several statements and must be one picture: read it in a repeatable-read transaction
(`store.database.Database.reading`). Amounts are integer minor units of the order's currency; times are aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import ClaimKind, ClaimStatus, Step, StepStatus
from domain.costs import CostKind, CostRow, CouponCause, Rule
from domain.orders import DeliveryGroup, Fault, Payment, Promotion
from domain.policy import Returning
from store.extra_payments import ExtraPayment, extra_of_claim
from store.orders import load_payments
from store.parkings import OpenParking, find_open
from store.points import points_key
from store.refund_legs import RefundLeg, legs_of_claim
from store.tables import (
    claim_costs,
    claim_coupons,
    claim_events,
    claim_lines,
    claim_steps,
    claims,
    coupon_movements,
    coupons,
    credit_movements,
    items,
    order_groups,
    order_lines,
    order_payments,
)


@dataclass(frozen=True, slots=True)
class ClaimedLine:
    """Units ``first … first + quantity − 1`` of a line; the variant is the one that the claim was opened with.

    A `gift` leaves with the goods that it came with. `points` had been earned by these units, and go with them.
    """

    line_no: int
    goods_no: str
    goods_name: str
    variant_no: str
    variant_name: str
    new_variant_no: str | None
    new_variant_name: str | None
    group_no: str
    price: int
    first: int
    quantity: int
    gift: bool
    points: int
    live: bool


@dataclass(frozen=True, slots=True)
class ClaimedCoupon:
    """A coupon that the claim frees; `restored_at` is set once it is back, `expires_at` is how it stands now.

    `returning` and `valid_days` are what was planned. Of one that is reissued, `new_coupon_no` is what the member got
    instead, valid until `new_expires_at`.
    """

    coupon_no: str
    name: str | None
    promotion: Promotion
    cause: CouponCause
    returning: Returning
    valid_days: int | None
    restored: bool
    restored_at: datetime | None
    expires_at: datetime | None
    new_coupon_no: str | None
    new_expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class PointsBack:
    """Earned points that go with the claim: `amount` planned; `taken` and `owed` once that is done, None before."""

    amount: int
    taken: int | None
    owed: int | None


@dataclass(frozen=True, slots=True)
class ClaimStep:
    step: Step
    status: StepStatus
    at: datetime
    note: str | None


@dataclass(frozen=True, slots=True)
class ClaimEvent:
    """One line of the timeline: `event` is a slug, `facts` are JSON values without personal data."""

    at: datetime
    actor: str
    event: str
    step: Step | None
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ClaimDetails:
    """One claim with all its rows. `payments` and `groups` are the order's.

    `policy_version` is of the policy that it was opened under; None when that was before policies had versions.
    `closed` are the numbers of the waiting payments that nobody has to make any more.
    """

    claim_no: str
    order_no: str
    kind: ClaimKind
    status: ClaimStatus
    workflow_id: str
    reason_code: str
    fault: Fault
    currency: str
    refund: int
    extra: int
    policy_version: str | None
    decided: bool
    refusal_code: str | None
    refusal_reason: str | None
    opened_at: datetime
    closed_at: datetime | None
    lines: tuple[ClaimedLine, ...]
    costs: tuple[CostRow, ...]
    coupons: tuple[ClaimedCoupon, ...]
    legs: tuple[RefundLeg, ...]
    extra_payment: ExtraPayment | None
    points: PointsBack | None
    closed: tuple[str, ...]
    steps: tuple[ClaimStep, ...]
    events: tuple[ClaimEvent, ...]
    parkings: tuple[OpenParking, ...]
    payments: tuple[Payment, ...]
    groups: tuple[DeliveryGroup, ...]


async def load_claim(conn: AsyncConnection, claim_no: str) -> ClaimDetails | None:
    """The claim with all its rows; None when there is no such claim."""
    head = (
        await conn.execute(
            select(
                claims.c.claim_no,
                claims.c.order_no,
                claims.c.kind,
                claims.c.status,
                claims.c.workflow_id,
                claims.c.reason_code,
                claims.c.fault,
                claims.c.currency,
                claims.c.refund,
                claims.c.extra,
                claims.c.policy_version,
                claims.c.decided,
                claims.c.refusal_code,
                claims.c.refusal_reason,
                claims.c.opened_at,
                claims.c.closed_at,
            ).where(claims.c.claim_no == claim_no)
        )
    ).one_or_none()
    if head is None:
        return None
    told = {
        **head._mapping,
        "kind": ClaimKind(head.kind),
        "status": ClaimStatus(head.status),
        "fault": Fault(head.fault),
    }
    return ClaimDetails(
        **told,
        lines=await _lines(conn, claim_no),
        costs=await _costs(conn, claim_no),
        coupons=await _coupons(conn, claim_no),
        legs=await legs_of_claim(conn, claim_no),
        extra_payment=await extra_of_claim(conn, claim_no),
        points=await _points(conn, claim_no),
        closed=await _closed(conn, head.order_no, claim_no),
        steps=await _steps(conn, claim_no),
        events=await claim_timeline(conn, claim_no),
        parkings=await find_open(conn, [claim_no]),
        payments=await load_payments(conn, head.order_no),
        groups=await _groups(conn, head.order_no),
    )


async def claim_timeline(conn: AsyncConnection, claim_no: str) -> tuple[ClaimEvent, ...]:
    """What happened to the claim, oldest first."""
    found = await conn.execute(
        select(claim_events.c.at, claim_events.c.actor, claim_events.c.event, claim_events.c.step, claim_events.c.facts)
        .where(claim_events.c.claim_no == claim_no)
        .order_by(claim_events.c.event_id)
    )
    return tuple(
        ClaimEvent(row.at, row.actor, row.event, Step(row.step) if row.step else None, row.facts) for row in found
    )


async def _lines(conn: AsyncConnection, claim_no: str) -> tuple[ClaimedLine, ...]:
    line = and_(order_lines.c.order_no == claim_lines.c.order_no, order_lines.c.line_no == claim_lines.c.line_no)
    new_variant = and_(items.c.goods_no == claim_lines.c.goods_no, items.c.variant_no == claim_lines.c.new_variant_no)
    found = await conn.execute(
        select(
            claim_lines.c.line_no,
            claim_lines.c.goods_no,
            order_lines.c.goods_name,
            claim_lines.c.variant_no,
            claim_lines.c.variant_name,
            claim_lines.c.new_variant_no,
            items.c.variant_name.label("new_variant_name"),
            order_lines.c.group_no,
            order_lines.c.price,
            claim_lines.c.first,
            claim_lines.c.quantity,
            or_(order_lines.c.gift_of.is_not(None), order_lines.c.gift_minimum.is_not(None)).label("gift"),
            claim_lines.c.points,
            claim_lines.c.live,
        )
        .join(order_lines, line)
        .outerjoin(items, new_variant)
        .where(claim_lines.c.claim_no == claim_no)
        .order_by(claim_lines.c.line_no)
    )
    return tuple(ClaimedLine(**row._mapping) for row in found)


async def _costs(conn: AsyncConnection, claim_no: str) -> tuple[CostRow, ...]:
    found = await conn.execute(
        select(claim_costs).where(claim_costs.c.claim_no == claim_no).order_by(claim_costs.c.position)
    )
    return tuple(
        CostRow(
            kind=CostKind(row.kind),
            rule=Rule(row.rule),
            amount=row.amount,
            line_no=row.line_no,
            group_no=row.group_no,
            coupon_no=row.coupon_no,
            quantity=row.quantity,
            inputs=row.inputs,
        )
        for row in found
    )


async def _coupons(conn: AsyncConnection, claim_no: str) -> tuple[ClaimedCoupon, ...]:
    given_back = and_(
        coupon_movements.c.claim_no == claim_coupons.c.claim_no,
        coupon_movements.c.coupon_no == claim_coupons.c.coupon_no,
    )
    reissued = coupons.alias("reissued")
    found = await conn.execute(
        select(
            claim_coupons.c.coupon_no,
            coupons.c.name,
            claim_coupons.c.promotion,
            claim_coupons.c.cause,
            claim_coupons.c.returning,
            claim_coupons.c.valid_days,
            claim_coupons.c.restored,
            coupon_movements.c.at.label("restored_at"),
            coupons.c.expires_at,
            reissued.c.coupon_no.label("new_coupon_no"),
            reissued.c.expires_at.label("new_expires_at"),
        )
        .join(coupons, coupons.c.coupon_no == claim_coupons.c.coupon_no)
        .outerjoin(coupon_movements, given_back)
        .outerjoin(reissued, reissued.c.coupon_no == coupon_movements.c.facts["new_coupon_no"].astext)
        .where(claim_coupons.c.claim_no == claim_no)
        .order_by(claim_coupons.c.coupon_no)
    )
    return tuple(
        ClaimedCoupon(
            **{
                **row._mapping,
                "promotion": Promotion(row.promotion),
                "cause": CouponCause(row.cause),
                "returning": Returning(row.returning),
            }
        )
        for row in found
    )


async def _points(conn: AsyncConnection, claim_no: str) -> PointsBack | None:
    planned = select(func.sum(claim_lines.c.points)).where(claim_lines.c.claim_no == claim_no).scalar_subquery()
    taken = select(credit_movements.c.amount, credit_movements.c.owed).where(
        credit_movements.c.movement_key == points_key(claim_no)
    )
    amount = (await conn.execute(select(planned))).scalar_one()
    if not amount:
        return None
    row = (await conn.execute(taken)).one_or_none()
    return PointsBack(int(amount), -row.amount if row else None, row.owed if row else None)


async def _closed(conn: AsyncConnection, order_no: str, claim_no: str) -> tuple[str, ...]:
    found = await conn.execute(
        select(order_payments.c.payment_no)
        .where(order_payments.c.order_no == order_no, order_payments.c.closed_by == claim_no)
        .order_by(order_payments.c.position)
    )
    return tuple(found.scalars())


async def _steps(conn: AsyncConnection, claim_no: str) -> tuple[ClaimStep, ...]:
    found = await conn.execute(
        select(claim_steps.c.step, claim_steps.c.status, claim_steps.c.at, claim_steps.c.note)
        .where(claim_steps.c.claim_no == claim_no)
        .order_by(claim_steps.c.position)
    )
    return tuple(ClaimStep(Step(row.step), StepStatus(row.status), row.at, row.note) for row in found)


async def _groups(conn: AsyncConnection, order_no: str) -> tuple[DeliveryGroup, ...]:
    found = await conn.execute(
        select(order_groups).where(order_groups.c.order_no == order_no).order_by(order_groups.c.position)
    )
    return tuple(
        DeliveryGroup(
            group_no=row.group_no,
            policy_no=row.policy_no,
            free_from=row.free_from,
            fee=row.fee,
            fee_discount=row.fee_discount,
            fee_paid=row.fee_paid,
            coupon_no=row.coupon_no,
            surcharge=row.surcharge,
            collect=row.collect,
        )
        for row in found
    )
