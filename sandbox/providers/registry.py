"""What a provider knows before any call: its merchants, their customers' stored means, and its quirks.

A quirk is a behaviour of the real provider that nobody has proven; its default is what hurts a careless client most.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

QuirkValue = bool | int | str


@dataclass(frozen=True, slots=True)
class Merchant:
    """An account at a provider: the name it is called by there, and the secret that it signs in with."""

    merchant: str
    secret: str
    details: dict[str, Any]


def put_merchant(connection: sqlite3.Connection, provider: str, merchant: Merchant) -> None:
    """Open an account, or change its secret and details."""
    connection.execute(
        "INSERT INTO merchants VALUES (?, ?, ?, ?) ON CONFLICT (provider, merchant) DO UPDATE SET"
        " secret = excluded.secret, details = excluded.details",
        (provider, merchant.merchant, merchant.secret, json.dumps(merchant.details)),
    )


def merchants(connection: sqlite3.Connection, provider: str) -> list[Merchant]:
    """The accounts at a provider; the first is the one that is there from the start."""
    rows = connection.execute("SELECT * FROM merchants WHERE provider = ? ORDER BY rowid", (provider,))
    return [Merchant(row["merchant"], row["secret"], json.loads(row["details"])) for row in rows]


def by_name(connection: sqlite3.Connection, provider: str, name: str) -> Merchant | None:
    """The account of this name."""
    return next((one for one in merchants(connection, provider) if one.merchant == name), None)


def by_secret(connection: sqlite3.Connection, provider: str, secret: str) -> Merchant | None:
    """The account that signs in with this secret."""
    return next((one for one in merchants(connection, provider) if one.secret == secret), None)


def put_means(connection: sqlite3.Connection, provider: str, token: str, merchant: str, customer: str) -> None:
    """Store a customer's means under a token, which is all that a charge needs."""
    connection.execute("INSERT OR REPLACE INTO stored_means VALUES (?, ?, ?, ?)", (provider, token, merchant, customer))


def means_customer(connection: sqlite3.Connection, provider: str, token: str, merchant: str) -> str | None:
    """Whose means a token stands for; None when this merchant has no such token."""
    row = connection.execute(
        "SELECT customer FROM stored_means WHERE provider = ? AND token = ? AND merchant = ?",
        (provider, token, merchant),
    ).fetchone()
    return None if row is None else str(row["customer"])


def quirks(connection: sqlite3.Connection, provider: str, defaults: Mapping[str, QuirkValue]) -> dict[str, QuirkValue]:
    """Every quirk of a provider with the value it is played with."""
    rows = connection.execute("SELECT name, value FROM quirks WHERE provider = ?", (provider,))
    return {**defaults, **{row["name"]: json.loads(row["value"]) for row in rows}}


def put_quirk(connection: sqlite3.Connection, provider: str, name: str, value: QuirkValue) -> None:
    """Play a quirk the other way."""
    connection.execute("INSERT OR REPLACE INTO quirks VALUES (?, ?, ?)", (provider, name, json.dumps(value)))


def reset_quirks(connection: sqlite3.Connection, provider: str) -> None:
    """Play every quirk as it is by default."""
    connection.execute("DELETE FROM quirks WHERE provider = ?", (provider,))


def use_once(connection: sqlite3.Connection, provider: str, token: str, now: int) -> bool:
    """Whether this token comes for the first time; it is remembered for good."""
    cursor = connection.execute("INSERT OR IGNORE INTO used_tokens VALUES (?, ?, ?)", (provider, token, now))
    return cursor.rowcount == 1
