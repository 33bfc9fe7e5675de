"""Claims that wait for a person: what failed, what is safe, and which command answered it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import Action, PayoutState, Step, StuckReason
from domain.orders import Means
from store.tables import claims, parkings, payouts, private_parts, refund_legs


@dataclass(frozen=True, slots=True)
class Parking:
    """One wait for a person. `part` is the refund leg, or empty. Its number is never used again."""

    parking_no: int
    claim_no: str
    step: Step
    part: str
    cause: StuckReason
    outcome_unknown: bool
    actions: tuple[Action, ...]
    open: bool


@dataclass(frozen=True, slots=True)
class OpenParking:
    """A wait for a person that nobody has answered. `part` is the refund leg, or empty.

    `account_shown`: bank and last digits of the account that this refund goes to; `payout_no`: its payout by hand that
    has no result yet. While there is one nothing but settling is safe.
    """

    parking_no: int
    claim_no: str
    step: Step
    part: str
    cause: StuckReason
    detail: str
    outcome_unknown: bool
    actions: tuple[Action, ...]
    parked_at: datetime
    account_shown: str | None
    payout_no: str | None


async def park(
    conn: AsyncConnection,
    *,
    claim_no: str,
    order_no: str,
    step: Step,
    part: str,
    cause: StuckReason,
    detail: str,
    outcome_unknown: bool,
    actions: Sequence[Action],
) -> int:
    """Open a parking and answer its number; an older one of the same step and part is superseded."""
    await conn.execute(
        update(parkings)
        .where(
            parkings.c.claim_no == claim_no,
            parkings.c.step == step,
            parkings.c.part == part,
            parkings.c.closed_at.is_(None),
        )
        .values(closed_at=func.clock_timestamp(), closed_by="superseded")
    )
    opened = await conn.execute(
        insert(parkings)
        .values(
            claim_no=claim_no,
            order_no=order_no,
            step=step,
            part=part,
            cause=cause,
            detail=detail,
            outcome_unknown=outcome_unknown,
            actions=[action.value for action in actions],
        )
        .returning(parkings.c.parking_no)
    )
    return int(opened.scalar_one())


async def find(conn: AsyncConnection, claim_no: str, parking_no: int) -> Parking | None:
    row = (
        await conn.execute(
            select(
                parkings.c.parking_no,
                parkings.c.claim_no,
                parkings.c.step,
                parkings.c.part,
                parkings.c.cause,
                parkings.c.outcome_unknown,
                parkings.c.actions,
                parkings.c.closed_at,
            ).where(parkings.c.claim_no == claim_no, parkings.c.parking_no == parking_no)
        )
    ).one_or_none()
    if row is None:
        return None
    return Parking(
        parking_no=row.parking_no,
        claim_no=row.claim_no,
        step=Step(row.step),
        part=row.part,
        cause=StuckReason(row.cause),
        outcome_unknown=row.outcome_unknown,
        actions=tuple(Action(action) for action in row.actions),
        open=row.closed_at is None,
    )


async def find_open(conn: AsyncConnection, claim_nos: Sequence[str]) -> tuple[OpenParking, ...]:
    """The open ones of these claims, oldest first."""
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
            private_parts.c.account_shown,
            payouts.c.payout_no,
        )
        .join(claims, claims.c.claim_no == parkings.c.claim_no)
        .outerjoin(refund_legs, refund_legs.c.leg_id == parkings.c.part)
        .outerjoin(
            private_parts,
            and_(
                refund_legs.c.means == Means.VIRTUAL_ACCOUNT,
                private_parts.c.private_id == func.coalesce(refund_legs.c.account_id, claims.c.private_id),
            ),
        )
        .outerjoin(payouts, and_(payouts.c.leg_id == parkings.c.part, payouts.c.state == PayoutState.UNTREATED))
        .where(parkings.c.claim_no.in_(claim_nos), parkings.c.closed_at.is_(None))
        .order_by(parkings.c.parking_no)
    )
    return tuple(
        OpenParking(
            **{
                **row._mapping,
                "step": Step(row.step),
                "cause": StuckReason(row.cause),
                "actions": tuple(
                    Action(action) for action in row.actions if row.payout_no is None or action == Action.SETTLE
                ),
            }
        )
        for row in found
    )


async def answer(conn: AsyncConnection, parking_no: int, action: Action) -> None:
    await conn.execute(
        update(parkings)
        .where(parkings.c.parking_no == parking_no)
        .values(closed_at=func.clock_timestamp(), closed_by=action.value)
    )


async def supersede_all(conn: AsyncConnection, claim_no: str) -> None:
    """A new run of the claim takes over: it will park again where it must."""
    await conn.execute(
        update(parkings)
        .where(parkings.c.claim_no == claim_no, parkings.c.closed_at.is_(None))
        .values(closed_at=func.clock_timestamp(), closed_by="superseded")
    )
