"""Which failures of the database pass by themselves, so that the same step may be tried again."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

FAILURES: tuple[type[Exception], ...] = (DBAPIError, PoolTimeoutError)
"""Everything that talking to the database may raise; `passes` tells which of it is no bug."""

_PASSING = frozenset(
    {
        "25006",  # read_only_sql_transaction: a standby, after a failover
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "53300",  # too_many_connections
        "55P03",  # lock_not_available: lock_timeout
        "57014",  # query_canceled: statement_timeout
        "57P01",  # admin_shutdown
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now
    }
)


def passes(error: Exception) -> bool:
    """Whether one of `FAILURES` passes by itself: a deadlock, a wait that was too long, or no server there.

    Whether the transaction took effect may be unknown when the connection was lost; a step that reads its row first may
    always be tried again.
    """
    if not isinstance(error, DBAPIError):
        return isinstance(error, PoolTimeoutError)
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is None:
        # The driver names no state when it could not reach the server at all, or lost it.
        return error.connection_invalidated or type(error.orig).__name__ == "OperationalError"
    return state in _PASSING or state.startswith("08")
