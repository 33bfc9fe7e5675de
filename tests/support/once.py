"""Whether a claim, whatever befell it, ended as it must and did each thing once: by every ledger there is."""

from __future__ import annotations

from tests.support.house import House
from tests.support.places import NEW, OLD, REFUND, STOCK, UNITS
from tests.support.stage import Claim

ONCE = {
    "COMPLETED": ("claim.opened", "claim.decided", "coupons.returned", "stock.returned", "claim.completed"),
    "REJECTED": ("claim.opened", "refund.refused", "claim.turned_back", "claim.rejected"),
}

CHANGED_ONCE = ("change.opened", "variant.reserved", "line.changed", "stock.returned", "claim.decided")


async def happened_once(house: House, claim: Claim, *, mails: int = 1) -> None:
    """The claim has ended as it must, and did each thing once: by the gateway's ledger, ours, and what was told.

    Mail can't be looked up: it may have gone out up to `mails` times, under one id, by which a mailbox folds them.
    """
    asked, ends = claim.asked, claim.place.ends
    assert await house.status(asked.claim_no) == ends
    told = await house.rows("SELECT event FROM claim_events WHERE claim_no = :no", no=asked.claim_no)
    events = [one["event"] for one in told]
    once = CHANGED_ONCE if claim.place.changes else ONCE[ends]
    assert {one: events.count(one) for one in once} == dict.fromkeys(once, 1)
    if claim.place.changes:
        await _variants_moved_once(house, claim)
        await _told_once(house, claim, "option_changed", mails)
    else:
        await _money_moved_once(house, claim)
        await _goods_moved_once(house, claim)
        await _told_once(house, claim, ends.lower(), mails)
    assert not await house.rows("SELECT 1 FROM parkings WHERE claim_no = :no", no=asked.claim_no)
    assert not await house.rows(
        "SELECT 1 FROM refund_attempts WHERE claim_no = :no AND state = 'SENT'", no=asked.claim_no
    )


async def _money_moved_once(house: House, claim: Claim) -> None:
    order_no, claim_no = claim.asked.order_no, claim.asked.claim_no
    legs = await house.rows(
        "SELECT payment_no, external, amount, state FROM refund_legs WHERE claim_no = :no", no=claim_no
    )
    assert sum(leg["amount"] for leg in legs) == REFUND
    completed = claim.place.ends == "COMPLETED"
    assert {leg["state"] for leg in legs} == {"SETTLED" if completed else "VOID"}
    for leg in legs:
        if leg["external"]:
            refunds = await house.refunds(order_no, leg["payment_no"])
            assert [one["amount"] for one in refunds] == ([leg["amount"]] if completed else [])
    credit = sum(leg["amount"] for leg in legs if not leg["external"] and completed)
    assert await house.value("SELECT mileage FROM members WHERE member_no = :no", no=f"{claim.name}-member") == credit
    reserved = await house.value("SELECT sum(refunding) FROM order_payments WHERE order_no = :no", no=order_no)
    assert reserved == (REFUND if completed else 0)
    assert await house.rows("SELECT * FROM order_differences WHERE order_no = :no", no=order_no) == []


async def _goods_moved_once(house: House, claim: Claim) -> None:
    completed = claim.place.ends == "COMPLETED"
    assert await house.stock(f"{claim.name}-1") == STOCK + (UNITS if completed else 0)
    coupon = await house.rows("SELECT used_order_no FROM coupons WHERE coupon_no = :no", no=f"{claim.name}-coupon")
    assert coupon == [{"used_order_no": None if completed else claim.asked.order_no}]
    for table in ("stock_movements", "coupon_movements"):
        moved = await house.value(f"SELECT count(*) FROM {table} WHERE claim_no = :no", no=claim.asked.claim_no)  # noqa: S608
        assert moved == (1 if completed else 0)


async def _variants_moved_once(house: House, claim: Claim) -> None:
    line = "SELECT variant_no FROM order_lines WHERE order_no = :no AND line_no = 2"
    assert await house.value(line, no=claim.asked.order_no) == NEW
    assert await house.stock(f"{claim.name}-2", OLD) == STOCK + 1
    assert await house.stock(f"{claim.name}-2", NEW) == STOCK - 1
    assert await house.refunds(claim.asked.order_no) == []


async def _told_once(house: House, claim: Claim, happened: str, most: int) -> None:
    notices = await house.rows(
        "SELECT channel, event, state FROM notices WHERE claim_no = :no", no=claim.asked.claim_no
    )
    assert sorted((one["channel"], one["event"], one["state"]) for one in notices) == [
        (channel, happened, "SENT") for channel in ("alimtalk", "email", "inbox")
    ]
    mails = [mail["Message-ID"] for mail in house.mailbox.kept if mail["To"] == f"{claim.name}@example.test"]
    assert len(set(mails)) == 1
    assert len(mails) <= most
    reference = f"{claim.asked.claim_no}-{happened}-alimtalk"
    talked = await house.gateway.get("/alimtalk/messages", params={"reference": reference})
    assert len(talked.raise_for_status().json()["messages"]) == 1
