"""Comparing a payment with its gateway: what equals ours gives nothing, and what is changed gives that and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.claims import LegState, SettledBy
from domain.reconciliation import (
    NOT_THERE,
    Difference,
    DifferenceKind,
    OurLeg,
    OurPayment,
    Shown,
    ShownPayment,
    ShownRefund,
    compare,
)

RETURNED = "returned"
PENDING = "pending"
SENT = "sent"
PLANNED = "planned"
REFUSED = "refused"
BY_HAND = "by_hand"
VOID = "void"

_LEGS = {
    RETURNED: (LegState.SETTLED, SettledBy.GATEWAY),
    PENDING: (LegState.PENDING, None),
    SENT: (LegState.PLANNED, None),
    PLANNED: (LegState.PLANNED, None),
    REFUSED: (LegState.REFUSED, None),
    BY_HAND: (LegState.SETTLED, SettledBy.HAND),
    VOID: (LegState.VOID, None),
}


def leg(number: int, amount: int, how: str) -> OurLeg:
    state, settled_by = _LEGS[how]
    known = f"R{number}" if how in (RETURNED, PENDING) else None
    under_way = how in (PENDING, SENT)
    return OurLeg(f"C{number}-1", f"C{number}", amount, state, settled_by, known, under_way)


def refund(number: int, amount: int, state: Shown = Shown.SUCCEEDED, *, reference: str | None = None) -> ShownRefund:
    return ShownRefund(f"R{number}", amount, state, f"C{number}-1" if reference is None else reference)


def balanced(captured: int, refunds: tuple[ShownRefund, ...]) -> ShownPayment:
    """A gateway whose own sums come out."""
    gone = sum(one.amount for one in refunds if one.state is not Shown.FAILED)
    return ShownPayment(captured, captured - gone, refunds)


def with_refunds(shown: ShownPayment, refunds: tuple[ShownRefund, ...]) -> ShownPayment:
    return balanced(shown.captured, refunds)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[OurPayment, ShownPayment]:
    """A payment by our ledger, and the gateway that it tells of: equal, however far each refund is.

    Amounts repeat, so that whoever matches by amounts goes wrong.
    """
    ways = draw(st.lists(st.sampled_from(sorted(_LEGS)), max_size=6))
    amounts = draw(st.lists(st.sampled_from([100, 200, 300]), min_size=len(ways), max_size=len(ways)))
    legs = tuple(leg(number, amount, how) for number, (how, amount) in enumerate(zip(ways, amounts, strict=True)))
    refunds = []
    for number, (how, amount) in enumerate(zip(ways, amounts, strict=True)):
        state = Shown.SUCCEEDED if how == RETURNED else Shown.PENDING
        if how in (RETURNED, PENDING) or (how == SENT and draw(st.booleans())):
            refunds.append(refund(number, amount, state))
        if how != PENDING and draw(st.booleans()):
            # An earlier attempt, which failed.
            refunds.append(replace(refund(number, amount, Shown.FAILED), refund_ref=f"F{number}"))
    outside = [ShownRefund(f"X{n}", 50, Shown.SUCCEEDED, None) for n in range(draw(st.integers(0, 1)))]
    shown = draw(st.permutations([*refunds, *outside]))
    ours = OurPayment(5_000, True, None, legs, frozenset(one.refund_ref for one in outside))
    return ours, balanced(5_000, tuple(shown))


def kinds(found: tuple[Difference, ...]) -> list[DifferenceKind]:
    return [one.kind for one in found]


def new(ours: OurPayment, shown: ShownPayment) -> list[DifferenceKind]:
    """Without the refunds that are booked as made outside: each stays a case until a person has read it."""
    found = compare(ours, shown)
    booked = [one for one in found if one.kind is DifferenceKind.FOREIGN_REFUND and one.refund_ref in ours.outside]
    assert sorted(str(one.refund_ref) for one in booked) == sorted(
        ours.outside & {one.refund_ref for one in shown.refunds if one.state is not Shown.FAILED}
    )
    return [one.kind for one in found if one not in booked]


def of(ours: OurPayment, *ways: str) -> list[tuple[int, OurLeg]]:
    wanted = [_LEGS[how] for how in ways]
    return [
        (number, one)
        for number, one in enumerate(ours.legs)
        if (one.state, one.settled_by) in wanted and (SENT in ways or PENDING in ways or not one.under_way)
    ]


@given(worlds())
def test_a_gateway_equal_to_our_ledger_shows_no_difference(world: tuple[OurPayment, ShownPayment]) -> None:
    assert new(*world) == []


@given(worlds(), st.data())
def test_a_refund_taken_away_is_missing(world: tuple[OurPayment, ShownPayment], data: st.DataObject) -> None:
    ours, shown = world
    if not (there := of(ours, RETURNED)):
        return
    number, gone = data.draw(st.sampled_from(there))
    left = tuple(one for one in shown.refunds if one.refund_ref != f"R{number}")
    found = compare(ours, with_refunds(shown, left))
    assert new(ours, with_refunds(shown, left)) == [DifferenceKind.REFUND_MISSING]
    assert (
        Difference(DifferenceKind.REFUND_MISSING, gone.amount, None, f"R{number}", gone.leg_id, gone.claim_no) in found
    )


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"amount": 7}, DifferenceKind.AMOUNT_DIFFERS),
        ({"state": Shown.FAILED}, DifferenceKind.REFUND_FAILED_LATE),
    ],
)
@given(worlds(), st.data())
def test_a_refund_changed_is_that_difference(
    change: dict[str, object], kind: DifferenceKind, world: tuple[OurPayment, ShownPayment], data: st.DataObject
) -> None:
    ours, shown = world
    if not (there := of(ours, RETURNED)):
        return
    number, _ = data.draw(st.sampled_from(there))
    changed = tuple(
        replace(one, **change) if one.refund_ref == f"R{number}" else one  # type: ignore[arg-type]
        for one in shown.refunds
    )
    assert new(ours, with_refunds(shown, changed)) == [kind]


@given(worlds(), st.data())
def test_a_refund_of_the_console_is_foreign_whatever_its_amount(
    world: tuple[OurPayment, ShownPayment], data: st.DataObject
) -> None:
    """P10, P11: also one of the very amount that a claim of ours is about to refund, or has refunded."""
    ours, shown = world
    amount = data.draw(st.sampled_from([one.amount for one in ours.legs] or [100]))
    reference = data.draw(st.sampled_from([None, "goodwill", "C99-1"]))
    made = (*shown.refunds, ShownRefund("NEW", amount, Shown.SUCCEEDED, reference))
    if reference is None and any(one.under_way and (one.amount, one.refund_ref) == (amount, None) for one in ours.legs):
        # A gateway that echoes nothing: it may be what was just sent, and the look-up will tell.
        assert new(ours, with_refunds(shown, made)) == []
        return
    assert new(ours, with_refunds(shown, made)) == [DifferenceKind.FOREIGN_REFUND]


@pytest.mark.parametrize(
    ("ways", "kind"),
    [
        ((VOID,), DifferenceKind.REFUND_OF_UNDONE),
        ((PLANNED, REFUSED, BY_HAND), DifferenceKind.REFUND_UNBOOKED),
        # Made twice.
        ((RETURNED,), DifferenceKind.REFUND_UNBOOKED),
    ],
)
@given(worlds(), st.data())
def test_a_refund_of_ours_that_our_ledger_does_not_count(
    ways: tuple[str, ...], kind: DifferenceKind, world: tuple[OurPayment, ShownPayment], data: st.DataObject
) -> None:
    ours, shown = world
    if not (there := of(ours, *ways)):
        return
    number, one = data.draw(st.sampled_from(there))
    made = (*shown.refunds, ShownRefund("AGAIN", one.amount, Shown.SUCCEEDED, f"C{number}-1"))
    assert new(ours, with_refunds(shown, made)) == [kind]


@given(worlds(), st.data())
def test_what_is_under_way_is_no_difference(world: tuple[OurPayment, ShownPayment], data: st.DataObject) -> None:
    """Whatever its gateway shows of it by now: its workflow asks, and writes what it learns."""
    ours, shown = world
    if not (there := [(n, one) for n, one in enumerate(ours.legs) if one.under_way]):
        return
    number, one = data.draw(st.sampled_from(there))
    rest = tuple(each for each in shown.refunds if each.refund_ref != f"R{number}")
    state = data.draw(st.sampled_from([*Shown, None]))
    now = rest if state is None else (*rest, refund(number, one.amount, state))
    assert new(ours, with_refunds(shown, now)) == []


@given(worlds())
def test_a_leg_settled_by_hand_with_a_refund_of_the_console(world: tuple[OurPayment, ShownPayment]) -> None:
    ours, shown = world
    by_hand = replace(leg(98, 100, BY_HAND), refund_ref="CONSOLE")
    made = (*shown.refunds, ShownRefund("CONSOLE", 100, Shown.SUCCEEDED, None))
    assert new(replace(ours, legs=(*ours.legs, by_hand)), with_refunds(shown, made)) == []


@given(worlds())
def test_what_is_booked_as_made_outside_and_is_gone(world: tuple[OurPayment, ShownPayment]) -> None:
    ours, shown = world
    ours = replace(ours, outside=ours.outside | {"GONE"})
    assert new(ours, shown) == [DifferenceKind.OUTSIDE_REFUND_GONE]


@given(worlds(), st.sampled_from([-1, 1]))
def test_a_balance_that_its_refunds_do_not_make_up(world: tuple[OurPayment, ShownPayment], off: int) -> None:
    ours, shown = world
    failed = sum(one.amount for one in shown.refunds if one.state is Shown.FAILED)
    wrong = replace(shown, balance=shown.balance + (off if off > 0 else off - failed))
    waits = any(one.under_way for one in ours.legs)
    assert new(ours, wrong) == ([] if waits else [DifferenceKind.BALANCE_DIFFERS])


@given(worlds(), st.sampled_from([-1, 1]))
def test_another_amount_that_came_in(world: tuple[OurPayment, ShownPayment], off: int) -> None:
    ours, shown = world
    assert new(ours, balanced(shown.captured + off, shown.refunds)) == [DifferenceKind.BALANCE_DIFFERS]


def test_money_that_came_in_for_a_payment_closed_unpaid() -> None:
    closed = OurPayment(1_000, paid=False, closed_by="C1", legs=())
    assert compare(closed, ShownPayment(0, 0, ())) == ()
    late = Difference(DifferenceKind.CAPTURED_LATE, 0, 1_000, claim_no="C1")
    assert compare(closed, ShownPayment(1_000, 1_000, ())) == (late,)


def test_money_that_came_in_late_and_is_booked_is_compared_as_any_other() -> None:
    booked = OurPayment(1_000, paid=True, closed_by="C1", legs=())
    assert compare(booked, balanced(1_000, ())) == ()
    assert kinds(compare(booked, balanced(999, ()))) == [DifferenceKind.BALANCE_DIFFERS]


def test_a_failed_refund_of_the_console_gave_nothing_back() -> None:
    failed = ShownRefund("X", 300, Shown.FAILED, None)
    ours = OurPayment(1_000, True, None, ())
    assert compare(ours, balanced(1_000, (failed,))) == ()
    gone = OurPayment(1_000, True, None, (), frozenset({"X"}))
    assert kinds(compare(gone, balanced(1_000, (failed,)))) == [DifferenceKind.OUTSIDE_REFUND_GONE]


@pytest.mark.parametrize(
    "one",
    [
        replace(leg(1, 300, BY_HAND), refund_ref="a bank transfer"),
        # It was settled after the read.
        replace(leg(1, 300, RETURNED), under_way=True),
    ],
    ids=["by_hand", "meanwhile"],
)
def test_what_the_gateway_can_not_show_is_not_missing_there(one: OurLeg) -> None:
    assert compare(OurPayment(1_000, True, None, (one,)), balanced(1_000, ())) == ()


def test_a_payment_still_awaited_may_be_paid_any_time() -> None:
    waiting = OurPayment(1_000, paid=False, closed_by=None, legs=())
    assert compare(waiting, ShownPayment(1_000, 1_000, ())) == compare(waiting, NOT_THERE) == ()


def test_a_payment_that_its_gateway_does_not_know() -> None:
    ours = OurPayment(1_000, True, None, (leg(1, 300, RETURNED),))
    assert kinds(compare(ours, NOT_THERE)) == [DifferenceKind.REFUND_MISSING, DifferenceKind.BALANCE_DIFFERS]


def test_our_own_reference_tells_where_the_gateways_has_changed() -> None:
    """Not every gateway is known to list a refund by the name that its answer gave."""
    ours = OurPayment(1_000, True, None, (leg(1, 300, RETURNED), leg(2, 300, RETURNED)))
    renamed = (refund(2, 300), replace(refund(1, 300), refund_ref="OTHER"))
    assert compare(ours, balanced(1_000, renamed)) == ()


def test_p11_of_two_equal_refunds_the_one_that_is_not_ours_differs() -> None:
    """P11: one claim of 300 refunded 300, and the console another 300: the claim's own is not mistaken for it."""
    ours = OurPayment(1_000, True, None, (leg(1, 300, RETURNED),))
    console = ShownRefund("X", 300, Shown.SUCCEEDED, None)
    foreign = Difference(DifferenceKind.FOREIGN_REFUND, None, 300, refund_ref="X")
    assert compare(ours, balanced(1_000, (console, refund(1, 300)))) == (foreign,)
    # And when ours is not there, the console's of the same amount does not stand for it.
    assert kinds(compare(ours, balanced(1_000, (console,)))) == [
        DifferenceKind.REFUND_MISSING,
        DifferenceKind.FOREIGN_REFUND,
    ]
