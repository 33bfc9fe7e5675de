"""Extra payments, refund accounts, unpaid orders, gifts, points and coupons, as the storefront sees them."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from api.tokens import Role
from tests.api.shop import CANCEL, DETAILS, POPUP, QUOTE, Shop, basket, card, gift, group, line, select
from tests.api.test_cancel import code, finished, payload
from tests.support.house import House

TOKEN = "tok-of-the-customers-card"
STORED = {"stPayNo": "V1", "payWayCd": "11", "gateway": "sandbox", "token": "tok-stored-secret", "nm": "Visa ··1234"}
_MEMBERS = itertools.count(1)


class Customer:
    """A member of its own, so that balances of one test are no other's."""

    def __init__(self, shop: Shop) -> None:
        self.member_no = f"MONEY-{next(_MEMBERS)}"
        self.shop = shop
        self.headers = shop.token(Role.MEMBER, self.member_no)

    async def order(self, *lines: dict[str, Any], **changes: Any) -> str:
        return await self.shop.order(*lines, member=self.member_no, **changes)

    async def costly_order(self, **holder: Any) -> str:
        """Cancelling line 1 returns 1,000 and costs a fee of 3,000: 2,000 more is to be paid."""
        return await self.order(
            line(1, ordQty=1, salePrc=1_000),
            line(2, ordQty=1, salePrc=29_000),
            groups=[group(free_from=30_000, fee=3_000)],
            holder=holder,
        )

    async def quote(self, asked: dict[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = payload(await self.shop.call(QUOTE, asked, self.headers))
        return told

    async def cancel(self, asked: dict[str, Any], key: str | None = None) -> Any:
        return await self.shop.call(CANCEL, asked, self.headers, key=key)

    async def done(self, order_no: str, claim: dict[str, Any]) -> Any:
        return await finished(self.shop, self.headers, order_no, claim["claimNo"])

    async def balance(self) -> tuple[int, int]:
        told = payload(await self.shop.get(f"/v1/members/{self.member_no}", self.headers))
        return told["mileage"], told["deposit"]


@pytest.fixture
def customer(shop: Shop) -> Customer:
    return Customer(shop)


@pytest.fixture
def shopper(idle_shop: Shop) -> Customer:
    """A customer where no worker runs: for what is answered before anything is started."""
    return Customer(idle_shop)


def by_card(amount: int = 2_000, **changes: Any) -> dict[str, Any]:
    return {"payWayCd": "11", "payAmt": amount, "gateway": "sandbox", "token": TOKEN, **changes}


def error(answer: Any) -> tuple[str, str, str | None]:
    told = answer.json()
    return told["code"], told["error"], next((one["field"] for one in told["errors"]), None)


# --- extra payments: how they can be paid -----------------------------------------------------------------------------


async def test_a_quote_lists_the_ways_to_pay(shopper: Customer) -> None:
    order_no = await shopper.costly_order(mileage=5_000, deposit=1_999, storedPayList=[STORED])
    told = await shopper.quote(select(order_no, {1: 1}))
    assert (told["totRfdAmt"], told["addPayAmt"]) == (0, 2_000)
    ways = [
        tuple(way[name] for name in ("payWayCd", "gateway", "stPayNo", "nm", "usableAmt"))
        for way in told["addPayWayList"]
    ]
    assert ways == [
        ("32", None, None, None, 5_000),
        ("11", "sandbox", "V1", "Visa ··1234", 2_000),
        ("11", "sandbox", None, None, 2_000),
    ]


async def test_a_refund_has_no_ways_to_pay(shopper: Customer) -> None:
    order_no = await shopper.costly_order(mileage=5_000)
    assert (await shopper.quote(select(order_no, {2: 1})))["addPayWayList"] == []


async def test_a_guest_can_only_pay_through_a_gateway(idle_shop: Shop) -> None:
    order_no = await idle_shop.order(
        line(1, ordQty=1, salePrc=1_000),
        line(2, ordQty=1, salePrc=29_000),
        groups=[group(free_from=30_000, fee=3_000)],
        member=None,
        password="secret-1",
    )
    told = payload(await idle_shop.call(QUOTE, select(order_no, {1: 1}, umemPwd="secret-1")))
    assert [(way["payWayCd"], way["gateway"]) for way in told["addPayWayList"]] == [("11", "sandbox")]


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (None, ("2007", "payment.extra", "addPayInfo")),
        (by_card(1_999), ("1002", "payment.other_amount", "addPayInfo.payAmt")),
        (by_card(payWayCd="41"), ("1002", "payment.means", "addPayInfo.payWayCd")),
        (by_card(payWayCd="21"), ("1002", "payment.means", "addPayInfo.payWayCd")),
        (by_card(gateway="elsewhere"), ("1002", "payment.gateway_unknown", "addPayInfo.gateway")),
        (by_card(token=None), ("1001", "payment.token_missing", "addPayInfo.token")),
        (by_card(stPayNo="V1"), ("1002", "payment.two_tokens", "addPayInfo.stPayNo")),
        (by_card(token=None, stPayNo="V9"), ("1002", "payment.stored_unknown", "addPayInfo.stPayNo")),
        ({"payWayCd": "32", "payAmt": 2_000, "token": TOKEN}, ("1002", "payment.token_unneeded", "addPayInfo.token")),
        ({"payWayCd": "32", "payAmt": 2_000}, ("2007", "payment.balance", "addPayInfo.payWayCd")),
    ],
)
async def test_an_offer_that_does_not_fit_is_refused(
    shopper: Customer, info: dict[str, Any] | None, expected: tuple[str, str, str]
) -> None:
    order_no = await shopper.costly_order(mileage=1_999, storedPayList=[STORED])
    asked = select(order_no, {1: 1})
    asked["quoteToken"] = (await shopper.quote(asked))["quoteToken"]
    if info is not None:
        asked["addPayInfo"] = info
    refused = await shopper.cancel(asked)
    assert error(refused) == expected
    assert TOKEN not in refused.text


