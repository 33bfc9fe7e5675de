"""What an operator's command writes on a refund leg. Each in the transaction that accepts the command."""

from __future__ import annotations

from sqlalchemy import Integer, cast, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import AttemptState, ExternalState, LegState, SettledBy
from domain.orders import Means
from store.tables import external_refunds, refund_attempts, refund_legs


async def leg_state(conn: AsyncConnection, leg_id: str) -> LegState:
    found = await conn.execute(select(refund_legs.c.state).where(refund_legs.c.leg_id == leg_id))
    return LegState(found.scalar_one())


async def reference_taken(conn: AsyncConnection, leg_id: str, refund_ref: str) -> bool:
    """True when this reference is known as that of another refund at the same gateway."""
    other = refund_legs.alias("other")
    found = await conn.execute(
        select(other.c.leg_id)
        .join(refund_legs, refund_legs.c.gateway == other.c.gateway)
        .where(refund_legs.c.leg_id == leg_id, other.c.leg_id != leg_id, other.c.refund_ref == refund_ref)
    )
    return found.first() is not None


async def attempt_sent(conn: AsyncConnection, leg_id: str) -> bool:
    """True while the outcome of the leg's newest attempt is unknown."""
    found = await conn.execute(
        select(refund_attempts.c.leg_id).where(
            refund_attempts.c.leg_id == leg_id, refund_attempts.c.state == AttemptState.SENT
        )
    )
    return found.first() is not None


async def reopen_refused(conn: AsyncConnection, leg_id: str) -> None:
    """A retry of a leg refused for good: planned again, under a new key, for the old one was answered with an error."""
    await conn.execute(
        update(refund_legs)
        .where(refund_legs.c.leg_id == leg_id, refund_legs.c.state == LegState.REFUSED)
        .values(
            state=LegState.PLANNED,
            key_no=refund_legs.c.key_no + 1,
            key_used_at=None,
            moved_at=func.clock_timestamp(),
        )
    )


async def is_external(conn: AsyncConnection, leg_id: str) -> bool:
    """Whether there is such a refund leg, at a gateway."""
    found = await conn.execute(
        select(refund_legs.c.leg_id).where(refund_legs.c.leg_id == leg_id, refund_legs.c.external)
    )
    return found.first() is not None


async def takes_account(conn: AsyncConnection, leg_id: str) -> bool:
    """Whether another refund account helps this leg: its money can go to one, and no attempt's outcome is unknown."""
    means = (await conn.execute(select(refund_legs.c.means).where(refund_legs.c.leg_id == leg_id))).scalar_one()
    return Means(means) is Means.VIRTUAL_ACCOUNT and not await attempt_sent(conn, leg_id)


async def use_account(conn: AsyncConnection, leg_id: str, account_id: int) -> None:
    """The leg's next request goes to this account. It is another request, so a key that was used is not used again.

    Whether an earlier one refunded after all is looked up before anything is sent, as after every error.
    """
    was_used = refund_legs.c.key_used_at.is_not(None)
    await conn.execute(
        update(refund_legs)
        .where(refund_legs.c.leg_id == leg_id, refund_legs.c.state.in_((LegState.PLANNED, LegState.REFUSED)))
        .values(
            account_id=account_id,
            state=LegState.PLANNED,
            key_no=refund_legs.c.key_no + cast(was_used, Integer),
            key_used_at=None,
            moved_at=func.clock_timestamp(),
        )
    )


async def settle(conn: AsyncConnection, leg_id: str, evidence: str) -> None:
    """The money was returned outside: by a bank transfer, say. `evidence` is where that can be looked up.

    When it is the gateway's reference of a refund that was found there, that refund and the leg are the same money.
    """
    await conn.execute(
        update(refund_legs)
        .where(refund_legs.c.leg_id == leg_id)
        .values(
            state=LegState.SETTLED,
            settled_by=SettledBy.HAND,
            evidence=evidence,
            settled_at=func.clock_timestamp(),
            moved_at=func.clock_timestamp(),
        )
    )
    await _is_of_leg(conn, leg_id, evidence, ExternalState.SETTLES_LEG)


async def settle_by_reference(conn: AsyncConnection, leg_id: str, refund_ref: str) -> None:
    """The gateway's own reference shows that the sent attempt acted: the leg is settled by the gateway after all."""
    await conn.execute(
        update(refund_attempts)
        .where(refund_attempts.c.leg_id == leg_id, refund_attempts.c.state == AttemptState.SENT)
        .values(
            state=AttemptState.ANSWERED,
            outcome="by_reference",
            ever_unknown=True,
            moved_at=func.clock_timestamp(),
        )
    )
    await conn.execute(
        update(refund_legs)
        .where(refund_legs.c.leg_id == leg_id)
        .values(
            state=LegState.SETTLED,
            settled_by=SettledBy.GATEWAY,
            refund_ref=refund_ref,
            evidence=refund_ref,
            settled_at=func.clock_timestamp(),
            moved_at=func.clock_timestamp(),
        )
    )
    await _is_of_leg(conn, leg_id, refund_ref, ExternalState.OURS)


async def _is_of_leg(conn: AsyncConnection, leg_id: str, refund_ref: str, state: ExternalState) -> None:
    await conn.execute(
        update(external_refunds)
        .where(
            external_refunds.c.order_no == refund_legs.c.order_no,
            external_refunds.c.payment_no == refund_legs.c.payment_no,
            external_refunds.c.refund_ref == refund_ref.strip(),
            external_refunds.c.state == ExternalState.COUNTED,
            refund_legs.c.leg_id == leg_id,
        )
        .values(state=state, leg_id=leg_id, moved_at=func.clock_timestamp())
    )
