"""Money that moves past any claim: refunds made in a gateway's own console, and payments that come in after the cancel.

docs/money.md tells what both do to an order. Every function runs in the caller's transaction, takes the order's lock,
and can be repeated. Amounts are integer minor units of the order's currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import AttemptState, ExternalState, LegState, SettledBy, Step
from domain.orders import Means, PaymentStatus
from store import claims, effects
from store.claims import OpenClaim
from store.fence import ClaimHead, lock_order
from store.reopening import reopen
from store.tables import claims as claims_table
from store.tables import external_refunds, order_payments, refund_attempts, refund_legs


@dataclass(frozen=True, slots=True)
class ExternalRefund:
    """A refund that no claim asked for. `leg_id` is the leg that it turned out to be of, if it did."""

    payment_no: str
    means: Means
    gateway: str
    refund_ref: str
    amount: int
    state: ExternalState
    leg_id: str | None
    found_at: datetime
    moved_at: datetime


async def book_foreign_refund(
    conn: AsyncConnection, order_no: str, payment_no: str, refund_ref: str, amount: int
) -> bool:
    """A read of the gateway shows a succeeded refund of the payment that no claim asked for: so much less is left.

    True when it counts from here on; False when that was known, when it is a leg's own, and while a request of ours to
    this payment has no answer, for then nobody knows whose it is: compare again. One that a person has settled a leg by
    hand with is kept as that, and counts as the leg. Raises LookupError when there is no such payment at a gateway.
    """
    await lock_order(conn, order_no)
    payment = (
        await conn.execute(
            select(order_payments.c.gateway, order_payments.c.gateway_ref).where(
                order_payments.c.order_no == order_no,
                order_payments.c.payment_no == payment_no,
                order_payments.c.gateway.is_not(None),
                order_payments.c.gateway_ref.is_not(None),
            )
        )
    ).one_or_none()
    if payment is None:
        raise LookupError(f"{order_no} has no payment {payment_no} at a gateway")
    if await _may_be_ours(conn, order_no, payment_no, refund_ref):
        return False
    by_hand = await _settled_by_hand(conn, order_no, payment_no, refund_ref)
    state = ExternalState.COUNTED if by_hand is None else ExternalState.SETTLES_LEG
    booked = await conn.execute(
        insert(external_refunds)
        .values(
            gateway=payment.gateway,
            payment_ref=payment.gateway_ref,
            refund_ref=refund_ref,
            order_no=order_no,
            payment_no=payment_no,
            amount=amount,
            state=state,
            leg_id=by_hand,
        )
        .on_conflict_do_update(
            index_elements=["gateway", "payment_ref", "refund_ref"],
            set_={"state": state, "leg_id": by_hand, "amount": amount, "moved_at": func.clock_timestamp()},
            where=external_refunds.c.state == ExternalState.FAILED,
        )
        .returning(external_refunds.c.refund_ref)
    )
    return booked.one_or_none() is not None and state is ExternalState.COUNTED


async def forget_foreign_refund(conn: AsyncConnection, order_no: str, payment_no: str, refund_ref: str) -> bool:
    """The refund has failed at the gateway after all: it counts no longer, and the audit keeps it.

    True when it had counted until now. What a claim returned less because of it is owed to the customer from here on:
    the sum `returned_outside` of the order doesn't come out, and a person sees it.
    """
    await lock_order(conn, order_no)
    forgotten = await conn.execute(
        update(external_refunds)
        .where(
            external_refunds.c.order_no == order_no,
            external_refunds.c.payment_no == payment_no,
            external_refunds.c.refund_ref == refund_ref,
            external_refunds.c.state == ExternalState.COUNTED,
        )
        .values(state=ExternalState.FAILED, moved_at=func.clock_timestamp())
        .returning(external_refunds.c.refund_ref)
    )
    return forgotten.one_or_none() is not None


async def book_late_capture(conn: AsyncConnection, head: ClaimHead, payment_no: str, amount: int) -> str | None:
    """A read of the gateway shows that money came in for a payment that the claim had closed: it all goes back.

    The payment counts as paid, with the `amount` that came in. A leg of the same claim returns exactly that, to the
    same payment; it is no part of what the claim was quoted. The claim is reopened, unless it still runs. `head` is of
    the claim, locked (`store.fence.enter`). Answers the new leg's id, for the claim to be carried on; None when there
    is nothing to do: booked before, no such payment that this claim closed, or the claim could still be undone. That
    would make the payment one of a living order, so it is to be compared again once the claim is decided.
    """
    if not head.decided:
        return None
    payment = (
        await conn.execute(
            update(order_payments)
            .where(
                order_payments.c.order_no == head.order_no,
                order_payments.c.payment_no == payment_no,
                order_payments.c.closed_by == head.claim_no,
                order_payments.c.status == PaymentStatus.WAITING,
                order_payments.c.gateway.is_not(None),
            )
            .values(
                status=PaymentStatus.PAID,
                captured_late=amount,
                refunding=amount,
                refunding_tax_free=case(
                    (order_payments.c.amount == amount, func.coalesce(order_payments.c.tax_free, 0)), else_=0
                ),
            )
            .returning(order_payments)
        )
    ).one_or_none()
    if payment is None:
        return None
    # Its gateway was told the parts of the whole amount; of another one nobody knows them.
    whole = payment.amount == amount
    legs = select(func.count()).where(refund_legs.c.claim_no == head.claim_no).scalar_subquery()
    position = int((await conn.execute(select(legs))).scalar_one()) + 1
    leg_id = f"{head.claim_no}-{position}"
    await conn.execute(
        insert(refund_legs).values(
            leg_id=leg_id,
            claim_no=head.claim_no,
            order_no=head.order_no,
            position=position,
            payment_no=payment_no,
            means=payment.means,
            external=True,
            gateway=payment.gateway,
            gateway_ref=payment.gateway_ref,
            amount=amount,
            tax_free=payment.tax_free if whole else None,
            vat=payment.vat if whole else None,
            late=True,
            state=LegState.PLANNED,
        )
    )
    await claims.add_event(
        conn,
        head.claim_no,
        head.order_no,
        "payment.captured_late",
        actor="gateway",
        step=Step.REFUND,
        payment_no=payment_no,
        leg_id=leg_id,
        amount=amount,
    )
    await reopen(conn, head, "payment.captured_late")
    return leg_id


@dataclass(frozen=True, slots=True)
class AwaitedPayment:
    """A payment that a claim closed, and that could still be made. `position` is its place among the order's."""

    payment_no: str
    position: int
    gateway: str
    payment_ref: str


