"""A small world around one extra payment: an order, its member, and a claim that costs more than it returns."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.claims import CANCEL_STEPS, Actor, ClaimKind, ClaimStatus, Direction, StepStatus
from domain.orders import Fault, Means, PaymentStatus
from store import charges, claims, private, stored_means, turning_back
from store.charges import Charge, ChargeSuspect
from store.fence import enter
from store.private import TOKEN_PART, Vault
from store.stored_means import FedMeans, ShownMeans
from store.tables import (
    claim_events,
    claim_steps,
    credit_movements,
    extra_payments,
    findings,
    members,
    order_payments,
    orders,
)
from store.tables import claims as claims_table
from tests.sandbox.caller import Caller

SECRET = "a secret of the tests"
VAULT = Vault(SECRET)
TOKEN = "tok-4111-do-not-tell"
AMOUNT = 3_000

_numbers = itertools.count(1)


class World:
    """Sets rows and gateway up as the service would have, and reads both afterwards."""

    def __init__(self, engine: AsyncEngine, caller: Caller) -> None:
        self._engine = engine
        self.gateway = caller

    async def claim(
        self,
        means: Means = Means.CARD,
        *,
        gateway: str | None = "sandbox",
        token: str | None = TOKEN,
        stored_no: str | None = None,
        balance: int | None = 0,
    ) -> str:
        """A claim that charges AMOUNT; its number. `balance`: the member's mileage and deposit each; None: a guest.

        `token` goes with the request; with `stored_no` it is stored by the member instead.
        """
        number = next(_numbers)
        order_no, claim_no, member_no = f"20230808O{number:06}", f"20230808C{number:06}", f"M{number}"
        async with self._engine.begin() as conn:
            if balance is not None:
                await conn.execute(insert(members).values(member_no=member_no, mileage=balance, deposit=balance))
            private_id = None
            if stored_no is not None:
                fed = FedMeans(ShownMeans(stored_no, means, gateway or "", "Visa"), token)
                await stored_means.put(conn, member_no, [fed], VAULT)
            elif token is not None:
                private_id = await private.keep(conn, VAULT.seal({TOKEN_PART: token, "free_text": "-"}))
            await conn.execute(
                insert(orders).values(
                    order_no=order_no,
                    member_no=None if balance is None else member_no,
                    password_hash="-" if balance is None else None,
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
                    means=Means.CARD,
                    amount=10_000,
                    status=PaymentStatus.PAID,
                    gateway="sandbox",
                    gateway_ref=f"tid-{order_no}",
                    partial_cancel=True,
                )
            )
            await conn.execute(
                insert(claims_table).values(
                    claim_no=claim_no,
                    order_no=order_no,
                    kind=ClaimKind.CANCEL,
                    workflow_id=claim_no,
                    request_key=claim_no,
                    digest="-",
                    private_id=private_id,
                    actor=Actor.MEMBER,
                    reason_code="10",
                    fault=Fault.CUSTOMER,
                    currency="KRW",
                    refund=0,
                    extra=AMOUNT,
                    status=ClaimStatus.ACCEPTED,
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
                insert(extra_payments).values(
                    claim_no=claim_no,
                    order_no=order_no,
                    means=means,
                    gateway=gateway,
                    stored_no=stored_no,
                    amount=AMOUNT,
                )
            )
        return claim_no

    # --- what others do meanwhile ------------------------------------------------------------------------------------

    async def turn_back(self, claim_no: str, *, free: bool = True) -> bool:
        """Undo the claim as its workflow would; False when the ledger forbids it. Not `free`: the undo is under way."""
        async with self._engine.begin() as conn:
            head = await enter(conn, claim_no)
            assert head is not None
            if not await turning_back.turn_back(conn, head, "2007", "charge.declined"):
                return False
        if not free:
            return True
        async with self._engine.begin() as conn:
            head = await enter(conn, claim_no, Direction.UNDOING)
            assert head is not None
            await turning_back.free(conn, head)
            await claims.restate(conn, claim_no)
        return True

    async def age(self, claim_no: str) -> None:
        """Let deadline and settling time of the newest try pass, without waiting for them."""
        await self._sql(
            "UPDATE extra_payments SET deadline = deadline - interval '1 day', "
            "settled_after = settled_after - interval '1 day' WHERE claim_no = :claim_no",
            claim_no=claim_no,
        )

    async def age_key(self, claim_no: str, days: int) -> None:
        await self._sql(
            "UPDATE extra_payments SET key_used_at = key_used_at - make_interval(days => :days) WHERE claim_no = :no",
            no=claim_no,
            days=days,
        )

    async def age_claim(self, claim_no: str, hours: float) -> None:
        await self._sql(
            "UPDATE claims SET closed_at = closed_at - make_interval(secs => :seconds) WHERE claim_no = :claim_no",
            claim_no=claim_no,
            seconds=hours * 3600,
        )

    async def forget_stored_means(self, claim_no: str) -> None:
        await self._sql(
            "DELETE FROM stored_means USING orders JOIN claims USING (order_no)"
            " WHERE stored_means.member_no = orders.member_no AND claim_no = :no",
            no=claim_no,
        )

    async def spend(self, claim_no: str, amount: int) -> None:
        """The member pays something else from both balances."""
        await self._sql(
            "UPDATE members SET mileage = mileage - :amount, deposit = deposit - :amount"
            " FROM orders JOIN claims USING (order_no) WHERE members.member_no = orders.member_no AND claim_no = :no",
            amount=amount,
            no=claim_no,
        )

    async def _sql(self, statement: str, **values: object) -> None:
        async with self._engine.begin() as conn:
            await conn.execute(text(statement), values)

    # --- what came of it ---------------------------------------------------------------------------------------------

    async def charge(self, claim_no: str) -> Charge:
        async with self._engine.connect() as conn:
            return await charges.read(conn, claim_no)

    async def row(self, claim_no: str) -> Row[Any]:
        return (await self._rows(select(extra_payments).where(extra_payments.c.claim_no == claim_no)))[0]

    async def claim_row(self, claim_no: str) -> Row[Any]:
        return (await self._rows(select(claims_table).where(claims_table.c.claim_no == claim_no)))[0]

    async def payment(self, claim_no: str) -> Row[Any] | None:
        """The payment of the order that the claim took, if it did."""
        found = await self._rows(select(order_payments).where(order_payments.c.taken_by == claim_no))
        assert len(found) <= 1
        return found[0] if found else None

    async def step(self, claim_no: str) -> str:
        found = select(claim_steps.c.status).where(claim_steps.c.claim_no == claim_no, claim_steps.c.step == "charge")
        return str((await self._rows(found))[0].status)

    async def movements(self, claim_no: str) -> list[tuple[str, str, int]]:
        found = select(credit_movements).where(credit_movements.c.claim_no == claim_no)
        return [(row.kind, row.means, row.amount) for row in await self._rows(found)]

    async def balances(self, claim_no: str) -> tuple[int, int]:
        """The member's mileage and deposit."""
        member_no = (await self.charge(claim_no)).member_no
        row = (await self._rows(select(members).where(members.c.member_no == member_no)))[0]
        return row.mileage, row.deposit

    async def events(self, claim_no: str) -> list[str]:
        found = select(claim_events).where(claim_events.c.claim_no == claim_no)
        return [row.event for row in await self._rows(found.order_by(claim_events.c.event_id))]

    async def suspects(self, claim_no: str) -> list[ChargeSuspect]:
        async with self._engine.connect() as conn:
            return [one for one in await charges.to_look_at_again(conn, 50) if one.claim_no == claim_no]

    async def findings(self, key: str) -> list[dict[str, Any]]:
        return [row.detail for row in await self._rows(select(findings).where(findings.c.finding_key == key))]

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

    def taken(self, claim_no: str) -> list[dict[str, Any]]:
        """What the gateway's own ledger shows as charged for the claim."""
        return self.gateway.charges(f"X-{claim_no}")

    def amounts(self, claim_no: str) -> list[int]:
        return [one["amount"] for one in self.taken(claim_no)]
