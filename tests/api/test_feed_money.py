"""What the feed tells about money: gifts, points, surcharges, tax parts, expiry, stored means; and what is wrong."""

from __future__ import annotations

import ast
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from api.schemas.places import FED
from api.tokens import Role
from tests.api.shop import Shop, basket, gift, group, line
from tests.api.test_cancel import payload

ROOT = Path(__file__).parents[2]
NO = "20230808O-FED"

BODY: dict[str, Any] = {
    "mbrNo": "M1",
    "ordManNm": "Kim",
    "ordMediaCd": "20",
    "currency": "KRW",
    "ordDtm": "2023-08-08T12:00:00Z",
    "deliGrpList": [
        {**group("D1", paid=3_000), "rmtDlexAmt": 2_000, "deliPayCd": "10"},
        {**group("D2", fee=4_000), "rmtDlexAmt": 0, "deliPayCd": "20"},
    ],
    "ordDtlList": [
        line(1, earnPntAmt=200, taxFreeYn="Y", giftYn="N"),
        line(2, deliGrpNo="D2", giftYn="N"),
        gift(3, giftOfOrdSeq=1, giftMinAmt=None),
        gift(4, giftOfOrdSeq=None, giftMinAmt=30_000),
    ],
    "benefitList": [
        basket("C-FED-1", {1: 1_000, 2: 1_000}, minimum=20_000, blwMinCd="FORBID"),
        {"cpnNo": "C-FED-2", "promoTypCd": "13", "dcAmt": 500, "minAmt": 0, "shareList": [{"ordSeq": 2, "dcAmt": 500}]},
    ],
    "payList": [
        {
            "payNo": "1", "payWayCd": "11", "payAmt": 40_000, "payStatCd": "12", "gateway": "sandbox", "pgTid": "fed-1",
            "partCnclPsbYn": "Y", "taxFreeAmt": 19_000, "vatAmt": 1_900, "expDtm": None,
        },
        {
            "payNo": "2", "payWayCd": "32", "payAmt": 2_500, "payStatCd": "12", "gateway": None, "pgTid": None,
            "partCnclPsbYn": "Y", "taxFreeAmt": None, "vatAmt": None, "expDtm": "2026-12-31T15:00:00Z",
        },
    ],
}  # fmt: skip


async def put(shop: Shop, path: str, body: Any) -> dict[str, Any]:
    headers = {**shop.token(Role.FEED), "Accept-Language": "en"}
    told: dict[str, Any] = (await shop.http.put(path, json=body, headers=headers)).json()
    return told


@pytest.fixture
async def items(idle_shop: Shop) -> None:
    for number in range(1, 5):
        await idle_shop.item(f"G{number}", salePrc=10_000)


def changed(path: str, value: Any) -> dict[str, Any]:
    made = deepcopy(BODY)
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    at: Any = made
    for part in way:
        at = at[part]
    at[last] = value
    return made


@pytest.mark.usefixtures("items")
async def test_an_order_with_everything_is_given_back(idle_shop: Shop) -> None:
    assert (await put(idle_shop, f"/v1/orders/{NO}", BODY))["code"] == "0000"
    told = payload(await idle_shop.get(f"/v1/orders/{NO}", idle_shop.token(Role.VIEW)))
    for name in ("deliGrpList", "ordDtlList", "benefitList", "payList"):
        for fed, given in zip(BODY[name], told[name], strict=True):
            assert {field: given[field] for field in fed} == fed
    assert [one["giftYn"] for one in told["ordDtlList"]] == ["N", "N", "Y", "Y"]
    assert [one["cnclPsbYn"] for one in told["ordDtlList"]] == ["Y", "Y", "N", "N"]
    assert "gift" in told["ordDtlList"][2]["cnclReason"]
    assert [(one["clsYn"], one["addPayYn"]) for one in told["payList"]] == [("N", "N"), ("N", "N")]


