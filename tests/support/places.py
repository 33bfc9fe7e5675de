"""The places where a claim can be stopped: between any two of its steps, and within each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from domain.orders import Means, Order, Payment
from tests.support.gate import Way
from tests.support.orders import goods_coupon, line, order, payment
from tests.support.stops import Stop

REFUND = 18_000
"""What the claim of every order here returns: two units at 10,000, less the coupon of 2,000 that comes back."""

STOCK, UNITS = 10, 2

# --- orders ---------------------------------------------------------------------------------------------------------


def partly(name: str) -> Order:
    """One card, of which enough is left for a second refund that should not be."""
    return _order(name, [payment("1", 43_000), payment("2", 5_000, Means.MILEAGE)])


def mixed(name: str) -> Order:
    """The refund takes all of the card and a part of the mileage."""
    return _order(name, [payment("1", 16_000), payment("2", 32_000, Means.MILEAGE)])


def two_cards(name: str) -> Order:
    """The refund takes all of the first card and a part of the second."""
    return _order(name, [payment("1", 16_000), payment("3", 32_000)])


def _order(name: str, payments: Sequence[Payment]) -> Order:
    """An order that shares no row with another one: a stopped claim holds its locks."""
    cancelled = replace(line(1, 10_000, UNITS), goods_no=f"{name}-1")
    kept = replace(line(2, 30_000), goods_no=f"{name}-2")
    benefit = goods_coupon(f"{name}-coupon", 1, 2_000)
    return order(cancelled, kept, benefits=[benefit], payments=payments, member_no=f"{name}-member")


# --- places ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where a claim stops, and how it must end in spite of what happens to it there.

    `stop`: in the database, once `after` is committed. `way`: at the gate before the gateway. `fault`: what its refunds
    suffer; `late`, which the first one does alone, is a place of its own. `changes`: it changes the option of the line
    that a cancel keeps. `brief`: it can't stand there for long, and goes there last.
    """

    name: str
    stop: Stop | None = None
    after: Stop | None = None
    way: Way | None = None
    fault: str | None = None
    of: Callable[[str], Order] = partly
    ends: str = "COMPLETED"
    changes: bool = False
    brief: bool = False


def event(slug: str, *, committing: bool = False) -> Stop:
    return Stop("claim_events", {"event": slug}, committing)


CONCLUDED = {"step": "notify", "status": "DONE"}

PLACES = (
    Place("opening-not-committed", event("claim.opened"), brief=True),
    Place("opened-unheard", event("claim.opened", committing=True), brief=True),
    Place("attempt-not-committed", Stop("refund_attempts", {"state": "SENT"})),
    Place("attempt-armed-not-sent", Stop("refund_attempts", {"state": "SENT"}, committing=True)),
    Place("request-on-its-way", way=Way.THERE),
    Place("gateway-at-work", fault="late", brief=True),
    Place("gateway-acted", way=Way.BACK),
    Place("answer-not-committed", event("refund.done")),
    Place("pivot-passed-unheard", event("refund.done", committing=True), of=mixed),
    Place(
        "second-leg-armed-not-sent",
        Stop("refund_attempts", {"state": "SENT", "payment_no": "3"}, committing=True),
        of=two_cards,
    ),
    Place("nothing-of-ours-given", event("coupons.returned"), of=mixed),
    Place("part-of-ours-given", event("stock.returned"), of=mixed),
    Place("completed-not-committed", event("claim.completed")),
    Place("completed-unheard", event("claim.completed", committing=True), of=mixed),
    Place("before-the-notices", Stop("notices", {"code": "sending"})),
    Place(
        "between-notices",
        Stop("notices", {"channel": "alimtalk", "code": "sending"}),
        after=Stop("notices", {"channel": "email", "state": "SENT"}),
    ),
    Place("mail-sent-not-written", Stop("notices", {"channel": "email", "state": "SENT"})),
    Place("alimtalk-sent-not-written", Stop("notices", {"channel": "alimtalk", "state": "SENT"})),
    Place("end-not-committed", Stop("claim_steps", CONCLUDED)),
    Place("end-unheard", Stop("claim_steps", CONCLUDED, committing=True)),
    Place("refusal-not-committed", event("refund.refused"), fault="refuse", ends="REJECTED"),
    Place("turning-back-not-committed", event("claim.turned_back"), fault="refuse", ends="REJECTED"),
    Place("turned-back-unheard", event("claim.turned_back", committing=True), fault="refuse", ends="REJECTED"),
    Place("undoing-not-committed", event("claim.rejected"), fault="refuse", ends="REJECTED"),
    Place("undone-unheard", event("claim.rejected", committing=True), fault="refuse", ends="REJECTED"),
)

OLD, NEW = "001", "002"
"""The variant of the line that is kept, and the one that a change makes it."""

CHANGES = (
    Place("change-opening-not-committed", event("change.opened"), changes=True, brief=True),
    Place("change-opened-unheard", event("change.opened", committing=True), changes=True, brief=True),
    Place("reserving-not-committed", event("variant.reserved"), changes=True),
    Place("reserved-unheard", event("variant.reserved", committing=True), changes=True),
    Place("changing-not-committed", event("line.changed"), changes=True),
    Place("changed-unheard", event("line.changed", committing=True), changes=True),
    Place("releasing-not-committed", event("stock.returned"), changes=True),
    Place("released-unheard", event("stock.returned", committing=True), changes=True),
    Place("change-not-told", Stop("notices", {"code": "sending"}), changes=True),
    Place("change-end-not-committed", Stop("claim_steps", CONCLUDED), changes=True),
)
"""Of option changes. The gateway has no part in them."""

OPENING = {"opening-not-committed", "opened-unheard", "change-opening-not-committed", "change-opened-unheard"}
"""The places of claims that are not open yet for anybody else."""
