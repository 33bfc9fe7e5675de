"""Requests that may become claims: each is remembered before anything is started, and never forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, text, update
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.ext.asyncio import AsyncConnection

from store import private
from store.tables import requests


@dataclass(frozen=True, slots=True)
class Remembered:
    """A request as it first came in. `claim_no` is reserved for the claim that it may become.

    `accept_by`: after this, aware UTC by the database's clock, it is not carried out any more.
    """

    claim_no: str
    digest: str
    private_id: int | None
    accept_by: datetime
    seconds_left: float


async def find(conn: AsyncConnection, order_no: str, request_key: str, accept_within: float) -> Remembered | None:
    """The request, or None when it never came in. `accept_within` is in seconds."""
    row = (await conn.execute(_asked(order_no, request_key, accept_within))).one_or_none()
    if row is None:
        return None
    return _remembered(row)


async def remember(
    conn: AsyncConnection,
    order_no: str,
    request_key: str,
    digest: str,
    *,
    ciphertext: bytes | None,
    account_shown: str | None = None,
    timezone: str,
    accept_within: float,
) -> Remembered:
    """Write the request once and answer it as it stands: a repeat finds the first, whose digest may be another.

    `ciphertext`: its private parts, sealed; `account_shown`: the little of a refund account among them that may be.

    The claim number is the date in the shop's `timezone`, ``C``, and a number of the sequence of at least six digits.
    """
    written = await conn.execute(
        text(
            """
            INSERT INTO requests (order_no, request_key, claim_no, digest)
            SELECT :order_no, :request_key,
                   to_char(now() AT TIME ZONE :timezone, 'YYYYMMDD') || 'C' || lpad(n, greatest(6, length(n)), '0'),
                   :digest
            FROM (SELECT nextval('claim_numbers')::text AS n) AS numbered
            ON CONFLICT (order_no, request_key) DO NOTHING
            RETURNING claim_no, digest, private_id, first_at + make_interval(secs => :accept_within) AS accept_by,
                      extract(epoch FROM first_at - clock_timestamp()) + :accept_within AS seconds_left
            """
        ),
        {
            "order_no": order_no,
            "request_key": request_key,
            "digest": digest,
            "timezone": timezone,
            "accept_within": accept_within,
        },
    )
    row = written.one_or_none()
    if row is not None:
        if ciphertext is None:
            return _remembered(row)
        private_id = await private.keep(conn, ciphertext, account_shown=account_shown)
        await conn.execute(
            update(requests)
            .where(requests.c.order_no == order_no, requests.c.request_key == request_key)
            .values(private_id=private_id)
        )
    remembered = await find(conn, order_no, request_key, accept_within)
    if remembered is None:
        raise RuntimeError("a request that was just written is gone")
    return remembered


def _remembered(row: Any) -> Remembered:
    return Remembered(row.claim_no, row.digest, row.private_id, row.accept_by, float(row.seconds_left))


def _asked(
    order_no: str, request_key: str, accept_within: float
) -> Select[tuple[str, str, int | None, datetime, float]]:
    accept_by = requests.c.first_at + func.make_interval(0, 0, 0, 0, 0, 0, accept_within, type_=INTERVAL)
    return select(
        requests.c.claim_no,
        requests.c.digest,
        requests.c.private_id,
        accept_by.label("accept_by"),
        func.extract("epoch", accept_by - func.clock_timestamp()).label("seconds_left"),
    ).where(requests.c.order_no == order_no, requests.c.request_key == request_key)