@pytest.mark.usefixtures("items")
@pytest.mark.parametrize(
    ("path", "value", "reason", "field"),
    [
        ("currency", "XQZ", "order.currency_unknown", "currency"),
        ("payList.0.payAmt", 40_001, "order.sum", "payList"),
        ("deliGrpList.0.rmtDlexAmt", 2_001, "order.sum", "payList"),
        ("ordDtlList.1.ordSeq", 1, "line.repeated", "ordDtlList[1].ordSeq"),
        ("ordDtlList.1.deliGrpNo", "D9", "line.group_unknown", "ordDtlList[1].deliGrpNo"),
        ("ordDtlList.1.ordDtlStatCd", "19", "line.cancelled", "ordDtlList[1].ordDtlStatCd"),
        ("ordDtlList.1.itmNo", "009", "item.unknown", "ordDtlList[1].itmNo"),
        ("ordDtlList.1.salePrc", 0, "line.gift", "ordDtlList[1].giftYn"),
        ("ordDtlList.2.salePrc", 1, "line.gift", "ordDtlList[2].giftYn"),
        ("ordDtlList.2.giftYn", "N", "gift.flag", "ordDtlList[2].giftYn"),
        ("ordDtlList.1.giftYn", "Y", "gift.flag", "ordDtlList[1].giftYn"),
        ("ordDtlList.2.giftMinAmt", 10_000, "gift.two_conditions", "ordDtlList[2].giftMinAmt"),
        ("ordDtlList.3.giftMinAmt", 0, "gift.minimum", "ordDtlList[3].giftMinAmt"),
        ("ordDtlList.2.giftOfOrdSeq", 4, "gift.line_unknown", "ordDtlList[2].giftOfOrdSeq"),
        ("ordDtlList.2.giftOfOrdSeq", 9, "gift.line_unknown", "ordDtlList[2].giftOfOrdSeq"),
        ("ordDtlList.2.earnPntAmt", 1, "gift.points", "ordDtlList[2].earnPntAmt"),
        ("deliGrpList.1.deliGrpNo", "D1", "group.repeated", "deliGrpList[1].deliGrpNo"),
        ("deliGrpList.1.rmtDlexAmt", 1, "group.collect", "deliGrpList[1].deliPayCd"),
        ("deliGrpList.0.deliPayCd", "20", "group.collect", "deliGrpList[0].deliPayCd"),
        ("benefitList.1.cpnNo", "C-FED-1", "coupon.repeated", "benefitList[1].cpnNo"),
        ("benefitList.0.dcAmt", 1_999, "coupon.sum", "benefitList[0].dcAmt"),
        ("benefitList.0.promoTypCd", "14", "coupon.kind", "benefitList[0].promoTypCd"),
        ("benefitList.0.promoTypCd", "11", "coupon.below_minimum", "benefitList[0].blwMinCd"),
        ("benefitList.1.shareList", [{"ordSeq": 9, "dcAmt": 500}], "coupon.line_unknown", "benefitList[1].shareList"),
        ("benefitList.0.shareList.1.ordSeq", 1, "line.repeated", "benefitList[0].shareList"),
        ("payList.1.payNo", "1", "payment.repeated", "payList[1].payNo"),
        ("payList.0.pgTid", None, "payment.gateway", "payList[0].gateway"),
        ("payList.0.expDtm", "2026-01-01T00:00:00Z", "payment.expiry", "payList[0].expDtm"),
        ("payList.0.taxFreeAmt", 39_000, "payment.tax", "payList[0].taxFreeAmt"),
        ("benefitList.0.blwMinCd", "SOMETIMES", None, "benefitList[0].blwMinCd"),
        ("deliGrpList.0.deliPayCd", "30", None, "deliGrpList[0].deliPayCd"),
        ("ordDtlList.2.giftMinAmt", "10000", None, "ordDtlList[2].giftMinAmt"),
        ("payList.1.expDtm", "2026-12-31", None, "payList[1].expDtm"),
    ],
)
async def test_what_can_not_be_is_refused_by_its_place(
    idle_shop: Shop, path: str, value: Any, reason: str | None, field: str
) -> None:
    told = await put(idle_shop, f"/v1/orders/{NO}", changed(path, value))
    assert told["code"] in ("1002", "1003"), told
    assert reason is None or told["error"] == reason
    assert [wrong["field"] for wrong in told["errors"]] == [field]


