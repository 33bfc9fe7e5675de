"""A claim's extra payment: what the charge protocol reads, and everything it writes. docs/saga.md tells why.

One row says what is charged and where that stands. It is written before the gateway is called (`arm`) and again after
it. Every write runs under the order's lock (`store.fence`) and insists on what its step has read: if the row has moved
since, nothing is written, the answer is False or None, and the step reads the row anew. Amounts are integer minor units
of the claim's currency; every time is the database's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, Text, bindparam, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import ChargeState, ClaimStatus, Direction, Step, StepStatus
from domain.orders import Means, PaymentStatus
from store import claims, private, stored_means
from store.fence import ClaimHead
from store.private import TOKEN_PART, Vault
from store.tables import claim_events, credit_movements, extra_payments, members, order_payments, orders
from store.tables import claims as claims_table


@dataclass(frozen=True, slots=True)
class Charge:
    """An extra payment as a step has read it, and as its write insists on.

    `gateway` is None for a balance of the member's own. `key_no` is the n of the key that the next request is sent
    with; `key_age` since it was first used, if it was. `try_no` counts the armings. `settles_in` is how long until the
    newest try's deadline and the gateway's settling time have passed; None before the first. `error_answered`: the
    gateway answered this key with an error, and may repeat it for ever. `forward`: the claim is not being undone.
    """

    claim_no: str
    order_no: str
    member_no: str | None
    means: Means
    gateway: str | None
    stored_no: str | None
    private_id: int | None
    amount: int
    currency: str
    state: ChargeState
    key_no: int
    key_age: timedelta | None
    try_no: int
    settles_in: timedelta | None
    error_answered: bool
    code: str | None
    forward: bool

    @property
    def key(self) -> str:
        return f"charge-{self.claim_no}-{self.key_no}"

    @property
    def payment_no(self) -> str:
        """The payment of the order that it becomes; at the gateway the reference by which it is known again."""
        return f"X-{self.claim_no}"

    @property
    def sent(self) -> bool:
        """True while nobody knows what came of the newest try."""
        return self.state is ChargeState.SENT

    @property
    def settled(self) -> bool:
        """Whether a read made from now on shows whatever the newest try did."""
        return self.settles_in is None or self.settles_in <= timedelta(0)

    def same_as(self, other: Charge) -> bool:
        return self._mark() == other._mark()

    def _mark(self) -> tuple[object, ...]:
        return (self.state, self.key_no, self.try_no, self.error_answered)


@dataclass(frozen=True, slots=True)
class ChargeSuspect:
    """An undone claim whose charge deserves another look at its gateway."""

    claim_no: str
    order_no: str


# --- reading -------------------------------------------------------------------------------------------------------


async def read(conn: AsyncConnection, claim_no: str) -> Charge:
    """The claim's extra payment, in one statement. Raises NoResultFound when the claim has none."""
    return _charge((await conn.execute(_READ, {"of_claim": claim_no})).one())


async def token(conn: AsyncConnection, charge: Charge, vault: Vault) -> str | None:
    """The gateway's token of the means to charge; None when there is none (any more).

    It is the member's stored one, or was brought with the request. Raises InvalidTag as `Vault.open`.
    """
    if charge.stored_no is None:
        return (await private.opened(conn, charge.private_id, vault)).get(TOKEN_PART)
    if charge.member_no is None:
        return None
    stored = await stored_means.load(conn, charge.member_no, charge.stored_no)
    if stored is None or (stored.means, stored.gateway) != (charge.means, charge.gateway):
        return None
    return vault.open(stored.ciphertext).get(stored_means.TOKEN)


async def reference_taken(conn: AsyncConnection, charge: Charge, payment_ref: str) -> bool:
    """True when this payment at the charge's gateway is known already, as one of any order."""
    known = select(order_payments.c.payment_no).where(
        order_payments.c.gateway == charge.gateway, order_payments.c.gateway_ref == payment_ref
    )
    return (await conn.execute(known)).first() is not None


def _read() -> Select[Any]:
    return (
        select(
            extra_payments,
            (func.clock_timestamp() - extra_payments.c.key_used_at).label("key_age"),
            (extra_payments.c.settled_after - func.clock_timestamp()).label("settles_in"),
            orders.c.member_no,
            claims_table.c.private_id,
            claims_table.c.currency,
            claims_table.c.direction,
            claims_table.c.status,
        )
        .join(claims_table, claims_table.c.claim_no == extra_payments.c.claim_no)
        .join(orders, orders.c.order_no == extra_payments.c.order_no)
        .where(extra_payments.c.claim_no == bindparam("of_claim", type_=Text))
    )


_READ = _read()


