"""How any claim is opened: once per request, under the order's lock, never after its time. docs/saga.md: accepting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from activities.errors import database_errors
from activities.messages import Begun, Pace
from activities.refusals import to_failure
from domain.claims import EffectState
from domain.refusals import Code, Refusal
from store import claims, effects
from store.claims import FoundClaim
from store.database import Connection, Engine
from store.fence import lock_order


class Request(Protocol):
    """What the opening of every kind of claim goes by."""

    @property
    def claim_no(self) -> str: ...
    @property
    def order_no(self) -> str: ...
    @property
    def request_key(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def accept_by(self) -> datetime: ...


Write = Callable[[Connection, FoundClaim | None], Awaitable[None]]
"""Checks the rules and writes the claim, or raises the refusal. Given: the claim that has spent the quote, if any."""


async def open_once(engine: Engine, pace: Pace, asked: Request, write: Write, *, nonce: str | None = None) -> Begun:
    """Open the claim durably, or find it open already; idempotent by claim number.

    Raises the refusal of the first rule broken, as a non-retryable failure. After `accept_by` it opens nothing and
    leaves a tombstone, so that an earlier try that is still under way opens nothing either.
    """
    with database_errors():
        async with engine.begin() as conn:
            refused = await _open(conn, asked, write, nonce)
            if refused is None:
                return Begun(standing=await claims.standing(conn, asked.claim_no), pace=pace)
        raise to_failure(refused)


async def _open(conn: Connection, asked: Request, write: Write, nonce: str | None) -> Refusal | None:
    """Open, or answer why not. A refusal is answered, not raised: its tombstone must be committed."""
    if not await lock_order(conn, asked.order_no):
        return Refusal(Code.NOT_FOUND, "order.unknown")
    found, spent = await claims.find_opened(conn, asked.order_no, asked.request_key, nonce)
    if found is not None:
        return None if found.digest == asked.digest else Refusal(Code.KEY_REUSED, "key.other_body")
    if await _too_late(conn, asked):
        return Refusal(Code.TOO_LATE, "request.too_late")
    try:
        await write(conn, spent)
    except Refusal as refusal:
        return refusal
    return None


async def _too_late(conn: Connection, asked: Request) -> bool:
    """Whether the request first came in too long ago: then its opening is buried, if it was not before."""
    passed, state = await effects.due(conn, open_key(asked.claim_no), asked.accept_by)
    if passed:
        await effects.tombstone(conn, open_key(asked.claim_no), asked.claim_no)
    return passed or state is EffectState.TOMBSTONE


def open_key(claim_no: str) -> str:
    return f"open/{claim_no}"
