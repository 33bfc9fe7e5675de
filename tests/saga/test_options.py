"""Option changes on real parts: nobody loses a held unit, a line is never both changed and shipped, stock adds up."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.common import RetryPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError

from activities.claims import TurnBack, Turned
from activities.messages import ClaimRef
from activities.options import OpenChange
from activities.refusals import from_failure
from domain.orders import Item, LineStatus, SaleMethod, SaleStatus
from domain.refusals import Refusal
from store.feed_shop import put_item
from store.line_moves import move_line
from tests.support.broken import broken
from tests.support.holding import Holder, When, holding
from tests.support.house import House
from tests.support.orders import line, order
from tests.support.steps import Steps, run
from workflows import budgets
from workflows.change_option import ChangeOptionWorkflow
from workflows.messages import Changed, ChangeOption

OLD, NEW = "001", "002"

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step in our own database is parked after two tries."""
    policy = RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=2)
    for budget in (budgets.LEDGER, budgets.LEDGER_LOCAL):
        monkeypatch.setitem(budget, "retry_policy", policy)


@dataclass(frozen=True)
class Shelf:
    """Goods with two variants of the same price."""

    house: House
    goods_no: str

    async def sell(self, quantity: int = 1) -> str:
        """An order of the old variant; its stock stays as it is."""
        stands = await self.house.stock(self.goods_no, OLD)
        sold = replace(line(1, 10_000, quantity), goods_no=self.goods_no)
        return await self.house.feed(order(sold, member_no=f"M{next(_numbers)}"), stock=stands)

    async def stock(self) -> tuple[int, int]:
        """Of the old and of the new variant."""
        return await self.house.stock(self.goods_no, OLD), await self.house.stock(self.goods_no, NEW)

    def ask(self, order_no: str, variant_no: str = NEW) -> OpenChange:
        return self.house.asked_change(order_no, 1, variant_no, goods_no=self.goods_no)

    async def variant(self, order_no: str) -> str:
        return str(await self.house.value("SELECT variant_no FROM order_lines WHERE order_no = :no", no=order_no))

    async def adds_up(self) -> bool:
        """The stock of both variants is the sum of what is booked."""
        rows = await self.house.rows(
            "SELECT variant_no, sum(quantity) AS stock FROM stock_movements WHERE goods_no = :no GROUP BY variant_no",
            no=self.goods_no,
        )
        booked = {row["variant_no"]: row["stock"] for row in rows}
        return (booked.get(OLD, 0), booked.get(NEW, 0)) == await self.stock()


async def shelf(house: House, *, old: int = 0, new: int = 5) -> Shelf:
    goods_no = f"SHELF{next(_numbers)}"
    async with house.engine.begin() as conn:
        for variant_no, name, stock in ((OLD, "Red", old), (NEW, "Blue", new)):
            await put_item(
                conn,
                Item(goods_no, variant_no, "Goods 1", name, (), 10_000, SaleStatus.ON_SALE, SaleMethod.ORDINARY, stock),
            )
    return Shelf(house, goods_no)


async def ship(house: House, order_no: str) -> str:
    """Instruct the line's shipment, and answer which variant is shipped."""
    async with house.engine.begin() as conn:
        await move_line(conn, order_no, 1, LineStatus.SHIP_INSTRUCTED, None)
        found = await conn.exec_driver_sql(f"SELECT variant_no FROM order_lines WHERE order_no = '{order_no}'")  # noqa: S608
        return str(found.scalar_one())


async def resume(house: House, asked: OpenChange) -> WorkflowHandle[Any, Any]:
    """As an operator resumes it: the same id, with the claim number alone."""
    return await house.temporal.start_workflow(
        ChangeOptionWorkflow.run,
        ChangeOption(claim_no=asked.claim_no),
        id=asked.workflow_id,
        task_queue=house.settings.task_queue,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
    )


