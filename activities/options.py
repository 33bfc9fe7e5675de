"""The steps of an option change: open, reserve, swap, release, and undoing them. docs/saga.md: option changes.

The swap is the pivot: before it the undo gives back what this claim reserved; after it only forward.
"""

from __future__ import annotations

from pydantic import AwareDatetime
from temporalio import activity

from activities.errors import database_errors
from activities.messages import Begun, ClaimRef, Message, Pace
from activities.notices import NoticePlanner
from activities.opening import open_key, open_once
from activities.refusals import to_failure
from activities.settlement import Settled
from domain.claims import Actor, ClaimKind, Direction, NoticeEvent, Step, StepStatus
from domain.options import check_change
from domain.orders import Fault, Held
from domain.policy import Policy
from domain.refusals import Code, Refusal
from store import changes, claims, effects, opening, stock, turning_back
from store.claims import FoundClaim
from store.database import Connection, Engine
from store.fence import ClaimHead, enter
from store.opening import NewClaim
from store.orders import load_item, load_state

REASON_CODE = "30"
"""An option change always has the customer's reason "another option wanted"."""


class OpenChange(Message):
    """A request to change a line's option, as the API accepted it. `claim_no` was reserved with the request's row."""

    claim_no: str
    order_no: str
    workflow_id: str
    request_key: str
    digest: str
    line_no: int
    goods_no: str
    variant_no: str
    actor: Actor
    language: str
    accept_by: AwareDatetime


