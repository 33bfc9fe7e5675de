"""Only what is settled is told as settled."""

from __future__ import annotations

import pytest

from domain.claims import Channel, ClaimKind, Direction, LegState, NoticeEvent
from domain.notices import CUSTOMER_CHANNELS, Leg, text_name, true_event, why_skipped
from domain.orders import Means
from tests.notices.examples import facts

ACCEPTED, COMPLETED, REFUND_FAILED, REJECTED, OPTION_CHANGED = (
    NoticeEvent.ACCEPTED,
    NoticeEvent.COMPLETED,
    NoticeEvent.REFUND_FAILED,
    NoticeEvent.REJECTED,
    NoticeEvent.OPTION_CHANGED,
)
PLANNED, PENDING, SETTLED, REFUSED, VOID = (
    LegState.PLANNED,
    LegState.PENDING,
    LegState.SETTLED,
    LegState.REFUSED,
    LegState.VOID,
)


@pytest.mark.parametrize(
    ("asked", "states", "told"),
    [
        (COMPLETED, (SETTLED, SETTLED), COMPLETED),
        (COMPLETED, (), COMPLETED),
        (COMPLETED, (PENDING, SETTLED), ACCEPTED),
        (COMPLETED, (PLANNED, SETTLED), None),
        (COMPLETED, (REFUSED, SETTLED), None),
        (ACCEPTED, (PENDING, PLANNED), ACCEPTED),
        (ACCEPTED, (PENDING, SETTLED), ACCEPTED),
        (ACCEPTED, (SETTLED, SETTLED), None),
        (ACCEPTED, (PLANNED,), None),
        (ACCEPTED, (REFUSED,), None),
        (REJECTED, (VOID,), None),
        (OPTION_CHANGED, (SETTLED,), None),
        (REFUND_FAILED, (REFUSED, SETTLED), None),
        (REFUND_FAILED, (SETTLED,), None),
    ],
)
def test_what_may_be_told_of_a_cancel(
    asked: NoticeEvent, states: tuple[LegState, ...], told: NoticeEvent | None
) -> None:
    legs = tuple(Leg(Means.CARD, 100, state) for state in states)
    assert true_event(asked, facts(legs=legs)) is told


@pytest.mark.parametrize("asked", NoticeEvent)
def test_while_money_that_was_given_back_has_not_arrived_only_that_may_be_told(asked: NoticeEvent) -> None:
    """P6: never again that it was refunded, before it was."""
    legs = (Leg(Means.CARD, 100, REFUSED, failed_later=True), Leg(Means.MILEAGE, 50, SETTLED))
    assert true_event(asked, facts(legs=legs)) is (REFUND_FAILED if asked is REFUND_FAILED else None)


@pytest.mark.parametrize(
    ("asked", "states", "told"),
    [
        (REJECTED, (VOID, VOID), REJECTED),
        (REJECTED, (REFUSED, VOID), REJECTED),
        (REJECTED, (), REJECTED),
        (REJECTED, (PENDING, VOID), None),
        (REJECTED, (SETTLED, VOID), None),
        (COMPLETED, (SETTLED,), None),
        (ACCEPTED, (PENDING,), None),
    ],
)
def test_what_may_be_told_of_an_undone_cancel(
    asked: NoticeEvent, states: tuple[LegState, ...], told: NoticeEvent | None
) -> None:
    legs = tuple(Leg(Means.CARD, 100, state) for state in states)
    assert true_event(asked, facts(legs=legs, direction=Direction.UNDOING)) is told


@pytest.mark.parametrize(
    ("asked", "direction", "told"),
    [
        (OPTION_CHANGED, Direction.FORWARD, OPTION_CHANGED),
        (OPTION_CHANGED, Direction.UNDOING, None),
        (REJECTED, Direction.UNDOING, REJECTED),
        (REJECTED, Direction.FORWARD, None),
        (COMPLETED, Direction.FORWARD, None),
    ],
)
def test_what_may_be_told_of_an_option_change(
    asked: NoticeEvent, direction: Direction, told: NoticeEvent | None
) -> None:
    assert true_event(asked, facts(kind=ClaimKind.OPTION_CHANGE, legs=(), direction=direction)) is told


def test_an_option_change_is_rejected_in_its_own_words() -> None:
    assert text_name(REJECTED, ClaimKind.OPTION_CHANGE) == "option_rejected"
    assert text_name(REJECTED, ClaimKind.CANCEL) == "rejected"


def test_who_can_be_told_where() -> None:
    everyone = facts()
    nobody = facts(member_no=None, has_email=False, has_phone=False)
    assert [why_skipped(channel, everyone) for channel in CUSTOMER_CHANNELS] == [None, None, None]
    assert {channel: why_skipped(channel, nobody) for channel in CUSTOMER_CHANNELS} == {
        Channel.INBOX: "no_inbox",
        Channel.EMAIL: "no_email",
        Channel.ALIMTALK: "no_phone",
    }
