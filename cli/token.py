"""`claims token`: a caller's token."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from api.tokens import Role
from cli.callers import make_token, user_name
from cli.output import fail
from settings import load


class TokenRole(StrEnum):
    """The roles that have tokens: a guest has an order's password instead."""

    FEED = "feed"
    OPERATE = "operate"
    VIEW = "view"
    MEMBER = "member"


def token(
    role: Annotated[TokenRole, typer.Option(help="What its bearer may do.")],
    member_no: Annotated[str | None, typer.Option("--member-no", help="Which member, with --role member.")] = None,
) -> None:
    """Print a token for the local stack, and nothing else: TOKEN=$(claims token --role view)."""
    if (role is TokenRole.MEMBER) != (member_no is not None):
        fail("--member-no belongs to --role member, and only there.", code=2)
    if member_no is not None and not (member_no.isprintable() and 0 < len(member_no) <= 64):
        fail("--member-no must be 1 to 64 printable characters.", code=2)
    # Not through rich: it would wrap.
    typer.echo(make_token(load(), Role(role.value), member_no or user_name()))