async def test_nobody_pays_what_was_not_quoted(shopper: Customer) -> None:
    order_no = await shopper.costly_order()
    refused = await shopper.cancel(select(order_no, {1: 1}, addPayInfo=by_card()), key="no quote")
    assert error(refused)[:2] == ("2007", "payment.needs_quote")
    unneeded = await shopper.cancel(select(order_no, {2: 1}, addPayInfo=by_card()), key="nothing to pay")
    assert error(unneeded) == ("1002", "payment.not_needed", "addPayInfo")


async def test_a_wrong_amount_is_told_before_anything_else(shopper: Customer) -> None:
    order_no = await shopper.costly_order()
    asked = select(order_no, {1: 1})
    asked["quoteToken"] = (await shopper.quote(asked))["quoteToken"]
    moved = await shopper.shop.call(
        f"/v1/orders/{order_no}/lines/1/status", {"ordDtlStatCd": "24"}, shopper.shop.token(Role.FEED)
    )
    assert moved.status_code == 200
    assert error(await shopper.cancel({**asked, "addPayInfo": by_card(1_999)}))[0] == "1002"
    assert error(await shopper.cancel({**asked, "addPayInfo": by_card()}))[0] == "2001"


# --- extra payments: paid ---------------------------------------------------------------------------------------------


