"""Runs the migrations on the connection that `store.migrate` hands over, all in one transaction."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from store.tables import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
