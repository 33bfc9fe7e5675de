"""What becomes of the coupons that a claim frees: they come back, are extended, given anew, or stay used."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import Step, StepStatus
from domain.orders import Fault, Promotion
from domain.policy import Returning
from store import claims, coupons
from store.claim_details import load_claim
from store.conservation import differences
from store.coupons import LONGEST_NO, reissued_no
from store.feed_shop import FedCoupon, put_coupon
from store.tables import coupon_movements
from store.tables import coupons as coupons_table
from tests.store import shop
from tests.support import orders as made

ORDER = shop.WITH_COUPON_AND_MILEAGE
ORDER_NO = ORDER.order_no
EVERYTHING = {1: 2, 2: 1}
DAYS = made.POLICY.coupons.extension_days
REISSUING = made.POLICY.model_copy(
    update={
        "coupons": made.POLICY.coupons.model_copy(
            update={"unexpired": Returning.REISSUE, "expired_seller_fault": Returning.REISSUE}
        )
    }
)
EXPIRED = made.NOW - timedelta(days=1)
"""Expired when the claim is priced."""
FAR = datetime(2099, 1, 1, tzinfo=UTC)


async def _expires(conn: AsyncConnection, at: datetime | None, *, used_by: str | None = ORDER_NO) -> None:
    await put_coupon(conn, FedCoupon("B1", "M1", Promotion.BASKET, "Welcome", at, used_by))


async def _coupon(conn: AsyncConnection, coupon_no: str = "B1") -> Any:
    return (await conn.execute(select(coupons_table).where(coupons_table.c.coupon_no == coupon_no))).one_or_none()


async def _moved(conn: AsyncConnection) -> list[tuple[str, str]]:
    found = await conn.execute(
        select(coupon_movements.c.kind, coupon_movements.c.coupon_no).where(coupon_movements.c.kind != "feed")
    )
    return [(row.kind, row.coupon_no) for row in found]


async def _now(conn: AsyncConnection) -> datetime:
    now: datetime = (await conn.execute(text("SELECT now()"))).scalar_one()
    return now


async def _freed(conn: AsyncConnection, **how: Any) -> str:
    """A cancel of everything; its coupon is given back, as often as a step may be tried."""
    claim_no, _ = await shop.open_cancel(conn, ORDER_NO, EVERYTHING, **how)
    await shop.decide(conn, claim_no)
    for _ in range(2):
        await coupons.give_back(conn, await shop.head_of(conn, claim_no))
    return claim_no


# --- the same coupon --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expires_at", [FAR, None])
async def test_restored_with_its_expiry(brought: AsyncConnection, expires_at: datetime | None) -> None:
    await _expires(brought, expires_at)
    await _freed(brought)
    coupon = await _coupon(brought)
    assert (coupon.used_order_no, coupon.expires_at) == (None, expires_at)
    assert await _moved(brought) == [("restore", "B1")]


async def test_one_that_expired_since_the_quote_gets_a_day(brought: AsyncConnection) -> None:
    await _expires(brought, made.NOW + timedelta(minutes=10))
    await _freed(brought)
    assert (await _coupon(brought)).expires_at == await _now(brought) + timedelta(hours=24)


async def test_one_that_expired_at_the_sellers_fault_is_extended(brought: AsyncConnection) -> None:
    await _expires(brought, EXPIRED)
    await _freed(brought, fault=Fault.SELLER)
    coupon = await _coupon(brought)
    assert (coupon.used_order_no, coupon.expires_at) == (None, await _now(brought) + timedelta(days=DAYS))


@pytest.mark.parametrize("fed_meanwhile", [FAR, None])
async def test_extending_never_shortens(brought: AsyncConnection, fed_meanwhile: datetime | None) -> None:
    await _expires(brought, EXPIRED)
    claim_no, _ = await shop.open_cancel(brought, ORDER_NO, EVERYTHING, fault=Fault.SELLER)
    await _expires(brought, fed_meanwhile)
    await coupons.give_back(brought, await shop.head_of(brought, claim_no))
    assert (await _coupon(brought)).expires_at == fed_meanwhile


async def test_forfeited_stays_used(brought: AsyncConnection) -> None:
    await _expires(brought, EXPIRED)
    await _freed(brought)
    assert (await _coupon(brought)).used_order_no == ORDER_NO
    assert await _moved(brought) == []


# --- a new coupon -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("expires_at", "fault"), [(EXPIRED, Fault.SELLER), (made.NOW + timedelta(days=1), None)])
async def test_reissued(brought: AsyncConnection, expires_at: datetime, fault: Fault | None) -> None:
    await _expires(brought, expires_at)
    claim_no = await _freed(brought, policy=REISSUING, fault=fault or Fault.CUSTOMER)
    old, new = await _coupon(brought), await _coupon(brought, reissued_no("B1", claim_no))
    assert (old.used_order_no, old.expires_at) == (ORDER_NO, expires_at)
    assert (new.member_no, new.promotion, new.name) == (old.member_no, old.promotion, old.name)
    assert (new.reissue_of, new.used_order_no, new.stub) == ("B1", None, False)
    assert new.expires_at == await _now(brought) + timedelta(days=DAYS)
    assert await _moved(brought) == [("reissue", "B1")]

    details = await load_claim(brought, claim_no)
    assert details is not None
    [told] = details.coupons
    assert (told.returning, told.new_coupon_no, told.new_expires_at) == (
        Returning.REISSUE, new.coupon_no, new.expires_at
    )  # fmt: skip
    assert told.restored_at is not None


async def test_a_claim_gives_one_back_and_another_anew(conn: AsyncConnection) -> None:
    policy = REISSUING.model_copy(
        update={"coupons": REISSUING.coupons.model_copy(update={"expired_seller_fault": Returning.EXTEND})}
    )
    await shop.bring(
        conn, replace(ORDER, benefits=(made.goods_coupon("B1", 1, 1_000), made.goods_coupon("B2", 2, 2_000)))
    )
    await _expires(conn, EXPIRED)
    claim_no = await _freed(conn, policy=policy, fault=Fault.SELLER)
    assert sorted(await _moved(conn)) == [("reissue", "B2"), ("restore", "B1")]
    used = [(await _coupon(conn, no)).used_order_no for no in ("B1", "B2", reissued_no("B2", claim_no))]
    assert used == [None, ORDER_NO, None]


@pytest.mark.parametrize("expires_at", [FAR, None])
async def test_a_reissued_coupon_lasts_as_long_as_the_old_one_did(
    brought: AsyncConnection, expires_at: datetime | None
) -> None:
    await _expires(brought, expires_at)
    claim_no = await _freed(brought, policy=REISSUING)
    assert (await _coupon(brought, reissued_no("B1", claim_no))).expires_at == expires_at


async def test_the_old_one_is_used_even_if_the_shop_has_not_said_so(brought: AsyncConnection) -> None:
    await _expires(brought, FAR, used_by=None)
    claim_no = await _freed(brought, policy=REISSUING)
    assert (await _coupon(brought)).used_order_no == ORDER_NO
    assert await _coupon(brought, reissued_no("B1", claim_no)) is not None


@pytest.mark.parametrize("policy", [made.POLICY, REISSUING])
async def test_a_coupon_that_another_order_has_used_is_left_alone(brought: AsyncConnection, policy: Any) -> None:
    await _expires(brought, FAR, used_by="ANOTHER")
    claim_no = await _freed(brought, policy=policy)
    assert (await _coupon(brought)).used_order_no == "ANOTHER"
    assert await _coupon(brought, reissued_no("B1", claim_no)) is None
    await claims.set_step(brought, claim_no, Step.COUPONS, StepStatus.DONE)
    assert await differences(brought, ORDER_NO) == []


async def test_a_number_that_is_taken_is_never_given_a_second_time(brought: AsyncConnection) -> None:
    claim_no, _ = await shop.open_cancel(brought, ORDER_NO, EVERYTHING, policy=REISSUING)
    taken = FedCoupon(reissued_no("B1", claim_no), "M2", Promotion.GOODS, "Other", None, None)
    await put_coupon(brought, taken)
    with pytest.raises(IntegrityError, match="pk_coupons"):
        await coupons.give_back(brought, await shop.head_of(brought, claim_no))


def test_a_reissued_number_is_short_enough_and_its_own() -> None:
    assert reissued_no("CP1", "20230808C000001") == "CP1-20230808C000001"
    numbers = {reissued_no("C" * 63 + end, claim_no) for end in "AB" for claim_no in ("20230808C01", "20230808C02")}
    assert len(numbers) == 4
    assert {len(number) for number in numbers} == {LONGEST_NO}
