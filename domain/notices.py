"""What a customer is told, and when it is true. Only what is settled is told as settled.

Amounts are integer minor units of the order's currency; times are aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.claims import Channel, ClaimKind, Direction, LegState, NoticeEvent, Step, StuckReason
from domain.orders import Means

CUSTOMER_CHANNELS = (Channel.INBOX, Channel.EMAIL, Channel.ALIMTALK)

CUSTOMER_EVENTS = tuple(event for event in NoticeEvent if event is not NoticeEvent.NEEDS_OPERATOR)

SHOP_EVENTS = tuple(event for event in NoticeEvent if event is not NoticeEvent.ACCEPTED)
"""What a shop can be told of by its own mail: where its claims end, and where they don't go on without it."""


class Route(StrEnum):
    """The ways on which a notice of a channel really went: AlimTalk's may end as a text message."""

    INBOX = "inbox"
    EMAIL = "email"
    ALIMTALK = "alimtalk"
    SMS = "sms"


class SentBy(StrEnum):
    """Who chose the way: this service, or the provider, whose own fallback it is."""

    OURS = "ours"
    PROVIDER = "provider"


class RouteState(StrEnum):
    """How far a way has led.

    WAITING: surely nothing was sent on it; SENDING: a try began, and nothing more is known; UNKNOWN: it may have been
    sent; ACCEPTED by the provider, which is not DELIVERED; FAILED: nothing arrives on it any more.
    """

    WAITING = "WAITING"
    SENDING = "SENDING"
    UNKNOWN = "UNKNOWN"
    ACCEPTED = "ACCEPTED"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Goods:
    """One line of the claim: `quantity` units at `price` each. `new_variant_name` is set by an option change only."""

    name: str
    variant_name: str
    quantity: int
    price: int
    new_variant_name: str | None = None

    @property
    def value(self) -> int:
        return self.price * self.quantity


@dataclass(frozen=True, slots=True)
class Leg:
    """What goes back to one payment, and how far it has come. `failed_later`: it was there, and then it was not."""

    means: Means
    amount: int
    state: LegState
    failed_later: bool = False


@dataclass(frozen=True, slots=True)
class NoticeFacts:
    """Everything that the texts of one claim name.

    `goods` are its first lines, `goods_count` counts all. `refund` is what goes back in total. `has_email` and
    `has_phone` tell whether there is an address; the address itself is read only when something is sent to it. In each
    `round` an event is told once. `reason_code` is the customer's reason, by the shop's policy; `refusal` says why the
    claim was undone, as a slug; `workflow_id` is where operators find it.
    """

    claim_no: str
    order_no: str
    member_no: str | None
    buyer_name: str
    language: str
    kind: ClaimKind
    direction: Direction
    currency: str
    refund: int
    opened_at: datetime
    goods: tuple[Goods, ...]
    goods_count: int
    legs: tuple[Leg, ...]
    has_email: bool
    has_phone: bool
    reason_code: str
    workflow_id: str
    refusal: str | None = None
    round: int = 1

    @property
    def failed(self) -> tuple[Leg, ...]:
        """What was given back and has not arrived."""
        return tuple(leg for leg in self.legs if leg.failed_later)

    @property
    def settled(self) -> bool:
        """Nothing is left to give back."""
        return all(leg.state is LegState.SETTLED for leg in self.legs)

    @property
    def pending(self) -> bool:
        """Some gateway has accepted a refund that is not final."""
        return any(leg.state is LegState.PENDING for leg in self.legs)

    @property
    def given(self) -> bool:
        """Something was given back, or may yet arrive."""
        return any(leg.state in (LegState.PENDING, LegState.SETTLED) for leg in self.legs)


@dataclass(frozen=True, slots=True)
class ParkingFacts:
    """What the shop is told of a claim that waits for a person. `detail` has no personal data."""

    parking_no: int
    step: Step
    cause: StuckReason
    detail: str


def true_event(asked: NoticeEvent, facts: NoticeFacts) -> NoticeEvent | None:
    """Which event may be told when `asked` is to be told: itself, a more careful one, or None when nothing is true.

    A completed cancel of which a refund is still pending is told as accepted; a rejected one is told only once it is
    undone and nothing was given back; that a refund failed, while it is not given back anew. That a claim needs a
    person is told to the shop alone, and not by these facts.
    """
    undone = facts.direction is Direction.UNDOING
    if asked is NoticeEvent.NEEDS_OPERATOR:
        return None
    if asked is NoticeEvent.REJECTED:
        return asked if undone and not facts.given else None
    if undone:
        return None
    if facts.kind is ClaimKind.OPTION_CHANGE:
        return asked if asked is NoticeEvent.OPTION_CHANGED else None
    if asked is NoticeEvent.REFUND_FAILED:
        return asked if facts.failed else None
    if asked is NoticeEvent.COMPLETED and facts.settled:
        return asked
    if asked in (NoticeEvent.COMPLETED, NoticeEvent.ACCEPTED) and facts.pending:
        return NoticeEvent.ACCEPTED
    return None


def text_name(event: NoticeEvent, kind: ClaimKind) -> str:
    """The name of the text: the event's, but an option change is rejected in other words than a cancel."""
    if event is NoticeEvent.REJECTED and kind is ClaimKind.OPTION_CHANGE:
        return "option_rejected"
    return event.value


NO_ADDRESS: Mapping[Channel, str] = {
    Channel.INBOX: "no_inbox",
    Channel.EMAIL: "no_email",
    Channel.ALIMTALK: "no_phone",
}
"""Why a customer can't be told on a channel, as a slug. Being skipped for it is no failure."""


def why_skipped(channel: Channel, facts: NoticeFacts) -> str | None:
    """Why this customer can't be told on this channel, or None when they can. A guest has no inbox."""
    reachable = {
        Channel.INBOX: facts.member_no is not None,
        Channel.EMAIL: facts.has_email,
        Channel.ALIMTALK: facts.has_phone,
    }
    return None if reachable[channel] else NO_ADDRESS[channel]
