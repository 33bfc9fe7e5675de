"""Wrong input of every kind: the envelope with a code and a message that helps, never a 500."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.tokens import Role
from tests.api.shop import CANCEL, CHANGE, DETAILS, OTHERS, POPUP, QUOTE, Shop, line, select

MEMBER = "M1"


def check(answer: httpx.Response, status: int, code: str, field: str | None = None) -> None:
    told = answer.json()
    assert (answer.status_code, told["code"]) == (status, code), answer.text
    assert set(told) == {"timestamp", "code", "message", "isProcess", "payload", "error", "errors"}
    assert told["isProcess"] is False
    assert told["message"]
    if field is not None:
        assert field in [one["field"] for one in told["errors"]], told["errors"]


@pytest.fixture
async def order_no(idle_shop: Shop) -> str:
    return await idle_shop.order(line(1), line(2))


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"ordNo": None}, "1001", "ordNo"),
        ({"ordNo": ""}, "1001", "ordNo"),
        ({"ordNo": "  "}, "1001", "ordNo"),
        ({"ordNo": "a/b"}, "1002", "ordNo"),
        ({"ordNo": "x" * 65}, "1002", "ordNo"),
        ({"ordNo": "ord\u0000no"}, "1002", "ordNo"),
        ({"ordNo": 7}, "1002", "ordNo"),
        ({"claimCausCd": None}, "1001", "claimCausCd"),
        ({"claimCausCd": "99"}, "1002", "claimCausCd"),
        ({"claimGoodsList": None}, "1001", "claimGoodsList"),
        ({"claimGoodsList": []}, "1001", "claimGoodsList"),
        ({"claimGoodsList": "all"}, "1002", "claimGoodsList"),
        ({"claimGoodsList": [{"ordSeq": 1}]}, "1001", "claimGoodsList[0].claimQty"),
        ({"claimGoodsList": [{"claimQty": 1}]}, "1001", "claimGoodsList[0].ordSeq"),
        ({"claimGoodsList": [{"ordSeq": 1, "claimQty": 0}]}, "1002", "claimGoodsList[0].claimQty"),
        ({"claimGoodsList": [{"ordSeq": 1, "claimQty": -1}]}, "1002", "claimGoodsList[0].claimQty"),
        ({"claimGoodsList": [{"ordSeq": 1, "claimQty": 1.5}]}, "1002", "claimGoodsList[0].claimQty"),
        ({"claimGoodsList": [{"ordSeq": 1, "claimQty": "1"}]}, "1002", "claimGoodsList[0].claimQty"),
        ({"claimGoodsList": [{"ordSeq": 1, "claimQty": True}]}, "1002", "claimGoodsList[0].claimQty"),
        ({"claimGoodsList": [{"ordSeq": 1, "claimQty": 10**30}]}, "1002", "claimGoodsList[0].claimQty"),
        ({"claimGoodsList": [{"ordSeq": 9, "claimQty": 1}]}, "1002", "claimGoodsList"),
        ({"claimGoodsList": [{"ordSeq": 1, "claimQty": 1}, {"ordSeq": 1, "claimQty": 1}]}, "1002", None),
        ({"quoteToken": ""}, "1001", "quoteToken"),
        ({"quoteToken": "not.a.token"}, "1002", "quoteToken"),
        ({"quotToken": "misspelt"}, "1002", "quotToken"),
        ({"quote_token": "inner name"}, "1002", "quote_token"),
        ({"ordNo": None, "order_no": "inner name"}, "1001", "ordNo"),
        ({"claimCausEtcCont": "x" * 1001}, "1002", "claimCausEtcCont"),
        ({"claimCausEtcCont": "\ud800"}, "1002", "claimCausEtcCont"),
        ({"rfdActnNo": "12-34; DROP TABLE"}, "1002", "rfdActnNo"),
        ({"addPayInfo": {"payWayCd": "11"}}, "1001", "addPayInfo.payAmt"),
        ({"addPayInfo": {"payWayCd": "99", "payAmt": 1}}, "1002", "addPayInfo.payWayCd"),
        ({"addPayInfo": {"payWayCd": "11", "payAmt": 1}}, "1001", "addPayInfo.token"),
        ({"addPayInfo": {"payWayCd": "11", "payAmt": 0, "token": "t"}}, "1002", "addPayInfo.payAmt"),
        ({"addPayInfo": {"payWayCd": "11", "payAmt": 1, "token": "x" * 501}}, "1002", "addPayInfo.token"),
        ({"addPayInfo": {"payWayCd": "11", "payAmt": 1, "tokn": "t"}}, "1002", "addPayInfo.tokn"),
        ({"rfdBankCd": "004", "rfdActnNo": "1"}, "1001", "rfdActnDepositorNm"),
        ({"whatIf": {}}, "1002", "whatIf"),
    ],
)
async def test_a_wrong_field_is_named(
    idle_shop: Shop, order_no: str, changes: dict[str, Any], code: str, field: str | None
) -> None:
    body = {**select(order_no, {1: 1}), **changes}
    raw = json.dumps({name: value for name, value in body.items() if value is not None})
    answer = await idle_shop.http.post(
        CANCEL,
        content=raw,
        headers={
            **idle_shop.token(Role.MEMBER, MEMBER),
            "Content-Type": "application/json",
            "Idempotency-Key": "k",
        },
    )
    check(answer, 400, code, field)


async def test_more_units_than_there_are_is_refused_with_what_is_left(idle_shop: Shop, order_no: str) -> None:
    answer = await idle_shop.call(QUOTE, select(order_no, {1: 3}), idle_shop.token(Role.MEMBER, MEMBER))
    check(answer, 409, "2001")
    assert "2" in answer.json()["message"]


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 20_000, b'{"ordNo": NaN}', b"1" * 5_000, b'{"a":1}x']
)
async def test_a_broken_body_is_told(idle_shop: Shop, raw: bytes) -> None:
    headers = {**idle_shop.token(Role.MEMBER, MEMBER), "Content-Type": "application/json"}
    answer = await idle_shop.http.post(POPUP, content=raw, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["code"] in ("1001", "1002", "9100")


async def test_another_content_type_is_told(idle_shop: Shop) -> None:
    headers = {**idle_shop.token(Role.MEMBER, MEMBER), "Content-Type": "application/x-www-form-urlencoded"}
    check(await idle_shop.http.post(POPUP, content=b"ordNo=1", headers=headers), 400, "9100", "body")


async def test_a_huge_body_is_refused(idle_shop: Shop) -> None:
    headers = {**idle_shop.token(Role.MEMBER, MEMBER), "Content-Type": "application/json"}
    answer = await idle_shop.http.post(POPUP, content=b" " * (3 * 1024 * 1024), headers=headers)
    check(answer, 413, "9100")


async def test_an_unknown_path_and_a_wrong_method_have_the_envelope(idle_shop: Shop) -> None:
    check(await idle_shop.get("/v1/nothing/here"), 404, "1003")
    check(await idle_shop.get("/health/"), 404, "1003")
    wrong = await idle_shop.get(POPUP)
    check(wrong, 405, "9100")
    assert wrong.headers["allow"] == "POST"


async def test_a_cancel_needs_a_key_or_a_token(idle_shop: Shop, order_no: str) -> None:
    answer = await idle_shop.call(CANCEL, select(order_no, {1: 1}), idle_shop.token(Role.MEMBER, MEMBER))
    check(answer, 400, "1001", "Idempotency-Key")


@pytest.mark.parametrize(("key", "code"), [("", "1001"), ("x" * 256, "1002"), ("tab\there", "1002")])
async def test_a_key_must_be_printable_and_short(idle_shop: Shop, order_no: str, key: str, code: str) -> None:
    answer = await idle_shop.call(CANCEL, select(order_no, {1: 1}), idle_shop.token(Role.MEMBER, MEMBER), key=key)
    check(answer, 400, code, "Idempotency-Key")


async def test_an_unknown_claim_is_not_found(idle_shop: Shop, order_no: str) -> None:
    body = {"ordNo": order_no, "claimNo": "20230808C999999"}
    check(await idle_shop.call(DETAILS, body, idle_shop.token(Role.MEMBER, MEMBER)), 404, "1003")


async def test_a_line_that_the_order_does_not_have_can_not_be_changed(idle_shop: Shop, order_no: str) -> None:
    body = {"ordNo": order_no, "ordSeq": 9, "goodsNo": "G1", "itmNo": "001"}
    check(await idle_shop.call(CHANGE, body, idle_shop.token(Role.MEMBER, MEMBER)), 400, "1002", "ordSeq")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ([], 400, "1001"),
        ({}, 400, "9100"),
        ([{"goodsNo": "G1"}], 400, "1001"),
        ([{"goodsNo": "nope", "itmNo": "1"}], 404, "1003"),
    ],
)
async def test_other_items_of_wrong_goods(idle_shop: Shop, body: Any, status: int, code: str) -> None:
    check(await idle_shop.call(OTHERS, body), status, code)


async def test_texts_follow_the_language(idle_shop: Shop) -> None:
    korean = await idle_shop.call(POPUP, {}, {"Accept-Language": "fr, ko-KR;q=0.8, en;q=0.5"})
    english = await idle_shop.call(POPUP, {}, {"Accept-Language": "en-GB"})
    default = await idle_shop.call(POPUP, {}, {"Accept-Language": "fr"})
    assert "필수" in korean.json()["message"]
    assert "required" in english.json()["message"]
    assert default.json()["message"] == korean.json()["message"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "ordNo", "umemPwd", "claimCausCd", "claimGoodsList", "ordSeq", "claimQty", "goodsNo", "itmNo", "claimNo",
    "quoteToken", "addPayInfo", "claimCausEtcCont", "whatIf", "actorCd", "asOfDtm", "payWayCd", "payAmt", "rfdActnNo",
]  # fmt: skip


@given(
    path=st.sampled_from([POPUP, QUOTE, CANCEL, DETAILS, CHANGE, OTHERS]),
    body=JSON | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6) | st.lists(JSON, max_size=2),
    key=st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_body_at_all_makes_the_service_fail(idle_shop: Shop, path: str, body: Any, key: str | None) -> None:
    headers = {**idle_shop.token(Role.MEMBER, MEMBER), "Content-Type": "application/json"}
    if key is not None:
        headers["Idempotency-Key"] = key
    answer = await idle_shop.http.post(path, content=json.dumps(body).encode(), headers=headers)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["code"] != "9000"
