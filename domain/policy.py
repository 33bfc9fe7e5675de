"""A shop's rules as data: reasons, buttons, shipping, coupons, refunds, notices. docs/policy.md tells each.

A policy is read and checked where a process starts (`policies.reading`), then handed to the rules that ask it; nothing
here reads a file. Amounts are integer minor units of the order's currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from domain.claims import Actor, Channel, NoticeEvent
from domain.notices import CUSTOMER_CHANNELS, SHOP_EVENTS
from domain.orders import BelowMinimum, Fault, LineStatus, Means
from domain.refusals import Code, Refusal

LANGUAGES = ("ko", "en")
"""The languages that people are told things in."""

Words = TypeVar("Words", bound=Sequence[str])

Days = Annotated[int, Field(strict=True, ge=1, le=3650)]
Amount = Annotated[int, Field(strict=True, ge=0, le=10**15)]
Slug = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=r"^[0-9A-Za-z._-]+$")]


class Button(StrEnum):
    """What an actor may do to a line."""

    CANCEL = "cancel"
    OPTION_CHANGE = "option_change"


class Returning(StrEnum):
    """What becomes of a coupon that a claim frees."""

    RESTORE = "restore"
    """It is unused again, with the expiry that it had."""
    EXTEND = "extend"
    """It is unused again, and valid for `extension_days` from then on."""
    REISSUE = "reissue"
    """It stays used; the member gets a new one of the same kind, valid for `extension_days`."""
    FORFEIT = "forfeit"
    """It stays used and does not come back."""


class BelowThreshold(StrEnum):
    """What a delivery group that falls below its free-shipping threshold pays."""

    CHARGE = "charge"
    KEEP_FREE = "keep_free"


class Allocation(StrEnum):
    """How a refund is divided over the payments of an order."""

    EXTERNAL_FIRST = "external_first"
    """What came from outside, in the order of the payments; then gift card, deposit, mileage."""
    PROPORTIONAL = "proportional"
    """Every payment in proportion to what is left on it."""
    SEQUENCE = "sequence"
    """Means by means, as `sequence` lists them."""


class ExpiredMileage(StrEnum):
    """What becomes of mileage that had expired when it comes back."""

    EXTEND = "extend"
    KEEP_EXPIRY = "keep_expiry"


class EarnedPoints(StrEnum):
    """What becomes of points that a purchase earned when its goods are cancelled."""

    TAKE_BACK = "take_back"
    KEEP = "keep"


def _and(words: Sequence[str]) -> str:
    *others, last = [str(word) for word in words]
    return f"{', '.join(others)} and {last}" if others else last


def _once(words: Words) -> Words:
    """`words`, or ValueError for the first that is there twice."""
    for place, word in enumerate(words):
        if word in words[:place]:
            raise ValueError(f"{word} is listed twice")
    return words


Channels = Annotated[tuple[Channel, ...], AfterValidator(_once)]


class PolicyPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reason(PolicyPart):
    """A reason that a claim may give. `names` is by language, `ko` and `en`; `offered_to` says who may give it.

    One that is offered to nobody can no longer be given, and stays known for the claims that gave it.
    """

    code: Annotated[str, StringConstraints(min_length=1, max_length=10, pattern=r"^[0-9A-Za-z]+$")]
    fault: Fault
    names: Mapping[str, str]
    offered_to: frozenset[Actor] = frozenset(Actor)

    @field_validator("names")
    @classmethod
    def _in_every_language(cls, names: Mapping[str, str]) -> Mapping[str, str]:
        if missing := [language for language in LANGUAGES if not names.get(language, "").strip()]:
            raise ValueError(f"there is no name in {_and(missing)}")
        if unknown := sorted(set(names) - set(LANGUAGES)):
            raise ValueError(f"people are told in {_and(LANGUAGES)}, not in {_and(unknown)}")
        return names


POSSIBLE: Mapping[Button, Sequence[LineStatus]] = {
    Button.CANCEL: (
        LineStatus.AWAITING_DEPOSIT,
        LineStatus.PLACED,
        LineStatus.SHIP_INSTRUCTED,
        LineStatus.SHIP_WAITING,
    ),
    Button.OPTION_CHANGE: (LineStatus.PLACED,),
}
"""The statuses in which a shop may offer a button at all."""


class ButtonRule(PolicyPart):
    """Who may press `button` while a line is in `status`; what isn't listed nobody may."""

    status: LineStatus
    button: Button
    actors: frozenset[Actor]

    @model_validator(mode="after")
    def _nothing_that_left(self) -> Self:
        """Shipped goods are never cancelled, and only a line that nothing was done about changes its option."""
        if self.actors and self.status not in POSSIBLE[self.button]:
            why = "shipped goods are returned" if self.button is Button.CANCEL else "too much was done about the line"
            raise ValueError(
                f"no {self.button} in status {self.status}: {why}; possible in {_and(POSSIBLE[self.button])}"
            )
        return self