def _charge(row: Any) -> Charge:
    return Charge(
        claim_no=row.claim_no,
        order_no=row.order_no,
        member_no=row.member_no,
        means=Means(row.means),
        gateway=row.gateway,
        stored_no=row.stored_no,
        private_id=row.private_id,
        amount=row.amount,
        currency=row.currency,
        state=ChargeState(row.state),
        key_no=row.key_no,
        key_age=row.key_age,
        try_no=row.try_no,
        settles_in=row.settles_in,
        error_answered=row.error_answered,
        code=row.code,
        forward=row.direction == Direction.FORWARD and row.status != ClaimStatus.REJECTED,
    )


async def _unmoved(conn: AsyncConnection, charge: Charge, *states: ChargeState) -> bool:
    """Whether it is in one of these states, and still as it was read. Certain until the transaction ends."""
    return charge.state in states and charge.same_as(await read(conn, charge.claim_no))


# --- before the call -----------------------------------------------------------------------------------------------


async def arm(
    conn: AsyncConnection, head: ClaimHead, charge: Charge, *, send_window: timedelta, settling: timedelta
) -> Charge | None:
    """Write the try that is about to be sent, and answer it. It may be sent only for `send_window` from now.

    The transaction must have been let in by the fence (`store.fence.enter`, forward). None when the row has moved, or
    the key was answered with an error: then the gateway is read first.
    """
    if charge.error_answered or not await _unmoved(conn, charge, ChargeState.PLANNED):
        return None
    await conn.execute(_ARM, {"claim_no": charge.claim_no, "send_window": send_window, "settling": settling})
    await claims.set_step(conn, charge.claim_no, Step.CHARGE, StepStatus.RUNNING)
    sent = await read(conn, charge.claim_no)
    await _record(conn, head, sent, "charge.sent", amount=charge.amount)
    return sent


_ARM = text(
    """
    UPDATE extra_payments
    SET state = 'SENT', try_no = try_no + 1, code = NULL, moved_at = clock_timestamp(),
        key_used_at = coalesce(key_used_at, clock_timestamp()),
        deadline = clock_timestamp() + :send_window,
        settled_after = clock_timestamp() + :send_window + :settling
    WHERE claim_no = :claim_no
    """
)


# --- after the call, or a look-up ----------------------------------------------------------------------------------


async def take(conn: AsyncConnection, head: ClaimHead, charge: Charge, payment_ref: str) -> bool:
    """The gateway took it, as the payment `payment_ref`: it is a payment of the order, and the claim is decided.

    False too when the claim is being undone: then it is not ours to keep, and a person is told (`to_look_at_again`).
    """
    if head.direction is not Direction.FORWARD or not await _unmoved(
        conn, charge, ChargeState.PLANNED, ChargeState.SENT
    ):
        return False
    await _become_payment(conn, head, charge, payment_ref)
    return True


async def take_own(conn: AsyncConnection, head: ClaimHead, charge: Charge) -> bool:
    """Take it from the member's own balance, or refuse it for good when that is too low, or there is no member.

    The transaction must have been let in by the fence, forward. False when the row has moved.
    """
    if not await _unmoved(conn, charge, ChargeState.PLANNED):
        return False
    balance = {Means.MILEAGE: members.c.mileage, Means.DEPOSIT: members.c.deposit}[charge.means]
    lowered = await conn.execute(
        update(members)
        .where(members.c.member_no == charge.member_no, balance >= charge.amount)
        .values({balance: balance - charge.amount})
        .returning(members.c.member_no)
    )
    if lowered.scalar_one_or_none() is None:
        return await refuse(conn, head, charge, "balance_too_low")
    await conn.execute(
        insert(credit_movements).values(
            movement_key=f"extra/{charge.claim_no}",
            kind="extra",
            means=charge.means,
            member_no=charge.member_no,
            amount=-charge.amount,
            claim_no=charge.claim_no,
            order_no=charge.order_no,
        )
    )
    await _become_payment(conn, head, charge, None)
    return True


async def refuse(conn: AsyncConnection, head: ClaimHead, charge: Charge, code: str) -> bool:
    """It was refused for good: nothing was taken, and nothing will be."""
    if not await _unmoved(conn, charge, ChargeState.PLANNED, ChargeState.SENT):
        return False
    await _move(conn, charge, state=ChargeState.REFUSED, code=code)
    await _record(conn, head, charge, "charge.refused", code=code)
    return True


async def answered_with_error(conn: AsyncConnection, head: ClaimHead, charge: Charge, code: str) -> bool:
    """The gateway answered that it did nothing. The next request needs a read, and a new key."""
    if not await _unmoved(conn, charge, ChargeState.SENT):
        return False
    await _move(conn, charge, state=ChargeState.PLANNED, error_answered=True, code=code)
    await _record(conn, head, charge, "charge.error", code=code)
    return True


async def unknown(conn: AsyncConnection, head: ClaimHead, charge: Charge, code: str, *, error_answered: bool) -> bool:
    """It may have been taken: the row stays sent until a look-up ends this."""
    if not await _unmoved(conn, charge, ChargeState.SENT):
        return False
    answered = charge.error_answered or error_answered
    await _move(conn, charge, ever_unknown=True, error_answered=answered, code=code)
    await _record(conn, head, charge, "charge.unknown", code=code)
    return True


