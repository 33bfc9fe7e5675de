"""A claim's own rows: opening it, passing the pivot, turning back, completing, and the timeline of what happened.

Every function runs in the caller's transaction, under the order's lock (`store.fence`). Amounts are integer minor units
of the order's currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    Text,
    Update,
    and_,
    bindparam,
    case,
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
    CANCEL_STEPS,
    OPTION_STEPS,
    Actor,
    AttemptState,
    ClaimKind,
    ClaimStatus,
    Direction,
    LegState,
    NoticeState,
    Step,
    StepStatus,
)
from domain.costs import Costs
from domain.orders import Fault, Held, LineStatus, Means, OrderState
from domain.standing import LegStanding, Standing
from store.fence import ClaimHead
from store.rows import dump_rows, insert_rows
from store.tables import (
    LAST_STEP_OPEN,
    claim_costs,
    claim_coupons,
    claim_events,
    claim_lines,
    claim_steps,
    claims,
    notices,
    order_lines,
    parkings,
    refund_attempts,
    refund_legs,
    requests,
)


@dataclass(frozen=True, slots=True)
class NewClaim:
    """What the claim row is written from. `request_key` and `digest` name the request that it answers."""

    claim_no: str
    order_no: str
    kind: ClaimKind
    workflow_id: str
    request_key: str
    digest: str
    quote_nonce: str | None
    private_id: int | None
    actor: Actor
    language: str
    reason_code: str
    fault: Fault


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


# --- opening -------------------------------------------------------------------------------------------------------


async def open_cancel(
    conn: AsyncConnection, new: NewClaim, state: OrderState, held: Sequence[Held], costs: Costs
) -> None:
    """Write a cancel claim whole: lines that hold their units, cost rows, coupons to free, one leg per payment, steps.

    Nothing is given back yet. Raises IntegrityError when a constraint says that it must not be (a unit held twice, a
    second undecided claim, more than was paid).
    """
    await _insert_claim(conn, new, currency=costs.currency, refund=costs.refund, extra=costs.extra)
    await _hold_lines(conn, new, held, new_variant_no=None)
    await insert_rows(
        conn,
        claim_costs,
        [
            {
                "claim_no": new.claim_no,
                "position": position,
                "kind": row.kind,
                "rule": row.rule,
                "amount": row.amount,
                "line_no": row.line_no,
                "group_no": row.group_no,
                "coupon_no": row.coupon_no,
                "quantity": row.quantity,
            }
            for position, row in enumerate(costs.rows, start=1)
        ],
    )
    await insert_rows(
        conn,
        claim_coupons,
        [
            {
                "claim_no": new.claim_no,
                "coupon_no": coupon.coupon_no,
                "promotion": coupon.promotion,
                "cause": coupon.cause,
                "restored": coupon.restored,
                "valid_days": coupon.valid_days,
            }
            for coupon in costs.coupons
        ],
    )
    payments = {payment.payment_no: payment for payment in state.order.payments}
    await insert_rows(
        conn,
        refund_legs,
        [
            {
                "leg_id": f"{new.claim_no}-{position}",
                "claim_no": new.claim_no,
                "order_no": new.order_no,
                "position": position,
                "payment_no": leg.payment_no,
                "means": leg.means,
                "external": leg.means.external,
                "gateway": payments[leg.payment_no].gateway if leg.means.external else None,
                "gateway_ref": payments[leg.payment_no].gateway_ref,
                "amount": leg.amount,
                "state": LegState.PLANNED,
            }
            for position, leg in enumerate(costs.legs, start=1)
        ],
    )
    await _reserve_payments(conn, new.claim_no, sign=1)
    skipped = {Step.CHARGE}
    if not costs.legs:
        skipped.add(Step.REFUND)
    if not any(coupon.restored for coupon in costs.coupons):
        skipped.add(Step.COUPONS)
    await _insert_steps(conn, new.claim_no, CANCEL_STEPS, skipped)
    await add_event(
        conn,
        new.claim_no,
        new.order_no,
        "claim.opened",
        actor="customer" if new.actor is not Actor.BACK_OFFICE else "back office",
        step=Step.OPEN,
        refund=costs.refund,
        extra=costs.extra,
        currency=costs.currency,
        reason_code=new.reason_code,
    )


async def open_change(conn: AsyncConnection, new: NewClaim, currency: str, held: Held, new_variant_no: str) -> None:
    """Write an option change: it holds the line's units left until it is over, and moves no money."""
    await _insert_claim(conn, new, currency=currency, refund=0, extra=0)
    await _hold_lines(conn, new, [held], new_variant_no=new_variant_no)
    await _insert_steps(conn, new.claim_no, OPTION_STEPS, set())
    await add_event(
        conn,
        new.claim_no,
        new.order_no,
        "change.opened",
        actor="customer" if new.actor is not Actor.BACK_OFFICE else "back office",
        step=Step.OPEN,
        line_no=held.line_no,
        variant_no=new_variant_no,
    )


