"""The database engine: one pool per process, with bounded waits on every statement and lock."""

from __future__ import annotations

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


def create_engine(url: str, *, pool_size: int, lock_timeout_ms: int, statement_timeout_ms: int) -> AsyncEngine:
    """An engine for `url` (``postgresql://`` or ``postgresql+psycopg://``). Connects on first use.

    A lock that can't be had in `lock_timeout_ms`, or a statement longer than `statement_timeout_ms`, fails and is
    retried by the step that ran it. The pool never grows beyond `pool_size`.
    """
    return create_async_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        # Parameters carry names and addresses, and errors are logged.
        hide_parameters=True,
        connect_args={
            "connect_timeout": 3,
            "options": f"-c lock_timeout={lock_timeout_ms} -c statement_timeout={statement_timeout_ms} -c timezone=UTC",
        },
    )