@pytest.mark.usefixtures("items")
async def test_a_shipping_coupon_is_named_by_its_group(idle_shop: Shop) -> None:
    elsewhere = {"mbrNo": "M1", "promoTypCd": "14", "cpnNm": "Free", "expDtm": None, "usedOrdNo": "20230808O-OTHER"}
    await idle_shop.put("/v1/coupons/C-ELSEWHERE", elsewhere)
    told = await put(idle_shop, f"/v1/orders/{NO}", changed("deliGrpList.0.cpnNo", "C-ELSEWHERE"))
    assert told["error"] == "coupon.used_elsewhere"
    assert [wrong["field"] for wrong in told["errors"]] == ["deliGrpList[0].cpnNo"]


def test_every_reason_of_the_feed_has_its_place() -> None:
    calls = (
        node
        for node in ast.walk(ast.parse((ROOT / "domain" / "feeding.py").read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    )
    reasons = {
        call.args[0].value
        for call in calls
        if call.func.id in ("_refuse", "_check_unique") and isinstance(call.args[0], ast.Constant)  # type: ignore[attr-defined]
    }
    assert len(reasons) > 25
    assert reasons <= set(FED), reasons - set(FED)


# --- stored means -----------------------------------------------------------------------------------------------------

MEMBER = {"mbrNm": "Kim", "mileage": 0, "deposit": 0}
VISA = {"stPayNo": "V1", "payWayCd": "11", "gateway": "sandbox", "token": "tok-visa", "nm": "Visa ··1234"}
PAY = {"stPayNo": "P1", "payWayCd": "41", "gateway": "sandbox", "token": "tok-pay", "nm": "Some Pay"}


def shown(*means: dict[str, Any]) -> list[dict[str, Any]]:
    return [{name: value for name, value in one.items() if name != "token"} for one in means]


async def test_stored_means_are_told_without_their_tokens(idle_shop: Shop) -> None:
    path, view = "/v1/members/M-STORED", idle_shop.token(Role.VIEW)
    with capture_logs() as logs:
        told = await put(idle_shop, path, {**MEMBER, "storedPayList": [VISA, PAY]})
    assert told["payload"]["storedPayList"] == shown(VISA, PAY)
    assert "tok-" not in repr(told) + repr(logs)
    assert payload(await idle_shop.get(path, view))["storedPayList"] == shown(VISA, PAY)
    # Left out they stay; without a token one that is known stays as it is; an empty list takes all away.
    assert (await put(idle_shop, path, MEMBER))["payload"]["storedPayList"] == shown(VISA, PAY)
    again = {**MEMBER, "storedPayList": [{**shown(PAY)[0], "nm": "Another name"}]}
    assert (await put(idle_shop, path, again))["payload"]["storedPayList"][0]["nm"] == "Another name"
    assert (await put(idle_shop, path, {**MEMBER, "storedPayList": []}))["payload"]["storedPayList"] == []


@pytest.mark.parametrize(
    ("stored", "code", "field"),
    [
        ([{**VISA, "token": None}], "1001", "storedPayList[0].token"),
        ([VISA, {**PAY, "stPayNo": "V1"}], "1002", "storedPayList[1].stPayNo"),
        ([{**VISA, "payWayCd": "32"}], "1002", "storedPayList[0].payWayCd"),
        ([{**VISA, "tokn": "x"}], "1002", "storedPayList[0].tokn"),
        ([{**VISA, "token": ""}], "1001", "storedPayList[0].token"),
    ],
)
async def test_stored_means_that_can_not_be(
    idle_shop: Shop, stored: list[dict[str, Any]], code: str, field: str
) -> None:
    told = await put(idle_shop, "/v1/members/M-WRONG", {**MEMBER, "storedPayList": stored})
    assert (told["code"], [wrong["field"] for wrong in told["errors"]]) == (code, [field])
    assert "tok-" not in repr(told)
    known = await idle_shop.get("/v1/members/M-WRONG", idle_shop.token(Role.VIEW))
    assert known.json()["code"] == "1003"
