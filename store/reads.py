"""What is only read: the claims of an order, one claim whole, the audit of an order, inboxes, and the operators' list.

Run each in a repeatable-read transaction (`store.database.Database.reading`): most are several statements, and must be
one picture. Amounts are integer minor units of the order's currency; times are aware UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, column, exists, func, select, table, true, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import (
    Action,
    Channel,
    ClaimKind,
    ClaimStatus,
    LegState,
    NoticeEvent,
    NoticeState,
    SettledBy,
    Step,
    StepStatus,
    StuckReason,
)
from domain.conservation import Books
from domain.costs import CostKind, CostRow, CouponCause, Rule
from domain.orders import DeliveryGroup, Fault, Means, Payment, PaymentStatus, Promotion
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
    findings,
    items,
    notices,
    order_groups,
    order_lines,
    order_payments,
    orders,
    parkings,
    refund_legs,
    stock_movements,
)

order_conservation = table(
    "order_conservation",
    *(
        column(name)
        for name in (
            "order_no",
            "currency",
            "paid",
            "extra_paid",
            "refunded",
            "due",
            "bought",
            "fees",
            "difference",
        )
    ),
)
"""A view: see store/migrations."""

BATCH = 5000
"""Orders whose books are reckoned in one statement: half a second's worth."""


# --- claims of an order --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClaimSummary:
    claim_no: str
    order_no: str
    kind: ClaimKind
    status: ClaimStatus
    refund: int
    extra: int
    opened_at: datetime
    closed_at: datetime | None
    line_nos: tuple[int, ...]


async def claims_of_order(conn: AsyncConnection, order_no: str) -> list[ClaimSummary]:
    """Every claim of the order, rejected ones too, oldest first."""
    lines: dict[str, list[int]] = defaultdict(list)
    for row in await conn.execute(
        select(claim_lines.c.claim_no, claim_lines.c.line_no)
        .where(claim_lines.c.order_no == order_no)
        .order_by(claim_lines.c.line_no)
    ):
        lines[row.claim_no].append(row.line_no)
    found = await conn.execute(
        select(
            claims.c.claim_no,
            claims.c.order_no,
            claims.c.kind,
            claims.c.status,
            claims.c.refund,
            claims.c.extra,
            claims.c.opened_at,
            claims.c.closed_at,
        )
        .where(claims.c.order_no == order_no)
        .order_by(claims.c.opened_at, claims.c.claim_no)
    )
    return [
        ClaimSummary(
            **{
                **row._mapping,
                "kind": ClaimKind(row.kind),
                "status": ClaimStatus(row.status),
                "line_nos": tuple(lines[row.claim_no]),
            }
        )
        for row in found
    ]


# --- one claim whole -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClaimedLine:
    """Units ``first … first + quantity − 1`` of a line; the variant is the one that the claim was opened with."""

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
    live: bool


@dataclass(frozen=True, slots=True)
class ClaimedCoupon:
    """A coupon that the claim frees; `restored_at` is set once it is back, `expires_at` is how it stands now."""

    coupon_no: str
    name: str | None
    promotion: Promotion
    cause: CouponCause
    restored: bool
    restored_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class RefundLeg:
    """What goes back to one payment, and how far it is."""

    leg_id: str
    claim_no: str
    payment_no: str
    means: Means
    gateway: str | None
    amount: int
    state: LegState
    settled_by: SettledBy | None
    refund_ref: str | None
    evidence: str | None
    code: str | None
    moved_at: datetime
    settled_at: datetime | None


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
class OpenParking:
    """A wait for a person that nobody has answered. `part` is the refund leg, or empty."""

    parking_no: int
    claim_no: str
    step: Step
    part: str
    cause: StuckReason
    detail: str
    outcome_unknown: bool
    actions: tuple[Action, ...]
    parked_at: datetime


@dataclass(frozen=True, slots=True)
class ClaimDetails:
    """One claim with all its rows. `payments` and `groups` are the order's."""

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
    decided: bool
    refusal_code: str | None
    refusal_reason: str | None
    opened_at: datetime
    closed_at: datetime | None
    lines: tuple[ClaimedLine, ...]
    costs: tuple[CostRow, ...]
    coupons: tuple[ClaimedCoupon, ...]
    legs: tuple[RefundLeg, ...]
    steps: tuple[ClaimStep, ...]
    events: tuple[ClaimEvent, ...]
    parkings: tuple[OpenParking, ...]
    payments: tuple[Payment, ...]
    groups: tuple[DeliveryGroup, ...]