async def test_a_cancel_is_paid_for_by_card_and_the_payment_is_refunded_later(customer: Customer, house: House) -> None:
    order_no = await customer.costly_order()
    asked = select(order_no, {1: 1})
    asked["quoteToken"] = (await customer.quote(asked))["quoteToken"]
    accepted = payload(await customer.cancel({**asked, "addPayInfo": by_card()}))
    assert (accepted["totRfdAmt"], accepted["addPayAmt"]) == (0, 2_000)
    told = await customer.done(order_no, accepted)
    assert told["claimStatCd"].startswith("COMPLETED")
    charged = told["addPayInfo"]
    assert (charged["payWayCd"], charged["gateway"], charged["payAmt"], charged["addPayStat"]) == (
        "11", "sandbox", 2_000, "TAKEN",
    )  # fmt: skip
    rows = [(row["payNo"], row["payGbCd"], row["payAmt"], row["addPayYn"]) for row in told["payRfdList"]]
    assert rows == [("1", "10", 30_000, "N"), (charged["payNo"], "10", 2_000, "Y")]
    order = payload(await customer.shop.get(f"/v1/orders/{order_no}", customer.headers))
    assert [(one["payAmt"], one["payStatCd"], one["addPayYn"]) for one in order["payList"]] == [
        (30_000, "12", "N"),
        (2_000, "12", "Y"),
    ]
    rest = payload(await customer.cancel(select(order_no, {2: 1}), key="the rest"))
    assert rest["totRfdAmt"] == 32_000
    told = await customer.done(order_no, rest)
    refunds = [
        (row["uprPayNo"], row["rfdAmt"], row["payStatCd"]) for row in told["payRfdList"] if row["payGbCd"] == "20"
    ]
    assert refunds == [("1", 30_000, "22"), (charged["payNo"], 2_000, "22")]
    audit = payload(await customer.shop.get(f"/v1/audit/{order_no}", customer.shop.token(Role.VIEW)))
    assert audit["conservation"] == {
        "paidAmt": 30_000, "addPayAmt": 2_000, "rfdAmt": 32_000, "dueAmt": 0, "boughtAmt": 0, "feeAmt": 0,
    }  # fmt: skip
    assert [(one["payAmt"], one["addPayStat"]) for one in audit["addPayList"]] == [(2_000, "TAKEN")]


async def test_twenty_equal_calls_at_once_are_charged_once(customer: Customer, house: House) -> None:
    order_no = await customer.costly_order()
    asked = select(order_no, {1: 1}, addPayInfo=by_card())
    asked["quoteToken"] = (await customer.quote(select(order_no, {1: 1})))["quoteToken"]
    told = [payload(one) for one in await asyncio.gather(*(customer.cancel(asked) for _ in range(20)))]
    assert all(one == told[0] for one in told)
    await customer.done(order_no, told[0])
    taken = await house.rows(
        "SELECT payment_no, gateway_ref FROM order_payments WHERE order_no = :no AND taken_by IS NOT NULL", no=order_no
    )
    assert len(taken) == 1
    payment = (await house.gateway.get(f"/payments/{taken[0]['gateway_ref']}")).json()
    assert (payment["amount"], payment["balance"]) == (2_000, 2_000)
    charges = (await house.gateway.get("/charges", params={"reference": taken[0]["payment_no"]})).json()["charges"]
    assert [one["amount"] for one in charges] == [2_000]


async def test_the_shops_only_gateway_need_not_be_named(customer: Customer) -> None:
    order_no = await customer.costly_order()
    asked = select(order_no, {1: 1})
    asked["quoteToken"] = (await customer.quote(asked))["quoteToken"]
    info = {"payWayCd": "11", "payAmt": 2_000, "token": TOKEN}
    told = await customer.done(order_no, payload(await customer.cancel({**asked, "addPayInfo": info})))
    assert (told["addPayInfo"]["gateway"], told["addPayInfo"]["addPayStat"]) == ("sandbox", "TAKEN")


