"""What members have stored at gateways: the list is replaced whole, and its tokens are never shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.orders import Means
from domain.refusals import Code, Refusal
from store import feed_shop, stored_means
from store.private import Vault
from store.stored_means import FedMeans, ShownMeans

VAULT = Vault("a secret of the service")
VISA = ShownMeans("S1", Means.CARD, "sandbox", "Visa ··1234")
PAY = ShownMeans("S2", Means.SIMPLE_PAY, "sandbox", "A simple pay")


@pytest.fixture
async def known(conn: AsyncConnection) -> AsyncConnection:
    """A connection on which member M1 has two means stored."""
    await feed_shop.put_member(conn, feed_shop.FedMember("M1", "Kim", None, None, 0, 0))
    await stored_means.put(conn, "M1", [FedMeans(VISA, "tok-visa"), FedMeans(PAY, "tok-pay")], VAULT)
    return conn


async def _token(conn: AsyncConnection, stored_no: str) -> str | None:
    stored = await stored_means.load(conn, "M1", stored_no)
    return None if stored is None else VAULT.open(stored.ciphertext)[stored_means.TOKEN]


async def test_what_is_stored_is_listed_in_its_order_without_tokens(known: AsyncConnection) -> None:
    assert await stored_means.list_of(known, "M1") == (VISA, PAY)
    assert await stored_means.list_of(known, "M2") == ()


async def test_a_token_is_sealed_and_found_by_who_charges(known: AsyncConnection) -> None:
    assert await _token(known, "S1") == "tok-visa"
    stored = await stored_means.load(known, "M1", "S1")
    assert stored is not None
    assert (stored.means, stored.gateway) == (Means.CARD, "sandbox")
    assert b"tok-visa" not in stored.ciphertext
    assert "tok" not in repr(stored) + repr(FedMeans(VISA, "tok-visa"))
    assert await stored_means.load(known, "M2", "S1") is None
    assert await stored_means.load(known, "M1", "S9") is None


async def test_the_list_is_replaced_whole(known: AsyncConnection) -> None:
    await stored_means.put(known, "M1", [FedMeans(PAY, "tok-new")], VAULT)
    assert await stored_means.list_of(known, "M1") == (PAY,)
    assert await _token(known, "S2") == "tok-new"
    await stored_means.put(known, "M1", [], VAULT)
    assert await stored_means.list_of(known, "M1") == ()


async def test_what_was_read_can_be_sent_back_without_tokens(known: AsyncConnection) -> None:
    renamed = replace(VISA, name="The family's card")
    await stored_means.put(known, "M1", [FedMeans(PAY), FedMeans(renamed)], VAULT)
    assert await stored_means.list_of(known, "M1") == (PAY, renamed)
    assert (await _token(known, "S1"), await _token(known, "S2")) == ("tok-visa", "tok-pay")


@pytest.mark.parametrize(
    ("sent", "code", "reason"),
    [
        ([FedMeans(replace(VISA, stored_no="S3"))], Code.REQUIRED, "stored_means.token"),
        ([FedMeans(replace(VISA, gateway="elsewhere"))], Code.REQUIRED, "stored_means.token"),
        ([FedMeans(VISA, "a"), FedMeans(VISA, "b")], Code.BAD_VALUE, "stored_means.repeated"),
        ([FedMeans(replace(VISA, means=Means.MILEAGE), "a")], Code.BAD_VALUE, "stored_means.own"),
    ],
)
async def test_what_is_refused_changes_nothing(
    known: AsyncConnection, sent: list[FedMeans], code: Code, reason: str
) -> None:
    with pytest.raises(Refusal) as caught:
        await stored_means.put(known, "M1", sent, VAULT)
    assert (caught.value.code, caught.value.reason) == (code, reason)
    assert await stored_means.list_of(known, "M1") == (VISA, PAY)


async def test_a_member_that_is_not_known_has_nothing_to_store_for(conn: AsyncConnection) -> None:
    with pytest.raises(Exception, match="fk_stored_means_member_no"):
        await stored_means.put(conn, "NOBODY", [FedMeans(VISA, "a")], VAULT)
    await conn.rollback()
    assert (await conn.execute(text("SELECT count(*) FROM stored_means"))).scalar_one() == 0