async def claim_details(conn: AsyncConnection, claim_no: str) -> ClaimDetails | None:
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
        legs=await _legs(conn, refund_legs.c.claim_no == claim_no),
        steps=await _steps(conn, claim_no),
        events=await claim_timeline(conn, claim_no),
        parkings=await _open_parkings(conn, [claim_no]),
        payments=await _payments(conn, head.order_no),
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
        )
        for row in found
    )


async def _coupons(conn: AsyncConnection, claim_no: str) -> tuple[ClaimedCoupon, ...]:
    given_back = and_(
        coupon_movements.c.claim_no == claim_coupons.c.claim_no,
        coupon_movements.c.coupon_no == claim_coupons.c.coupon_no,
    )
    found = await conn.execute(
        select(
            claim_coupons.c.coupon_no,
            coupons.c.name,
            claim_coupons.c.promotion,
            claim_coupons.c.cause,
            claim_coupons.c.restored,
            coupon_movements.c.at.label("restored_at"),
            coupons.c.expires_at,
        )
        .join(coupons, coupons.c.coupon_no == claim_coupons.c.coupon_no)
        .outerjoin(coupon_movements, given_back)
        .where(claim_coupons.c.claim_no == claim_no)
        .order_by(claim_coupons.c.coupon_no)
    )
    return tuple(
        ClaimedCoupon(**{**row._mapping, "promotion": Promotion(row.promotion), "cause": CouponCause(row.cause)})
        for row in found
    )


async def _legs(conn: AsyncConnection, which: Any) -> tuple[RefundLeg, ...]:
    found = await conn.execute(
        select(
            refund_legs.c.leg_id,
            refund_legs.c.claim_no,
            refund_legs.c.payment_no,
            refund_legs.c.means,
            refund_legs.c.gateway,
            refund_legs.c.amount,
            refund_legs.c.state,
            refund_legs.c.settled_by,
            refund_legs.c.refund_ref,
            refund_legs.c.evidence,
            refund_legs.c.code,
            refund_legs.c.moved_at,
            refund_legs.c.settled_at,
        )
        .where(which)
        .order_by(refund_legs.c.claim_no, refund_legs.c.position)
    )
    return tuple(
        RefundLeg(
            **{
                **row._mapping,
                "means": Means(row.means),
                "state": LegState(row.state),
                "settled_by": SettledBy(row.settled_by) if row.settled_by else None,
            }
        )
        for row in found
    )


async def _steps(conn: AsyncConnection, claim_no: str) -> tuple[ClaimStep, ...]:
    found = await conn.execute(
        select(claim_steps.c.step, claim_steps.c.status, claim_steps.c.at, claim_steps.c.note)
        .where(claim_steps.c.claim_no == claim_no)
        .order_by(claim_steps.c.position)
    )
    return tuple(ClaimStep(Step(row.step), StepStatus(row.status), row.at, row.note) for row in found)


async def _open_parkings(conn: AsyncConnection, claim_nos: Sequence[str]) -> tuple[OpenParking, ...]:
    found = await conn.execute(
        select(
            parkings.c.parking_no,
            parkings.c.claim_no,
            parkings.c.step,
            parkings.c.part,
            parkings.c.cause,
            parkings.c.detail,
            parkings.c.outcome_unknown,
            parkings.c.actions,
            parkings.c.parked_at,
        )
        .where(parkings.c.claim_no.in_(claim_nos), parkings.c.closed_at.is_(None))
        .order_by(parkings.c.parking_no)
    )
    return tuple(
        OpenParking(
            **{
                **row._mapping,
                "step": Step(row.step),
                "cause": StuckReason(row.cause),
                "actions": tuple(Action(action) for action in row.actions),
            }
        )
        for row in found
    )


async def _payments(conn: AsyncConnection, order_no: str) -> tuple[Payment, ...]:
    found = await conn.execute(
        select(order_payments).where(order_payments.c.order_no == order_no).order_by(order_payments.c.position)
    )
    return tuple(
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
        for row in found
    )


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
        )
        for row in found
    )


