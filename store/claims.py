"""A claim's own rows on its way: finding it, its steps and timeline, the pivot, its status, its end.

Every function runs in the caller's transaction, under the order's lock (`store.fence`). Amounts are integer minor units
of the order's currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Select,
    Text,
    Update,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import (
    AttemptState,
    Channel,
    ClaimKind,
    ClaimStatus,
    Direction,
    LegState,
    NoticeState,
    Step,
    StepStatus,
)
from domain.orders import LineStatus, Means, PaymentStatus
from domain.standing import LegStanding, Standing
from store.fence import ClaimHead
from store.points import points_key
from store.tables import (
    LAST_STEP_OPEN,
    claim_events,
    claim_lines,
    claim_steps,
    claims,
    credit_movements,
    notices,
    order_payments,
    parkings,
    refund_attempts,
    refund_legs,
)


@dataclass(frozen=True, slots=True)
class OpenClaim:
    """A claim that has something to do, or should have: enough to look at its workflow, or to carry it on."""

    claim_no: str
    order_no: str
    workflow_id: str


@dataclass(frozen=True, slots=True)
class FoundClaim:
    """A claim found by the request, or the quote, that opened it: enough to answer the caller again."""

    claim_no: str
    order_no: str
    kind: ClaimKind
    workflow_id: str
    request_key: str
    digest: str
    status: ClaimStatus
    refund: int
    extra: int
    currency: str
    refusal_code: str | None
    refusal_reason: str | None


_FOUND = (
    claims.c.claim_no,
    claims.c.order_no,
    claims.c.kind,
    claims.c.workflow_id,
    claims.c.request_key,
    claims.c.digest,
    claims.c.status,
    claims.c.refund,
    claims.c.extra,
    claims.c.currency,
    claims.c.refusal_code,
    claims.c.refusal_reason,
)


async def find(conn: AsyncConnection, claim_no: str) -> FoundClaim | None:
    return _found((await conn.execute(select(*_FOUND).where(claims.c.claim_no == claim_no))).one_or_none())


async def find_by_request(conn: AsyncConnection, order_no: str, request_key: str) -> FoundClaim | None:
    asked = select(*_FOUND).where(claims.c.order_no == order_no, claims.c.request_key == request_key)
    return _found((await conn.execute(asked)).one_or_none())


async def find_opened(
    conn: AsyncConnection, order_no: str, request_key: str, nonce: str | None
) -> tuple[FoundClaim | None, FoundClaim | None]:
    """The claim that this request opened, and the one that this quote opened (None without a quote)."""
    rows = await conn.execute(_OPENED, {"of_order": order_no, "of_request": request_key, "of_quote": nonce})
    by_request = by_quote = None
    for row in rows:
        if row.order_no == order_no and row.request_key == request_key:
            by_request = _found(row)
        if nonce is not None and row.quote_nonce == nonce:
            by_quote = _found(row)
    return by_request, by_quote


_OPENED = select(*_FOUND, claims.c.quote_nonce).where(
    or_(
        and_(
            claims.c.order_no == bindparam("of_order", type_=Text),
            claims.c.request_key == bindparam("of_request", type_=Text),
        ),
        claims.c.quote_nonce == bindparam("of_quote", type_=Text),
    )
)


def _found(row: Any) -> FoundClaim | None:
    if row is None:
        return None
    told = {column.name: row._mapping[column.name] for column in _FOUND}
    return FoundClaim(**{**told, "kind": ClaimKind(row.kind), "status": ClaimStatus(row.status)})


async def set_step(
    conn: AsyncConnection, claim_no: str, step: Step, status: StepStatus, note: str | None = None
) -> None:
    """Record where a step stands; `note` is a slug or an operator's words, without personal data."""
    await conn.execute(
        update(claim_steps)
        .where(claim_steps.c.claim_no == claim_no, claim_steps.c.step == step)
        .values(status=status, note=note, at=func.clock_timestamp())
    )


async def set_steps(conn: AsyncConnection, claim_no: str, statuses: Mapping[Step, StepStatus]) -> None:
    """Record where several steps stand, in one statement; one that was skipped stays so."""
    await conn.execute(
        text(
            """
            UPDATE claim_steps AS step SET status = given.status, note = NULL, at = clock_timestamp()
            FROM unnest(CAST(:steps AS text[]), CAST(:statuses AS text[])) AS given (step, status)
            WHERE step.claim_no = :claim_no AND step.step = given.step AND step.status <> 'SKIPPED'
            """
        ),
        {
            "claim_no": claim_no,
            "steps": [step.value for step in statuses],
            "statuses": [status.value for status in statuses.values()],
        },
    )


async def set_step_unless_skipped(conn: AsyncConnection, claim_no: str, step: Step, status: StepStatus) -> None:
    """As `set_step`, but a step that was skipped stays so."""
    await conn.execute(
        update(claim_steps)
        .where(
            claim_steps.c.claim_no == claim_no, claim_steps.c.step == step, claim_steps.c.status != StepStatus.SKIPPED
        )
        .values(status=status, at=func.clock_timestamp())
    )