async def not_sent(conn: AsyncConnection, head: ClaimHead, charge: Charge, code: str) -> bool:
    """Its own sender knows that the request never left. Only whoever armed this very try may say so."""
    if not await _unmoved(conn, charge, ChargeState.SENT):
        return False
    await _move(conn, charge, state=ChargeState.PLANNED, code=code)
    await _record(conn, head, charge, "charge.not_sent", code=code)
    return True


async def absent(conn: AsyncConnection, head: ClaimHead, charge: Charge, *, new_key: bool) -> bool:
    """A read made after the newest try had settled shows no charge of ours: it stands where it stood before that.

    n rises when `new_key` (the key is past its life), or when the key was answered with an error.
    """
    if not await _unmoved(conn, charge, ChargeState.PLANNED, ChargeState.SENT):
        return False
    values: dict[str, Any] = {"state": ChargeState.PLANNED}
    if charge.sent:
        values["ever_unknown"] = True
    if new_key or charge.error_answered:
        values |= {"key_no": charge.key_no + 1, "key_used_at": None, "error_answered": False}
    await _move(conn, charge, **values)
    if charge.sent:
        await _record(conn, head, charge, "charge.looked_up_absent")
    return True


async def _become_payment(conn: AsyncConnection, head: ClaimHead, charge: Charge, payment_ref: str | None) -> None:
    """Money is taken: write it as the order's last payment, and pass the pivot."""
    last = select(func.coalesce(func.max(order_payments.c.position), 0)).where(
        order_payments.c.order_no == charge.order_no
    )
    await conn.execute(
        insert(order_payments).values(
            order_no=charge.order_no,
            payment_no=charge.payment_no,
            position=last.scalar_subquery() + 1,
            means=charge.means,
            amount=charge.amount,
            status=PaymentStatus.PAID,
            gateway=charge.gateway,
            gateway_ref=payment_ref,
            partial_cancel=True,
            taken_by=charge.claim_no,
        )
    )
    await _move(conn, charge, state=ChargeState.TAKEN, payment_no=charge.payment_no, gateway_ref=payment_ref, code=None)
    await claims.set_step(conn, charge.claim_no, Step.CHARGE, StepStatus.DONE)
    await claims.decide(conn, head)
    await _record(conn, head, charge, "charge.taken", amount=charge.amount, payment_ref=payment_ref)


async def _move(conn: AsyncConnection, charge: Charge, **values: Any) -> None:
    await conn.execute(
        update(extra_payments)
        .where(extra_payments.c.claim_no == charge.claim_no)
        .values(moved_at=func.clock_timestamp(), **values)
    )


async def _record(
    conn: AsyncConnection, head: ClaimHead, charge: Charge, event: str, **facts: str | int | bool | None
) -> None:
    """Close the transaction: the timeline, then the claim's status."""
    facts = {"key": charge.key, **facts} if charge.gateway is not None else facts
    actor = "system" if charge.gateway is None else "gateway"
    await claims.record(conn, head, event, actor=actor, step=Step.CHARGE, **facts)


# --- for the sweeper -----------------------------------------------------------------------------------------------

LOOKED_AGAIN = "charge.looked_again"

LOOK_AGAIN_AFTER = (timedelta(hours=1), timedelta(days=1))
"""How long after a claim was undone its charge, if it was ever unknown, is looked up again."""


async def to_look_at_again(conn: AsyncConnection, limit: int) -> list[ChargeSuspect]:
    """Undone claims whose charge was once unknown and whose next look is due; the oldest claims first."""
    looks = (
        select(func.count())
        .where(claim_events.c.claim_no == extra_payments.c.claim_no, claim_events.c.event == LOOKED_AGAIN)
        .scalar_subquery()
    )
    due = or_(
        *(
            (looks == number) & (claims_table.c.closed_at < func.clock_timestamp() - after)
            for number, after in enumerate(LOOK_AGAIN_AFTER)
        )
    )
    rows = await conn.execute(
        select(extra_payments.c.claim_no, extra_payments.c.order_no)
        .join(claims_table, claims_table.c.claim_no == extra_payments.c.claim_no)
        .where(extra_payments.c.ever_unknown, claims_table.c.status == ClaimStatus.REJECTED, due)
        .order_by(claims_table.c.closed_at)
        .limit(limit)
    )
    return [ChargeSuspect(row.claim_no, row.order_no) for row in rows]


async def looked_again(conn: AsyncConnection, suspect: ChargeSuspect, payment_ref: str | None) -> None:
    """Record that the gateway was asked again about an undone claim's charge, and what it showed."""
    await claims.add_event(
        conn, suspect.claim_no, suspect.order_no, LOOKED_AGAIN, step=Step.CHARGE, payment_ref=payment_ref
    )
