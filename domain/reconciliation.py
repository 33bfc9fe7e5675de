"""What a gateway shows of a payment, compared with what our ledger says of it.

Refunds are matched by the gateway's own reference of them and by ours, the leg's id, which the gateway echoes: never by
their amounts alone. A leg that is under way is its workflow's business and never a difference. Amounts are integer
minor units of the payment's currency.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from domain.claims import LegState, SettledBy


class Shown(StrEnum):
    """How far a refund is by its gateway."""

    SUCCEEDED = "succeeded"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ShownRefund:
    """A refund as its gateway shows it. `reference` is what it was made with; None: nothing that could be ours."""

    refund_ref: str
    amount: int
    state: Shown
    reference: str | None


@dataclass(frozen=True, slots=True)
class ShownPayment:
    """A payment as its gateway shows it: what came in, what can still go back, every refund."""

    captured: int
    balance: int
    refunds: tuple[ShownRefund, ...]


NOT_THERE = ShownPayment(captured=0, balance=0, refunds=())
"""A payment that its gateway does not know."""


@dataclass(frozen=True, slots=True)
class OurLeg:
    """One of our refunds of the payment. `under_way`: nothing can be said of it before its workflow has moved it.

    `refund_ref`: of one settled by hand it is what the person gave as evidence, which may be a refund of the gateway.
    """

    leg_id: str
    claim_no: str
    amount: int
    state: LegState
    settled_by: SettledBy | None
    refund_ref: str | None
    under_way: bool = False

    @property
    def returned(self) -> bool:
        """Whether our ledger says that the gateway gave this money back."""
        return self.state is LegState.SETTLED and self.settled_by is SettledBy.GATEWAY


@dataclass(frozen=True, slots=True)
class OurPayment:
    """A payment by our ledger. `outside`: references of refunds that are booked as made without a claim of ours.

    `paid`: its money counts as there. `closed_by`: the claim that closed it while its money was awaited.
    """

    amount: int
    paid: bool
    closed_by: str | None
    legs: tuple[OurLeg, ...]
    outside: frozenset[str] = frozenset()


class DifferenceKind(StrEnum):
    """Every word is kept in findings, so a value is never renamed."""

    FOREIGN_REFUND = "foreign_refund"
    """The gateway made a refund that no claim of ours asked for: in its console, say."""
    REFUND_MISSING = "refund_missing"
    """Our ledger says that the gateway gave money back, and the gateway shows no such refund."""
    AMOUNT_DIFFERS = "amount_differs"
    """A refund of ours that the gateway made with another amount."""
    REFUND_OF_UNDONE = "refund_of_undone"
    """The gateway made a refund of a claim that was undone."""
    REFUND_UNBOOKED = "refund_unbooked"
    """The gateway made a refund of ours that our ledger does not count: refused, paid by hand, or made twice."""
    REFUND_FAILED_LATE = "refund_failed_late"
    """A refund that had succeeded failed later: the customer does not have the money."""
    CAPTURED_LATE = "captured_late"
    """Money came in for a payment that a claim had closed unpaid."""
    OUTSIDE_REFUND_GONE = "outside_refund_gone"
    """A refund booked as made outside has failed, or is not shown any more."""
    BALANCE_DIFFERS = "balance_differs"
    """What came in, or what is left, is not what our ledger and the refunds shown make of it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`ours` and `shown` are the two amounts; None where one side has nothing. `leg_id`, `claim_no`: of our refund."""

    kind: DifferenceKind
    ours: int | None
    shown: int | None
    refund_ref: str | None = None
    leg_id: str | None = None
    claim_no: str | None = None


def settled_meanwhile(before: OurPayment, now: OurPayment) -> OurPayment:
    """Our payment as it stands now. A leg that moved since `before` is under way: perhaps it did after the read."""
    known = set(before.legs)
    return replace(now, legs=tuple(leg if leg in known else replace(leg, under_way=True) for leg in now.legs))


def compare(ours: OurPayment, shown: ShownPayment) -> tuple[Difference, ...]:
    """Every difference between our ledger and the gateway's. The same two always give the same ones, in one order."""
    return tuple(_differences(ours, shown))