async def movements(house: House, asked: OpenChange) -> list[str]:
    rows = await house.rows(
        "SELECT kind FROM stock_movements WHERE claim_no = :no ORDER BY movement_id", no=asked.claim_no
    )
    return [row["kind"] for row in rows]


async def undone(on: Shelf, asked: OpenChange, stock: tuple[int, int]) -> None:
    """The change left nothing behind: not on the line, not in stock, not held."""
    assert await on.variant(asked.order_no) == OLD
    assert await on.stock() == stock
    assert await on.house.status(asked.claim_no) == "REJECTED"
    held = "SELECT count(*) FROM claim_lines WHERE claim_no = :no AND live"
    assert await on.house.value(held, no=asked.claim_no) == 0


# --- plain ----------------------------------------------------------------------------------------------------------


async def test_change_moves_the_line_and_the_stock(house: House) -> None:
    on = await shelf(house, old=3, new=5)
    order_no = await on.sell(2)
    asked = on.ask(order_no)
    assert (await house.change(asked)).claim_no == asked.claim_no
    assert await on.variant(order_no) == NEW
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await on.stock() == (5, 3)
    assert await on.adds_up()
    assert await movements(house, asked) == ["reserve", "release"]
    name = await house.value("SELECT variant_name FROM order_lines WHERE order_no = :no", no=order_no)
    assert name == "Blue"
    told = await house.rows("SELECT DISTINCT event FROM notices WHERE claim_no = :no", no=asked.claim_no)
    assert told == [{"event": "option_changed"}]


async def test_cancel_after_a_change_restocks_the_new_variant(house: House) -> None:
    on = await shelf(house, old=3, new=5)
    order_no = await on.sell(2)
    change = on.ask(order_no)
    await house.change(change)
    await house.outcome(change.workflow_id)
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await on.stock() == (5, 4)
    assert await on.adds_up()


async def test_change_after_a_partial_cancel_moves_only_the_units_left(house: House) -> None:
    on = await shelf(house, old=3, new=5)
    order_no = await on.sell(3)
    asked = house.asked(order_no, {1: 1})
    await house.cancel(asked)
    await house.outcome(asked.workflow_id)
    change = on.ask(order_no)
    await house.change(change)
    assert (await house.outcome(change.workflow_id))["status"] == "COMPLETED"
    assert await on.stock() == (6, 3)
    rest = house.asked(order_no, {1: 2})
    await house.cancel(rest)
    assert (await house.outcome(rest.workflow_id))["status"] == "COMPLETED"
    assert await on.stock() == (6, 5)
    assert await on.adds_up()


# --- two who want the same ------------------------------------------------------------------------------------------


async def test_two_changes_at_once_for_the_last_unit(house: House) -> None:
    for _ in range(5):
        on = await shelf(house, new=1)
        asked = [on.ask(await on.sell()) for _ in range(2)]
        answers = await asyncio.gather(*(house.change(one) for one in asked), return_exceptions=True)
        [refused] = [one for one in answers if isinstance(one, Refusal)]
        assert refused.code.value == "2008"
        assert len([one for one in answers if isinstance(one, Changed)]) == 1
        for one in asked:
            await house.outcome(one.workflow_id)
        assert sorted([await on.variant(one.order_no) for one in asked]) == [OLD, NEW]
        assert await on.stock() == (1, 0)
        assert await on.adds_up()


async def test_two_changes_that_both_saw_the_last_unit(house: House) -> None:
    """Both are open before either reserves: the second to reserve is rejected, and its customer told."""
    on, steps = await shelf(house, new=1), Steps.of(house)
    asked = [on.ask(await on.sell()) for _ in range(2)]
    for one in asked:
        await run(steps.options.open_change, one)
    for one in asked:
        await resume(house, one)
    ended = [(await house.outcome(one.workflow_id))["status"] for one in asked]
    assert sorted(ended) == ["COMPLETED", "REJECTED"]
    loser = asked[ended.index("REJECTED")]
    assert await house.rows(
        "SELECT refusal_code, refusal_reason FROM claims WHERE claim_no = :no", no=loser.claim_no
    ) == [{"refusal_code": "2008", "refusal_reason": "variant.sold_out"}]
    assert await movements(house, loser) == []
    told = await house.rows("SELECT DISTINCT event FROM notices WHERE claim_no = :no", no=loser.claim_no)
    assert told == [{"event": "rejected"}]
    assert await on.stock() == (1, 0)


