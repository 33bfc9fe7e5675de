"""The policies that claims were opened under: each version once, with its whole content, and never changed."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.policy import Policy
from store.tables import policies


class PolicyChanged(Exception):
    """A policy whose version is stored with another content; the message names the version and the parts that differ.

    Quotes and claims name their policy by its version, so a changed policy needs a version of its own.
    """

    def __init__(self, version: str, parts: list[str]) -> None:
        super().__init__(
            f"policy version {version} was used before with another content ({', '.join(parts)}): "
            "give the changed policy a version of its own"
        )
        self.version = version
        self.parts = parts


async def register(conn: AsyncConnection, policy: Policy) -> None:
    """Keep the policy under its version; the same again changes nothing, however many processes start at once.

    Raises `PolicyChanged` when another content is kept under that version.
    """
    await conn.execute(
        insert(policies).values(version=policy.version, content=_content(policy)).on_conflict_do_nothing()
    )
    content = (await conn.execute(select(policies.c.content).where(policies.c.version == policy.version))).scalar_one()
    if parts := _differing(policy, content):
        raise PolicyChanged(policy.version, parts)


async def load(conn: AsyncConnection, version: str) -> Policy | None:
    """The policy of that version as it was when first used; None when no process ever used it.

    Raises pydantic's ValidationError when this release no longer knows such a policy.
    """
    content = (await conn.execute(select(policies.c.content).where(policies.c.version == version))).scalar_one_or_none()
    return None if content is None else Policy.model_validate(content)


def _differing(policy: Policy, content: Mapping[str, Any]) -> list[str]:
    """The names of the parts that differ. A part that an older release did not know yet had its default."""
    try:
        stored = Policy.model_validate(content)
    except ValidationError as error:
        return sorted({str(one["loc"][0]) if one["loc"] else "policy" for one in error.errors()})
    return [name for name in Policy.model_fields if getattr(stored, name) != getattr(policy, name)]


def _content(policy: Policy) -> Any:
    return _plain(policy.model_dump())


def _plain(value: Any) -> Any:
    """JSON values; sets in order, so that the same policy is always the same text."""
    match value:
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case Set():
            return sorted(str(inner) for inner in value)
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value