_ADD_EVENT = insert(claim_events)


async def add_event(
    conn: AsyncConnection,
    claim_no: str,
    order_no: str,
    event: str,
    *,
    actor: str = "system",
    step: Step | None = None,
    **facts: str | int | bool | None,
) -> None:
    """Append to the claim's timeline. `event` is a stable slug; `facts` are JSON values without personal data."""
    told = {"claim_no": claim_no, "order_no": order_no, "event": event, "actor": actor, "step": step, "facts": facts}
    await conn.execute(_ADD_EVENT, told)


async def decide(conn: AsyncConnection, head: ClaimHead) -> None:
    """Mark the claim decided: the pivot. Harmless when it is already.

    Called in the transaction that writes the first thing given back. Lines of which no unit is left are cancelled from
    here on, since nothing can be undone any more.
    """
    if head.decided:
        return
    await conn.execute(
        _DECIDE, {"claim_no": head.claim_no, "order_no": head.order_no, "cancelled": LineStatus.CANCELLED.value}
    )


_DECIDE = text(
    """
    WITH marked AS (
        UPDATE claims SET decided = true, decided_at = clock_timestamp()
        WHERE claim_no = :claim_no AND NOT decided
        RETURNING claim_no, order_no, kind
    ), cancelled AS (
        UPDATE order_lines AS line SET status = :cancelled
        FROM marked,
             (SELECT gone.line_no, sum(gone.quantity) AS quantity
              FROM claim_lines AS gone
              JOIN claims AS claim ON claim.claim_no = gone.claim_no AND claim.kind = 'CANCEL'
              WHERE gone.order_no = :order_no AND gone.live
              GROUP BY gone.line_no) AS taken
        WHERE marked.kind = 'CANCEL'
          AND line.order_no = :order_no AND line.line_no = taken.line_no AND line.quantity = taken.quantity
    )
    INSERT INTO claim_events (claim_no, order_no, actor, event)
    SELECT claim_no, order_no, 'system', 'claim.decided' FROM marked
    """
)


async def restate(conn: AsyncConnection, claim_no: str) -> ClaimStatus:
    """Derive the claim's status from its rows. The last statement of every step's transaction, and the only writer."""
    stated = await conn.execute(_RESTATE, {"of_claim": claim_no})
    return ClaimStatus(stated.scalar_one())


_CLAIM_NO = bindparam("of_claim", type_=Text)


def _failed_notice(claim_no: str | BindParameter[str]) -> ColumnElement[bool]:
    """One of the customer's, of the claim's round; the shop's own mail is no part of how a claim ended."""
    return and_(
        notices.c.claim_no == claim_no,
        notices.c.state == NoticeState.FAILED,
        notices.c.round == claims.c.round,
        notices.c.channel != Channel.SHOP,
    )


def _restate() -> Update:
    parked = exists().where(parkings.c.claim_no == _CLAIM_NO, parkings.c.closed_at.is_(None))
    pending = exists().where(refund_legs.c.claim_no == _CLAIM_NO, refund_legs.c.state == LegState.PENDING)
    unanswered = exists().where(refund_attempts.c.claim_no == _CLAIM_NO, refund_attempts.c.state == AttemptState.SENT)
    notice_failed = exists().where(_failed_notice(_CLAIM_NO))
    closed = claims.c.closed_at.is_not(None)
    undoing = claims.c.direction == Direction.UNDOING
    status = case(
        (and_(undoing, closed), ClaimStatus.REJECTED.value),
        (parked, ClaimStatus.NEEDS_OPERATOR.value),
        (undoing, ClaimStatus.COMPENSATING.value),
        (and_(closed, notice_failed), ClaimStatus.COMPLETED_NOTICE_FAILED.value),
        (closed, ClaimStatus.COMPLETED.value),
        (pending, ClaimStatus.REFUND_PENDING.value),
        (unanswered, ClaimStatus.REFUNDING.value),
        (and_(claims.c.decided, claims.c.kind == ClaimKind.CANCEL), ClaimStatus.REFUNDING.value),
        else_=literal(ClaimStatus.ACCEPTED.value),
    )
    return (
        update(claims)
        .where(claims.c.claim_no == _CLAIM_NO)
        .values(status=status, moved_at=func.clock_timestamp())
        .returning(claims.c.status)
    )


_RESTATE = _restate()


async def record(
    conn: AsyncConnection,
    head: ClaimHead,
    event: str,
    *,
    actor: str = "system",
    step: Step | None = None,
    **facts: str | int | bool | None,
) -> ClaimStatus:
    """The end of a step's transaction in one statement: as `add_event`, then `restate`."""
    told = {"order_no": head.order_no, "event": event, "actor": actor, "step": step, "facts": facts}
    named = {f"told_{name}": value for name, value in told.items()}
    return ClaimStatus((await conn.execute(_RECORD, {"of_claim": head.claim_no, **named})).scalar_one())