async def test_two_changes_of_one_line_at_once(house: House) -> None:
    on = await shelf(house, new=5)
    order_no = await on.sell(2)
    asked = [on.ask(order_no) for _ in range(3)]
    answers = await asyncio.gather(*(house.change(one) for one in asked), return_exceptions=True)
    refused = [one for one in answers if isinstance(one, Refusal)]
    assert len(refused) == 2
    # Being changed, or changed already.
    assert {one.code.value for one in refused} <= {"2001", "2008"}
    for one in asked:
        await house.outcome(one.workflow_id)
    assert await on.stock() == (2, 3)


# --- a shipment at the same moment ----------------------------------------------------------------------------------


async def never_both(on: Shelf, asked: OpenChange, change: Any, shipped: str, stock: tuple[int, int]) -> None:
    """What is shipped is what the line says, and the change was made or refused whole."""
    await on.house.outcome(asked.workflow_id)
    assert await on.variant(asked.order_no) == shipped
    if isinstance(change, Changed):
        assert shipped == NEW
        assert await on.stock() == (stock[0] + 1, stock[1] - 1)
    else:
        assert isinstance(change, Refusal)
        assert change.code.value == "2001"
        assert shipped == OLD
        assert await on.stock() == stock


@pytest.fixture(scope="module")
async def holds(idle_house: House) -> AsyncIterator[tuple[House, Holder]]:
    await idle_house.mend()
    async with holding(idle_house) as held:
        yield held


@pytest.mark.parametrize("when", list(When))
@pytest.mark.parametrize("step", ["open_change", "reserve", "swap", "release"])
async def test_shipment_between_any_two_steps(holds: tuple[House, Holder], step: str, when: When) -> None:
    house, holder = holds
    on = await shelf(house, old=3, new=5)
    asked = on.ask(await on.sell())
    with holder.hold(asked.workflow_id, step, when) as held:
        changing = asyncio.create_task(house.change(asked))
        await asyncio.wait_for(held.reached.wait(), 20)
        shipped = await ship(house, asked.order_no)
    [change] = await asyncio.gather(changing, return_exceptions=True)
    await never_both(on, asked, change, shipped, (3, 5))
    assert isinstance(change, Changed) == (step == "release" or (step, when) == ("swap", When.AFTER))


async def test_shipments_and_changes_at_random_moments(house: House) -> None:
    rolled = random.Random(20230808)

    async def race(on: Shelf, asked: OpenChange, head_start: float) -> None:
        async def later() -> str:
            # Not to wait for anything: to meet the change at another moment each time.
            await asyncio.sleep(head_start)
            return await ship(house, asked.order_no)

        change, shipped = await asyncio.gather(house.change(asked), later(), return_exceptions=True)
        assert isinstance(shipped, str), shipped
        await never_both(on, asked, change, shipped, (3, 5))

    for _ in range(4):
        races = [(await shelf(house, old=3, new=5), rolled.uniform(0, 0.25)) for _ in range(6)]
        await asyncio.gather(*[race(on, on.ask(await on.sell()), start) for on, start in races])


# --- beside cancel claims -------------------------------------------------------------------------------------------


async def test_line_held_by_an_open_cancel_is_not_changed(house: House) -> None:
    on = await shelf(house)
    order_no = await on.sell(2)
    await house.fault("down")
    cancel = house.asked(order_no, {1: 1})
    await house.cancel(cancel)
    with pytest.raises(Refusal) as refused:
        await house.change(on.ask(order_no))
    assert refused.value.code.value == "2001"
    assert refused.value.facts["claim_no"] == cancel.claim_no
    parking = await house.parking(cancel.claim_no)
    await house.mend()
    await house.resolve(cancel.workflow_id, parking["parking_no"], "retry")
    assert (await house.outcome(cancel.workflow_id))["status"] == "COMPLETED"


