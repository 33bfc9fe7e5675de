"""Playing cells of the matrix, many at once: begin, kill, wait for how they end, help those that a person must help."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from activities.claims import OpenCancel
from domain.orders import Means, Order
from tests.matrix.ground import CALM, KILLING, Ground, Pace
from tests.matrix.judge import Result, judge
from tests.matrix.rows import Cell, Kill, Shape, Suffers
from tests.matrix.stands import MEANS
from tests.support.gate import Way
from tests.support.orders import line, order, payment
from tests.support.stops import Stop
from workflows.messages import Accepted

MOST = 66
"""Claims at once. Each that stands somewhere holds one of the worker's activity slots, of which it has eighty."""
STARTING = 12
"""Claims that are begun side by side."""

HEARD = ("refund.done", "refund.pending", "refund.unknown", "refund.error", "refund.refused", "refund.not_sent")
"""The events that an answer of the gateway becomes."""

_numbers = count(1)


@dataclass
class Claim:
    """A cell's claim on its way. `payments`: at the cell's gateway, in the order of their legs."""

    cell: Cell
    asked: OpenCancel
    answer: asyncio.Task[Accepted]
    payments: tuple[str, ...]
    stops: tuple[int, ...]
    settled: set[str] = field(default_factory=set)
    answered: set[int] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    @property
    def payment(self) -> str:
        """The one whose refund the kill is about."""
        return self.payments[0]


@dataclass
class _Round:
    quirks: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)

    def takes(self, cell: Cell) -> bool:
        """Whether its gateway is played here as the cell wants it, or not at all yet."""
        return self.quirks.get(cell.gateway, cell.row.quirks) == cell.row.quirks

    def add(self, cell: Cell) -> None:
        self.quirks[cell.gateway] = cell.row.quirks
        self.cells.append(cell)


def rounds(cells: Sequence[Cell]) -> Iterator[list[Cell]]:
    """Cells that can be played at once: killed or not, with their gateways away or not, and each in one way."""
    made: dict[tuple[bool, bool, bool], list[_Round]] = {}
    for cell in cells:
        rounds = made.setdefault((cell.kill is not Kill.NEVER, cell.row.down, bool(cell.row.quirks)), [])
        fitting = next((one for one in rounds if one.takes(cell)), None)
        if fitting is None:
            rounds.append(fitting := _Round())
        fitting.add(cell)
    for alike in made.values():
        for one in alike:
            for start in range(0, len(one.cells), MOST):
                yield one.cells[start : start + MOST]


async def play(ground: Ground, cells: Sequence[Cell], pace: Pace | None = None) -> list[Result]:
    """Play one round of cells, and judge each. Those that are not killed begin once the others were."""
    killed = [cell for cell in cells if cell.kill is not Kill.NEVER]
    alive = [cell for cell in cells if cell.kill is Kill.NEVER]
    await ground.work(pace or (KILLING if killed else CALM))
    await _prepare(ground, cells)
    down = sorted({cell.gateway for cell in cells if cell.row.down})
    claims = []
    if killed:
        claims += await _begin(ground, killed)
        await _kill(ground, claims, down)
    claims += await _begin(ground, alive, down if not killed else ())
    await _until(ground, claims, "is at rest", helped=False)
    await ground.mend()
    await _until(ground, claims, "has ended", helped=True)
    await asyncio.gather(*(claim.answer for claim in claims))
    return [
        await judge(ground, claim.cell, claim.asked.claim_no, claim.asked.order_no, claim.wrong) for claim in claims
    ]


async def _prepare(ground: Ground, cells: Sequence[Cell]) -> None:
    await ground.mend()
    for name, stand in ground.stands.items():
        quirks: dict[str, Any] = {}
        for cell in cells:
            if cell.gateway == name:
                quirks |= cell.row.quirks
        await stand.play(quirks)


async def _take_down(ground: Ground, gateways: Sequence[str]) -> None:
    for name in gateways:
        await ground.stands[name].suffer("down", None, times=1_000_000)


# --- beginning ------------------------------------------------------------------------------------------------------


async def _begin(ground: Ground, cells: Sequence[Cell], down: Sequence[str] = ()) -> list[Claim]:
    """A claim for each cell. Those that can't stand for long at their place come last.

    The gateways that are `down` go away once everything was bought.
    """
    few = asyncio.Semaphore(STARTING)

    async def lay(cell: Cell) -> str:
        async with few:
            return await _lay(ground, cell)

    async def begin(cell: Cell, order_no: str) -> Claim:
        async with few:
            return await _begin_one(ground, cell, order_no)

    laid = list(zip(cells, await asyncio.gather(*(lay(cell) for cell in cells)), strict=True))
    await _take_down(ground, down)
    begun: list[Claim] = []
    for brief in (False, True):
        these = [(cell, order_no) for cell, order_no in laid if _brief(cell) is brief]
        claims = await asyncio.gather(*(begin(cell, order_no) for cell, order_no in these))
        await _stand(ground, [claim for claim in claims if claim.cell.kill is not Kill.NEVER])
        begun += claims
    return begun