async def awaited_of_claim(conn: AsyncConnection, claim_no: str) -> tuple[AwaitedPayment, ...]:
    """The payments to be closed at their gateways too: those of a decided claim, in the order's order."""
    found = await conn.execute(
        select(
            order_payments.c.payment_no,
            order_payments.c.position,
            order_payments.c.gateway,
            order_payments.c.gateway_ref.label("payment_ref"),
        )
        .join(claims_table, claims_table.c.claim_no == order_payments.c.closed_by)
        .where(
            claims.awaited_of(claim_no), claims_table.c.decided, claims_table.c.order_no == order_payments.c.order_no
        )
        .order_by(order_payments.c.position)
    )
    return tuple(AwaitedPayment(**row._mapping) for row in found)


async def closed_at_gateway(conn: AsyncConnection, head: ClaimHead, payment_no: str) -> None:
    """The gateway takes no money for the payment any more, as far as it promises that. Idempotent."""
    closed = await conn.execute(
        update(order_payments)
        .where(
            claims.awaited_of(head.claim_no),
            order_payments.c.order_no == head.order_no,
            order_payments.c.payment_no == payment_no,
        )
        .values(closed_at_gateway=func.clock_timestamp())
        .returning(order_payments.c.payment_no)
    )
    if closed.one_or_none() is not None:
        await _tell(conn, head, "payment.closed_at_gateway", payment_no=payment_no)