async def test_line_being_changed_is_not_cancelled(holds: tuple[House, Holder]) -> None:
    house, holder = holds
    on = await shelf(house)
    change = on.ask(await on.sell(2))
    with holder.hold(change.workflow_id, "swap", When.BEFORE) as held:
        changing = asyncio.create_task(house.change(change))
        await asyncio.wait_for(held.reached.wait(), 20)
        with pytest.raises(Refusal) as refused:
            await house.cancel(house.asked(change.order_no, {1: 1}))
        assert refused.value.code.value == "2001"
        assert refused.value.facts["claim_no"] == change.claim_no
    await changing
    assert (await house.outcome(change.workflow_id))["status"] == "COMPLETED"


# --- turned back, parked, resumed -----------------------------------------------------------------------------------

SWAP = "NEW.event = 'line.changed'"


async def reserved(on: Shelf, asked: OpenChange) -> tuple[asyncio.Task[Changed], int]:
    """A change parked between reserving and swapping: its caller's call, and the parking's number."""
    changing = asyncio.create_task(on.house.change(asked))
    parking = await on.house.parking(asked.claim_no)
    assert (parking["step"], parking["cause"], parking["actions"]) == ("swap", "BUG", ["retry", "abort"])
    assert await movements(on.house, asked) == ["reserve"]
    return changing, parking["parking_no"]


@pytest.mark.parametrize("by", ["abort", "cancel request"])
async def test_turned_back_before_the_swap_gives_the_reservation_back(house: House, by: str) -> None:
    on = await shelf(house, old=3, new=5)
    asked = on.ask(await on.sell(2))
    async with broken(house, asked.claim_no, "claim_events", also=SWAP):
        changing, number = await reserved(on, asked)
        assert await on.stock() == (3, 3)
        if by == "abort":
            await house.resolve(asked.workflow_id, number, "abort")
        else:
            await house.handle(asked.workflow_id).cancel(reason="stop")
        with pytest.raises(Refusal) as refused:
            await changing
    assert (refused.value.code.value, refused.value.reason) == ("2001", "claim.aborted")
    assert (await house.outcome(asked.workflow_id))["status"] == "REJECTED"
    await undone(on, asked, (3, 5))
    assert await movements(house, asked) == ["reserve", "unreserve"]
    audited = await house.rows(
        "SELECT command, accepted FROM operator_commands WHERE claim_no = :no", no=asked.claim_no
    )
    assert audited == [{"command": "abort" if by == "abort" else "cancel", "accepted": True}]


async def test_line_that_moved_on_after_the_reservation_rejects_the_change(house: House) -> None:
    on = await shelf(house, old=3, new=5)
    asked = on.ask(await on.sell(2))
    async with broken(house, asked.claim_no, "claim_events", also=SWAP):
        changing, number = await reserved(on, asked)
        async with house.engine.begin() as conn:
            await move_line(conn, asked.order_no, 1, LineStatus.SHIP_INSTRUCTED, None)
    await house.resolve(asked.workflow_id, number, "retry")
    with pytest.raises(Refusal) as refused:
        await changing
    assert (refused.value.code.value, refused.value.reason) == ("2001", "line.moved_on")
    assert (await house.outcome(asked.workflow_id))["status"] == "REJECTED"
    await undone(on, asked, (3, 5))
    told = await house.rows("SELECT DISTINCT event FROM notices WHERE claim_no = :no", no=asked.claim_no)
    assert told == [{"event": "rejected"}]


