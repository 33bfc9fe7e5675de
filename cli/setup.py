"""`claims setup`: make a database and a Temporal namespace of your own ready for the service."""

from __future__ import annotations

from cli.output import fail
from settings import load


def setup() -> None:
    """Migrate CLAIMS_DATABASE_URL to the newest schema and register the search attributes; harmless to repeat."""
    settings = load()
    if settings.database_url is None:
        fail("CLAIMS_DATABASE_URL is not set: it names the PostgreSQL database to prepare.", code=2)
    # Takes over a second to import: not for every other command.
    from cli.preparing import prepare

    prepare(settings, settings.database_url)
