"""Refund legs and their attempts: what the refund protocol reads, and everything it writes. docs/saga.md tells why.

A leg is one amount that goes back to one payment. Its attempt is written before the gateway is called (`arm`) and says
afterwards what came of it. Every write runs under the order's lock (`store.fence`) and insists on what its step has
read: if the leg or its newest attempt has moved since, nothing is written, the answer is False or None, and the step
reads the row anew. So an activity that was given up, but goes on, changes nothing. Amounts are integer minor units;
every time is the database's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import AttemptState, ClaimStatus, LegState, SettledBy, Step, StepStatus
from store import claims
from store.fence import ClaimHead
from store.tables import claim_events, order_payments, refund_attempts, refund_legs
from store.tables import claims as claims_table


class AttemptOutcome(StrEnum):
    """What came of an attempt, as far as it is known."""

    DONE = "DONE"
    PENDING = "PENDING"
    UNKNOWN = "UNKNOWN"
    NOT_SENT = "NOT_SENT"
    PASSING_ERROR = "PASSING_ERROR"
    CONFLICT = "CONFLICT"
    NEEDS_ACCOUNT = "NEEDS_ACCOUNT"
    MISCONFIGURED = "MISCONFIGURED"
    REJECTED = "REJECTED"
    FAILED_LATER = "FAILED_LATER"


@dataclass(frozen=True, slots=True)
class Leg:
    """`key_no` is the n of the key that the next request is sent with; `key_age` since it was first used, if it was."""

    leg_id: str
    claim_no: str
    order_no: str
    payment_no: str
    gateway: str
    payment_ref: str
    amount: int
    state: LegState
    key_no: int
    key_age: timedelta | None
    refund_ref: str | None
    code: str | None

    @property
    def key(self) -> str:
        return f"refund-{self.leg_id}-{self.key_no}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """The newest attempt of a leg. `try_no` counts the armings of the leg.

    `settles_in` is how long until its deadline and the gateway's settling time have passed; zero or less: they have,
    and a read that is made from now on shows whatever it did.
    """

    n: int
    try_no: int
    guard: int
    state: AttemptState
    settles_in: timedelta
    error_answered: bool

    @property
    def settled(self) -> bool:
        return self.settles_in <= timedelta(0)


@dataclass(frozen=True, slots=True)
class Seen:
    """A leg with its newest attempt, as a step has read them and as its write insists on."""

    leg: Leg
    attempt: Attempt | None

    @property
    def sent(self) -> bool:
        """True while nobody knows what came of the newest attempt."""
        return self.attempt is not None and self.attempt.state is AttemptState.SENT

    def _mark(self) -> tuple[object, ...]:
        attempt = self.attempt
        tried = None if attempt is None else (attempt.n, attempt.try_no, attempt.state)
        return (self.leg.state, self.leg.key_no, self.leg.refund_ref, tried)

    def same_as(self, other: Seen | None) -> bool:
        return other is not None and self._mark() == other._mark()


@dataclass(frozen=True, slots=True)
class Busy:
    """Another attempt on the same payment is sent; the claim that holds it."""

    claim_no: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """An attempt that deserves another look at its gateway."""

    leg_id: str
    claim_no: str
    order_no: str


# --- reading -------------------------------------------------------------------------------------------------------


async def read(conn: AsyncConnection, leg_id: str) -> Seen:
    """The leg and its newest attempt. Raises NoResultFound when there is no such external leg."""
    return (await _read(conn, refund_legs.c.leg_id == leg_id))[leg_id]


async def read_all(conn: AsyncConnection, leg_ids: Sequence[str]) -> dict[str, Seen]:
    """As `read`, for several legs; unknown ones are left out."""
    return await _read(conn, refund_legs.c.leg_id.in_(leg_ids))


async def pending_beside(conn: AsyncConnection, leg: Leg) -> list[Seen]:
    """The other legs of the same payment whose refund the gateway accepted and has not ended yet."""
    found = await _read(
        conn,
        refund_legs.c.order_no == leg.order_no,
        refund_legs.c.payment_no == leg.payment_no,
        refund_legs.c.leg_id != leg.leg_id,
        refund_legs.c.state == LegState.PENDING,
    )
    return list(found.values())


async def _read(conn: AsyncConnection, *which: Any) -> dict[str, Seen]:
    newest = (
        select(refund_attempts)
        .where(refund_attempts.c.leg_id == refund_legs.c.leg_id)
        .order_by(refund_attempts.c.try_no.desc())
        .limit(1)
        .lateral("newest")
    )
    rows = await conn.execute(
        select(
            refund_legs,
            (func.clock_timestamp() - refund_legs.c.key_used_at).label("key_age"),
            newest.c.n,
            newest.c.try_no,
            newest.c.guard,
            newest.c.state.label("attempt_state"),
            (newest.c.settled_after - func.clock_timestamp()).label("settles_in"),
            newest.c.error_answered,
        )
        .select_from(refund_legs.outerjoin(newest, text("true")))
        .where(refund_legs.c.external, *which)
        .order_by(refund_legs.c.leg_id)
    )
    return {row.leg_id: _seen(row) for row in rows}


def _seen(row: Any) -> Seen:
    leg = Leg(
        leg_id=row.leg_id,
        claim_no=row.claim_no,
        order_no=row.order_no,
        payment_no=row.payment_no,
        gateway=row.gateway,
        payment_ref=row.gateway_ref,
        amount=row.amount,
        state=LegState(row.state),
        key_no=row.key_no,
        key_age=row.key_age,
        refund_ref=row.refund_ref,
        code=row.code,
    )
    if row.try_no is None:
        return Seen(leg, None)
    attempt = Attempt(
        n=row.n,
        try_no=row.try_no,
        guard=row.guard,
        state=AttemptState(row.attempt_state),
        settles_in=row.settles_in,
        error_answered=row.error_answered,
    )
    return Seen(leg, attempt)


async def _unmoved(conn: AsyncConnection, seen: Seen) -> bool:
    """Whether leg and attempt still are as they were read. Certain until the transaction ends: the order is locked."""
    return seen.same_as((await read_all(conn, [seen.leg.leg_id])).get(seen.leg.leg_id))


# --- before the call -----------------------------------------------------------------------------------------------


async def arm(
    conn: AsyncConnection, head: ClaimHead, seen: Seen, *, send_window: timedelta, settling: timedelta
) -> Seen | Busy | None:
    """Write the attempt that is about to be sent, and answer it. It may be sent only for `send_window` from now.

    The transaction must have been let in by the fence (`store.fence.enter`, forward). Busy while another attempt on the
    payment is sent; None when the leg has moved.
    """
    leg = seen.leg
    if leg.state is not LegState.PLANNED or seen.sent or not await _unmoved(conn, seen):
        return None
    if (holder := await _holder(conn, leg)) is not None:
        return Busy(holder)
    armed = {
        "try_no": 1 if seen.attempt is None else seen.attempt.try_no + 1,
        "guard": await _still_held(conn, leg),
        "state": AttemptState.SENT,
        "armed_at": func.clock_timestamp(),
        "deadline": func.clock_timestamp() + send_window,
        "settled_after": func.clock_timestamp() + send_window + settling,
        "error_answered": False,
        "outcome": None,
        "code": None,
        "moved_at": func.clock_timestamp(),
    }
    await conn.execute(
        insert(refund_attempts)
        .values(
            leg_id=leg.leg_id,
            n=leg.key_no,
            claim_no=leg.claim_no,
            order_no=leg.order_no,
            payment_no=leg.payment_no,
            key=leg.key,
            **armed,
        )
        .on_conflict_do_update(index_elements=[refund_attempts.c.leg_id, refund_attempts.c.n], set_=armed)
    )
    await conn.execute(
        update(refund_legs)
        .where(refund_legs.c.leg_id == leg.leg_id)
        .values(key_used_at=func.coalesce(refund_legs.c.key_used_at, func.clock_timestamp()))
    )
    sent = await read(conn, leg.leg_id)
    await claims.set_step(conn, leg.claim_no, Step.REFUND, await _step_status(conn, leg.claim_no))
    await _record(conn, head, sent, "refund.sent", amount=leg.amount)
    return sent


async def _holder(conn: AsyncConnection, leg: Leg) -> str | None:
    found = await conn.execute(
        select(refund_attempts.c.claim_no).where(
            refund_attempts.c.order_no == leg.order_no,
            refund_attempts.c.payment_no == leg.payment_no,
            refund_attempts.c.state == AttemptState.SENT,
        )
    )
    return found.scalar_one_or_none()


async def _still_held(conn: AsyncConnection, leg: Leg) -> int:
    """What the gateway should still hold of the payment by our ledger; what was paid by hand is still there."""
    gone = (
        select(func.coalesce(func.sum(refund_legs.c.amount), 0))
        .where(
            refund_legs.c.order_no == leg.order_no,
            refund_legs.c.payment_no == leg.payment_no,
            or_(
                refund_legs.c.state == LegState.PENDING,
                and_(refund_legs.c.state == LegState.SETTLED, refund_legs.c.settled_by == SettledBy.GATEWAY),
            ),
        )
        .scalar_subquery()
    )
    found = await conn.execute(
        select(order_payments.c.amount - gone).where(
            order_payments.c.order_no == leg.order_no, order_payments.c.payment_no == leg.payment_no
        )
    )
    return int(found.scalar_one())


# --- after the call, or a look-up ----------------------------------------------------------------------------------


async def accept(conn: AsyncConnection, head: ClaimHead, seen: Seen, refund_ref: str, *, pending: bool) -> bool:
    """The gateway did it, or accepted it: the leg is settled or pending, and the claim is decided (the pivot)."""
    if seen.leg.state is not LegState.PLANNED or not await _unmoved(conn, seen):
        return False
    await _close_attempt(
        conn,
        seen,
        AttemptState.ANSWERED,
        outcome=AttemptOutcome.PENDING if pending else AttemptOutcome.DONE,
        code=None,
    )
    if pending:
        await _move_leg(conn, seen, state=LegState.PENDING, refund_ref=refund_ref, code=None)
    else:
        await _settle_leg(conn, seen, refund_ref)
    await claims.decide(conn, head)
    await claims.set_step(conn, seen.leg.claim_no, Step.REFUND, await _step_status(conn, seen.leg.claim_no))
    await _record(conn, head, seen, "refund.pending" if pending else "refund.done", refund_ref=refund_ref)
    return True


async def reject(conn: AsyncConnection, head: ClaimHead, seen: Seen, code: str) -> bool:
    """The gateway refused it for good."""
    if seen.leg.state is not LegState.PLANNED or not await _unmoved(conn, seen):
        return False
    await _close_attempt(
        conn, seen, AttemptState.ANSWERED, outcome=AttemptOutcome.REJECTED, code=code, error_answered=True
    )
    await _move_leg(conn, seen, state=LegState.REFUSED, code=code)
    await _record(conn, head, seen, "refund.refused", code=code)
    return True


async def answered_with_error(
    conn: AsyncConnection, head: ClaimHead, seen: Seen, outcome: AttemptOutcome, code: str
) -> bool:
    """The gateway answered that it did nothing. The leg stays planned; its next request needs a read, and a new key."""
    if seen.leg.state is not LegState.PLANNED or not await _unmoved(conn, seen):
        return False
    await _close_attempt(conn, seen, AttemptState.ANSWERED, outcome=outcome, code=code, error_answered=True)
    await _move_leg(conn, seen, code=code)
    await _record(conn, head, seen, "refund.error", outcome=outcome, code=code)
    return True


async def unknown(conn: AsyncConnection, head: ClaimHead, seen: Seen, code: str, *, error_answered: bool) -> bool:
    """It may have been done: the attempt stays sent until a look-up ends this."""
    if not seen.sent or not await _unmoved(conn, seen):
        return False
    values: dict[str, Any] = {"outcome": AttemptOutcome.UNKNOWN, "code": code, "ever_unknown": True}
    if error_answered:
        values["error_answered"] = True
    await _update_attempt(conn, seen, values)
    await _move_leg(conn, seen, code=code)
    await _record(conn, head, seen, "refund.unknown", code=code)
    return True


async def not_sent(conn: AsyncConnection, head: ClaimHead, seen: Seen, code: str) -> bool:
    """Its own sender knows that the request never left: the payment is free again, and the key unused by it.

    Only whoever armed this very try may say so.
    """
    if not seen.sent or not await _unmoved(conn, seen):
        return False
    await _close_attempt(conn, seen, AttemptState.ABSENT, outcome=AttemptOutcome.NOT_SENT, code=code)
    await _move_leg(conn, seen, code=code)
    await _record(conn, head, seen, "refund.not_sent", code=code)
    return True


async def absent(conn: AsyncConnection, head: ClaimHead, seen: Seen, *, new_key: bool) -> bool:
    """A read made after the attempt had settled shows no refund of ours: the leg stands where it stood before it.

    `new_key`: the read also showed a refund of ours that failed, or the key is past its life. n rises then, or when the
    attempt was answered with an error; else the same key is used again.
    """
    attempt = seen.attempt
    if attempt is None or seen.leg.state is not LegState.PLANNED or not await _unmoved(conn, seen):
        return False
    was_sent = seen.sent
    await _update_attempt(conn, seen, {"state": AttemptState.ABSENT, **({"ever_unknown": True} if was_sent else {})})
    # Whoever reopened a refused leg has raised its n already.
    if attempt.n == seen.leg.key_no and (new_key or attempt.error_answered):
        await _move_leg(conn, seen, key_no=seen.leg.key_no + 1, key_used_at=None)
    if was_sent:
        await _record(conn, head, seen, "refund.looked_up_absent")
    return True


async def settle_pending(conn: AsyncConnection, head: ClaimHead, seen: Seen) -> bool:
    """A pending refund has succeeded."""
    if seen.leg.state is not LegState.PENDING or seen.leg.refund_ref is None or not await _unmoved(conn, seen):
        return False
    await _update_attempt(conn, seen, {"outcome": AttemptOutcome.DONE})
    await _settle_leg(conn, seen, seen.leg.refund_ref)
    await claims.set_step(conn, seen.leg.claim_no, Step.REFUND, await _step_status(conn, seen.leg.claim_no))
    await _record(conn, head, seen, "refund.done", refund_ref=seen.leg.refund_ref)
    return True


async def fail_pending(conn: AsyncConnection, head: ClaimHead, seen: Seen) -> bool:
    """A pending refund has failed, and a read shows no other of ours: it is planned again, under a new key."""
    if seen.leg.state is not LegState.PENDING or not await _unmoved(conn, seen):
        return False
    await _update_attempt(conn, seen, {"state": AttemptState.ABSENT, "outcome": AttemptOutcome.FAILED_LATER})
    await _move_leg(
        conn, seen, state=LegState.PLANNED, refund_ref=None, key_no=seen.leg.key_no + 1, key_used_at=None, code="failed"
    )
    await claims.set_step(conn, seen.leg.claim_no, Step.REFUND, await _step_status(conn, seen.leg.claim_no))
    await _record(conn, head, seen, "refund.failed_later", refund_ref=seen.leg.refund_ref)
    return True


async def _close_attempt(
    conn: AsyncConnection,
    seen: Seen,
    state: AttemptState,
    *,
    outcome: AttemptOutcome,
    code: str | None,
    error_answered: bool = False,
) -> None:
    values: dict[str, Any] = {"state": state, "outcome": outcome, "code": code}
    if error_answered:
        values["error_answered"] = True
    await _update_attempt(conn, seen, values)


async def _update_attempt(conn: AsyncConnection, seen: Seen, values: dict[str, Any]) -> None:
    if seen.attempt is None:
        return
    await conn.execute(
        update(refund_attempts)
        .where(
            refund_attempts.c.leg_id == seen.leg.leg_id,
            refund_attempts.c.n == seen.attempt.n,
            refund_attempts.c.try_no == seen.attempt.try_no,
        )
        .values(moved_at=func.clock_timestamp(), **values)
    )


async def _settle_leg(conn: AsyncConnection, seen: Seen, refund_ref: str) -> None:
    await _move_leg(
        conn,
        seen,
        state=LegState.SETTLED,
        settled_by=SettledBy.GATEWAY,
        settled_at=func.clock_timestamp(),
        refund_ref=refund_ref,
        code=None,
    )


async def _move_leg(conn: AsyncConnection, seen: Seen, **values: Any) -> None:
    await conn.execute(
        update(refund_legs)
        .where(refund_legs.c.leg_id == seen.leg.leg_id)
        .values(moved_at=func.clock_timestamp(), **values)
    )


async def _step_status(conn: AsyncConnection, claim_no: str) -> StepStatus:
    pending = await conn.execute(
        select(exists().where(refund_legs.c.claim_no == claim_no, refund_legs.c.state == LegState.PENDING))
    )
    return StepStatus.PENDING if pending.scalar_one() else StepStatus.RUNNING


async def _record(
    conn: AsyncConnection, head: ClaimHead, seen: Seen, event: str, **facts: str | int | bool | None
) -> None:
    """Close the transaction: the timeline, then the claim's status."""
    facts = {"leg_id": seen.leg.leg_id, "payment_no": seen.leg.payment_no, "key": _key_of(seen), **facts}
    await claims.add_event(conn, head.claim_no, head.order_no, event, actor="gateway", step=Step.REFUND, **facts)
    await claims.restate(conn, head.claim_no)


