"""The audit of an order: every movement with its claim."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.differences import Sum
from domain.orders import Means
from domain.policy import Returning
from store.conservation import books_of, differences
from store.order_audit import load_audit
from tests.store import shop
from tests.support import orders as made

ORDER_NO = shop.WITH_COUPON_AND_MILEAGE.order_no


async def test_every_movement_of_an_order_with_its_claim(brought: AsyncConnection) -> None:
    claim_no = await shop.cancel_all(brought, shop.WITH_COUPON_AND_MILEAGE)
    audit = await load_audit(brought, ORDER_NO)
    assert audit is not None
    assert audit.books.books.difference == 0
    assert audit.books.books.refunded == 22_000
    assert [(leg.claim_no, leg.refund_ref) for leg in audit.legs] == [(claim_no, "R1"), (claim_no, None)]
    assert [(move.claim_no, move.line_no, move.quantity) for move in audit.stock] == [
        (claim_no, 1, 2),
        (claim_no, 2, 1),
    ]
    assert [(move.claim_no, move.kind, move.coupon_no) for move in audit.coupons] == [(claim_no, "restore", "B1")]
    assert [(move.claim_no, move.means, move.member_no, move.amount) for move in audit.credits] == [
        (claim_no, Means.MILEAGE, "M1", 2_000)
    ]


async def test_points_taken_and_a_coupon_given_anew_are_movements_too(conn: AsyncConnection) -> None:
    reissuing = made.POLICY.model_copy(
        update={"coupons": made.POLICY.coupons.model_copy(update={"unexpired": Returning.REISSUE})}
    )
    order = made.order(made.line(1, 10_000, points=100), benefits=(made.goods_coupon("B1", 1, 1_000),))
    await shop.bring(conn, order)
    claim_no, _ = await shop.open_cancel(conn, order.order_no, {1: 1}, policy=reissuing)
    await shop.decide(conn, claim_no)
    await shop.give_back(conn, claim_no)
    audit = await load_audit(conn, order.order_no)
    assert audit is not None
    assert [(move.claim_no, move.kind, move.coupon_no, move.new_coupon_no) for move in audit.coupons] == [
        (claim_no, "reissue", "B1", f"B1-{claim_no}")
    ]
    assert [(move.claim_no, move.kind, move.means, move.amount, move.owed) for move in audit.credits] == [
        (claim_no, "points", Means.MILEAGE, 0, 100)
    ]
    assert audit.books.books.difference == 0


async def test_no_such_order(brought: AsyncConnection) -> None:
    assert await load_audit(brought, "NONE") is None
    assert await books_of(brought, "NONE") is None


async def test_an_order_is_told_with_what_does_not_add_up(brought: AsyncConnection) -> None:
    await brought.execute(text("UPDATE order_payments SET amount = amount + 5 WHERE payment_no = '2'"))
    [found] = await differences(brought)
    assert (found.order_no, found.currency, found.rule, found.difference) == (ORDER_NO, "KRW", Sum.BOOKS, -5)
    assert await differences(brought, limit=0) == []
    audit = await load_audit(brought, ORDER_NO)
    assert audit is not None
    assert audit.differences == (found,)