class ShippingPolicy(PolicyPart):
    below_threshold: BelowThreshold = BelowThreshold.CHARGE


class CouponPolicy(PolicyPart):
    """`below_minimum` is for coupons that declare none of their own."""

    below_minimum: BelowMinimum = BelowMinimum.TAKE_BACK
    unexpired: Returning = Returning.RESTORE
    expired_customer_fault: Returning = Returning.FORFEIT
    expired_seller_fault: Returning = Returning.EXTEND
    extension_days: Days = 30

    @field_validator("unexpired")
    @classmethod
    def _comes_back(cls, returning: Returning) -> Returning:
        if returning not in (Returning.RESTORE, Returning.REISSUE):
            raise ValueError("a coupon that has not expired comes back: must be 'restore' or 'reissue'")
        return returning

    @field_validator("expired_customer_fault", "expired_seller_fault")
    @classmethod
    def _not_as_it_was(cls, returning: Returning) -> Returning:
        if returning is Returning.RESTORE:
            raise ValueError("as it was, it would still be expired: must be 'extend', 'reissue' or 'forfeit'")
        return returning


class RefundPolicy(PolicyPart):
    """`sequence` lists every means once, for `allocation` sequence only.

    `caps` is the most that one claim returns to a means. It moves money to the other means as long as they can take
    it; it never keeps any back.
    """

    allocation: Allocation = Allocation.EXTERNAL_FIRST
    sequence: Annotated[tuple[Means, ...], Field(validate_default=True)] = ()
    caps: Mapping[Means, Amount] = {}
    expired_mileage: ExpiredMileage = ExpiredMileage.EXTEND
    mileage_days: Days = 30
    earned_points: EarnedPoints = EarnedPoints.TAKE_BACK

    @field_validator("sequence")
    @classmethod
    def _is_whole(cls, sequence: tuple[Means, ...], info: ValidationInfo) -> tuple[Means, ...]:
        allocation = info.data.get("allocation")  # none when it is wrong itself
        if allocation is Allocation.SEQUENCE:
            _once(sequence)
            if missing := [means for means in Means if means not in sequence]:
                raise ValueError(f"every means must have its place, {_and(missing)} too")
        elif sequence and allocation:
            raise ValueError(f"is for the allocation 'sequence' only, not for {allocation.value!r}")
        return sequence


CHARGEABLE = (Means.MILEAGE, Means.DEPOSIT, Means.CARD, Means.SIMPLE_PAY)
"""The means by which an extra payment can be taken."""


