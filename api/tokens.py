"""Callers' tokens: HS256 JWTs with `sub`, `role` and `exp`."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import jwt


class Role(StrEnum):
    """What a caller may do. `GUEST` has no token: a guest proves an order by its number and password."""

    GUEST = "guest"
    MEMBER = "member"
    VIEW = "view"
    OPERATE = "operate"
    FEED = "feed"


class BadToken(Exception):
    """The token is not one of ours, or not valid any more."""


def make(secret: str, role: Role, subject: str, *, now: datetime, lifetime: timedelta) -> str:
    """A token for `subject`: a member's number, or the name of a person or system of the back office."""
    claims = {"sub": subject, "role": role.value, "iat": now, "exp": now + lifetime}
    return jwt.encode(claims, secret, algorithm="HS256")


def read(secret: str, token: str) -> tuple[Role, str]:
    """The role and subject of a valid token. Raises BadToken for anything else."""
    try:
        claims = jwt.decode(token, secret, algorithms=["HS256"], options={"require": ["exp", "sub", "role"]})
        role = Role(claims["role"])
    except (jwt.PyJWTError, ValueError) as error:
        raise BadToken(type(error).__name__) from error
    subject = claims["sub"]
    if role is Role.GUEST or not (subject.isprintable() and 0 < len(subject) <= 64):
        raise BadToken("claims")
    return role, subject
