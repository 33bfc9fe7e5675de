"""A policy's version always has the same content, whoever registers it and however often."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.claims import Actor
from domain.policy import Policy, ShippingPolicy
from store import policies
from store.tables import policies as kept
from tests.support.orders import POLICY


def _version(version: str, **changes: object) -> Policy:
    return POLICY.model_copy(update={"version": version, **changes})


async def test_a_policy_is_kept_as_it_was(conn: AsyncConnection) -> None:
    await policies.register(conn, POLICY)
    assert await policies.load(conn, POLICY.version) == POLICY
    assert await policies.load(conn, "no such version") is None


async def test_registering_again_changes_nothing(conn: AsyncConnection) -> None:
    await policies.register(conn, POLICY)
    first = (await conn.execute(select(kept))).one()
    await policies.register(conn, POLICY)
    assert (await conn.execute(select(kept))).one() == first


async def test_the_same_policy_is_always_the_same_text(conn: AsyncConnection) -> None:
    """Sets have no order of their own: it would differ from process to process."""
    await policies.register(conn, POLICY)
    stored = (await conn.execute(select(kept.c.content))).scalar_one()
    offered = [reason["offered_to"] for reason in stored["reasons"]]
    assert offered == [sorted(one) for one in offered]
    assert max(map(len, offered)) == len(Actor)


async def test_another_content_under_the_same_version_is_refused(conn: AsyncConnection) -> None:
    await policies.register(conn, POLICY)
    changed = _version(POLICY.version, shipping=ShippingPolicy.model_validate({"below_threshold": "keep_free"}))
    with pytest.raises(policies.PolicyChanged, match=rf"{POLICY.version} .* \(shipping\)") as caught:
        await policies.register(conn, changed)
    assert (caught.value.version, caught.value.parts) == (POLICY.version, ["shipping"])
    assert await policies.load(conn, POLICY.version) == POLICY
    await policies.register(conn, _version("another", shipping=changed.shipping))


async def test_a_part_that_did_not_exist_when_it_was_kept_had_its_default(conn: AsyncConnection) -> None:
    await policies.register(conn, _version("older"))
    older = "INSERT INTO policies (version, content) SELECT 'oldest', jsonb_set(content, '{version}', '\"oldest\"')"
    await conn.execute(text(f"{older} - 'refund' FROM policies WHERE version = 'older'"))
    await policies.register(conn, _version("oldest"))


async def test_a_part_that_this_release_does_not_know_is_named(conn: AsyncConnection) -> None:
    newer = 'INSERT INTO policies (version, content) VALUES (\'newer\', \'{"version": "newer", "weather": {}}\')'
    await conn.execute(text(newer))
    with pytest.raises(policies.PolicyChanged, match="weather"):
        await policies.register(conn, _version("newer"))


async def test_many_processes_register_at_once(engine: AsyncEngine) -> None:
    async def start() -> None:
        async with engine.begin() as conn:
            await policies.register(conn, _version("at-once"))

    await asyncio.gather(*(start() for _ in range(8)))
    async with engine.begin() as conn:
        counted = select(func.count()).where(kept.c.version == "at-once")
        assert (await conn.execute(counted)).scalar_one() == 1


@pytest.mark.parametrize("change", ["UPDATE policies SET content = '{}'", "DELETE FROM policies"])
async def test_what_is_kept_never_changes(conn: AsyncConnection, change: str) -> None:
    await policies.register(conn, POLICY)
    with pytest.raises(IntegrityError, match="policies is append-only"):
        await conn.execute(text(change))