async def test_a_cancel_is_paid_for_with_a_stored_means(customer: Customer, house: House) -> None:
    order_no = await customer.costly_order(storedPayList=[STORED])
    asked = select(order_no, {1: 1})
    asked["quoteToken"] = (await customer.quote(asked))["quoteToken"]
    info = {"payWayCd": "11", "payAmt": 2_000, "stPayNo": "V1"}
    told = await customer.done(order_no, payload(await customer.cancel({**asked, "addPayInfo": info})))
    assert (told["addPayInfo"]["gateway"], told["addPayInfo"]["stPayNo"], told["addPayInfo"]["addPayStat"]) == (
        "sandbox", "V1", "TAKEN",
    )  # fmt: skip


async def test_a_cancel_is_paid_for_with_mileage(customer: Customer) -> None:
    order_no = await customer.costly_order(mileage=2_500)
    asked = select(order_no, {1: 1})
    asked["quoteToken"] = (await customer.quote(asked))["quoteToken"]
    info = {"payWayCd": "32", "payAmt": 2_000}
    told = await customer.done(order_no, payload(await customer.cancel({**asked, "addPayInfo": info})))
    assert told["addPayInfo"]["addPayStat"] == "TAKEN"
    assert await customer.balance() == (500, 0)


async def test_a_quote_that_has_come_to_cost_something_is_refused_with_the_ways_to_pay(customer: Customer) -> None:
    order_no = await customer.order(
        line(1, ordQty=1, salePrc=1_000),
        line(2, ordQty=1, salePrc=14_000),
        line(3, ordQty=1, salePrc=15_000),
        groups=[group(free_from=15_000, fee=3_000)],
    )
    asked = select(order_no, {1: 1})
    quote = await customer.quote(asked)
    assert (quote["totRfdAmt"], quote["addPayWayList"]) == (1_000, [])
    await customer.done(order_no, payload(await customer.cancel(select(order_no, {3: 1}), key="meanwhile")))
    refused = await customer.cancel({**asked, "quoteToken": quote["quoteToken"]})
    assert error(refused)[:2] == ("2002", "quote.changed")
    renewed = refused.json()["payload"]
    assert (renewed["totRfdAmt"], renewed["addPayAmt"]) == (0, 2_000)
    assert [way["gateway"] for way in renewed["addPayWayList"]] == ["sandbox"]
    paid = {**asked, "quoteToken": renewed["quoteToken"], "addPayInfo": by_card()}
    assert payload(await customer.cancel(paid))["addPayAmt"] == 2_000


async def test_a_declined_payment_leaves_everything_as_it_was(customer: Customer, house: House) -> None:
    order_no = await customer.costly_order()
    asked = select(order_no, {1: 1})
    asked["quoteToken"] = (await customer.quote(asked))["quoteToken"]
    await house.fault("refuse")
    try:
        accepted = payload(await customer.cancel({**asked, "addPayInfo": by_card()}))
        told = await customer.done(order_no, accepted)
    finally:
        await house.mend()
    assert (told["claimStatCd"], told["rjctCd"], told["addPayInfo"]["addPayStat"]) == ("REJECTED", "2007", "VOID")
    assert "declined" in told["rjctReason"]
    assert [row["payGbCd"] for row in told["payRfdList"]] == ["10"]
    popup = payload(await customer.shop.call(POPUP, {"ordNo": order_no}, customer.headers))
    assert [one["claimPsbQty"] for one in popup["claimTgtList"]] == [1, 1]
    again = {**select(order_no, {1: 1}), "quoteToken": (await customer.quote(select(order_no, {1: 1})))["quoteToken"]}
    assert code(await customer.cancel({**again, "addPayInfo": by_card()})) == "0000"


