"""A shop that gives new coupons for those that a cancel frees, and extends those that expired at its own fault."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from domain.orders import Promotion
from domain.policy import Returning
from store.coupons import reissued_no
from store.feed_shop import FedCoupon, put_coupon
from tests.support.house import House
from tests.support.orders import POLICY, basket_coupon, line, order

DAYS = 7
SETTINGS = {
    "policy": POLICY.model_copy(
        update={
            "version": "reissuing",
            "coupons": POLICY.coupons.model_copy(
                update={
                    "unexpired": Returning.REISSUE,
                    "expired_seller_fault": Returning.EXTEND,
                    "extension_days": DAYS,
                }
            ),
        }
    )
}


async def _fed(house: House, expires_at: datetime) -> tuple[str, str]:
    """An order with a coupon that expires then; both numbers."""
    coupon_no = f"CP-{uuid.uuid4().hex[:8]}"
    order_no = await house.feed(order(line(1, 10_000, 2), benefits=[basket_coupon(coupon_no, {1: 2_000})]))
    async with house.engine.begin() as conn:
        await put_coupon(conn, FedCoupon(coupon_no, "M1", Promotion.BASKET, "Welcome", expires_at, order_no))
    return order_no, coupon_no


async def _coupons(house: House, coupon_no: str) -> dict[str, tuple[str | None, float]]:
    """The coupon and what was given for it: by which order each is used, and for how many days it lasts."""
    rows = await house.rows(
        "SELECT coupon_no, used_order_no, extract(epoch FROM expires_at - now()) AS lasts FROM coupons"
        " WHERE :no IN (coupon_no, reissue_of)",
        no=coupon_no,
    )
    return {row["coupon_no"]: (row["used_order_no"], round(float(row["lasts"]) / 86_400, 1)) for row in rows}


async def test_a_coupon_is_given_anew(house: House) -> None:
    order_no, coupon_no = await _fed(house, datetime.now(UTC) + timedelta(days=2))
    asked = house.asked(order_no, {1: 2})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await _coupons(house, coupon_no) == {
        coupon_no: (order_no, 2.0),
        reissued_no(coupon_no, asked.claim_no): (None, float(DAYS)),
    }
    version = await house.value("SELECT policy_version FROM claims WHERE claim_no = :no", no=asked.claim_no)
    assert version == "reissuing"
    assert await house.balanced()


async def test_an_expired_coupon_is_extended_at_the_sellers_fault(house: House) -> None:
    order_no, coupon_no = await _fed(house, datetime.now(UTC) - timedelta(days=2))
    asked = house.asked(order_no, {1: 2}, reason_code="50")
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "COMPLETED"
    assert await _coupons(house, coupon_no) == {coupon_no: (None, float(DAYS))}


async def test_nothing_is_given_when_the_claim_is_undone(house: House) -> None:
    order_no, coupon_no = await _fed(house, datetime.now(UTC) + timedelta(days=2))
    await house.fault("refuse", payment=f"{order_no}-1")
    asked = house.asked(order_no, {1: 2})
    await house.cancel(asked)
    assert (await house.outcome(asked.workflow_id))["status"] == "REJECTED"
    assert await _coupons(house, coupon_no) == {coupon_no: (order_no, 2.0)}
