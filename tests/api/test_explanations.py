"""Every amount says why: the rule, the policy's version, the numbers it went by, in the caller's language."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path
from typing import Any

import pytest

from api import explaining, texts, wording
from api.schemas.storefront.costs import INPUTS
from api.tokens import Role
from domain.costs import CostKind, CostRow, Rule
from domain.orders import Means
from domain.policy import Allocation, RefundPolicy, Returning
from tests.api.shop import CANCEL, DETAILS, QUOTE, Shop, basket, gift, group, line, select
from tests.api.test_cancel import finished, payload
from tests.support.house import House

ROOT = Path(__file__).parents[2]
_COUPONS = itertools.count(1)


@pytest.fixture
def me(shop: Shop) -> dict[str, str]:
    return shop.token(Role.MEMBER, "M1")


def spoken(told: dict[str, Any]) -> list[tuple[str, int, str]]:
    return [(one["ruleCd"], one["amount"], one["text"]) for one in told["explainList"]]


async def rich_order(shop: Shop) -> str:
    """Two lines under a basket coupon, with a gift, in a group that is free from 50,000."""
    return await shop.order(
        line(1, ordQty=1, salePrc=20_000),
        line(2, ordQty=1, salePrc=40_000),
        gift(3, giftMinAmt=50_000),
        groups=[group(free_from=50_000, fee=3_000)],
        benefitList=[basket(f"C-EXPLAIN-{next(_COUPONS)}", {1: 1_000, 2: 2_000}, minimum=50_000)],
    )


async def test_each_amount_says_why_in_both_languages(shop: Shop, me: dict[str, str], house: House) -> None:
    order_no = await rich_order(shop)
    korean = payload(await shop.call(QUOTE, select(order_no, {1: 1}), {**me, "Accept-Language": "ko"}))
    assert spoken(korean) == [
        ("UNITS", 20_000, "20,000원 × 1개"),
        ("GIFT", 0, "사은품 기준 금액 50,000원 미달(40,000원): 사은품 1개 함께 취소"),
        ("COUPON_SHARE", -1_000, "쿠폰 할인 1,000원 중 취소하는 수량(1개 중 1개)의 몫 1,000원 차감"),
        ("COUPON_MINIMUM", -2_000, "쿠폰 최소 주문금액 50,000원 미달(40,000원): 남은 상품의 할인 2,000원 회수"),
        ("SHIPPING_THRESHOLD", -3_000, "무료배송 기준 50,000원 미달(40,000원, 10,000원 부족): 배송비 3,000원 부과"),
    ]
    english = payload(await shop.call(QUOTE, select(order_no, {1: 1}), me))
    assert spoken(english)[0] == ("UNITS", 20_000, "₩20,000 × 1")
    assert "₩50,000 for free shipping is missed" in spoken(english)[4][2]
    minimum = english["explainList"][3]
    assert minimum["inputs"] == {"minAmt": 50_000, "boughtAmt": 40_000, "dcAmt": 2_000, "ordQty": 1, "leftQty": 1}
    assert minimum["policyVer"] == english["policyVer"] == house.policy.version
    assert english["giftList"] == [{"ordSeq": 3, "claimQty": 1}]


async def test_the_explanation_sums_to_the_totals(shop: Shop, me: dict[str, str]) -> None:
    order_no = await rich_order(shop)
    for units in ({1: 1}, {2: 1}, {1: 1, 2: 1}):
        told = payload(await shop.call(QUOTE, select(order_no, units), me))
        assert sum(one["amount"] for one in told["explainList"]) == told["totRfdAmt"] - told["addPayAmt"]
        assert sum(one["amount"] for one in told["payExplainList"]) == told["totRfdAmt"]
        assert [one["payNo"] for one in told["payExplainList"]] == [one["payNo"] for one in told["payList"]]


async def test_a_claim_explains_itself_as_its_quote_did(shop: Shop, me: dict[str, str]) -> None:
    """P41: a split tender is refunded to other means than the quote named, and nobody knows by which rule."""
    order_no = await rich_order(shop)
    asked = select(order_no, {1: 1})
    quote = payload(await shop.call(QUOTE, asked, me))
    claim = payload(await shop.call(CANCEL, {**asked, "quoteToken": quote["quoteToken"]}, me))
    told = await finished(shop, me, order_no, claim["claimNo"])
    for part in ("explainList", "payExplainList", "costRowList", "policyVer"):
        assert told[part] == quote[part], part
    assert told["payExplainList"][0]["ruleCd"] == "ALLOCATION_EXTERNAL_FIRST"
    korean = payload(
        await shop.call(DETAILS, {"ordNo": order_no, "claimNo": claim["claimNo"]}, {**me, "Accept-Language": "ko"})
    )
    assert korean["explainList"][0]["text"] == "20,000원 × 1개"


@pytest.mark.parametrize(
    ("currency", "amount", "language", "written"),
    [
        ("KRW", 12_000, "ko", "12,000원"),
        ("KRW", 12_000, "en", "₩12,000"),
        ("JPY", 1_500, "en", "¥1,500"),
        ("USD", 12_050, "en", "$120.50"),
        ("USD", 12_050, "ko", "US$120.50"),
        ("EUR", 5, "en", "€0.05"),
        ("KWD", 12_345, "en", "KWD12.345"),
    ],
)
def test_amounts_are_written_in_their_currency(currency: str, amount: int, language: str, written: str) -> None:
    """P14: won and yen off by a hundred."""
    assert texts.money(amount, currency, language) == written


async def test_a_currency_with_cents_is_explained_in_it(shop: Shop, me: dict[str, str]) -> None:
    order_no = await shop.order(line(1, salePrc=1_050), currency="USD")
    told = payload(await shop.call(QUOTE, select(order_no, {1: 2}), me))
    assert spoken(told) == [("UNITS", 2_100, "$10.50 × 2")]


# --- no rule without words --------------------------------------------------------------------------------------------

_SPLIT = {Rule.SHIPPING_THRESHOLD: {"fee_returned"}, Rule.GIFT: {"gift", "gift_of", "gift_minimum"}}


def test_every_rule_has_its_words() -> None:
    needed = {rule.value for rule in Rule} | set().union(*_SPLIT.values())
    assert needed == set(wording.EXPLANATIONS)
    assert {rule.value for rule in Rule} == set(wording.COST_RULES)
    assert {allocation.value for allocation in Allocation} == set(wording.LEG_EXPLANATIONS)
    assert {returning.value for returning in Returning} == set(wording.COUPON_RETURNS)


def test_every_input_of_a_rule_has_its_name_on_the_wire() -> None:
    """The names are the literal keys of every ``inputs`` in the rules."""
    found: set[str] = set()
    for path in (ROOT / "domain").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "inputs" and isinstance(node.value, ast.Dict):
                found |= {str(key.value) for key in node.value.keys if isinstance(key, ast.Constant)}
    assert len(found) > 8
    assert found <= set(INPUTS), found - set(INPUTS)


def test_texts_of_explanations_come_in_pairs_that_name_the_same_numbers() -> None:
    for slug, (korean, english) in {**wording.EXPLANATIONS, **wording.LEG_EXPLANATIONS, **wording.LEG_NOTES}.items():
        assert _facts(korean) == _facts(english), slug


def _facts(text: str) -> set[str]:
    return {part.split("}")[0] for part in text.split("{")[1:]}


@pytest.mark.parametrize(
    ("kind", "rule", "amount", "inputs", "korean"),
    [
        (CostKind.GOODS, Rule.UNITS, 20_000, {"price": 10_000, "quantity": 2}, "10,000원 × 2개"),
        (
            CostKind.GOODS,
            Rule.GIFT,
            0,
            {"bought": 9_000, "minimum": 10_000},
            "사은품 기준 금액 10,000원 미달(9,000원): ",
        ),
        (CostKind.GOODS, Rule.GIFT, 0, {"bought": 10_000, "minimum": 10_000}, "남은 상품이 없음: "),
        (CostKind.GOODS, Rule.GIFT, 0, {"bought": 0, "gift_of": 3}, "주문순번 3이(가) 모두 취소됨: "),
        (
            CostKind.FEE_RETURNED,
            Rule.SHIPPING_THRESHOLD,
            3_000,
            {"charged": 3_000},
            "배송그룹 전체 취소: 이전 취소에서 부과된 배송비 3,000원 반환",
        ),
        (
            CostKind.FEE_RETURNED,
            Rule.GROUP_CANCELLED,
            2_500,
            {"fee_paid": 2_500},
            "배송그룹 전체 취소: 결제한 배송비 2,500원 반환",
        ),
        (
            CostKind.FEE_RETURNED,
            Rule.REMOTE_SURCHARGE,
            5_000,
            {"surcharge": 5_000},
            "배송그룹 전체 취소: 도서산간 추가 배송비 5,000원 반환",
        ),
        (
            CostKind.RETURNED_OUTSIDE,
            Rule.RETURNED_OUTSIDE,
            -4_000,
            {"net": 10_000, "refundable": 6_000, "returned": 5_000},
            "이 주문의 결제 중 5,000원은(는) 결제사에서 이미 환불됨: 10,000원 중 6,000원만 환불 가능, 4,000원 제외",
        ),
        (
            CostKind.UNPAID,
            Rule.WAITING_PAYMENT,
            -15_000,
            {"waiting": 15_000},
            "입금되지 않은 15,000원 제외: 받지 않은 금액은 돌려주지 않음",
        ),
    ],
)
def test_each_rule_says_why(kind: CostKind, rule: Rule, amount: int, inputs: dict[str, int], korean: str) -> None:
    [said] = explaining.Explaining("KRW", "v", "ko").rows([CostRow(kind, rule, amount, quantity=2, inputs=inputs)])
    expected = f"{korean}사은품 2개 함께 취소" if rule is Rule.GIFT else korean
    assert (said.text, said.amount, said.rule) == (expected, amount, rule.value.upper())


def test_a_row_from_before_rows_kept_their_inputs_names_its_rule() -> None:
    said = explaining.Explaining("KRW", None, "en").rows([CostRow(CostKind.GOODS, Rule.UNITS, 10_000, quantity=1)])
    assert [(one.text, one.policy_version) for one in said] == [("Price of the units cancelled", None)]


class _Leg:
    payment_no, means, amount, tax_free, vat, valid_days = "2", Means.MILEAGE, 5_000, None, None, 30


def test_a_refund_says_what_bounds_it() -> None:
    policy = RefundPolicy(allocation=Allocation.PROPORTIONAL, caps={Means.MILEAGE: 8_000})
    [said] = explaining.Explaining("KRW", "v", "ko").refunds([_Leg()], policy)
    assert said.rule == "ALLOCATION_PROPORTIONAL"
    assert said.inputs == {"validDays": 30, "capAmt": 8_000}
    assert said.text == (
        "결제 2(마일리지)에 5,000원 환불: 결제별로 남은 금액에 비례 (만료되었던 마일리지: 30일 동안 유효)"
        " (이 결제수단의 한도 8,000원)"
    )