async def test_no_token_of_a_card_is_kept_readable(customer: Customer, house: House) -> None:
    order_no = await customer.costly_order(storedPayList=[STORED])
    member = await customer.shop.get(f"/v1/members/{customer.member_no}", customer.headers)
    assert payload(member)["storedPayList"] == [{name: value for name, value in STORED.items() if name != "token"}]
    asked = select(order_no, {1: 1})
    asked["quoteToken"] = (await customer.quote(asked))["quoteToken"]
    accepted = payload(await customer.cancel({**asked, "addPayInfo": by_card()}))
    await customer.done(order_no, accepted)
    kept = await house.rows(
        "SELECT c.workflow_id, p.ciphertext FROM claims c JOIN private_parts p USING (private_id) WHERE claim_no = :no",
        no=accepted["claimNo"],
    )
    stored = await house.rows("SELECT ciphertext FROM stored_means WHERE member_no = :no", no=customer.member_no)
    for row in (*kept, *stored):
        assert TOKEN.encode() not in bytes(row["ciphertext"])
        assert STORED["token"].encode() not in bytes(row["ciphertext"])
    history = (await house.temporal.get_workflow_handle(kept[0]["workflow_id"]).fetch_history()).to_json()
    assert TOKEN not in history


# --- refund accounts --------------------------------------------------------------------------------------------------

ACCOUNT = {"rfdBankCd": "004", "rfdActnNo": "110-234-567890", "rfdActnDepositorNm": "김하나"}


async def test_money_from_a_virtual_account_needs_an_account_to_go_to(customer: Customer, house: House) -> None:
    order_no = await customer.order(payments=[card(20_000, payWayCd="21")])
    popup = payload(await customer.shop.call(POPUP, {"ordNo": order_no}, customer.headers))
    assert popup["rfdActnNeedYn"] == "Y"
    asked = select(order_no, {1: 2})
    assert (await customer.quote(asked))["rfdActnNeedYn"] == "Y"
    assert error(await customer.cancel(asked, key="none"))[:2] == ("2007", "payment.account")
    half = {name: value for name, value in ACCOUNT.items() if name != "rfdActnNo"}
    assert error(await customer.cancel({**asked, **half}, key="half")) == ("1001", "account.incomplete", "rfdActnNo")
    accepted = payload(await customer.cancel({**asked, **ACCOUNT}, key="whole"))
    told = await customer.done(order_no, accepted)
    assert told["claimStatCd"].startswith("COMPLETED")
    kept = await house.rows(
        "SELECT c.workflow_id, p.ciphertext FROM claims c JOIN private_parts p USING (private_id) WHERE claim_no = :no",
        no=accepted["claimNo"],
    )
    assert b"110-234" not in bytes(kept[0]["ciphertext"])
    history = (await house.temporal.get_workflow_handle(kept[0]["workflow_id"]).fetch_history()).to_json()
    assert "110-234" not in history


# --- unpaid orders ----------------------------------------------------------------------------------------------------


async def unpaid_order(customer: Customer) -> str:
    """20,000: 5,000 paid in mileage, 15,000 awaited on a virtual account."""
    awaited = {"payNo": "1", "payWayCd": "21", "payAmt": 15_000, "payStatCd": "11", "partCnclPsbYn": "Y"}
    mileage = {"payNo": "2", "payWayCd": "32", "payAmt": 5_000, "payStatCd": "12", "partCnclPsbYn": "Y"}
    return await customer.order(line(1, ordDtlStatCd="10"), payments=[awaited, mileage])


