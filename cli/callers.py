"""Who the console command is to the service: tokens, made with the stack's secret or given by CLAIMS_TOKEN."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta

from api import tokens
from api.tokens import Role
from settings import Settings

LIFETIME = timedelta(hours=12)


def make_token(settings: Settings, role: Role, subject: str) -> str:
    """A token for `subject`, good for half a day where `settings.jwt_secret` is the service's."""
    secret = settings.jwt_secret.get_secret_value()
    return tokens.make(secret, role, subject, now=datetime.now(UTC), lifetime=LIFETIME)


def own_token(settings: Settings, role: Role) -> str:
    """The token that commands call with: CLAIMS_TOKEN when it is set, else one for whoever runs the command."""
    if settings.token is not None:
        return settings.token.get_secret_value()
    return make_token(settings, role, user_name())


def user_name() -> str:
    """The name of whoever runs the command, as audits keep it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        # A user id without a name, as in a container.
        return "console"
