"""What a claim gives back of our own once it may: coupons, credits, stock; and its end. docs/saga.md: the pivot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from temporalio import activity

from activities.errors import database_errors
from activities.messages import ClaimRef, Message
from activities.notices import NoticePlanner
from domain.claims import NoticeEvent, Step, StepStatus
from store import claims, coupons, effects, own_credits, points, stock
from store.database import Connection, Engine
from store.fence import ClaimHead, enter

CREDITS = Step.REFUND
"""The part of the refund step that is ours: mileage, deposit, gift cards; and earned points, which are taken back."""

CREDITS_PART = "credits"
"""What its parking is told by: no refund leg at a gateway."""


async def _give_coupons(conn: Connection, head: ClaimHead) -> None:
    await coupons.give_back(conn, head)
    await _given(conn, head, Step.COUPONS, "coupons.returned")


async def _give_credits(conn: Connection, head: ClaimHead) -> None:
    """Own credits first, so that points are taken from what the member has with them."""
    await own_credits.lock_member(conn, head)
    if await own_credits.give_back(conn, head):
        await claims.add_event(conn, head.claim_no, head.order_no, "credits.returned", step=CREDITS)
    if taken := await points.take_back(conn, head):
        await claims.add_event(
            conn,
            head.claim_no,
            head.order_no,
            "points.taken_back",
            step=CREDITS,
            points=taken.taken + taken.owed,
            owed=taken.owed,
        )


async def _give_stock(conn: Connection, head: ClaimHead) -> None:
    await stock.restock(conn, head)
    await _given(conn, head, Step.RESTOCK, "stock.returned")


async def _given(conn: Connection, head: ClaimHead, part: Step, event: str) -> None:
    await claims.set_step_unless_skipped(conn, head.claim_no, part, StepStatus.DONE)
    await claims.add_event(conn, head.claim_no, head.order_no, event, step=part)


_GIVE: Mapping[Step, Callable[[Connection, ClaimHead], Awaitable[None]]] = {
    Step.COUPONS: _give_coupons,
    CREDITS: _give_credits,
    Step.RESTOCK: _give_stock,
}
"""In the order in which their rows are locked."""


class Settle(Message):
    """Which parts to give back, in the order in which their rows are locked: coupons, credits, stock."""

    claim_no: str
    parts: tuple[Step, ...]


class Settled(Message):
    """`completed`: nothing is left to do but to send `notice_ids`. `fenced`: the claim goes another way by now."""

    completed: bool = False
    fenced: bool = False
    notice_ids: tuple[str, ...] = ()


class Conclude(Message):
    claim_no: str
    failed: bool


class SettlementActivities:
    def __init__(self, engine: Engine, planner: NoticePlanner) -> None:
        self._engine = engine
        self._planner = planner

    @activity.defn
    async def settle(self, asked: Settle) -> Settled:
        """Give back the parts named, all or none of them, and complete the claim if that was all.

        Each part happens once per claim, by its row; in a claim without an external leg the first is the pivot.
        """
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, asked.claim_no)
                if head is None:
                    return Settled(fenced=True)
                await self._refuse_before_pivot(conn, head)
                for part, give in _GIVE.items():
                    if part in asked.parts and await effects.happen(conn, part_key(head.claim_no, part), head.claim_no):
                        await give(conn, head)
                await claims.decide(conn, head)
                return await self._finish(conn, head)

    @activity.defn
    async def complete(self, claim: ClaimRef) -> Settled:
        """Complete the claim if all its branches are settled. Idempotent."""
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, claim.claim_no)
                if head is None:
                    return Settled(fenced=True)
                return await self._finish(conn, head)

    @activity.defn
    async def announce_pending(self, claim: ClaimRef) -> list[str]:
        """Plan the notice that the refund was accepted and arrives later; answers the notices to send."""
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, claim.claim_no)
                if head is None or (await claims.standing(conn, claim.claim_no)).settled:
                    return []
                return await self._planner.plan(conn, claim.claim_no, NoticeEvent.ACCEPTED)

    @activity.defn
    async def conclude(self, asked: Conclude) -> str:
        """Record how telling the customer ended, and answer the claim's status.

        That is not final when the claim was reopened meanwhile: then nothing is recorded, and it goes on.
        """
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, asked.claim_no, None)
                if head is None:
                    raise LookupError(asked.claim_no)
                if head.status.final:
                    failed = asked.failed or await claims.notice_failed(conn, asked.claim_no)
                    status = StepStatus.FAILED if failed else StepStatus.DONE
                    await claims.set_step(conn, asked.claim_no, Step.NOTIFY, status)
                return await claims.restate(conn, asked.claim_no)

    async def _finish(self, conn: Connection, head: ClaimHead) -> Settled:
        standing = await claims.standing(conn, head.claim_no)
        if standing.final:
            return Settled(completed=True, notice_ids=tuple(await self._planner.unsent(conn, head.claim_no)))
        done = {StepStatus.DONE, StepStatus.SKIPPED}
        steps = (Step.CHARGE, Step.COUPONS, Step.RESTOCK)
        if any(standing.steps[step] not in done for step in steps) or standing.points or not standing.settled:
            await claims.restate(conn, head.claim_no)
            return Settled()
        await claims.decide(conn, head)
        await claims.set_steps(
            conn,
            head.claim_no,
            {Step.REFUND: StepStatus.DONE, Step.COMPLETE: StepStatus.DONE, Step.NOTIFY: StepStatus.RUNNING},
        )
        await claims.close(conn, head.claim_no)
        await claims.record(conn, head, "claim.completed", step=Step.COMPLETE)
        told = await self._planner.plan(conn, head.claim_no, NoticeEvent.COMPLETED)
        return Settled(completed=True, notice_ids=tuple(told))

    async def _refuse_before_pivot(self, conn: Connection, head: ClaimHead) -> None:
        """Nothing of ours is given back while a refund or a charge could still be refused: that would be a bug."""
        if head.decided:
            return
        standing = await claims.standing(conn, head.claim_no)
        if standing.external_legs or standing.extra:
            raise RuntimeError(f"claim {head.claim_no} has a refund or charge that nobody accepted yet")


def part_key(claim_no: str, part: Step) -> str:
    return f"settle/{claim_no}/{part.value}"