async def stays_open(conn: AsyncConnection, head: ClaimHead, payment_no: str, code: str) -> None:
    """The payment can't be closed at its gateway: what comes in will be found there. Told once."""
    if await effects.happen(conn, f"close/{head.claim_no}/{payment_no}", head.claim_no):
        await _tell(conn, head, "payment.stays_open", payment_no=payment_no, code=code)


async def late_legs_open(conn: AsyncConnection, claim_no: str) -> bool:
    """Whether money that came in after the claim is still to be given back."""
    still = exists().where(
        refund_legs.c.claim_no == claim_no, refund_legs.c.late, refund_legs.c.state != LegState.SETTLED
    )
    return bool((await conn.execute(select(still))).scalar_one())


async def _tell(conn: AsyncConnection, head: ClaimHead, event: str, **facts: str) -> None:
    await claims.add_event(conn, head.claim_no, head.order_no, event, step=Step.REFUND, **facts)


async def to_give_back(conn: AsyncConnection, gateway: str, payment_ref: str) -> list[OpenClaim]:
    """The claims that have yet to give back what came in late for this payment."""
    found = await conn.execute(
        select(claims_table.c.claim_no, claims_table.c.order_no, claims_table.c.workflow_id)
        .join(refund_legs, refund_legs.c.claim_no == claims_table.c.claim_no)
        .where(
            refund_legs.c.gateway == gateway,
            refund_legs.c.gateway_ref == payment_ref,
            refund_legs.c.late,
            refund_legs.c.state == LegState.PLANNED,
        )
    )
    return [OpenClaim(row.claim_no, row.order_no, row.workflow_id) for row in found]


async def external_of_order(conn: AsyncConnection, order_no: str) -> tuple[ExternalRefund, ...]:
    """Every refund of the order that no claim asked for, oldest first; also those that came to nothing."""
    found = await conn.execute(
        select(
            external_refunds.c.payment_no,
            order_payments.c.means,
            external_refunds.c.gateway,
            external_refunds.c.refund_ref,
            external_refunds.c.amount,
            external_refunds.c.state,
            external_refunds.c.leg_id,
            external_refunds.c.found_at,
            external_refunds.c.moved_at,
        )
        .join_from(
            external_refunds,
            order_payments,
            (order_payments.c.order_no == external_refunds.c.order_no)
            & (order_payments.c.payment_no == external_refunds.c.payment_no),
        )
        .where(external_refunds.c.order_no == order_no)
        .order_by(external_refunds.c.found_at, external_refunds.c.refund_ref)
    )
    return tuple(
        ExternalRefund(**{**row._mapping, "means": Means(row.means), "state": ExternalState(row.state)})
        for row in found
    )


async def _may_be_ours(conn: AsyncConnection, order_no: str, payment_no: str, refund_ref: str) -> bool:
    sent = exists().where(
        refund_attempts.c.order_no == order_no,
        refund_attempts.c.payment_no == payment_no,
        refund_attempts.c.state == AttemptState.SENT,
    )
    own = exists().where(
        refund_legs.c.order_no == order_no,
        refund_legs.c.payment_no == payment_no,
        refund_legs.c.refund_ref == refund_ref,
    )
    return bool((await conn.execute(select(sent | own))).scalar_one())


async def _settled_by_hand(conn: AsyncConnection, order_no: str, payment_no: str, refund_ref: str) -> str | None:
    """The leg that a person has settled with this very refund."""
    found = await conn.execute(
        select(refund_legs.c.leg_id).where(
            refund_legs.c.order_no == order_no,
            refund_legs.c.payment_no == payment_no,
            refund_legs.c.state == LegState.SETTLED,
            refund_legs.c.settled_by == SettledBy.HAND,
            func.btrim(refund_legs.c.evidence) == refund_ref,
        )
    )
    return found.scalars().first()