def _key_of(seen: Seen) -> str:
    n = seen.leg.key_no if seen.attempt is None else seen.attempt.n
    return f"refund-{seen.leg.leg_id}-{n}"


# --- for the sweeper -----------------------------------------------------------------------------------------------

LOOKED_AGAIN = "refund.looked_again"

LOOK_AGAIN_AFTER = (timedelta(hours=1), timedelta(days=1))
"""How long after a claim was undone its attempts that were ever unknown are looked up again."""


async def to_look_at_again(conn: AsyncConnection, limit: int) -> list[Suspect]:
    """Legs of undone claims, once unknown, whose next look is due; the oldest claims first."""
    looks = (
        select(func.count())
        .where(
            claim_events.c.claim_no == refund_attempts.c.claim_no,
            claim_events.c.event == LOOKED_AGAIN,
            claim_events.c.facts["leg_id"].astext == refund_attempts.c.leg_id,
        )
        .scalar_subquery()
    )
    due = or_(
        *(
            and_(looks == number, claims_table.c.closed_at < func.clock_timestamp() - after)
            for number, after in enumerate(LOOK_AGAIN_AFTER)
        )
    )
    rows = await conn.execute(
        select(refund_attempts.c.leg_id, refund_attempts.c.claim_no, refund_attempts.c.order_no)
        .distinct()
        .add_columns(claims_table.c.closed_at)
        .join(claims_table, claims_table.c.claim_no == refund_attempts.c.claim_no)
        .where(refund_attempts.c.ever_unknown, claims_table.c.status == ClaimStatus.REJECTED, due)
        .order_by(claims_table.c.closed_at)
        .limit(limit)
    )
    return [Suspect(row.leg_id, row.claim_no, row.order_no) for row in rows]


async def looked_again(conn: AsyncConnection, suspect: Suspect, refund_ref: str | None) -> None:
    """Record that the gateway was asked again about an undone claim's leg, and what it showed."""
    await claims.add_event(
        conn,
        suspect.claim_no,
        suspect.order_no,
        LOOKED_AGAIN,
        step=Step.REFUND,
        leg_id=suspect.leg_id,
        refund_ref=refund_ref,
    )


async def sent_of_final(conn: AsyncConnection) -> list[Suspect]:
    """Attempts still sent of claims that are final: they block a payment, and nobody waits for them."""
    rows = await conn.execute(
        select(refund_attempts.c.leg_id, refund_attempts.c.claim_no, refund_attempts.c.order_no)
        .join(claims_table, claims_table.c.claim_no == refund_attempts.c.claim_no)
        .where(refund_attempts.c.state == AttemptState.SENT, claims_table.c.closed_at.is_not(None))
        .order_by(refund_attempts.c.leg_id)
    )
    return [Suspect(row.leg_id, row.claim_no, row.order_no) for row in rows]
