"""A stand-in for an AlimTalk sender: takes messages, keeps them, delivers nothing.

Its idempotency is refusal, not replay, as with real senders: a key used within its life is `duplicate`, whatever the
body; afterwards the key is free again. So the list by reference, and not the key, tells what was sent.
"""

from __future__ import annotations

import sqlite3
import uuid
from typing import Any

from sandbox import answers, faults
from sandbox.answers import Answer
from sandbox.clock import iso
from sandbox.wire import ALIMTALK, MESSAGE_FAULTS, MessageBody

KEY_LIFE_MS = 600_000


def receive(
    connection: sqlite3.Connection, key: str, body: MessageBody, now: int, key_life_ms: int = KEY_LIFE_MS
) -> Answer | None:
    """Take a message as its fault allows and return the answer; None: cut the connection. Raises `duplicate`."""
    used = connection.execute("SELECT 1 FROM messages WHERE key = ? AND at > ?", (key, now - key_life_ms)).fetchone()
    if used is not None:
        raise answers.duplicate()
    fault = faults.take(connection, ALIMTALK, MESSAGE_FAULTS, or_any=False)
    match fault.kind:
        case "refuse":
            return answers.refused().answer
        case "error_before":
            return answers.internal().answer
        case "error_after":
            _accept(connection, key, body, now)
            return answers.internal().answer
        case "lose_answer":
            _accept(connection, key, body, now)
            return None
        case _:
            return Answer(200, {"messageId": _accept(connection, key, body, now), "status": "accepted"})


def by_reference(connection: sqlite3.Connection, reference: str) -> list[dict[str, Any]]:
    """The messages accepted with this reference, oldest first."""
    rows = connection.execute("SELECT * FROM messages WHERE reference = ? ORDER BY seq", (reference,))
    return [
        {
            "messageId": row["message_id"],
            "key": row["key"],
            "to": row["recipient"],
            "template": row["template"],
            "text": row["text"],
            "reference": row["reference"],
            "status": "accepted",
            "at": iso(row["at"]),
        }
        for row in rows
    ]


def _accept(connection: sqlite3.Connection, key: str, body: MessageBody, now: int) -> str:
    message_id = f"msg_{uuid.uuid4().hex}"
    connection.execute(
        "INSERT INTO messages (message_id, key, recipient, template, text, reference, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (message_id, key, body.to, body.template, body.text, body.reference, now),
    )
    return message_id