async def test_an_unpaid_order_is_closed_whole(customer: Customer) -> None:
    """P21: money that nobody has paid is refunded."""
    order_no = await unpaid_order(customer)
    popup = payload(await customer.shop.call(POPUP, {"ordNo": order_no}, customer.headers))
    assert (popup["sctnCnclPsbYn"], popup["rfdActnNeedYn"]) == ("N", "N")
    assert [(one["payStatCd"], one["rfdPsbAmt"], one["clsYn"]) for one in popup["payList"]] == [
        ("11", 0, "N"),
        ("12", 5_000, "N"),
    ]
    assert error(await customer.cancel(select(order_no, {1: 1}), key="part"))[:2] == ("2006", "order.unpaid")
    quote = await customer.quote(select(order_no, {1: 2}))
    assert (quote["totRfdAmt"], quote["rfdActnNeedYn"], quote["clsPayNoList"]) == (5_000, "N", ["1"])
    assert [(leg["payNo"], leg["rfdAmt"]) for leg in quote["payList"]] == [("2", 5_000)]
    assert ("WAITING_PAYMENT", -15_000) in [(one["ruleCd"], one["amount"]) for one in quote["explainList"]]
    told = await customer.done(order_no, payload(await customer.cancel(select(order_no, {1: 2}), key="whole")))
    assert told["clsPayNoList"] == ["1"]
    assert [(row["payStatCd"], row["clsYn"]) for row in told["payRfdList"] if row["payNo"] == "1"] == [("11", "Y")]
    assert await customer.balance() == (5_000, 0)
    order = payload(await customer.shop.get(f"/v1/orders/{order_no}", customer.headers))
    assert [(one["payStatCd"], one["clsYn"]) for one in order["payList"]] == [("11", "Y"), ("12", "N")]
    popup = payload(await customer.shop.call(POPUP, {"ordNo": order_no}, customer.headers))
    assert [one["clsYn"] for one in popup["payList"]] == ["Y", "N"]


# --- gifts, points, coupons -------------------------------------------------------------------------------------------


async def test_a_gift_leaves_with_what_it_came_for(customer: Customer, house: House) -> None:
    order_no = await customer.order(
        line(1, goodsNo="G-GIVES", ordQty=1), line(2, ordQty=1), gift(3, giftOfOrdSeq=1, goodsNo="G-GIVEN"), stock=0
    )
    popup = payload(await customer.shop.call(POPUP, {"ordNo": order_no}, customer.headers))
    shown = popup["claimTgtList"][2]
    assert (shown["giftYn"], shown["cnclPsbYn"], shown["claimPsbQty"], shown["optChgPsbYn"]) == ("Y", "N", 0, "N")
    assert "gift" in shown["cnclReason"]
    assert error(await customer.cancel(select(order_no, {3: 1}), key="gift"))[:2] == ("2001", "gift.with_goods")
    assert (await customer.quote(select(order_no, {2: 1})))["giftList"] == []
    assert (await customer.quote(select(order_no, {1: 1})))["giftList"] == [{"ordSeq": 3, "claimQty": 1}]
    told = await customer.done(order_no, payload(await customer.cancel(select(order_no, {1: 1}), key="goods")))
    assert [(one["ordSeq"], one["claimQty"], one["giftYn"]) for one in told["claimGoodsList"]] == [
        (1, 1, "N"),
        (3, 1, "Y"),
    ]
    assert await house.stock("G-GIVEN", "001") == 1


async def test_points_go_with_the_goods_that_earned_them(customer: Customer) -> None:
    """P24: points are kept after a refund, or returned twice."""
    order_no = await customer.order(line(1, earnPntAmt=301), holder={"mileage": 100})
    quote = await customer.quote(select(order_no, {1: 1}))
    assert quote["pointList"] == [{"ordSeq": 1, "pntAmt": 151}]
    assert quote["totRfdAmt"] == 10_000
    told = await customer.done(order_no, payload(await customer.cancel(select(order_no, {1: 1}), key="k")))
    assert told["pointList"] == [{"ordSeq": 1, "pntAmt": 151}]
    assert (told["pntTakenAmt"], told["pntOwedAmt"]) == (100, 51)
    member = payload(await customer.shop.get(f"/v1/members/{customer.member_no}", customer.headers))
    assert (member["mileage"], member["pntOwedAmt"]) == (0, 51)


async def test_a_guest_has_no_points_to_lose(idle_shop: Shop) -> None:
    order_no = await idle_shop.order(line(1, earnPntAmt=301), member=None, password="secret-1")
    told = payload(await idle_shop.call(QUOTE, select(order_no, {1: 1}, umemPwd="secret-1")))
    assert told["pointList"] == []


