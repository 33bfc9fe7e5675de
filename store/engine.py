"""The database engine: one pool per process, with bounded waits on every statement and lock."""

from __future__ import annotations

import time
from typing import Any

from psycopg import Error as PostgresError
from sqlalchemy import Engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

ASKED_WHEN_IDLE_FOR = 1.0
"""Seconds after which a pooled connection is asked whether it lives before it is used again.

One that was lost within them fails the statement that used it, as one that is lost during it: the step is retried.
"""
_USED_AT = "used_at"


def create_engine(url: str, *, pool_size: int, lock_timeout_ms: int, statement_timeout_ms: int) -> AsyncEngine:
    """An engine for `url` (``postgresql://`` or ``postgresql+psycopg://``). Connects on first use.

    A lock that can't be had in `lock_timeout_ms`, or a statement longer than `statement_timeout_ms`, fails and is
    retried by the step that ran it. The pool never grows beyond `pool_size`.
    """
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        # The last one used is the next one used: few connections stay warm, with their statements prepared.
        pool_use_lifo=True,
        # Parameters carry names and addresses, and errors are logged.
        hide_parameters=True,
        connect_args={
            "connect_timeout": 3,
            "prepare_threshold": 1,
            "options": f"-c lock_timeout={lock_timeout_ms} -c statement_timeout={statement_timeout_ms} -c timezone=UTC",
        },
    )
    _ask_idle_connections(engine.sync_engine)
    _tell_no_rows(engine.sync_engine)
    return engine


def _tell_no_rows(engine: Engine) -> None:
    """Cut a refused row's values from errors: they end in logs and in workflow histories, and may be a person's."""

    @event.listens_for(engine, "handle_error")
    def cut(context: ExceptionContext) -> None:
        raised, told = context.original_exception, context.sqlalchemy_exception
        if not isinstance(raised, PostgresError) or told is None or raised.diag.message_detail is None:
            return
        whole = str(raised)
        raised.args = (raised.diag.message_primary,)
        told.args = tuple(part.replace(whole, str(raised)) if isinstance(part, str) else part for part in told.args)


def _ask_idle_connections(engine: Engine) -> None:
    """As the pool's own `pre_ping`, but without a question before every single transaction."""
    dialect = engine.dialect

    @event.listens_for(engine, "checkin")
    def note_use(_connection: Any, record: Any) -> None:
        record.info[_USED_AT] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ask(connection: Any, record: Any, _fairy: Any) -> None:
        used_at = record.info.get(_USED_AT)
        if used_at is None or time.monotonic() - used_at < ASKED_WHEN_IDLE_FOR:
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            # The pool drops what it holds, connects anew, and goes on.
            raise InvalidatePoolError from error