async def _insert_claim(conn: AsyncConnection, new: NewClaim, *, currency: str, refund: int, extra: int) -> None:
    await conn.execute(
        insert(claims).values(
            claim_no=new.claim_no,
            order_no=new.order_no,
            kind=new.kind,
            workflow_id=new.workflow_id,
            request_key=new.request_key,
            digest=new.digest,
            quote_nonce=new.quote_nonce,
            private_id=new.private_id,
            actor=new.actor,
            language=new.language,
            reason_code=new.reason_code,
            fault=new.fault,
            currency=currency,
            refund=refund,
            extra=extra,
            status=ClaimStatus.ACCEPTED,
        )
    )


async def _hold_lines(
    conn: AsyncConnection, new: NewClaim, held: Sequence[Held], *, new_variant_no: str | None
) -> None:
    rows = [{"line_no": one.line_no, "first": one.first, "quantity": one.quantity} for one in held]
    await conn.execute(
        text(
            """
            INSERT INTO claim_lines
                (claim_no, line_no, order_no, first, quantity,
                 goods_no, variant_no, variant_name, new_variant_no, units)
            SELECT :claim_no, line.line_no, line.order_no, given.first, given.quantity,
                   line.goods_no, line.variant_no, line.variant_name, CAST(:new_variant_no AS text),
                   int8range(line.line_id * 4294967296 + given.first,
                             line.line_id * 4294967296 + given.first + given.quantity)
            FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given(line_no integer, first bigint, quantity bigint)
            JOIN order_lines AS line ON line.order_no = :order_no AND line.line_no = given.line_no
            ORDER BY line.line_no
            """
        ),
        {
            "claim_no": new.claim_no,
            "order_no": new.order_no,
            "new_variant_no": new_variant_no,
            "rows": dump_rows(rows),
        },
    )


async def _reserve_payments(conn: AsyncConnection, claim_no: str, *, sign: int) -> None:
    await conn.execute(
        text(
            """
            UPDATE order_payments AS payment
            SET refunding = payment.refunding + :sign * leg.amount
            FROM refund_legs AS leg
            WHERE leg.claim_no = :claim_no
              AND payment.order_no = leg.order_no AND payment.payment_no = leg.payment_no
            """
        ),
        {"claim_no": claim_no, "sign": sign},
    )


async def _insert_steps(conn: AsyncConnection, claim_no: str, steps: Sequence[Step], skipped: set[Step]) -> None:
    def status(step: Step) -> StepStatus:
        if step is Step.OPEN:
            return StepStatus.DONE
        return StepStatus.SKIPPED if step in skipped else StepStatus.WAITING

    await insert_rows(
        conn,
        claim_steps,
        [
            {"claim_no": claim_no, "step": step, "position": position, "status": status(step)}
            for position, step in enumerate(steps, start=1)
        ],
    )


# --- on the way ----------------------------------------------------------------------------------------------------


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


def _restate() -> Update:
    parked = exists().where(parkings.c.claim_no == _CLAIM_NO, parkings.c.closed_at.is_(None))
    pending = exists().where(refund_legs.c.claim_no == _CLAIM_NO, refund_legs.c.state == LegState.PENDING)
    unanswered = exists().where(refund_attempts.c.claim_no == _CLAIM_NO, refund_attempts.c.state == AttemptState.SENT)
    notice_failed = exists().where(notices.c.claim_no == _CLAIM_NO, notices.c.state == NoticeState.FAILED)
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
    ).where(claims.c.claim_no == _CLAIM_NO)


