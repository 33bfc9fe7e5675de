"""What a claim is made of: its kinds, statuses, steps, legs, attempts, and what an operator may be asked.

Every word here is kept in the database, in workflow histories and in search attributes, so a value is never renamed.
"""

from __future__ import annotations

from enum import StrEnum


class ClaimKind(StrEnum):
    CANCEL = "CANCEL"
    OPTION_CHANGE = "OPTION_CHANGE"


class Actor(StrEnum):
    """By whose rules a claim is opened."""

    MEMBER = "MEMBER"
    GUEST = "GUEST"
    BACK_OFFICE = "BACK_OFFICE"


class ClaimStatus(StrEnum):
    """Where a claim stands, as customers and operators read it. Derived from its rows; see `store.claims.restate`."""

    ACCEPTED = "ACCEPTED"
    REFUNDING = "REFUNDING"
    REFUND_PENDING = "REFUND_PENDING"
    NEEDS_OPERATOR = "NEEDS_OPERATOR"
    COMPENSATING = "COMPENSATING"
    COMPLETED = "COMPLETED"
    COMPLETED_NOTICE_FAILED = "COMPLETED_NOTICE_FAILED"
    REJECTED = "REJECTED"

    @property
    def final(self) -> bool:
        return self in FINAL


FINAL = frozenset({ClaimStatus.COMPLETED, ClaimStatus.COMPLETED_NOTICE_FAILED, ClaimStatus.REJECTED})


class Direction(StrEnum):
    """Forward until a claim is undone. Nothing turns back to forward."""

    FORWARD = "FORWARD"
    UNDOING = "UNDOING"


class Step(StrEnum):
    OPEN = "open"
    CHARGE = "charge"
    REFUND = "refund"
    COUPONS = "coupons"
    RESTOCK = "restock"
    COMPLETE = "complete"
    NOTIFY = "notify"
    RESERVE = "reserve"
    SWAP = "swap"
    RELEASE = "release"


CANCEL_STEPS = (Step.OPEN, Step.CHARGE, Step.REFUND, Step.COUPONS, Step.RESTOCK, Step.COMPLETE, Step.NOTIFY)
OPTION_STEPS = (Step.OPEN, Step.RESERVE, Step.SWAP, Step.RELEASE, Step.NOTIFY)


class StepStatus(StrEnum):
    WAITING = "WAITING"
    RUNNING = "RUNNING"
    PENDING = "PENDING"
    PARKED = "PARKED"
    DONE = "DONE"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    UNDONE = "UNDONE"


class LegState(StrEnum):
    """A refund leg: planned, accepted but not final, settled, refused for good, or void (its claim was undone)."""

    PLANNED = "PLANNED"
    PENDING = "PENDING"
    SETTLED = "SETTLED"
    REFUSED = "REFUSED"
    VOID = "VOID"


FAILED_LATER = "failed_later"
"""The code of a leg that is refused because its refund had succeeded and failed later."""


class ChargeState(StrEnum):
    """An extra payment: planned, sent with an outcome not known yet, taken, refused for good, or void (undone)."""

    PLANNED = "PLANNED"
    SENT = "SENT"
    TAKEN = "TAKEN"
    REFUSED = "REFUSED"
    VOID = "VOID"


class SettledBy(StrEnum):
    GATEWAY = "GATEWAY"
    HAND = "HAND"
    OURS = "OURS"


class ExternalState(StrEnum):
    """A refund found at a gateway that no claim asked for, and what it turned out to be.

    COUNTED: somebody else's; so much less is left to give back. FAILED: it came to nothing. OURS: a leg's own, whose
    answer had not been read yet. SETTLES_LEG: a person settled a leg by hand with it.
    """

    COUNTED = "COUNTED"
    FAILED = "FAILED"
    OURS = "OURS"
    SETTLES_LEG = "SETTLES_LEG"


class AttemptState(StrEnum):
    """SENT: armed, and its outcome not known yet. ANSWERED: the outcome is written. ABSENT: looked up, not there."""

    SENT = "SENT"
    ANSWERED = "ANSWERED"
    ABSENT = "ABSENT"


class PayoutState(StrEnum):
    """A refund that a person pays out by hand: not treated yet, paid, or failed (another payout may follow)."""

    UNTREATED = "UNTREATED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


class ReceiptState(StrEnum):
    """A cash receipt's cancel: sent and not known yet, done, or failed for good: then a person must see to it."""

    SENT = "SENT"
    DONE = "DONE"
    FAILED = "FAILED"


class EffectState(StrEnum):
    """One row per effect: it happened, it must never happen (tombstone), or it happened and was reversed."""

    EFFECT = "EFFECT"
    TOMBSTONE = "TOMBSTONE"
    REVERSED = "REVERSED"


class StuckReason(StrEnum):
    """Why a claim waits for a person."""

    PSP_DOWN = "PSP_DOWN"
    PSP_UNKNOWN = "PSP_UNKNOWN"
    PSP_DECLINED = "PSP_DECLINED"
    PSP_CONFLICT = "PSP_CONFLICT"
    PSP_MISCONFIGURED = "PSP_MISCONFIGURED"
    PAYMENT_BUSY = "PAYMENT_BUSY"
    ACCOUNT_NEEDED = "ACCOUNT_NEEDED"
    DATABASE = "DATABASE"
    COMPENSATION_STUCK = "COMPENSATION_STUCK"
    BUG = "BUG"
    PAYOUT_OPEN = "PAYOUT_OPEN"


class Action(StrEnum):
    """What an operator may answer to a parking."""

    RETRY = "retry"
    SKIP = "skip"
    SETTLE = "settle"
    PROVIDE_ACCOUNT = "provideAccount"
    ABORT = "abort"


class NoticeEvent(StrEnum):
    """What a customer or the shop is told about. ACCEPTED: the refund was accepted but money arrives later.

    REFUND_FAILED corrects what was told before: money that was given back has not arrived. NEEDS_OPERATOR is told to
    the shop only.
    """

    ACCEPTED = "refund_accepted"
    COMPLETED = "completed"
    REFUND_FAILED = "refund_failed"
    REJECTED = "rejected"
    OPTION_CHANGED = "option_changed"
    NEEDS_OPERATOR = "needs_operator"


class Channel(StrEnum):
    """By what somebody is told. SHOP is the merchant's own mail; the others are the customer's."""

    INBOX = "inbox"
    EMAIL = "email"
    ALIMTALK = "alimtalk"
    SHOP = "shop"


class NoticeState(StrEnum):
    PLANNED = "PLANNED"
    SENT = "SENT"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