def _differences(ours: OurPayment, shown: ShownPayment) -> Iterator[Difference]:
    unmatched = {refund.refund_ref: refund for refund in shown.refunds}
    for leg in ours.legs:
        if leg.refund_ref is not None and leg.returned:
            yield from _returned(leg, unmatched)
    for leg in ours.legs:
        yield from _others_of(leg, unmatched)
    for refund in unmatched.values():
        if refund.state is not Shown.FAILED and not any(_may_be_of(leg, refund) for leg in ours.legs):
            kind = DifferenceKind.FOREIGN_REFUND
            yield Difference(kind, None, refund.amount, refund_ref=refund.refund_ref)
    live = {refund.refund_ref for refund in shown.refunds if refund.state is not Shown.FAILED}
    for refund_ref in sorted(ours.outside - live):
        yield Difference(DifferenceKind.OUTSIDE_REFUND_GONE, None, None, refund_ref=refund_ref)
    yield from _sums(ours, shown)


def _returned(leg: OurLeg, unmatched: dict[str, ShownRefund]) -> Iterator[Difference]:
    """A leg that the gateway is said to have returned. What is matched leaves `unmatched`."""
    refund = unmatched.pop(leg.refund_ref or "", None)
    if refund is None:
        # Known there by another name perhaps: our own reference still tells.
        refund = next((one for one in _of(leg, unmatched) if one.state is not Shown.FAILED), None)
        if refund is not None:
            del unmatched[refund.refund_ref]
    if leg.under_way:
        return
    named = {"refund_ref": leg.refund_ref, "leg_id": leg.leg_id, "claim_no": leg.claim_no}
    if refund is None:
        yield Difference(DifferenceKind.REFUND_MISSING, leg.amount, None, **named)
    elif refund.state is Shown.FAILED:
        yield Difference(DifferenceKind.REFUND_FAILED_LATE, leg.amount, refund.amount, **named)
    elif refund.amount != leg.amount:
        yield Difference(DifferenceKind.AMOUNT_DIFFERS, leg.amount, refund.amount, **named)


def _others_of(leg: OurLeg, unmatched: dict[str, ShownRefund]) -> Iterator[Difference]:
    """What else the gateway shows under our reference, or under the name that a pending leg has there."""
    others = [*_of(leg, unmatched)]
    if leg.refund_ref is not None and not leg.returned and leg.refund_ref in unmatched:
        others.append(unmatched[leg.refund_ref])
    for refund in others:
        unmatched.pop(refund.refund_ref, None)
        # A failed one is an earlier attempt's; what is under way is adopted, or looked up, by the leg's workflow.
        if leg.under_way or refund.state is Shown.FAILED:
            continue
        if refund.refund_ref == leg.refund_ref and leg.settled_by is SettledBy.HAND:
            continue
        undone = leg.state is LegState.VOID
        yield Difference(
            DifferenceKind.REFUND_OF_UNDONE if undone else DifferenceKind.REFUND_UNBOOKED,
            None,
            refund.amount,
            refund_ref=refund.refund_ref,
            leg_id=leg.leg_id,
            claim_no=leg.claim_no,
        )


def _of(leg: OurLeg, unmatched: dict[str, ShownRefund]) -> tuple[ShownRefund, ...]:
    return tuple(refund for refund in unmatched.values() if refund.reference == leg.leg_id)


def _may_be_of(leg: OurLeg, refund: ShownRefund) -> bool:
    """Whether it may be what a leg has sent: where a gateway echoes nothing, only the leg's next look-up tells."""
    return leg.under_way and leg.refund_ref is None and (refund.reference, refund.amount) == (None, leg.amount)


def _sums(ours: OurPayment, shown: ShownPayment) -> Iterator[Difference]:
    if ours.closed_by is not None and not ours.paid:
        if shown.captured > 0:
            kind = DifferenceKind.CAPTURED_LATE
            yield Difference(kind, 0, shown.captured, claim_no=ours.closed_by)
        return
    if ours.paid and shown.captured != ours.amount:
        yield Difference(DifferenceKind.BALANCE_DIFFERS, ours.amount, shown.captured)
        return
    if any(leg.under_way for leg in ours.legs):
        return
    gone = sum(refund.amount for refund in shown.refunds if refund.state is not Shown.FAILED)
    failed = sum(refund.amount for refund in shown.refunds if refund.state is Shown.FAILED)
    left = shown.captured - gone
    # Not every gateway takes the money of a failed refund back into what it shows.
    if not left - failed <= shown.balance <= left:
        yield Difference(DifferenceKind.BALANCE_DIFFERS, left, shown.balance)
