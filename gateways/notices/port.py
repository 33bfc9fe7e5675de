"""The port through which a notice leaves: one message to one person, and what became of it.

An adapter never raises for what the outside does: it classifies it. What it answers names codes only, never an address,
a number or a server's own words, which may quote them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One notice to one person.

    `notice_id` names it for good: it is the key, the reference or the Message-ID of every try. `template` is the name
    under which the text is known to senders that approve texts beforehand.
    """

    notice_id: str
    to: str
    subject: str
    body: str
    template: str
    language: str


@dataclass(frozen=True, slots=True)
class Sent:
    """Accepted. `reference` is the channel's own, to find it there again."""

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
    """No answer that tells: it may have been sent. The next try says `again`."""

    code: str


@dataclass(frozen=True, slots=True)
class RejectedForGood:
    """This message will never be taken, however often it is sent."""

    code: str


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """We are not let in: address, credentials or sender are wrong. A person must mend it."""

    code: str


Outcome = Sent | AlreadySent | Retry | Unknown | RejectedForGood | Misconfigured


class NoticeChannel(Protocol):
    """One way of reaching people outside."""

    @property
    def traceable(self) -> bool:
        """Whether the channel can be asked what became of a message, so that `again` never sends it twice."""
        ...

    async def send(self, message: Message, *, again: bool) -> Outcome:
        """Send `message` and answer what became of it.

        `again`: an earlier try may have arrived. A traceable channel then looks first and sends only what is not there.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