class ExtraPaymentPolicy(PolicyPart):
    """How a customer may pay what a cancel costs beyond its refund. `gateways`: who may charge an external means."""

    means: tuple[Means, ...] = (Means.MILEAGE, Means.DEPOSIT, Means.CARD)
    gateways: tuple[Slug, ...] = ("sandbox",)

    @field_validator("means")
    @classmethod
    def _can_be_charged(cls, means: tuple[Means, ...]) -> tuple[Means, ...]:
        _once(means)
        if wrong := [one for one in means if one not in CHARGEABLE]:
            raise ValueError(f"{_and(wrong)} can't be charged, only {_and(CHARGEABLE)}")
        return means

    @field_validator("gateways")
    @classmethod
    def _where_one_is_needed(cls, gateways: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        _once(gateways)
        external = [means for means in info.data.get("means", ()) if means.external]
        if external and not gateways:
            raise ValueError(f"{_and(external)} can only be charged by a gateway")
        return gateways


class Policy(PolicyPart):
    """All rules of a shop under one `version`; the same version always has the same content.

    `notices`: the channels by which each event is told; see `told_by` and `told_to_shop`.
    """

    version: Slug
    reasons: tuple[Reason, ...]
    buttons: tuple[ButtonRule, ...]
    shipping: ShippingPolicy = ShippingPolicy()
    coupons: CouponPolicy = CouponPolicy()
    refund: RefundPolicy = RefundPolicy()
    extra_payment: ExtraPaymentPolicy = ExtraPaymentPolicy()
    notices: Mapping[NoticeEvent, Channels]

    @field_validator("reasons")
    @classmethod
    def _some_and_each_once(cls, reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
        if not reasons:
            raise ValueError("there must be one at least")
        _once([f"code {reason.code!r}" for reason in reasons])
        return reasons

    @field_validator("buttons")
    @classmethod
    def _each_button_once(cls, buttons: tuple[ButtonRule, ...]) -> tuple[ButtonRule, ...]:
        _once([f"{rule.button.value} in status {rule.status.value}" for rule in buttons])
        return buttons

    @field_validator("notices")
    @classmethod
    def _told_where_there_are_texts(cls, notices: Mapping[NoticeEvent, Channels]) -> Mapping[NoticeEvent, Channels]:
        for event, channels in notices.items():
            if Channel.SHOP in channels and event not in SHOP_EVENTS:
                raise ValueError(f"the shop itself can't be told of {event.value}")
            if event is NoticeEvent.NEEDS_OPERATOR and set(channels) - {Channel.SHOP}:
                raise ValueError(f"{event.value} can only be told by shop")
        return notices

    @model_validator(mode="after")
    def _whoever_may_cancel_can_say_why(self) -> Self:
        may = {actor for rule in self.buttons if rule.button is Button.CANCEL for actor in rule.actors}
        if mute := [actor for actor in Actor if actor in may and not self.reasons_for(actor)]:
            raise ValueError(f"reasons: none is offered to {_and(mute)}, who may cancel by the buttons")
        return self

    @cached_property
    def _buttons(self) -> Mapping[tuple[LineStatus, Button], frozenset[Actor]]:
        return {(rule.status, rule.button): rule.actors for rule in self.buttons}

    def may(self, actor: Actor, button: Button, status: LineStatus) -> bool:
        return actor in self._buttons.get((status, button), frozenset())

    def told_by(self, event: NoticeEvent) -> tuple[Channel, ...]:
        """The channels by which the customer is told of an event; none: it is not told.

        An event that isn't listed is not told. But who was told that money came back learns by the same channels that
        it did not, unless the shop lists others, or none.
        """
        otherwise = self.notices.get(NoticeEvent.COMPLETED, ()) if event is NoticeEvent.REFUND_FAILED else ()
        return tuple(channel for channel in self.notices.get(event, otherwise) if channel in CUSTOMER_CHANNELS)

    def told_to_shop(self, event: NoticeEvent) -> bool:
        """Whether the shop hears of an event by its own mail: where `notices` list ``shop``; if nowhere, of all."""
        listed = [one for one, channels in self.notices.items() if Channel.SHOP in channels]
        return event in (listed or SHOP_EVENTS)

    def reason(self, code: str, actor: Actor | None = None) -> Reason:
        """The reason with this code; raises BAD_VALUE when the shop has none, or keeps it from `actor`."""
        found = next((reason for reason in self.reasons if reason.code == code), None)
        if found is None or (actor is not None and actor not in found.offered_to):
            raise Refusal(Code.BAD_VALUE, "reason.unknown", reason_code=code)
        return found

    def reasons_for(self, actor: Actor) -> tuple[Reason, ...]:
        return tuple(reason for reason in self.reasons if actor in reason.offered_to)