def _brief(cell: Cell) -> bool:
    """While the gateway works for a while and then acts, whoever is still there."""
    return cell.kill is Kill.DURING and any(fault.kind == "late" for fault in cell.row.faults)


async def _lay(ground: Ground, cell: Cell) -> str:
    """Feed the cell's order, and have its payments made; its number."""
    made = order_of(cell)
    order_no = await ground.house.feed(made, email=None)
    for one in made.payments:
        await ground.stands[str(one.gateway)].pay(f"{order_no}-{one.payment_no}", one.amount)
    return order_no


async def _begin_one(ground: Ground, cell: Cell, order_no: str) -> Claim:
    numbers = {Shape.TWO: ("1", "2"), Shape.MIXED: ("2",)}.get(cell.shape, ("1",))
    payments = tuple(f"{order_no}-{number}" for number in numbers)
    for number in payments:
        for fault in cell.row.faults:
            # Reads are made before anything is sent too, when there are two legs: they suffer from the kill on.
            if not fault.reading or cell.kill is Kill.NEVER:
                await _suffer(ground, cell, fault, number)
    asked = ground.house.asked(order_no, {1: 2})
    stops = await _stops(ground, cell, asked.claim_no, numbers[0])
    if cell.kill is Kill.DURING and not _brief(cell):
        # What a gateway that is away is sent never arrives.
        ground.gate.hold(payments[0], Way.THERE if cell.row.down else Way.BACK)
    elif cell.kill is Kill.AFTER and cell.row.down:
        ground.gate.hold(payments[0], Way.THERE)
    return Claim(cell, asked, asyncio.create_task(ground.house.cancel(asked)), payments, stops)


async def _suffer(ground: Ground, cell: Cell, fault: Suffers, payment_ref: str) -> None:
    pace = ground.pace
    await ground.stands[cell.gateway].suffer(
        fault.kind, payment_ref, times=fault.times, reading=fault.reading, delay_ms=pace.of(fault.kind)
    )


async def _stops(ground: Ground, cell: Cell, claim_no: str, payment_no: str) -> tuple[int, ...]:
    if cell.kill is Kill.BEFORE:
        armed = Stop("refund_attempts", {"state": "SENT", "payment_no": payment_no}, committing=True)
        return (await ground.stops.set(claim_no, armed),)
    if cell.kill is Kill.AFTER:
        about = {"payment_no": payment_no}
        return tuple(
            [
                await ground.stops.set(claim_no, Stop("claim_events", {"event": event, "facts": about}))
                for event in HEARD
            ]
        )
    return ()


def order_of(cell: Cell) -> Order:
    """An order of two units that go, for 20,000, and one that stays unless all goes. It shares no row with another."""
    number = next(_numbers)
    gone = replace(line(1, 10_000, 2), goods_no=f"matrix-{number}-1")
    kept = replace(line(2, 30_000), goods_no=f"matrix-{number}-2")
    at, elsewhere = cell.gateway, _other(cell.gateway)
    match cell.shape:
        case Shape.FULL:
            return order(gone, payments=[paid("1", 20_000, at)], member_no=None)
        case Shape.PART:
            return order(gone, kept, payments=[paid("1", 50_000, at)], member_no=None)
        case Shape.TWO:
            return order(gone, kept, payments=[paid("1", 12_000, at), paid("2", 38_000, at)], member_no=None)
        case Shape.MIXED:
            return order(gone, kept, payments=[paid("1", 12_000, elsewhere), paid("2", 38_000, at)], member_no=None)


def paid(number: str, amount: int, gateway: str) -> Any:
    """A payment at a gateway."""
    return replace(payment(number, amount, MEANS.get(gateway, Means.CARD)), gateway=gateway)


def _other(gateway: str) -> str:
    return "stripe" if gateway == "sandbox" else "sandbox"


# --- killing --------------------------------------------------------------------------------------------------------


