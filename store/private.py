"""Private parts of a request (a refund account, free text): encrypted before they reach the database.

AES-256-GCM under a key of this purpose alone. A row's ciphertext is a 12-byte nonce and what it was used for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import timedelta

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Interval, Text, bindparam, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.accounts import masked
from domain.keys import derive
from store.tables import private_parts

BANK_PART = "bank_code"
NUMBER_PART = "account_no"
HOLDER_PART = "account_holder"
"""Under what a refund account is kept among private parts: all three or none."""
ACCOUNT_PARTS = (BANK_PART, NUMBER_PART, HOLDER_PART)

TOKEN_PART = "payment_token"
"""Under what the token is kept that its extra payment is charged with."""

_NONCE = 12


class Vault:
    """Seals and opens private parts. Raises cryptography's InvalidTag when they were sealed under another secret."""

    def __init__(self, service_secret: str) -> None:
        self._cipher = AESGCM(derive(service_secret, "private parts"))

    def seal(self, parts: Mapping[str, str]) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, json.dumps(dict(parts)).encode(), None)

    def open(self, ciphertext: bytes) -> dict[str, str]:
        opened: dict[str, str] = json.loads(self._cipher.decrypt(ciphertext[:_NONCE], ciphertext[_NONCE:], None))
        return opened


def shown(parts: Mapping[str, str]) -> str | None:
    """The bank and the last digits of the refund account among these parts; None when there is none."""
    bank, number = parts.get(BANK_PART), parts.get(NUMBER_PART)
    return masked(bank, number) if bank and number else None


async def keep(conn: AsyncConnection, ciphertext: bytes, *, account_shown: str | None = None) -> int:
    """Keep sealed parts and answer their number. `account_shown`: what of an account among them people may see."""
    kept = await conn.execute(
        insert(private_parts)
        .values(ciphertext=ciphertext, account_shown=account_shown)
        .returning(private_parts.c.private_id)
    )
    return int(kept.scalar_one())


async def account_shown(conn: AsyncConnection, private_id: int) -> str | None:
    """Bank and last digits of the account that is kept there; None when there is none, or it is erased."""
    found = await conn.execute(
        select(private_parts.c.account_shown).where(
            private_parts.c.private_id == private_id, private_parts.c.ciphertext.is_not(None)
        )
    )
    return found.scalar_one_or_none()


async def opened(conn: AsyncConnection, private_id: int | None, vault: Vault) -> dict[str, str]:
    """Private parts in clear, to be used at once and kept nowhere; empty when there are none, or they are erased.

    Raises InvalidTag as `Vault.open`.
    """
    sealed = None if private_id is None else await find(conn, private_id)
    return {} if sealed is None else vault.open(sealed)


ERASED = "private.erased"
"""The event of a claim whose private parts were erased."""


async def erase_unneeded(conn: AsyncConnection, keep_for: timedelta, *, limit: int = 500) -> int:
    """Erase private parts that nobody needs any more, and say so in their claims' timelines; answers how many.

    Needed they are for `keep_for`: after they were brought, and after the end of a claim that has them, for a refund
    may still fail after it. What of an account may be shown stays.
    """
    erased = await conn.execute(_ERASE, {"keep_for": keep_for, "limit": limit, "event": ERASED})
    return int(erased.scalar_one())


_ERASE = text(
    """
    WITH using_it AS NOT MATERIALIZED (
        SELECT private_id, claim_no, order_no, closed_at FROM claims WHERE private_id IS NOT NULL
        UNION ALL
        SELECT leg.account_id, claim.claim_no, claim.order_no, claim.closed_at
        FROM refund_legs AS leg JOIN claims AS claim USING (claim_no) WHERE leg.account_id IS NOT NULL
        UNION ALL
        SELECT payout.account_id, claim.claim_no, claim.order_no, claim.closed_at
        FROM payouts AS payout JOIN claims AS claim USING (claim_no)
    ),
    erased AS (
        UPDATE private_parts SET ciphertext = NULL, erased_at = clock_timestamp()
        WHERE private_id IN (
            SELECT part.private_id FROM private_parts AS part
            WHERE part.ciphertext IS NOT NULL AND part.created_at < now() - :keep_for
              AND NOT EXISTS (
                  SELECT FROM using_it
                  WHERE using_it.private_id = part.private_id
                    AND (using_it.closed_at IS NULL OR using_it.closed_at > now() - :keep_for))
            ORDER BY part.created_at LIMIT :limit
            FOR UPDATE SKIP LOCKED)
        RETURNING private_id
    ),
    told AS (
        INSERT INTO claim_events (claim_no, order_no, actor, event)
        SELECT DISTINCT using_it.claim_no, using_it.order_no, 'system', :event
        FROM erased JOIN using_it USING (private_id)
    )
    SELECT count(*) FROM erased
    """
).bindparams(bindparam("keep_for", type_=Interval), bindparam("event", type_=Text))


async def find(conn: AsyncConnection, private_id: int) -> bytes | None:
    found = await conn.execute(select(private_parts.c.ciphertext).where(private_parts.c.private_id == private_id))
    return found.scalar_one_or_none()