# --- the audit -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrderBooks:
    """The books of an order as the database reckons them; `books.difference` is 0, or something is wrong."""

    order_no: str
    currency: str
    books: Books


@dataclass(frozen=True, slots=True)
class StockMovement:
    """`quantity` is signed: added to stock."""

    kind: str
    claim_no: str | None
    line_no: int | None
    goods_no: str
    variant_no: str
    quantity: int
    at: datetime


@dataclass(frozen=True, slots=True)
class CouponMovement:
    kind: str
    claim_no: str | None
    coupon_no: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CreditMovement:
    """`amount` is signed: added to a balance of mileage, deposit or a gift card."""

    kind: str
    claim_no: str | None
    leg_id: str | None
    means: Means
    member_no: str | None
    reference: str | None
    amount: int
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderAudit:
    """Every movement of the order, oldest first; a refund leg is a movement of money once it is settled."""

    books: OrderBooks
    payments: tuple[Payment, ...]
    legs: tuple[RefundLeg, ...]
    stock: tuple[StockMovement, ...]
    coupons: tuple[CouponMovement, ...]
    credits: tuple[CreditMovement, ...]


async def audit(conn: AsyncConnection, order_no: str) -> OrderAudit | None:
    """Every movement of the order and its books; None when there is no such order."""
    books = await conservation(conn, order_no)
    if books is None:
        return None
    return OrderAudit(
        books=books,
        payments=await _payments(conn, order_no),
        legs=await _legs(conn, refund_legs.c.order_no == order_no),
        stock=await _stock_movements(conn, order_no),
        coupons=await _coupon_movements(conn, order_no),
        credits=await _credit_movements(conn, order_no),
    )


async def conservation(conn: AsyncConnection, order_no: str) -> OrderBooks | None:
    """The books of one order, as the database reckons them; None when there is no such order."""
    asked = select(order_conservation).where(order_conservation.c.order_no == order_no)
    row = (await conn.execute(asked)).one_or_none()
    return _order_books(row) if row else None


async def unbalanced(conn: AsyncConnection, limit: int = 100) -> list[OrderBooks]:
    """Orders whose money does not add up: at most `limit`, by number.

    Goes through all orders, so many at a time that no statement takes long: some 0.1 ms an order.
    """
    found: list[OrderBooks] = []
    after = ""
    while len(found) < limit:
        batch = select(orders.c.order_no).where(orders.c.order_no > after).order_by(orders.c.order_no).limit(BATCH)
        last = (await conn.execute(select(func.max(batch.subquery().c.order_no)))).scalar_one()
        if last is None:
            break
        rows = await conn.execute(
            select(order_conservation)
            .where(
                order_conservation.c.order_no > after,
                order_conservation.c.order_no <= last,
                order_conservation.c.difference != 0,
            )
            .order_by(order_conservation.c.order_no)
            .limit(limit - len(found))
        )
        found += [_order_books(row) for row in rows]
        after = last
    return found


def _order_books(row: Any) -> OrderBooks:
    books = Books(
        paid=row.paid,
        extra_paid=row.extra_paid,
        refunded=row.refunded,
        due=row.due,
        bought=row.bought,
        fees=row.fees,
    )
    return OrderBooks(row.order_no, row.currency, books)


async def _stock_movements(conn: AsyncConnection, order_no: str) -> tuple[StockMovement, ...]:
    found = await conn.execute(_movements(stock_movements, StockMovement, order_no))
    return tuple(StockMovement(**row._mapping) for row in found)


async def _coupon_movements(conn: AsyncConnection, order_no: str) -> tuple[CouponMovement, ...]:
    found = await conn.execute(_movements(coupon_movements, CouponMovement, order_no))
    return tuple(CouponMovement(**row._mapping) for row in found)


async def _credit_movements(conn: AsyncConnection, order_no: str) -> tuple[CreditMovement, ...]:
    found = await conn.execute(_movements(credit_movements, CreditMovement, order_no))
    return tuple(CreditMovement(**{**row._mapping, "means": Means(row.means)}) for row in found)


def _movements(movements: Any, shape: type, order_no: str) -> Select[Any]:
    names = shape.__dataclass_fields__  # type: ignore[attr-defined]
    return (
        select(*(movements.c[name] for name in names))
        .where(movements.c.order_no == order_no)
        .order_by(movements.c.movement_id)
    )