@pytest.mark.parametrize("ends", ["COMPLETED", "REJECTED"])
async def test_terminated_between_reserving_and_swapping_and_resumed(house: House, ends: str) -> None:
    on = await shelf(house, old=3, new=5)
    asked = on.ask(await on.sell(2))
    async with broken(house, asked.claim_no, "claim_events", also=SWAP):
        changing, number = await reserved(on, asked)
        await house.handle(asked.workflow_id).terminate(reason="by mistake")
        await asyncio.gather(changing, return_exceptions=True)
        if ends == "REJECTED":
            await resume(house, asked)
            parking = await house.eventually(lambda: _parked_anew(house, asked, number))
            assert parking is not None
            await house.resolve(asked.workflow_id, parking["parking_no"], "abort")
    if ends == "COMPLETED":
        await resume(house, asked)
    assert (await house.outcome(asked.workflow_id))["status"] == ends
    if ends == "REJECTED":
        await undone(on, asked, (3, 5))
    else:
        assert await on.stock() == (5, 3)
        assert await on.variant(asked.order_no) == NEW
        assert await movements(house, asked) == ["reserve", "release"]


async def _parked_anew(house: House, asked: OpenChange, before: int) -> Mapping[str, Any] | None:
    found = await house.parking(asked.claim_no)
    return found if found["parking_no"] != before else None


async def test_terminated_before_releasing_and_resumed(house: House) -> None:
    on = await shelf(house, old=3, new=5)
    asked = on.ask(await on.sell(2))
    async with broken(house, asked.claim_no, "stock_movements", also="NEW.kind = 'release'"):
        assert (await house.change(asked)).claim_no == asked.claim_no
        parking = await house.parking(asked.claim_no)
        assert (parking["step"], parking["actions"]) == ("release", ["retry"])
        await house.handle(asked.workflow_id).terminate(reason="by mistake")
    await resume(house, asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await on.stock() == (5, 3)
    # A second run finds all done, and changes nothing.
    await resume(house, asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await movements(house, asked) == ["reserve", "release"]
    assert await on.adds_up()


async def test_cancel_requested_after_the_swap_changes_nothing(holds: tuple[House, Holder]) -> None:
    house, holder = holds
    on = await shelf(house, old=3, new=5)
    asked = on.ask(await on.sell())
    with holder.hold(asked.workflow_id, "release", When.BEFORE) as held:
        changing = asyncio.create_task(house.change(asked))
        await asyncio.wait_for(held.reached.wait(), 20)
        await house.handle(asked.workflow_id).cancel(reason="stop")
    await changing
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await on.stock() == (4, 4)
    audited = await house.rows(
        "SELECT command, accepted, refusal FROM operator_commands WHERE claim_no = :no", no=asked.claim_no
    )
    assert audited == [{"command": "cancel", "accepted": False, "refusal": "claim.decided"}]


async def test_steps_of_an_undone_change_hold_nothing(idle_house: House) -> None:
    """Each commits after the undo, as one does that was given up and goes on."""
    house, steps = idle_house, Steps.of(idle_house)
    for reserved_first in (True, False):
        on = await shelf(house, old=3, new=5)
        asked = on.ask(await on.sell(2))
        claim = ClaimRef(claim_no=asked.claim_no)
        await run(steps.options.open_change, asked)
        if reserved_first:
            await run(steps.options.reserve, claim)
        turned = await run(
            steps.claims.turn_back, TurnBack(claim_no=asked.claim_no, code="2001", reason="claim.aborted")
        )
        assert turned is Turned.UNDOING
        for between in (False, True):  # between turning back and undoing, and after both
            if between:
                await run(steps.options.undo_change, claim)
            for late in (steps.options.reserve, steps.options.swap):
                with pytest.raises(ApplicationError) as refused:
                    await run(late, claim)
                refusal = from_failure(refused.value)
                assert refusal is not None
                assert (refusal.code.value, refusal.reason) == ("2001", "claim.aborted")
            assert (await run(steps.options.release, claim)).fenced
        await run(steps.options.undo_change, claim)
        await undone(on, asked, (3, 5))
        assert await on.adds_up()