@pytest.mark.parametrize(
    ("expiry", "reason", "expected"),
    [
        ("2099-12-31T00:00:00+09:00", "10", ("Y", "RESTORE", None)),
        ("2020-01-01T00:00:00+09:00", "10", ("N", "FORFEIT", None)),
        ("2020-01-01T00:00:00+09:00", "50", ("Y", "EXTEND", 30)),
    ],
)
async def test_a_quote_says_what_becomes_of_a_coupon(
    shopper: Customer, expiry: str, reason: str, expected: tuple[str, str, int | None]
) -> None:
    """P23: a coupon stays used after a cancel, and nobody knew."""
    coupon_no = f"C-FATE-{shopper.member_no}"
    order_no = await shopper.order(benefitList=[basket(coupon_no, {1: 1_000})])
    fed = {"mbrNo": shopper.member_no, "promoTypCd": "12", "cpnNm": "1,000", "expDtm": expiry, "usedOrdNo": order_no}
    await shopper.shop.put(f"/v1/coupons/{coupon_no}", fed)
    [told] = (await shopper.quote(select(order_no, {1: 2}, reason=reason)))["benefitList"]
    assert (told["restoreYn"], told["rtnCd"], told["validDays"]) == expected
    [untouched] = (await shopper.quote(select(order_no, {1: 1}, reason=reason)))["benefitList"]
    assert (untouched["restoreYn"], untouched["rtnCd"]) == ("N", None)


@pytest.mark.parametrize(("declared", "refund"), [("TAKE_BACK", 8_000), ("KEEP", 9_000), ("FORBID", None)])
async def test_a_coupons_own_rule_below_its_minimum(shopper: Customer, declared: str, refund: int | None) -> None:
    """P19: an order falls below a minimum and the money goes wrong; the lost benefit is no line of its own."""
    coupon = basket(f"C-RULE-{shopper.member_no}", {1: 2_000}, minimum=20_000, blwMinCd=declared)
    order_no = await shopper.order(benefitList=[coupon])
    answer = await shopper.shop.call(QUOTE, select(order_no, {1: 1}), shopper.headers)
    if refund is None:
        assert error(answer)[:2] == ("2006", "coupon.forbids_partial")
        assert "₩20,000" in answer.json()["message"]
    else:
        assert payload(answer)["totRfdAmt"] == refund


async def test_tax_parts_go_back_with_the_money(customer: Customer) -> None:
    """P17: the tax of a partial refund is reckoned anew, and differs."""
    order_no = await customer.order(
        line(1, ordQty=1, salePrc=11_000),
        line(2, ordQty=1, salePrc=9_000, taxFreeYn="Y"),
        payments=[card(20_000, taxFreeAmt=9_000, vatAmt=1_000)],
    )
    [leg] = (await customer.quote(select(order_no, {2: 1})))["payList"]
    assert (leg["rfdAmt"], leg["taxFreeAmt"], leg["vatAmt"]) == (9_000, 9_000, 0)
    claim = payload(await customer.cancel(select(order_no, {1: 1}), key="k"))
    told = await customer.done(order_no, claim)
    [refund] = [row for row in told["payRfdList"] if row["payGbCd"] == "20"]
    assert (refund["rfdAmt"], refund["taxFreeAmt"], refund["vatAmt"]) == (11_000, 0, 1_000)
    assert "(tax-free ₩0) (VAT ₩1,000)" in told["payExplainList"][0]["text"]


async def test_details_of_a_claim_are_the_owners(customer: Customer) -> None:
    order_no = await customer.costly_order()
    claim = payload(await customer.cancel(select(order_no, {2: 1}), key="k"))
    other = customer.shop.token(Role.MEMBER, "M1")
    refused = await customer.shop.call(DETAILS, {"ordNo": order_no, "claimNo": claim["claimNo"]}, other)
    assert error(refused)[:2] == ("1003", "order.unknown")
