"""Bring a database to the schema of `store.tables`.

``python -m store.migrate URL`` upgrades; ``python -m store.migrate URL "what changes"`` drafts the next migration from
what differs between the database and `store.tables`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, NullPool, create_engine, make_url, text

SCRIPTS = Path(__file__).parent / "migrations"

_ONE_AT_A_TIME = 7_261_019
"""Key of the advisory lock: two processes that start together must not both migrate."""


def upgrade(database_url: str) -> None:
    """Upgrade the database at `database_url` (``postgresql://`` or ``postgresql+psycopg://``) to the newest schema.

    One transaction: all of it or nothing. Doing it again changes nothing; two at once wait for each other. Blocks; call
    it from a thread where an event loop runs. Raises sqlalchemy.exc.OperationalError when the database is away.
    """
    with _connect(database_url) as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
        command.upgrade(config(connection), "head")
        connection.commit()


def draft(database_url: str, message: str) -> None:
    """Write the next migration into `store/migrations/versions`; read it before you keep it."""
    with _connect(database_url) as connection:
        command.revision(config(connection), message, autogenerate=True)


def config(connection: Connection) -> Config:
    """Alembic's configuration for `connection`; no ini file is needed."""
    made = Config(attributes={"connection": connection})
    # A percent sign in the path would be read as an interpolation.
    made.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return made


def _connect(database_url: str) -> Connection:
    url = make_url(database_url).set(drivername="postgresql+psycopg")
    return create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5}).connect()


if __name__ == "__main__":
    if len(sys.argv) == 2:
        upgrade(sys.argv[1])
    elif len(sys.argv) == 3:
        draft(sys.argv[1], sys.argv[2])
    else:
        sys.exit(__doc__)