_STANDING = _standing()


async def is_over(conn: AsyncConnection, claim_no: str) -> bool:
    """Whether nothing of the claim is left to do. A final claim is not over before its customer was told."""
    asked = select(
        ~exists(select(claim_steps.c.claim_no).where(claim_steps.c.claim_no == claim_no, text(LAST_STEP_OPEN)))
    )
    return bool((await conn.execute(asked)).scalar_one())


async def notice_failed(conn: AsyncConnection, claim_no: str) -> bool:
    asked = select(exists().where(notices.c.claim_no == claim_no, notices.c.state == NoticeState.FAILED))
    return bool((await conn.execute(asked)).scalar_one())


# --- turning back --------------------------------------------------------------------------------------------------


async def outcome_unknown(conn: AsyncConnection, claim_no: str) -> bool:
    """True while an attempt of the claim is sent and its outcome not known: it must not be undone, nor go on."""
    asked = select(exists().where(refund_attempts.c.claim_no == claim_no, refund_attempts.c.state == AttemptState.SENT))
    return bool((await conn.execute(asked)).scalar_one())


async def turn_back(conn: AsyncConnection, head: ClaimHead, code: str, reason: str) -> bool:
    """Turn the claim to undoing, once and for good. False when it is past the pivot, or an outcome is unknown.

    `code` and `reason` say why, as the caller will read it. Nothing turns back to forward.
    """
    if head.decided or await outcome_unknown(conn, head.claim_no):
        return False
    await conn.execute(
        update(claims)
        .where(claims.c.claim_no == head.claim_no)
        .values(direction=Direction.UNDOING, refusal_code=code, refusal_reason=reason)
    )
    await add_event(conn, head.claim_no, head.order_no, "claim.turned_back", code=code, reason=reason)
    return True


async def free(conn: AsyncConnection, head: ClaimHead) -> None:
    """Undo the opening: free the units, void the legs, and close the claim as rejected."""
    await conn.execute(update(claim_lines).where(claim_lines.c.claim_no == head.claim_no).values(live=False))
    await _reserve_payments(conn, head.claim_no, sign=-1)
    await conn.execute(
        update(refund_legs)
        .where(refund_legs.c.claim_no == head.claim_no)
        .values(state=LegState.VOID, settled_by=None, moved_at=func.clock_timestamp())
    )
    await conn.execute(
        update(claim_steps)
        .where(
            claim_steps.c.claim_no == head.claim_no,
            claim_steps.c.status != StepStatus.SKIPPED,
            claim_steps.c.step != Step.NOTIFY,
        )
        .values(status=StepStatus.UNDONE, note=None, at=func.clock_timestamp())
    )
    await add_event(conn, head.claim_no, head.order_no, "claim.rejected", code=head.refusal_code)
    await close(conn, head.claim_no)


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


async def release_hold(conn: AsyncConnection, claim_no: str) -> None:
    """An option change that is over holds its line no longer."""
    await conn.execute(update(claim_lines).where(claim_lines.c.claim_no == claim_no).values(live=False))


async def line_is_changeable(conn: AsyncConnection, order_no: str, line_no: int) -> bool:
    """Whether the line still stands where an option change may move it: nothing of it is on its way."""
    found = await conn.execute(
        select(order_lines.c.status).where(order_lines.c.order_no == order_no, order_lines.c.line_no == line_no)
    )
    return LineStatus(found.scalar_one()) is LineStatus.PLACED


async def swap_variant(conn: AsyncConnection, order_no: str, line_no: int, variant_no: str, variant_name: str) -> None:
    """Make the units left of a line another variant of the same goods."""
    await conn.execute(
        update(order_lines)
        .where(order_lines.c.order_no == order_no, order_lines.c.line_no == line_no)
        .values(variant_no=variant_no, variant_name=variant_name)
    )


async def now(conn: AsyncConnection) -> datetime:
    """The time by the database's clock, the only one that decides anything."""
    found: datetime = (await conn.execute(select(func.clock_timestamp()))).scalar_one()
    return found


async def private_id_of(conn: AsyncConnection, claim_no: str) -> int | None:
    asked = select(requests.c.private_id).where(requests.c.claim_no == claim_no)
    return (await conn.execute(asked)).scalar_one_or_none()
