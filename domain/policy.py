"""A shop's rules as data: reasons, buttons, shipping, coupons, refunds, notices. docs/policy.md tells each.

A policy is read and checked where a process starts (`policies.reading`), then handed to the rules that ask it; nothing
here reads a file. Amounts are integer minor units of the order's currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from domain.claims import Actor, Channel, NoticeEvent
from domain.orders import BelowMinimum, Fault, LineStatus, Means
from domain.refusals import Code, Refusal

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


class PolicyPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reason(PolicyPart):
    """A reason that a claim may give. `names` is by language, `ko` and `en`; `offered_to` says who may give it."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=10, pattern=r"^[0-9A-Za-z]+$")]
    fault: Fault
    names: Mapping[str, str]
    offered_to: frozenset[Actor] = frozenset(Actor)

    @model_validator(mode="after")
    def _named_in_both_languages(self) -> Self:
        missing = [language for language in ("ko", "en") if not self.names.get(language, "").strip()]
        if missing:
            raise ValueError(f"reason {self.code} has no name in {', '.join(missing)}")
        return self


class ButtonRule(PolicyPart):
    """Who may press `button` while a line is in `status`; what isn't listed nobody may."""

    status: LineStatus
    button: Button
    actors: frozenset[Actor]


class ShippingPolicy(PolicyPart):
    below_threshold: BelowThreshold = BelowThreshold.CHARGE


class CouponPolicy(PolicyPart):
    """`below_minimum` is for coupons that declare none of their own."""

    below_minimum: BelowMinimum = BelowMinimum.TAKE_BACK
    unexpired: Returning = Returning.RESTORE
    expired_customer_fault: Returning = Returning.FORFEIT
    expired_seller_fault: Returning = Returning.EXTEND
    extension_days: Annotated[int, Field(ge=1, le=3650)] = 30

    @model_validator(mode="after")
    def _unexpired_ones_come_back(self) -> Self:
        if self.unexpired not in (Returning.RESTORE, Returning.REISSUE):
            raise ValueError("unexpired: a coupon that has not expired is restored or reissued")
        return self

    @model_validator(mode="after")
    def _expired_ones_are_not_restored(self) -> Self:
        for name in ("expired_customer_fault", "expired_seller_fault"):
            if getattr(self, name) is Returning.RESTORE:
                raise ValueError(f"{name}: a coupon that has expired can't be restored as it was: extend or reissue it")
        return self


class RefundPolicy(PolicyPart):
    """`sequence` lists every means once, for `allocation` sequence only.

    `caps` is the most that one claim returns to a means. It moves money to the other means as long as they can take
    it; it never keeps any back.
    """

    allocation: Allocation = Allocation.EXTERNAL_FIRST
    sequence: tuple[Means, ...] = ()
    caps: Mapping[Means, Annotated[int, Field(ge=0)]] = {}
    expired_mileage: ExpiredMileage = ExpiredMileage.EXTEND
    mileage_days: Annotated[int, Field(ge=1, le=3650)] = 30
    earned_points: EarnedPoints = EarnedPoints.TAKE_BACK

    @model_validator(mode="after")
    def _sequence_is_whole(self) -> Self:
        if self.allocation is Allocation.SEQUENCE:
            if sorted(self.sequence) != sorted(Means):
                raise ValueError("sequence must list every means once: " + ", ".join(Means))
        elif self.sequence:
            raise ValueError(f"sequence is given although the allocation is {self.allocation.value}")
        return self


class ExtraPaymentPolicy(PolicyPart):
    """How a customer may pay what a cancel costs beyond its refund. `gateways`: who may charge an external means."""

    means: tuple[Means, ...] = (Means.MILEAGE, Means.DEPOSIT, Means.CARD)
    gateways: tuple[Slug, ...] = ("sandbox",)

    @model_validator(mode="after")
    def _can_be_charged(self) -> Self:
        chargeable = {Means.MILEAGE, Means.DEPOSIT, Means.CARD, Means.SIMPLE_PAY}
        if wrong := [means.value for means in self.means if means not in chargeable]:
            raise ValueError(f"means: {', '.join(wrong)} can't be charged")
        if any(means.external for means in self.means) and not self.gateways:
            raise ValueError("gateways: an external means needs one")
        return self


class Policy(PolicyPart):
    """All rules of a shop under one `version`; the same version always has the same content.

    `notices`: the channels by which each event is told; an event that isn't listed is not told.
    """

    version: Slug
    reasons: Annotated[tuple[Reason, ...], Field(min_length=1)]
    buttons: tuple[ButtonRule, ...]
    shipping: ShippingPolicy = ShippingPolicy()
    coupons: CouponPolicy = CouponPolicy()
    refund: RefundPolicy = RefundPolicy()
    extra_payment: ExtraPaymentPolicy = ExtraPaymentPolicy()
    notices: Mapping[NoticeEvent, tuple[Channel, ...]]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        codes = [reason.code for reason in self.reasons]
        if repeated := sorted({code for code in codes if codes.count(code) > 1}):
            raise ValueError(f"reasons: {', '.join(repeated)} is listed twice")
        keys = [(rule.status, rule.button) for rule in self.buttons]
        if doubled := sorted({key for key in keys if keys.count(key) > 1}):
            raise ValueError(f"buttons: {doubled[0][1].value} for {doubled[0][0].value} is listed twice")
        return self

    @model_validator(mode="after")
    def _nothing_that_left_can_be_cancelled(self) -> Self:
        """Shipped goods are never cancelled, and only a line that nothing was done about changes its option."""
        allowed = {
            Button.CANCEL: {
                LineStatus.AWAITING_DEPOSIT,
                LineStatus.PLACED,
                LineStatus.SHIP_INSTRUCTED,
                LineStatus.SHIP_WAITING,
            },
            Button.OPTION_CHANGE: {LineStatus.PLACED},
        }
        for rule in self.buttons:
            if rule.actors and rule.status not in allowed[rule.button]:
                raise ValueError(f"buttons: {rule.button.value} is not possible for {rule.status.value}")
        return self

    @cached_property
    def _buttons(self) -> Mapping[tuple[LineStatus, Button], frozenset[Actor]]:
        return {(rule.status, rule.button): rule.actors for rule in self.buttons}

    def may(self, actor: Actor, button: Button, status: LineStatus) -> bool:
        return actor in self._buttons.get((status, button), frozenset())

    def reason(self, code: str, actor: Actor | None = None) -> Reason:
        """The reason with this code; raises BAD_VALUE when the shop has none, or keeps it from `actor`."""
        found = next((reason for reason in self.reasons if reason.code == code), None)
        if found is None or (actor is not None and actor not in found.offered_to):
            raise Refusal(Code.BAD_VALUE, "reason.unknown", reason_code=code)
        return found

    def reasons_for(self, actor: Actor) -> tuple[Reason, ...]:
        return tuple(reason for reason in self.reasons if actor in reason.offered_to)
