"""The books of all message providers, in one shape: templates, and the messages that were accepted.

Nothing is delivered. A message that nobody settles ends at `settles_at` as its fault decided when it was accepted.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from sandbox.clock import iso
from sandbox.providers import faults
from sandbox.providers.provider import Provider

Outcome = Literal["delivered", "failed"]

PLACE = re.compile(r"#\{([^}]+)\}")
"""A place in a template that a parameter fills."""


class MessageProvider(Provider):
    """A provider that takes messages."""

    fault_kinds: ClassVar[frozenset[str]] = faults.ACTING | faults.MESSAGE


@dataclass(frozen=True, slots=True)
class Template:
    """A template that a sender has registered."""

    code: str
    sender: str
    text: str
    approved: bool

    @property
    def places(self) -> set[str]:
        """The parameters it can't do without."""
        return set(PLACE.findall(self.text))

    def filled(self, parameters: Mapping[str, str]) -> str:
        """Its text with the parameters in place."""
        return PLACE.sub(lambda place: parameters[place[1]], self.text)


@dataclass(frozen=True, slots=True)
class Message:
    """An accepted message; `batch` is the request it came in, `reference` what the caller gave to find it by."""

    merchant: str
    ref: str
    batch: str
    position: int
    key: str | None
    recipient: str
    template: str
    text: str
    reference: str
    at: int
    listed_at: int
    settles_at: int
    outcome: Outcome
    details: dict[str, Any] = field(default_factory=dict)

    def state(self, now: int) -> Literal["accepted", "delivered", "failed"]:
        """Where it stands: how it ends is only seen from `settles_at` on."""
        return self.outcome if now >= self.settles_at else "accepted"


def put_template(connection: sqlite3.Connection, provider: str, template: Template) -> None:
    """Register a template, or change it."""
    connection.execute(
        "INSERT OR REPLACE INTO templates VALUES (?, ?, ?, ?, ?)",
        (provider, template.code, template.sender, template.text, int(template.approved)),
    )


def find_template(connection: sqlite3.Connection, provider: str, sender: str, code: str) -> Template | None:
    """A sender's template."""
    row = connection.execute(
        "SELECT * FROM templates WHERE provider = ? AND sender = ? AND code = ?", (provider, sender, code)
    ).fetchone()
    return None if row is None else Template(row["code"], row["sender"], row["text"], bool(row["approved"]))


def add(connection: sqlite3.Connection, provider: str, message: Message) -> Message:
    """Accept a message, as the faults of its kind that it meets allow, and return it as it was accepted."""
    hidden = faults.take(connection, provider, message.reference, "act", {"unlisted"})
    lost = faults.take(connection, provider, message.reference, "act", {"undelivered"})
    listed_at = message.listed_at if hidden is faults.NO_FAULT else message.at + hidden.delay_ms
    outcome: Outcome = message.outcome if lost is faults.NO_FAULT else "failed"
    connection.execute(
        "INSERT INTO messages (provider, merchant, ref, batch, position, key, recipient, template, text, reference, at,"
        " listed_at, settles_at, outcome, details) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            provider,
            message.merchant,
            message.ref,
            message.batch,
            message.position,
            message.key,
            message.recipient,
            message.template,
            message.text,
            message.reference,
            message.at,
            listed_at,
            message.settles_at,
            outcome,
            json.dumps(message.details),
        ),
    )
    return message


def listed(connection: sqlite3.Connection, provider: str, merchant: str, now: int) -> list[Message]:
    """The merchant's messages that its lists show by now, oldest first."""
    rows = connection.execute(
        "SELECT * FROM messages WHERE provider = ? AND merchant = ? AND listed_at <= ? ORDER BY seq",
        (provider, merchant, now),
    )
    return [_message_of(row) for row in rows]


def settle(connection: sqlite3.Connection, provider: str, ref: str, outcome: Outcome, now: int) -> bool:
    """End a message's delivery now; False when there is none of this number."""
    cursor = connection.execute(
        "UPDATE messages SET outcome = ?, settles_at = min(settles_at, ?) WHERE provider = ? AND ref = ?",
        (outcome, now, provider, ref),
    )
    return cursor.rowcount == 1


def views(connection: sqlite3.Connection, provider: str, reference: str | None, now: int) -> list[dict[str, Any]]:
    """Every accepted message, of one reference or of all, in the shape that is the same for every provider."""
    rows = connection.execute(
        "SELECT * FROM messages WHERE provider = ? AND (? IS NULL OR reference = ?) ORDER BY seq",
        (provider, reference, reference),
    )
    return [_view(_message_of(row), now) for row in rows]


def view_of(connection: sqlite3.Connection, provider: str, ref: str, now: int) -> dict[str, Any]:
    """One message in that shape."""
    row = connection.execute("SELECT * FROM messages WHERE provider = ? AND ref = ?", (provider, ref)).fetchone()
    return _view(_message_of(row), now)


def _view(message: Message, now: int) -> dict[str, Any]:
    state = message.state(now)
    # Where the fallback is the provider's, a failed message goes out as a text: the customer has it all the same.
    texted = state == "failed" and bool(message.details.get("fallback"))
    return {
        "ref": message.ref,
        "key": message.key,
        "to": message.recipient,
        "template": message.template,
        "text": message.text,
        "reference": message.reference,
        "status": state,
        "route": "sms" if texted else "alimtalk",
        "at": iso(message.at),
    }


def _message_of(row: sqlite3.Row) -> Message:
    fields = {name: value for name, value in dict(row).items() if name not in ("seq", "provider")}
    return Message(**{**fields, "details": json.loads(fields["details"])})