async def _kill(ground: Ground, claims: Sequence[Claim], down: Sequence[str]) -> None:
    """Kill the worker while every claim stands at its place, let everything go, and have a new worker work."""
    for claim in claims:
        for fault in claim.cell.row.faults:
            if fault.reading:
                for number in claim.payments:
                    await _suffer(ground, claim.cell, fault, number)
    await _take_down(ground, down)
    hanging = [claim for claim in claims if claim.cell.row.down and claim.cell.kill is Kill.AFTER]
    for claim in hanging:
        ground.gate.release(claim.payment, Way.THERE)
    await _stand(ground, hanging, answered=True)
    for claim in claims:
        if not await _stands(ground, claim, answered=True):
            claim.wrong.append("it did not stand at its place when its worker was killed")
    ground.kill()
    ground.gate.let_go()
    await ground.stops.let_go()
    await ground.house.eventually(ground.stops.deserted, timeout=60)
    await ground.work(ground.pace)


async def _stand(ground: Ground, claims: Sequence[Claim], *, answered: bool = False) -> None:
    """Wait until each stands at its place."""
    try:
        async with asyncio.timeout(90):
            for claim in claims:
                while not await _stands(ground, claim, answered=answered):
                    await asyncio.sleep(0.05)
    except TimeoutError:
        # Told when it is killed: the other cells are worth as much as before.
        return


async def _stands(ground: Ground, claim: Claim, *, answered: bool) -> bool:
    """`answered`: one whose gateway goes away must have learned it, else its request is still on its way."""
    cell = claim.cell
    if cell.kill is Kill.DURING:
        if _brief(cell):
            return (claim.payment, "late") not in await ground.stands[cell.gateway].still_to_suffer()
        return ground.gate.reached(claim.payment, Way.THERE if cell.row.down else Way.BACK)
    if cell.kill is Kill.AFTER and cell.row.down and not answered:
        return ground.gate.reached(claim.payment, Way.THERE)
    for stop in claim.stops:
        if await ground.stops.reached(stop):
            return True
    return False


# --- how they end ---------------------------------------------------------------------------------------------------


async def _until(ground: Ground, claims: Sequence[Claim], what: str, *, helped: bool, timeout: float = 150) -> None:
    """Wait until every claim is over; not `helped`: or waits for a person. Pending refunds end meanwhile."""
    by_number = {claim.asked.claim_no: claim for claim in claims}
    open_ones = set(by_number)
    try:
        async with asyncio.timeout(timeout):
            while open_ones:
                rows = await ground.house.rows(STANDING, numbers=list(open_ones))
                for row in rows:
                    claim = by_number[row["claim_no"]]
                    await _settle_pending(ground, claim, row)
                    if row["closed_at"] is not None or (row["parking_no"] is not None and not helped):
                        open_ones.discard(row["claim_no"])
                    elif row["parking_no"] is not None:
                        await _help(ground, claim, row)
                await asyncio.sleep(0.1)
    except TimeoutError:
        for number in open_ones:
            by_number[number].wrong.append(f"not so within {timeout:.0f} s: it {what}")


STANDING = """
SELECT claim_no, status, closed_at,
       (SELECT min(parking_no) FROM parkings AS p WHERE p.claim_no = claims.claim_no AND p.closed_at IS NULL)
           AS parking_no,
       (SELECT array_agg(refund_ref || ' ' || gateway) FROM refund_legs AS l
        WHERE l.claim_no = claims.claim_no AND l.state = 'PENDING') AS pending
FROM claims WHERE claim_no = ANY(:numbers)
"""


async def _settle_pending(ground: Ground, claim: Claim, row: Mapping[str, Any]) -> None:
    """End the claim's pending refunds as its row says, each once. Meanwhile nobody may call the claim completed."""
    if claim.cell.row.settles is None:
        return
    for pending in row["pending"] or ():
        ref, gateway = pending.split(" ")
        if row["status"] not in ("REFUND_PENDING", "NEEDS_OPERATOR"):
            claim.wrong.append(f"{row['status']} while a refund is pending")
        if ref not in claim.settled:
            claim.settled.add(ref)
            await ground.stands[gateway].settle(ref, claim.cell.row.settles)


async def _help(ground: Ground, claim: Claim, row: Mapping[str, Any]) -> None:
    """Answer the claim's parking, as a person does who has seen the gateway at work again."""
    parking_no = row["parking_no"]
    if parking_no in claim.answered:
        return
    claim.answered.add(parking_no)
    if not claim.cell.row.by_hand:
        await ground.house.resolve(claim.asked.workflow_id, parking_no, "retry")
        return
    (parked,) = await ground.house.rows(
        "SELECT p.gateway_ref FROM parkings JOIN refund_legs AS l ON l.leg_id = parkings.part JOIN order_payments AS p"
        " ON (p.order_no, p.payment_no) = (l.order_no, l.payment_no) WHERE parking_no = :no",
        no=parking_no,
    )
    (there,) = await ground.stands[claim.cell.gateway].refunds(parked["gateway_ref"])
    await ground.house.resolve(claim.asked.workflow_id, parking_no, "settle", there.ref)