class OptionActivities:
    def __init__(self, engine: Engine, pace: Pace, planner: NoticePlanner, policy: Policy) -> None:
        self._engine = engine
        self._pace = pace
        self._planner = planner
        self._policy = policy

    @activity.defn
    async def open_change(self, asked: OpenChange) -> Begun:
        """Check the gate under lock and hold the line, or find that done; see `activities.opening`."""

        async def write(conn: Connection, _: FoundClaim | None) -> None:
            await self._write(conn, asked)

        return await open_once(self._engine, self._pace, asked, write)

    async def _write(self, conn: Connection, asked: OpenChange) -> None:
        state = await load_state(conn, asked.order_no)
        if state is None:
            raise Refusal(Code.NOT_FOUND, "order.unknown")
        item = await load_item(conn, asked.goods_no, asked.variant_no)
        line = check_change(state, asked.line_no, item, asked.actor, self._policy)
        gone = state.units_gone(line.line_no)
        await effects.happen(conn, open_key(asked.claim_no), asked.claim_no)
        await opening.open_change(
            conn,
            NewClaim(
                claim_no=asked.claim_no,
                order_no=asked.order_no,
                kind=ClaimKind.OPTION_CHANGE,
                workflow_id=asked.workflow_id,
                request_key=asked.request_key,
                digest=asked.digest,
                quote_nonce=None,
                private_id=None,
                actor=asked.actor,
                language=asked.language,
                reason_code=REASON_CODE,
                fault=Fault.CUSTOMER,
                policy_version=self._policy.version,
            ),
            state.order.currency,
            Held(line.line_no, gone + 1, line.quantity - gone),
            asked.variant_no,
        )

    @activity.defn
    async def reserve(self, claim: ClaimRef) -> None:
        """Take the new variant's units out of its stock, once. Raises VARIANT_IMPOSSIBLE when somebody was faster."""
        with database_errors():
            async with self._engine.begin() as conn:
                head = await _forward(conn, claim.claim_no)
                if head.decided or not await effects.happen(conn, reserve_key(claim.claim_no), claim.claim_no):
                    return
                line = await stock.changed_line(conn, claim.claim_no)
                item = await load_item(conn, line.goods_no, line.new_variant_no, lock=True)
                if item is None or item.stock < line.quantity:
                    raise to_failure(Refusal(Code.VARIANT_IMPOSSIBLE, "variant.sold_out", line_no=line.line_no))
                await stock.move(conn, "reserve", claim.claim_no, line, line.new_variant_no, -line.quantity)
                await claims.set_step(conn, claim.claim_no, Step.RESERVE, StepStatus.DONE)
                await claims.add_event(
                    conn, claim.claim_no, head.order_no, "variant.reserved", step=Step.RESERVE, quantity=line.quantity
                )
                await claims.restate(conn, claim.claim_no)

    @activity.defn
    async def swap(self, claim: ClaimRef) -> None:
        """Move the line to the new variant, if it has not moved on meanwhile: the pivot. Raises the gate's refusal."""
        with database_errors():
            async with self._engine.begin() as conn:
                head = await _forward(conn, claim.claim_no)
                if head.decided:
                    return
                line = await stock.changed_line(conn, claim.claim_no)
                item = await load_item(conn, line.goods_no, line.new_variant_no)
                if item is None:
                    raise to_failure(Refusal(Code.VARIANT_IMPOSSIBLE, "variant.unknown", line_no=line.line_no))
                if not await changes.line_is_changeable(conn, line.order_no, line.line_no):
                    raise to_failure(Refusal(Code.NOT_CANCELLABLE, "line.moved_on", line_no=line.line_no))
                await effects.happen(conn, swap_key(claim.claim_no), claim.claim_no)
                await changes.swap_variant(conn, line.order_no, line.line_no, item.variant_no, item.variant_name)
                await changes.release_hold(conn, claim.claim_no)
                await claims.decide(conn, head)
                await claims.set_step(conn, claim.claim_no, Step.SWAP, StepStatus.DONE)
                await claims.add_event(conn, claim.claim_no, head.order_no, "line.changed", step=Step.SWAP)
                await claims.restate(conn, claim.claim_no)

    @activity.defn
    async def release(self, claim: ClaimRef) -> Settled:
        """Put the old variant's units back into its stock, complete the change, and plan the customer's notice."""
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, claim.claim_no)
                if head is None:
                    return Settled(fenced=True)
                if await effects.happen(conn, release_key(claim.claim_no), claim.claim_no):
                    line = await stock.changed_line(conn, claim.claim_no)
                    await load_item(conn, line.goods_no, line.variant_no, lock=True)
                    await stock.move(conn, "release", claim.claim_no, line, line.variant_no, line.quantity)
                    await claims.set_step(conn, claim.claim_no, Step.RELEASE, StepStatus.DONE)
                    await claims.set_step(conn, claim.claim_no, Step.NOTIFY, StepStatus.RUNNING)
                    await claims.add_event(conn, claim.claim_no, head.order_no, "stock.returned", step=Step.RELEASE)
                    await claims.close(conn, claim.claim_no)
                    await claims.restate(conn, claim.claim_no)
                told = await self._planner.plan(conn, claim.claim_no, NoticeEvent.OPTION_CHANGED)
                return Settled(completed=True, notice_ids=tuple(told))

    @activity.defn
    async def undo_change(self, claim: ClaimRef) -> list[str]:
        """Give back what this claim reserved, free the line, reject the claim; answers the notices to send."""
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, claim.claim_no, Direction.UNDOING)
                if head is None:
                    return await self._planner.unsent(conn, claim.claim_no)
                if await effects.reverse(conn, reserve_key(claim.claim_no), claim.claim_no):
                    line = await stock.changed_line(conn, claim.claim_no)
                    await load_item(conn, line.goods_no, line.new_variant_no, lock=True)
                    await stock.move(conn, "unreserve", claim.claim_no, line, line.new_variant_no, line.quantity)
                if await effects.reverse(conn, open_key(claim.claim_no), claim.claim_no):
                    await turning_back.free(conn, head)
                await claims.restate(conn, claim.claim_no)
                return await self._planner.plan(conn, claim.claim_no, NoticeEvent.REJECTED)


def reserve_key(claim_no: str) -> str:
    return f"reserve/{claim_no}"


def swap_key(claim_no: str) -> str:
    return f"swap/{claim_no}"


def release_key(claim_no: str) -> str:
    return f"release/{claim_no}"


async def _forward(conn: Connection, claim_no: str) -> ClaimHead:
    """The claim under its order's lock. One that goes back by now refuses the step with the reason it goes back for."""
    head = await enter(conn, claim_no)
    if head is None:
        back = await enter(conn, claim_no, None)
        if back is None:
            raise to_failure(Refusal(Code.NOT_FOUND, "claim.unknown"))
        code = Code(back.refusal_code) if back.refusal_code else Code.NOT_CANCELLABLE
        raise to_failure(Refusal(code, back.refusal_reason or "claim.aborted"))
    return head
