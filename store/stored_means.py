"""Means of payment that members have stored at a gateway. The gateway's token is sealed before it reaches the database.

What is read to be shown never holds a token; `load` gives it, still sealed, to who charges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.orders import Means
from domain.refusals import Code, Refusal
from store.private import Vault
from store.tables import members, stored_means

TOKEN = "token"
"""The name of the one part that `StoredToken.ciphertext` holds."""


@dataclass(frozen=True, slots=True)
class ShownMeans:
    """`stored_no` is the shop's number of it, `name` what the customer knows it by (``Visa ··1234``)."""

    stored_no: str
    means: Means
    gateway: str
    name: str


@dataclass(frozen=True, slots=True)
class FedMeans:
    """A stored means as it is fed. Without a `token` the one already stored for the same gateway and means stays."""

    shown: ShownMeans
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StoredToken:
    """What charges a stored means: `Vault.open(ciphertext)` has the gateway's token under `TOKEN`."""

    means: Means
    gateway: str
    ciphertext: bytes = field(repr=False)


async def put(conn: AsyncConnection, member_no: str, means: Sequence[FedMeans], vault: Vault) -> None:
    """Replace all that the member has stored by `means`, in that order; the same again changes nothing that is shown.

    The member must be known. Raises REQUIRED for one without a token, of which none is stored yet, and BAD_VALUE for a
    number that is given twice and for a credit of our own.
    """
    await conn.execute(select(members.c.member_no).where(members.c.member_no == member_no).with_for_update())
    _check(means)
    found = await conn.execute(select(stored_means).where(stored_means.c.member_no == member_no))
    sealed: dict[tuple[str, str, str], bytes] = {
        (row.stored_no, row.means, row.gateway): row.ciphertext for row in found
    }
    rows = [
        {
            "member_no": member_no,
            "stored_no": one.shown.stored_no,
            "position": position,
            "means": one.shown.means,
            "gateway": one.shown.gateway,
            "name": one.shown.name,
            "ciphertext": _sealed(one, sealed, vault),
        }
        for position, one in enumerate(means, start=1)
    ]
    await conn.execute(delete(stored_means).where(stored_means.c.member_no == member_no))
    if rows:
        await conn.execute(insert(stored_means).values(rows))


def _check(means: Sequence[FedMeans]) -> None:
    seen: set[str] = set()
    for one in means:
        if one.shown.stored_no in seen:
            raise Refusal(Code.BAD_VALUE, "stored_means.repeated", stored_no=one.shown.stored_no)
        if not one.shown.means.external:
            raise Refusal(
                Code.BAD_VALUE, "stored_means.own", stored_no=one.shown.stored_no, means=one.shown.means.value
            )
        seen.add(one.shown.stored_no)


def _sealed(one: FedMeans, known: Mapping[tuple[str, str, str], bytes], vault: Vault) -> bytes:
    if one.token is not None:
        return vault.seal({TOKEN: one.token})
    shown = one.shown
    kept = known.get((shown.stored_no, shown.means, shown.gateway))
    if kept is None:
        raise Refusal(Code.REQUIRED, "stored_means.token", stored_no=shown.stored_no)
    return kept


async def list_of(conn: AsyncConnection, member_no: str) -> tuple[ShownMeans, ...]:
    """What the member has stored, in the order in which it was fed."""
    found = await conn.execute(
        select(stored_means.c.stored_no, stored_means.c.means, stored_means.c.gateway, stored_means.c.name)
        .where(stored_means.c.member_no == member_no)
        .order_by(stored_means.c.position)
    )
    return tuple(ShownMeans(row.stored_no, Means(row.means), row.gateway, row.name) for row in found)


async def load(conn: AsyncConnection, member_no: str, stored_no: str) -> StoredToken | None:
    """One stored means with its sealed token; None when the member has none of that number (any more)."""
    row = (
        await conn.execute(
            select(stored_means.c.means, stored_means.c.gateway, stored_means.c.ciphertext).where(
                stored_means.c.member_no == member_no, stored_means.c.stored_no == stored_no
            )
        )
    ).one_or_none()
    return None if row is None else StoredToken(Means(row.means), row.gateway, row.ciphertext)
