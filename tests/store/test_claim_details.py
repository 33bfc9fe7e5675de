"""One claim whole, with everything it did."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import ClaimKind, LegState, Step, StepStatus
from domain.costs import CouponCause
from domain.orders import Held
from store.claim_details import load_claim
from store.feed_shop import put_item
from tests.store import shop

ORDER_NO = shop.WITH_COUPON_AND_MILEAGE.order_no


async def test_a_cancel_with_everything_it_did(brought: AsyncConnection) -> None:
    claim_no = await shop.cancel_all(brought, shop.WITH_COUPON_AND_MILEAGE)
    details = await load_claim(brought, claim_no)
    assert details is not None
    assert (details.kind, details.refund, details.decided) == (ClaimKind.CANCEL, 22_000, True)
    assert [(line.line_no, line.quantity, line.goods_name) for line in details.lines] == [
        (1, 2, "Goods 1"),
        (2, 1, "Goods 2"),
    ]
    assert sum(row.amount for row in details.costs) == 22_000
    assert [(leg.payment_no, leg.amount, leg.state) for leg in details.legs] == [
        ("1", 20_000, LegState.SETTLED),
        ("2", 2_000, LegState.SETTLED),
    ]
    [coupon] = details.coupons
    assert (coupon.coupon_no, coupon.cause, coupon.restored) == ("B1", CouponCause.NOTHING_LEFT, True)
    assert coupon.restored_at is not None
    assert details.steps[0].step is Step.OPEN
    assert details.steps[0].status is StepStatus.DONE
    assert [seen.event for seen in details.events] == ["claim.opened", "claim.decided"]
    assert details.events[0].facts["refund"] == 22_000
    assert [payment.refunding for payment in details.payments] == [20_000, 2_000]
    assert [group.group_no for group in details.groups] == ["G1"]


async def test_a_coupon_that_is_not_back_yet(brought: AsyncConnection) -> None:
    claim_no, _ = await shop.open_cancel(brought, ORDER_NO, {1: 2, 2: 1})
    details = await load_claim(brought, claim_no)
    assert details is not None
    assert [coupon.restored_at for coupon in details.coupons] == [None]


async def test_an_option_change_names_both_variants(brought: AsyncConnection) -> None:
    await put_item(brought, shop.item_of("GOODS1", "002"))
    claim_no = await shop.open_change(brought, ORDER_NO, Held(1, 1, 2), "002")
    details = await load_claim(brought, claim_no)
    assert details is not None
    [line] = details.lines
    assert (line.variant_no, line.new_variant_no, line.new_variant_name) == ("001", "002", "Variant 002")


async def test_no_such_claim(brought: AsyncConnection) -> None:
    assert await load_claim(brought, "NONE") is None