# --- inboxes -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InboxNotice:
    notice_id: str
    claim_no: str
    order_no: str
    event: NoticeEvent
    subject: str
    body: str
    created_at: datetime


async def inbox(conn: AsyncConnection, member_no: str, *, limit: int, after: str | None = None) -> list[InboxNotice]:
    """The member's inbox notices, newest first; with `after`, a notice's id, those older than it."""
    asked = (
        select(*(notices.c[name] for name in InboxNotice.__dataclass_fields__))
        .where(
            notices.c.member_no == member_no,
            notices.c.channel == Channel.INBOX,
            notices.c.state == NoticeState.SENT,
        )
        .order_by(notices.c.created_at.desc(), notices.c.notice_id.desc())
        .limit(limit)
    )
    if after is not None:
        last = select(notices.c.created_at, notices.c.notice_id).where(notices.c.notice_id == after)
        asked = asked.where(tuple_(notices.c.created_at, notices.c.notice_id) < last.scalar_subquery())
    found = await conn.execute(asked)
    return [InboxNotice(**{**row._mapping, "event": NoticeEvent(row.event)}) for row in found]


# --- operators -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ListedClaim:
    """A claim in the operators' list. `step` is the first that isn't done; None when all are. `since`: last moved."""

    claim_no: str
    order_no: str
    kind: ClaimKind
    status: ClaimStatus
    workflow_id: str
    step: Step | None
    since: datetime
    parkings: tuple[OpenParking, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What the sweeper found and is not cleared yet: `kind` is a slug, `detail` JSON values without personal data."""

    finding_key: str
    kind: str
    order_no: str | None
    claim_no: str | None
    detail: Mapping[str, Any]
    found_at: datetime
    seen_at: datetime


async def list_claims(
    conn: AsyncConnection,
    *,
    needs_operator: bool | None = None,
    status: ClaimStatus | None = None,
    order_no: str | None = None,
    claim_no: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> list[ListedClaim]:
    """Claims by descending number, each with its open parkings; with `after`, a claim's number, those below it.

    `needs_operator` True: only those with an open parking; False: only those without; None: both.
    """
    parked = exists().where(parkings.c.claim_no == claims.c.claim_no, parkings.c.closed_at.is_(None))
    open_step = (
        select(claim_steps.c.step)
        .where(
            claim_steps.c.claim_no == claims.c.claim_no,
            claim_steps.c.status.not_in((StepStatus.DONE, StepStatus.SKIPPED, StepStatus.UNDONE)),
        )
        .order_by(claim_steps.c.position)
        .limit(1)
        .scalar_subquery()
    )
    wanted = [
        true() if needs_operator is None else parked if needs_operator else ~parked,
        claims.c.status == status if status else true(),
        claims.c.order_no == order_no if order_no else true(),
        claims.c.claim_no == claim_no if claim_no else true(),
        claims.c.claim_no < after if after else true(),
    ]
    rows = (
        await conn.execute(
            select(
                claims.c.claim_no,
                claims.c.order_no,
                claims.c.kind,
                claims.c.status,
                claims.c.workflow_id,
                open_step.label("step"),
                claims.c.moved_at,
            )
            .where(*wanted)
            .order_by(claims.c.claim_no.desc())
            .limit(limit)
        )
    ).all()
    waiting: dict[str, list[OpenParking]] = defaultdict(list)
    for parking in await _open_parkings(conn, [row.claim_no for row in rows]):
        waiting[parking.claim_no].append(parking)
    return [
        ListedClaim(
            claim_no=row.claim_no,
            order_no=row.order_no,
            kind=ClaimKind(row.kind),
            status=ClaimStatus(row.status),
            workflow_id=row.workflow_id,
            step=Step(row.step) if row.step else None,
            since=row.moved_at,
            parkings=tuple(waiting[row.claim_no]),
        )
        for row in rows
    ]


async def open_findings(conn: AsyncConnection, *, limit: int = 100) -> list[Finding]:
    """What the sweeper found and is not cleared yet, oldest first."""
    found = await conn.execute(
        select(*(findings.c[name] for name in Finding.__dataclass_fields__))
        .where(findings.c.cleared_at.is_(None))
        .order_by(findings.c.found_at, findings.c.finding_key)
        .limit(limit)
    )
    return [Finding(**row._mapping) for row in found]
