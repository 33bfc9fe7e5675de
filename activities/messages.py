"""The base of what travels between workflows and activities, and the messages that several rooms' files share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from domain.standing import Standing


class Message(BaseModel):
    """Frozen, and tolerant of fields that a later version adds. Numbers, amounts and references: no personal data."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Pace(Message):
    """Retry budgets and waits of a claim, in seconds: the worker's settings when the run began, kept in its history."""

    gateway_attempts: int = 6
    gateway_first_retry: float = 1
    gateway_longest_retry: float = 10
    gateway_call: float = 30
    """Longest that one call to a gateway may take, look-up included."""
    notice_attempts: int = 4
    busy_patience: float = 300
    poll_first: float = 2
    poll_longest: float = 3600


class Begun(Message):
    """A claim at the start of a run, or when a run looks again.

    `notice_ids`: what its customer is to be told at once, whatever else is still to be done.
    """

    standing: Standing
    pace: Pace
    notice_ids: tuple[str, ...] = ()


class ClaimRef(Message):
    claim_no: str
