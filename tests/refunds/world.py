"""A small world around one refund leg: the order, its payment at the gateway, and claims with legs on it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.claims import (
    CANCEL_STEPS,
    Actor,
    AttemptState,
    ClaimKind,
    ClaimStatus,
    Direction,
    LegState,
    StepStatus,
)
from domain.orders import Fault, Means, PaymentStatus
from store import by_hand, claims, private, refunds, turning_back
from store.fence import enter
from store.refunds import Seen
from store.tables import (
    claim_events,
    claim_steps,
    order_payments,
    orders,
    refund_attempts,
    refund_legs,
)
from store.tables import (
    claims as claims_table,
)
from tests.sandbox.caller import Caller

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Paid:
    """An order with one payment that the gateway knows as `pg_tid`."""

    order_no: str
    pg_tid: str
    amount: int
    means: Means = Means.CARD


class World:
    """Sets rows and gateway up as the service would have, and reads both afterwards."""

    def __init__(self, engine: AsyncEngine, caller: Caller) -> None:
        self._engine = engine
        self.gateway = caller

    async def paid(self, amount: int = 10_000, *, known: bool = True, means: Means = Means.CARD) -> Paid:
        """An order paid with `amount`; not `known`: the gateway never heard of the payment."""
        order_no = f"20230808O{next(_numbers):06}"
        pg_tid = self.gateway.new_payment(amount) if known else "tid-unknown"
        async with self._engine.begin() as conn:
            await conn.execute(
                insert(orders).values(
                    order_no=order_no,
                    password_hash="-",
                    buyer_name="-",
                    medium="20",
                    currency="KRW",
                    ordered_at=datetime(2023, 8, 8, tzinfo=UTC),
                )
            )
            await conn.execute(
                insert(order_payments).values(
                    order_no=order_no,
                    payment_no="1",
                    position=1,
                    means=means,
                    amount=amount,
                    status=PaymentStatus.PAID,
                    gateway="sandbox",
                    gateway_ref=pg_tid,
                    partial_cancel=True,
                )
            )
        return Paid(order_no, pg_tid, amount, means)

    async def leg(
        self,
        paid: Paid,
        amount: int,
        *,
        decided: bool = False,
        gateway: str = "sandbox",
        sealed: bytes | None = None,
    ) -> str:
        """A claim with one leg of `amount`; answers the leg's number. `decided`: past its pivot already.

        `sealed`: the private parts that came with its request.
        """
        claim_no = f"20230808C{next(_numbers):06}"
        async with self._engine.begin() as conn:
            private_id = None if sealed is None else await private.keep(conn, sealed)
            await conn.execute(
                insert(claims_table).values(
                    claim_no=claim_no,
                    order_no=paid.order_no,
                    kind=ClaimKind.CANCEL,
                    workflow_id=claim_no,
                    request_key=claim_no,
                    digest="-",
                    actor=Actor.GUEST,
                    reason_code="10",
                    fault=Fault.CUSTOMER,
                    currency="KRW",
                    refund=amount,
                    extra=0,
                    status=ClaimStatus.ACCEPTED,
                    decided=decided,
                    private_id=private_id,
                )
            )
            await conn.execute(
                insert(claim_steps).values(
                    [
                        {"claim_no": claim_no, "step": step, "position": position, "status": StepStatus.WAITING}
                        for position, step in enumerate(CANCEL_STEPS, start=1)
                    ]
                )
            )
            await conn.execute(
                insert(refund_legs).values(
                    leg_id=f"{claim_no}-1",
                    claim_no=claim_no,
                    order_no=paid.order_no,
                    position=1,
                    payment_no="1",
                    means=paid.means,
                    external=True,
                    gateway=gateway,
                    gateway_ref=paid.pg_tid,
                    amount=amount,
                )
            )
            await conn.execute(
                update(order_payments)
                .where(order_payments.c.order_no == paid.order_no)
                .values(refunding=order_payments.c.refunding + amount)
            )
        return f"{claim_no}-1"

    # --- what others do meanwhile ------------------------------------------------------------------------------------

    async def turn_back(self, leg_id: str, *, free: bool = True) -> bool:
        """Undo the claim as its workflow would; False when the ledger forbids it. Not `free`: the undo is under way."""
        claim_no = claim_of(leg_id)
        async with self._engine.begin() as conn:
            head = await enter(conn, claim_no)
            assert head is not None
            if not await turning_back.turn_back(conn, head, "2001", "claim.aborted"):
                return False
        if not free:
            return True
        async with self._engine.begin() as conn:
            head = await enter(conn, claim_no, Direction.UNDOING)
            assert head is not None
            await turning_back.free(conn, head)
            await claims.restate(conn, claim_no)
        return True

    async def settle_by_hand(self, leg_id: str) -> None:
        async with self._engine.begin() as conn:
            head = await enter(conn, claim_of(leg_id))
            assert head is not None
            await by_hand.settle(conn, leg_id, "bank transfer 1")
            await claims.decide(conn, head)

    async def age(self, leg_id: str) -> None:
        """Let deadline and settling time of the newest attempt pass, without waiting for them."""
        await self._sql(
            "UPDATE refund_attempts SET deadline = deadline - interval '1 day', "
            "settled_after = settled_after - interval '1 day' WHERE leg_id = :leg_id",
            leg_id=leg_id,
        )

    async def age_key(self, leg_id: str, days: int) -> None:
        await self._sql(
            "UPDATE refund_legs SET key_used_at = key_used_at - make_interval(days => :days) WHERE leg_id = :leg_id",
            leg_id=leg_id,
            days=days,
        )

    async def age_claim(self, leg_id: str, hours: float) -> None:
        await self._sql(
            "UPDATE claims SET closed_at = closed_at - make_interval(secs => :seconds) WHERE claim_no = :claim_no",
            claim_no=claim_of(leg_id),
            seconds=hours * 3600,
        )

    async def _sql(self, statement: str, **values: object) -> None:
        async with self._engine.begin() as conn:
            await conn.execute(text(statement), values)

    # --- what came of it ---------------------------------------------------------------------------------------------

    async def seen(self, leg_id: str) -> Seen:
        async with self._engine.connect() as conn:
            return await refunds.read(conn, leg_id)

    async def state(self, leg_id: str) -> LegState:
        return (await self.seen(leg_id)).leg.state

    async def settled(self, leg_id: str) -> bool:
        """Whether the newest attempt's deadline and settling time have passed."""
        attempt = (await self.seen(leg_id)).attempt
        return attempt is not None and attempt.settled

    async def attempts(self, leg_id: str) -> list[tuple[int, int, AttemptState]]:
        """Every attempt of the leg as (n, try, state), in the order of n."""
        rows = await self._rows(
            select(refund_attempts).where(refund_attempts.c.leg_id == leg_id).order_by(refund_attempts.c.n)
        )
        return [(row.n, row.try_no, AttemptState(row.state)) for row in rows]

    async def newest(self, leg_id: str) -> Row[Any]:
        """The row of the newest attempt."""
        found = select(refund_attempts).where(refund_attempts.c.leg_id == leg_id)
        return (await self._rows(found.order_by(refund_attempts.c.try_no.desc())))[0]

    async def leg_row(self, leg_id: str) -> Row[Any]:
        return (await self._rows(select(refund_legs).where(refund_legs.c.leg_id == leg_id)))[0]

    async def claim(self, leg_id: str) -> Row[Any]:
        return (await self._rows(select(claims_table).where(claims_table.c.claim_no == claim_of(leg_id))))[0]

    async def events(self, leg_id: str) -> list[str]:
        found = select(claim_events).where(claim_events.c.claim_no == claim_of(leg_id))
        return [row.event for row in await self._rows(found.order_by(claim_events.c.event_id))]

    async def everything(self) -> str:
        """Every row of every table, as text."""
        tables = await self._rows(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        told = []
        for (name,) in tables:
            told += [str(tuple(row)) for row in await self._rows(text(f"SELECT t::text FROM {name} AS t"))]  # noqa: S608
        return "\n".join(told)

    async def _rows(self, query: Any) -> list[Row[Any]]:
        async with self._engine.connect() as conn:
            return list((await conn.execute(query)).all())

    def returned(self, paid: Paid) -> list[int]:
        """The amounts that the gateway's own ledger shows as given back, or about to be."""
        return [one["amount"] for one in self.refunds(paid) if one["status"] != "failed"]

    def refunds(self, paid: Paid) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.gateway.payment(paid.pg_tid)["refunds"]
        return listed

    def end_pending(self, paid: Paid, status: str) -> None:
        """Let the gateway end its one pending refund of the payment."""
        (pending,) = (one for one in self.refunds(paid) if one["status"] == "pending")
        self.gateway.http.post(f"/refunds/{pending['refundId']}/settle", json={"status": status}).raise_for_status()


def claim_of(leg_id: str) -> str:
    return leg_id.rsplit("-", 1)[0]
