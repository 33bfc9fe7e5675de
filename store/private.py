"""Private parts of a request (a refund account, free text): encrypted before they reach the database.

AES-256-GCM under a key of this purpose alone. A row's ciphertext is a 12-byte nonce and what it was used for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select
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


async def find(conn: AsyncConnection, private_id: int) -> bytes | None:
    found = await conn.execute(select(private_parts.c.ciphertext).where(private_parts.c.private_id == private_id))
    return found.scalar_one_or_none()
