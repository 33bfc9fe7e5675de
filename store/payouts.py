"""Refunds that a person pays out by hand, each tracked from when it is given out until its result is known.

A payout is of one parked leg, and goes to the refund account that the leg has then. While it is untreated the leg is
sent to no gateway, and its claim is not undone: money may be on its way. Every write runs under the order's lock
(`store.fence`). Amounts are integer minor units of `currency`; times are aware UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import PayoutState, Step
from store import claims
from store.fence import ClaimHead
from store.tables import claims as claims_table
from store.tables import payouts, private_parts, refund_legs


@dataclass(frozen=True, slots=True)
class Payout:
    """`account_shown`: bank and last digits of the account; `failure`: why it failed, `evidence`: where to look it up.

    `account_id` is where the account is kept, encrypted.
    """

    payout_no: str
    leg_id: str
    claim_no: str
    order_no: str
    state: PayoutState
    amount: int
    currency: str
    account_id: int
    account_shown: str | None
    opened_by: str
    reason: str
    opened_at: datetime
    closed_by: str | None
    closed_at: datetime | None
    evidence: str | None
    failure: str | None


def untreated_of(leg_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a leg is being paid out by hand, for a statement about legs."""
    return exists().where(payouts.c.leg_id == leg_id, payouts.c.state == PayoutState.UNTREATED)


async def untreated(conn: AsyncConnection, leg_id: str) -> str | None:
    """The number of the leg's payout that has no result yet."""
    found = await conn.execute(
        select(payouts.c.payout_no).where(payouts.c.leg_id == leg_id, payouts.c.state == PayoutState.UNTREATED)
    )
    return found.scalar_one_or_none()


async def untreated_of_claim(conn: AsyncConnection, claim_no: str) -> bool:
    """True while some leg of the claim is being paid out by hand: the claim can't be undone then."""
    under_way = exists().where(payouts.c.claim_no == claim_no, payouts.c.state == PayoutState.UNTREATED)
    return bool((await conn.execute(select(under_way))).scalar_one())


async def account_of(conn: AsyncConnection, leg_id: str) -> int | None:
    """Where the leg's refund account is kept; None when it has none, or it is erased."""
    private_id = func.coalesce(refund_legs.c.account_id, claims_table.c.private_id)
    found = await conn.execute(
        select(private_parts.c.private_id)
        .select_from(
            refund_legs.join(claims_table, claims_table.c.claim_no == refund_legs.c.claim_no).join(
                private_parts, private_parts.c.private_id == private_id
            )
        )
        .where(
            refund_legs.c.leg_id == leg_id,
            private_parts.c.account_shown.is_not(None),
            private_parts.c.ciphertext.is_not(None),
        )
    )
    return found.scalar_one_or_none()


async def open_payout(
    conn: AsyncConnection, head: ClaimHead, leg_id: str, account_id: int, *, actor: str, reason: str
) -> str:
    """Give the leg's whole amount out to be paid by hand; answers the payout's number.

    Raises IntegrityError when one of this leg is untreated already.
    """
    earlier = select(func.coalesce(func.max(payouts.c.n), 0)).where(payouts.c.leg_id == leg_id)
    n = int((await conn.execute(earlier)).scalar_one()) + 1
    payout_no = f"{leg_id}-{n}"
    amount = (await conn.execute(select(refund_legs.c.amount).where(refund_legs.c.leg_id == leg_id))).scalar_one()
    await conn.execute(
        insert(payouts).values(
            payout_no=payout_no,
            leg_id=leg_id,
            n=n,
            claim_no=head.claim_no,
            order_no=head.order_no,
            amount=amount,
            currency=head.currency,
            account_id=account_id,
            opened_by=actor,
            reason=reason,
        )
    )
    await _tell(conn, head, "payout.opened", actor, payout_no, leg_id)
    return payout_no


async def close_failed(conn: AsyncConnection, head: ClaimHead, payout: Payout, *, actor: str, why: str) -> None:
    """It was not paid: the leg may be sent again, settled, or paid out anew."""
    await conn.execute(
        update(payouts)
        .where(payouts.c.payout_no == payout.payout_no)
        .values(state=PayoutState.FAILURE, failure=why, closed_by=actor, closed_at=func.clock_timestamp())
    )
    await _tell(conn, head, "payout.failed", actor, payout.payout_no, payout.leg_id)


async def close_paid(conn: AsyncConnection, head: ClaimHead, leg_id: str, *, actor: str, evidence: str) -> None:
    """The leg's untreated payout, if it has one, was paid: in the transaction that settles the leg by hand."""
    closed = await conn.execute(
        update(payouts)
        .where(payouts.c.leg_id == leg_id, payouts.c.state == PayoutState.UNTREATED)
        .values(state=PayoutState.SUCCESS, evidence=evidence, closed_by=actor, closed_at=func.clock_timestamp())
        .returning(payouts.c.payout_no)
    )
    if (payout_no := closed.scalar_one_or_none()) is not None:
        await _tell(conn, head, "payout.paid", actor, payout_no, leg_id)


async def find(conn: AsyncConnection, claim_no: str, payout_no: str) -> Payout | None:
    row = (
        await conn.execute(_PAYOUTS.where(payouts.c.claim_no == claim_no, payouts.c.payout_no == payout_no))
    ).one_or_none()
    return None if row is None else _payout(row)


async def listed(
    conn: AsyncConnection, *, state: PayoutState | None = None, after: str | None = None, limit: int = 50
) -> list[Payout]:
    """By number, those after `after`."""
    rows = await conn.execute(
        _PAYOUTS.where(
            payouts.c.state == state if state else true(),
            payouts.c.payout_no > after if after else true(),
        )
        .order_by(payouts.c.payout_no)
        .limit(limit)
    )
    return [_payout(row) for row in rows]


async def of_claim(conn: AsyncConnection, claim_no: str) -> tuple[Payout, ...]:
    """The claim's payouts, oldest first."""
    rows = await conn.execute(_PAYOUTS.where(payouts.c.claim_no == claim_no).order_by(payouts.c.opened_at, payouts.c.n))
    return tuple(_payout(row) for row in rows)


_PAYOUTS: Select[Any] = select(
    *(
        private_parts.c.account_shown if name == "account_shown" else payouts.c[name]
        for name in Payout.__dataclass_fields__
    )
).join(private_parts, private_parts.c.private_id == payouts.c.account_id)


def _payout(row: Any) -> Payout:
    return Payout(**{**row._mapping, "state": PayoutState(row.state)})


async def _tell(conn: AsyncConnection, head: ClaimHead, event: str, actor: str, payout_no: str, leg_id: str) -> None:
    await claims.add_event(
        conn, head.claim_no, head.order_no, event, actor=actor, step=Step.REFUND, payout_no=payout_no, leg_id=leg_id
    )
