"""Which failures of the database pass by themselves, so that the same step may be tried again."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError


class Trouble(StrEnum):
    """BUSY: a deadlock, or a lock, a statement or a connection of the pool not had in time. AWAY: no server answers."""

    BUSY = "DatabaseBusy"
    AWAY = "DatabaseAway"


FAILURES: tuple[type[Exception], ...] = (DBAPIError, PoolTimeoutError)
"""Everything that talking to the database may raise; `trouble` tells what passes."""

_BUSY = frozenset(
    {
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "53300",  # too_many_connections
        "55P03",  # lock_not_available: lock_timeout
        "57014",  # query_canceled: statement_timeout
    }
)
_AWAY = frozenset(
    {
        "25006",  # read_only_sql_transaction: a standby, after a failover
        "57P01",  # admin_shutdown
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now
    }
)


def trouble(error: Exception) -> Trouble | None:
    """The trouble behind one of `FAILURES` that passes by itself; None: trying again would fail again.

    Whether the transaction took effect may be unknown when the connection was lost; a step that reads its row first may
    always be tried again.
    """
    if isinstance(error, PoolTimeoutError):
        return Trouble.BUSY
    if not isinstance(error, DBAPIError):
        return None
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state in _BUSY:
        return Trouble.BUSY
    if state in _AWAY or error.connection_invalidated or (state or "").startswith("08"):
        return Trouble.AWAY
    # The driver names no state when the server could not be reached at all, or the connection broke.
    no_state = state is None and type(error.orig).__name__ == "OperationalError"
    return Trouble.AWAY if no_state else None
