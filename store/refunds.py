"""Refund legs and their attempts: what the refund protocol reads, and everything it writes. docs/saga.md tells why.

A leg is one amount that goes back to one payment. Its attempt is written before the gateway is called (`arm`) and says
afterwards what came of it. Every write runs under the order's lock (`store.fence`) and insists on what its step has
read: if the leg or its newest attempt has moved since, nothing is written, the answer is False or None, and the step
reads the row anew. So an activity that was given up, but goes on, changes nothing. Amounts are integer minor units;
every time is the database's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, Text, Update, and_, bindparam, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import AttemptState, ClaimStatus, Direction, ExternalState, LegState, SettledBy, Step
from domain.findings import FindingKind
from domain.orders import Means
from store import claims, findings
from store.fence import ClaimHead
from store.findings import Finding
from store.payouts import untreated_of
from store.tables import (
    claim_events,
    external_refunds,
    order_payments,
    private_parts,
    refund_attempts,
    refund_legs,
)
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
    """`key_no` is the n of the key that the next request is sent with; `key_age` since it was first used, if it was.

    `tax_free` and `vat` are parts of `amount`, None when the gateway was told none of the payment. `private_id` is
    where the refund account is kept, encrypted: the leg's own if an operator gave one, else the claim's, if any;
    `account_shown` its bank and last digits. `paying_out`: a person is paying it out by hand, so it is sent nowhere.
    `forward`: the claim is not being undone.
    """

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
    means: Means
    currency: str
    private_id: int | None
    tax_free: int | None = None
    vat: int | None = None
    account_shown: str | None = None
    paying_out: bool = False
    forward: bool = True

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
        leg = self.leg
        return (leg.state, leg.key_no, leg.refund_ref, leg.private_id, leg.paying_out, tried)

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
    """The leg and its newest attempt, in one statement. Raises NoResultFound when there is no such external leg."""
    return _seen((await conn.execute(_LEG, {"leg": leg_id})).one())


async def read_all(conn: AsyncConnection, leg_ids: Sequence[str]) -> dict[str, Seen]:
    """As `read`, for several legs; unknown ones are left out."""
    rows = await conn.execute(_SEEN.where(refund_legs.c.leg_id.in_(leg_ids)))
    return {row.leg_id: _seen(row) for row in rows}


async def pending_beside(conn: AsyncConnection, leg: Leg) -> list[Seen]:
    """The other legs of the same payment whose refund the gateway accepted and has not ended yet."""
    rows = await conn.execute(
        _SEEN.where(
            refund_legs.c.order_no == leg.order_no,
            refund_legs.c.payment_no == leg.payment_no,
            refund_legs.c.leg_id != leg.leg_id,
            refund_legs.c.state == LegState.PENDING,
        )
    )
    return [_seen(row) for row in rows]


def _seen_statement() -> Select[Any]:
    newest = (
        select(refund_attempts)
        .where(refund_attempts.c.leg_id == refund_legs.c.leg_id)
        .order_by(refund_attempts.c.try_no.desc())
        .limit(1)
        .lateral("newest")
    )
    private_id = func.coalesce(refund_legs.c.account_id, claims_table.c.private_id)
    return (
        select(
            refund_legs,
            (func.clock_timestamp() - refund_legs.c.key_used_at).label("key_age"),
            newest.c.n,
            newest.c.try_no,
            newest.c.guard,
            newest.c.state.label("attempt_state"),
            (newest.c.settled_after - func.clock_timestamp()).label("settles_in"),
            newest.c.error_answered,
            claims_table.c.currency,
            claims_table.c.direction,
            private_id.label("private_id"),
            private_parts.c.account_shown,
            untreated_of(refund_legs.c.leg_id).label("paying_out"),
        )
        .select_from(
            refund_legs.join(claims_table, claims_table.c.claim_no == refund_legs.c.claim_no)
            .outerjoin(newest, text("true"))
            .outerjoin(private_parts, private_parts.c.private_id == private_id)
        )
        .where(refund_legs.c.external)
        .order_by(refund_legs.c.leg_id)
    )


_SEEN = _seen_statement()
_LEG = _SEEN.where(refund_legs.c.leg_id == bindparam("leg", type_=Text))


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
        means=Means(row.means),
        currency=row.currency,
        private_id=row.private_id,
        tax_free=row.tax_free,
        vat=row.vat,
        account_shown=row.account_shown if Means(row.means) is Means.VIRTUAL_ACCOUNT else None,
        paying_out=row.paying_out,
        forward=row.direction == Direction.FORWARD,
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
    row = (await conn.execute(_LEG, {"leg": seen.leg.leg_id})).one_or_none()
    return row is not None and seen.same_as(_seen(row))


# --- before the call -----------------------------------------------------------------------------------------------


async def arm(
    conn: AsyncConnection, head: ClaimHead, seen: Seen, *, send_window: timedelta, settling: timedelta
) -> Seen | Busy | None:
    """Write the attempt that is about to be sent, and answer it. It may be sent only for `send_window` from now.

    The transaction must have been let in by the fence (`store.fence.enter`, forward). Busy while another attempt on the
    payment is sent; None when the leg has moved.
    """
    leg = seen.leg
    if leg.state is not LegState.PLANNED or leg.paying_out or seen.sent or not await _unmoved(conn, seen):
        return None
    holder, guard = (await conn.execute(_PAYMENT, {"of_order": leg.order_no, "of_payment": leg.payment_no})).one()
    if holder is not None:
        return Busy(holder)
    try_no = 1 if seen.attempt is None else seen.attempt.try_no + 1
    key_age, settles_in = (
        await conn.execute(
            _ARM,
            {
                "leg_id": leg.leg_id,
                "n": leg.key_no,
                "claim_no": leg.claim_no,
                "order_no": leg.order_no,
                "payment_no": leg.payment_no,
                "try_no": try_no,
                "key": leg.key,
                "guard": guard,
                "send_window": send_window,
                "settling": settling,
            },
        )
    ).one()
    sent = Seen(
        replace(leg, key_age=key_age),
        Attempt(leg.key_no, try_no, int(guard), AttemptState.SENT, settles_in, error_answered=False),
    )
    await _restep(conn, leg.claim_no)
    account = {"account": leg.account_shown} if leg.account_shown else {}
    await _record(conn, head, sent, "refund.sent", amount=leg.amount, **account)
    return sent


def _payment_statement() -> Select[Any]:
    """Who holds a payment by an attempt that is sent, and what the gateway should still hold of it by our ledger.

    What was paid by hand is still there, unless that was done by a refund at the gateway too.
    """
    order_no, payment_no = bindparam("of_order", type_=Text), bindparam("of_payment", type_=Text)
    holder = (
        select(refund_attempts.c.claim_no)
        .where(
            refund_attempts.c.order_no == order_no,
            refund_attempts.c.payment_no == payment_no,
            refund_attempts.c.state == AttemptState.SENT,
        )
        .scalar_subquery()
    )
    gone = (
        select(func.coalesce(func.sum(refund_legs.c.amount), 0))
        .where(
            refund_legs.c.order_no == order_no,
            refund_legs.c.payment_no == payment_no,
            or_(
                refund_legs.c.state == LegState.PENDING,
                and_(refund_legs.c.state == LegState.SETTLED, refund_legs.c.settled_by == SettledBy.GATEWAY),
            ),
        )
        .scalar_subquery()
    )
    outside = (
        select(func.coalesce(func.sum(external_refunds.c.amount), 0))
        .where(
            external_refunds.c.order_no == order_no,
            external_refunds.c.payment_no == payment_no,
            external_refunds.c.state.in_((ExternalState.COUNTED, ExternalState.SETTLES_LEG)),
        )
        .scalar_subquery()
    )
    received = func.coalesce(order_payments.c.captured_late, order_payments.c.amount)
    return select(holder, received - gone - outside).where(
        order_payments.c.order_no == order_no, order_payments.c.payment_no == payment_no
    )


_PAYMENT = _payment_statement()

# The attempt of a key that was armed before is the same row, armed once more.
_ARM = text(
    """
    WITH used AS (
        UPDATE refund_legs SET key_used_at = coalesce(key_used_at, clock_timestamp()) WHERE leg_id = :leg_id
        RETURNING key_used_at
    )
    INSERT INTO refund_attempts AS attempt
        (leg_id, n, claim_no, order_no, payment_no, try_no, key, guard, state, armed_at, deadline, settled_after,
         error_answered, outcome, code, moved_at)
    VALUES (:leg_id, :n, :claim_no, :order_no, :payment_no, :try_no, :key, :guard, 'SENT', clock_timestamp(),
            clock_timestamp() + :send_window, clock_timestamp() + :send_window + :settling,
            false, NULL, NULL, clock_timestamp())
    ON CONFLICT (leg_id, n) DO UPDATE
    SET try_no = excluded.try_no, guard = excluded.guard, state = excluded.state, armed_at = excluded.armed_at,
        deadline = excluded.deadline, settled_after = excluded.settled_after, error_answered = excluded.error_answered,
        outcome = excluded.outcome, code = excluded.code, moved_at = excluded.moved_at
    RETURNING clock_timestamp() - (SELECT key_used_at FROM used), attempt.settled_after - clock_timestamp()
    """
)


# --- after the call, or a look-up ----------------------------------------------------------------------------------


async def accept(conn: AsyncConnection, head: ClaimHead, seen: Seen, refund_ref: str, *, pending: bool) -> bool:
    """The gateway did it, or accepted it: the leg is settled or pending, and the claim is decided (the pivot).

    False too when the claim is being undone, or is: then money was returned and the order stands. That is not written
    on the leg, but kept as a finding for a person.
    """
    if head.direction is not Direction.FORWARD:
        await _too_late(conn, head, seen, refund_ref)
        return False
    if seen.leg.state is not LegState.PLANNED or not await _unmoved(conn, seen):
        return False
    outcome = AttemptOutcome.PENDING if pending else AttemptOutcome.DONE
    answered = {"state": AttemptState.ANSWERED, "outcome": outcome, "code": None}
    if pending:
        await _move_leg(conn, seen, attempt=answered, state=LegState.PENDING, refund_ref=refund_ref, code=None)
    else:
        await _settle_leg(conn, seen, refund_ref, attempt=answered)
    await claims.decide(conn, head)
    await _restep(conn, seen.leg.claim_no)
    await _record(conn, head, seen, "refund.pending" if pending else "refund.done", refund_ref=refund_ref)
    return True


async def _too_late(conn: AsyncConnection, head: ClaimHead, seen: Seen, refund_ref: str) -> None:
    leg = seen.leg
    late = Finding(FindingKind.LATE_REFUND, leg.leg_id, leg.order_no, leg.claim_no, {"refund_ref": refund_ref})
    await findings.report(conn, FindingKind.LATE_REFUND, [late], complete=False)
    if seen.sent and await _unmoved(conn, seen):
        await _close_attempt(conn, seen, AttemptState.ANSWERED, outcome=AttemptOutcome.DONE, code=None)
    await _record(conn, head, seen, "refund.too_late", refund_ref=refund_ref)


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
    await _settle_leg(conn, seen, seen.leg.refund_ref, attempt={"outcome": AttemptOutcome.DONE})
    await _restep(conn, seen.leg.claim_no)
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
    await _restep(conn, seen.leg.claim_no)
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
    if seen.attempt is not None:
        await conn.execute(_attempt_change(seen.leg, seen.attempt, values))


def _attempt_change(leg: Leg, attempt: Attempt, values: Mapping[str, Any]) -> Update:
    return (
        update(refund_attempts)
        .where(
            refund_attempts.c.leg_id == leg.leg_id,
            refund_attempts.c.n == attempt.n,
            refund_attempts.c.try_no == attempt.try_no,
        )
        .values(moved_at=func.clock_timestamp(), **values)
    )


async def _settle_leg(conn: AsyncConnection, seen: Seen, refund_ref: str, *, attempt: Mapping[str, Any]) -> None:
    await _move_leg(
        conn,
        seen,
        attempt=attempt,
        state=LegState.SETTLED,
        settled_by=SettledBy.GATEWAY,
        settled_at=func.clock_timestamp(),
        refund_ref=refund_ref,
        code=None,
    )


async def _move_leg(
    conn: AsyncConnection, seen: Seen, *, attempt: Mapping[str, Any] | None = None, **values: Any
) -> None:
    """Change the leg, and in the same statement its attempt, if it has one and anything is said of it."""
    change = (
        update(refund_legs)
        .where(refund_legs.c.leg_id == seen.leg.leg_id)
        .values(moved_at=func.clock_timestamp(), **values)
    )
    if attempt is not None and seen.attempt is not None:
        change = change.add_cte(_attempt_change(seen.leg, seen.attempt, attempt).cte("attempt"))
    if (refund_ref := values.get("refund_ref")) is not None:
        change = change.add_cte(_own_after_all(seen.leg, refund_ref).cte("own"))
    await conn.execute(change)


def _own_after_all(leg: Leg, refund_ref: str) -> Update:
    """A refund that was found at the gateway before its answer was read isn't somebody else's."""
    return (
        update(external_refunds)
        .where(
            external_refunds.c.gateway == leg.gateway,
            external_refunds.c.payment_ref == leg.payment_ref,
            external_refunds.c.refund_ref == refund_ref,
        )
        .values(state=ExternalState.OURS, leg_id=leg.leg_id, moved_at=func.clock_timestamp())
    )


async def _restep(conn: AsyncConnection, claim_no: str) -> None:
    """The refund step waits for its gateway while a leg is pending, else it runs."""
    await conn.execute(_RESTEP, {"claim_no": claim_no})


_RESTEP = text(
    """
    UPDATE claim_steps
    SET status = CASE WHEN EXISTS (SELECT FROM refund_legs WHERE claim_no = :claim_no AND state = 'PENDING')
                      THEN 'PENDING' ELSE 'RUNNING' END,
        note = NULL, at = clock_timestamp()
    WHERE claim_no = :claim_no AND step = 'refund'
    """
)


async def _record(
    conn: AsyncConnection, head: ClaimHead, seen: Seen, event: str, **facts: str | int | bool | None
) -> None:
    """Close the transaction: the timeline, then the claim's status."""
    facts = {"leg_id": seen.leg.leg_id, "payment_no": seen.leg.payment_no, "key": _key_of(seen), **facts}
    await claims.record(conn, head, event, actor="gateway", step=Step.REFUND, **facts)


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
