"""The port through which a notice leaves: one message to one person, and what became of it.

An adapter never raises for what the outside does: it classifies it. What it answers names codes only, never an address,
a number or a server's own words, which may quote them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Message:
    """One notice to one person.

    `notice_id` names it for good: it is the key, the reference or the Message-ID of every try. `template` is the name
    under which the text is known to senders that approve texts beforehand, `parameters` what stands in its places.
    """

    notice_id: str
    to: str = field(repr=False)
    subject: str
    body: str = field(repr=False)
    template: str
    language: str
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """Accepted, which is not delivered. `reference` is the provider's own, to find it there again."""

    reference: str


@dataclass(frozen=True, slots=True)
class AlreadySent:
    """An earlier try had arrived; nothing was sent now."""

    reference: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Surely not sent; try again, at the earliest after `after` seconds (None: as the caller likes)."""

    code: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer that tells: it may have been sent, and is looked for before it is sent again.

    `after`: seconds before which looking tells nothing (None: as the caller likes).
    """

    code: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class RejectedForGood:
    """This message will never be taken, however often it is sent.

    `ours`: what we sent is wrong (a template, a text), not the recipient; the next one will fail alike.
    """

    code: str
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """We are not let in: address, credentials or sender are wrong. A person must mend it."""

    code: str


Outcome = Sent | AlreadySent | Retry | Unknown | RejectedForGood | Misconfigured


# --- what became of a message that was accepted ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivered:
    """The recipient has it. `texted`: the provider's own fallback brought it, as a text message."""

    texted: bool = False


@dataclass(frozen=True, slots=True)
class NotDelivered:
    """It will not arrive by this route any more."""

    code: str


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """Nothing is known yet, or nothing could be learned now."""


Delivery = Delivered | NotDelivered | OnItsWay


class NoticeChannel(Protocol):
    """One way of reaching people outside."""

    @property
    def provider(self) -> str:
        """Who carries it, as a slug."""
        ...

    async def send(self, message: Message) -> Outcome:
        """Send `message`, once, and answer what became of it."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class TracedChannel(NoticeChannel, Protocol):
    """A way that can be asked what became of a message, so that none is sent twice."""

    @property
    def settling(self) -> float:
        """Seconds after a try from which on `find` has it if it arrived; 0 where a key keeps an earlier one apart."""
        ...

    async def find(self, message: Message) -> AlreadySent | Unknown | None:
        """What the provider's list says of an earlier try of `message`. None: it is not there."""
        ...

    async def look_up(self, reference: str) -> Delivery:
        """What became of a message that was accepted under `reference`."""
        ...