def _told(column: str) -> BindParameter[Any]:
    return bindparam(f"told_{column}", type_=claim_events.c[column].type)


_RECORD = _RESTATE.add_cte(
    insert(claim_events)
    .values(claim_no=_CLAIM_NO, **{name: _told(name) for name in ("order_no", "event", "actor", "step", "facts")})
    .cte("told")
)


async def standing(conn: AsyncConnection, claim_no: str) -> Standing:
    """Where the claim stands, in one statement. Raises NoResultFound when there is no such claim."""
    row = (await conn.execute(_STANDING, {"of_claim": claim_no})).one()
    return Standing(
        claim_no=claim_no,
        order_no=row.order_no,
        kind=ClaimKind(row.kind),
        direction=Direction(row.direction),
        decided=row.decided,
        status=ClaimStatus(row.status),
        refund=row.refund,
        extra=row.extra,
        currency=row.currency,
        legs=tuple(
            LegStanding(leg_id, gateway, Means(means), amount, LegState(state))
            for leg_id, gateway, means, amount, state in row.legs
        ),
        steps={Step(step): StepStatus(status) for step, status in row.steps},
        points=row.points,
        awaited=row.awaited,
        receipts=row.receipts,
    )


def awaited_of(claim_no: str | BindParameter[str]) -> ColumnElement[bool]:
    """Of `order_payments`: the claim has closed it, and it could still be made at its gateway."""
    return and_(
        order_payments.c.closed_by == claim_no,
        order_payments.c.status == PaymentStatus.WAITING,
        order_payments.c.gateway.is_not(None),
        order_payments.c.gateway_ref.is_not(None),
        order_payments.c.closed_at_gateway.is_(None),
    )


def _standing() -> Select[Any]:
    leg, step = refund_legs.c, claim_steps.c
    legs = func.json_agg(
        aggregate_order_by(
            func.json_build_array(leg.leg_id, leg.gateway, leg.means, leg.amount, leg.state), leg.position
        )
    )
    steps = func.json_agg(aggregate_order_by(func.json_build_array(step.step, step.status), step.position))
    nothing: ColumnElement[Any] = literal_column("'[]'")
    held, taken = claim_lines.c, credit_movements.c
    earned = select(func.coalesce(func.sum(held.points), 0)).where(held.claim_no == _CLAIM_NO).scalar_subquery()
    paid = order_payments.c
    receipts = exists().where(
        leg.claim_no == _CLAIM_NO,
        leg.external,
        paid.order_no == leg.order_no,
        paid.payment_no == leg.payment_no,
        paid.receipt_ref.is_not(None),
    )
    taken_back = exists().where(taken.movement_key == func.concat(points_key(""), _CLAIM_NO))
    return select(
        claims.c.order_no,
        claims.c.kind,
        claims.c.direction,
        claims.c.decided,
        claims.c.status,
        claims.c.refund,
        claims.c.extra,
        claims.c.currency,
        select(func.coalesce(legs, nothing)).where(leg.claim_no == _CLAIM_NO).scalar_subquery().label("legs"),
        select(func.coalesce(steps, nothing)).where(step.claim_no == _CLAIM_NO).scalar_subquery().label("steps"),
        case((taken_back, 0), else_=cast(earned, BigInteger)).label("points"),
        select(func.count())
        .where(order_payments.c.order_no == claims.c.order_no, awaited_of(_CLAIM_NO))
        .scalar_subquery()
        .label("awaited"),
        receipts.label("receipts"),
    ).where(claims.c.claim_no == _CLAIM_NO)


_STANDING = _standing()


async def is_over(conn: AsyncConnection, claim_no: str) -> bool:
    """Whether nothing of the claim is left to do. A final claim is not over before its customer was told."""
    asked = select(
        ~exists(select(claim_steps.c.claim_no).where(claim_steps.c.claim_no == claim_no, text(LAST_STEP_OPEN)))
    )
    return bool((await conn.execute(asked)).scalar_one())


async def notice_failed(conn: AsyncConnection, claim_no: str) -> bool:
    """Whether the customer could not be told something, in the claim's present round."""
    asked = select(exists(select(claims.c.claim_no).where(claims.c.claim_no == claim_no, _failed_notice(claim_no))))
    return bool((await conn.execute(asked)).scalar_one())


async def close(conn: AsyncConnection, claim_no: str) -> None:
    """The claim is final: no parking of it stays open. Its status follows by `restate`."""
    await conn.execute(
        text(
            """
            WITH closed AS (
                UPDATE claims SET closed_at = clock_timestamp() WHERE claim_no = :claim_no
            )
            UPDATE parkings SET closed_at = clock_timestamp(), closed_by = 'final'
            WHERE claim_no = :claim_no AND closed_at IS NULL
            """
        ),
        {"claim_no": claim_no},
    )
