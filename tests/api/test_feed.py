"""The feed and the reads beside it, over HTTP on a real database."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api import tokens
from api.main import create_app
from api.tokens import Role
from settings import Settings
from store.engine import create_engine
from tests.store import shop

ITEM = {
    "goodsNm": "리넨 셔츠",
    "itmNm": "빨강 / L",
    "optList": [{"optNm": "색상", "optVal": "빨강"}, {"optNm": "사이즈", "optVal": "L"}],
    "salePrc": 30_000,
    "saleStatCd": "10",
    "saleMethCd": "10",
    "stockQty": 5,
}
MEMBER = {"mbrNm": "김하나", "email": "hana@example.com", "phone": "010-1234-5678", "mileage": 1_000, "deposit": 0}
COUPON = {
    "mbrNo": "M1",
    "promoTypCd": "12",
    "cpnNm": "장바구니 5천원",
    "expDtm": "2099-12-31T23:59:59+09:00",
    "usedOrdNo": None,
}
ORDER: dict[str, Any] = {
    "mbrNo": "M1",
    "ordManNm": "김하나",
    "email": "hana@example.com",
    "phone": "010-1234-5678",
    "ordMediaCd": "30",
    "currency": "KRW",
    "ordDtm": "2023-08-08T12:00:00+09:00",
    "deliGrpList": [
        {
            "deliGrpNo": "1",
            "deliPolcNo": "P1",
            "stdAmt": 50_000,
            "dlexAmt": 3_000,
            "dlexDcAmt": 0,
            "paidDlexAmt": 0,
            "cpnNo": None,
        }
    ],
    "ordDtlList": [
        {
            "ordSeq": number,
            "goodsNo": "G1",
            "goodsNm": "리넨 셔츠",
            "itmNo": "001",
            "itmNm": "빨강 / L",
            "ordQty": quantity,
            "salePrc": 30_000,
            "deliGrpNo": "1",
            "ordDtlStatCd": "11",
            "taxFreeYn": "N",
            "giftYn": "N",
        }
        for number, quantity in ((1, 2), (2, 1))
    ],
    "benefitList": [
        {
            "cpnNo": "B1",
            "promoTypCd": "12",
            "dcAmt": 5_000,
            "minAmt": 50_000,
            "shareList": [{"ordSeq": 1, "dcAmt": 3_333}, {"ordSeq": 2, "dcAmt": 1_667}],
        }
    ],
    "payList": [
        {
            "payNo": "1",
            "payWayCd": "11",
            "payAmt": 84_000,
            "payStatCd": "12",
            "gateway": "sandbox",
            "pgTid": "pg-1",
            "partCnclPsbYn": "Y",
        },
        {
            "payNo": "2",
            "payWayCd": "32",
            "payAmt": 1_000,
            "payStatCd": "12",
            "gateway": None,
            "pgTid": None,
            "partCnclPsbYn": "Y",
        },
    ],
}
GUESTS = {
    **ORDER,
    "mbrNo": None,
    "umemPwd": "비밀 1234",
    "benefitList": [],
    "payList": [{**ORDER["payList"][0], "payAmt": 90_000}],
}
NO = "20230808O000001"


@dataclass
class Shop:
    """The service as its callers see it. Every call answers with status and envelope."""

    http: httpx.AsyncClient
    settings: Settings
    engine: AsyncEngine

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        role: Role = Role.FEED,
        subject: str = "shop",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        sent = {"Accept-Language": "en", "Content-Type": "application/json", **(headers or {})}
        if role is not Role.GUEST:
            token = tokens.make(
                self.settings.jwt_secret.get_secret_value(),
                role,
                subject,
                now=datetime.now(UTC),
                lifetime=timedelta(minutes=5),
            )
            sent["Authorization"] = f"Bearer {token}"
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        raw = [(name.encode(), value.encode()) for name, value in sent.items()]
        answer = await self.http.request(method, path, content=content, headers=raw)
        return answer.status_code, answer.json()

    async def put(self, path: str, body: object) -> tuple[int, dict[str, Any]]:
        return await self.call("PUT", path, body)

    async def get(self, path: str, **who: Any) -> tuple[int, dict[str, Any]]:
        return await self.call("GET", path, **who)

    async def open(self) -> None:
        """Bring the item and the member's order."""
        for path, body in ((("/v1/items/G1/001"), ITEM), (f"/v1/orders/{NO}", ORDER)):
            assert await self.put(path, body) == (200, _any_ok())

    async def cancel(self, wanted: dict[int, int]) -> str:
        """Open and decide a cancel claim, as the workflow would."""
        async with self.engine.begin() as conn:
            claim_no, _ = await shop.open_cancel(conn, NO, wanted)
            await shop.decide(conn, claim_no)
        return claim_no


class _AnyOk:
    """Equal to every envelope of success."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict) and other["code"] == "0000" and other["isProcess"] is True

    __hash__ = None  # type: ignore[assignment]


def _any_ok() -> Any:
    return _AnyOk()


@pytest.fixture(scope="module")
async def served(module_database_url: str) -> AsyncIterator[Shop]:
    settings = Settings(database_url=module_database_url)
    engine = create_engine(module_database_url, pool_size=5, lock_timeout_ms=2000, statement_timeout_ms=5000)
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
            yield Shop(http, settings, engine)
    await engine.dispose()


@pytest.fixture
async def service(served: Shop) -> AsyncIterator[Shop]:
    """The service on an empty database."""
    yield served
    async with served.engine.begin() as conn:
        await conn.execute(text("TRUNCATE orders, items, members, coupons, claims, guest_failures CASCADE"))


def _named_in(body: Any, told: Any) -> Any:
    """What is told of the fields that `body` has: an answer may have more of them."""
    if isinstance(body, dict):
        return {name: _named_in(value, told[name]) for name, value in body.items()}
    if isinstance(body, list):
        assert len(body) == len(told)
        return [_named_in(one, other) for one, other in zip(body, told, strict=True)]
    return told


def _refusal(answer: tuple[int, dict[str, Any]]) -> tuple[int, str, str]:
    status, envelope = answer
    assert envelope["isProcess"] is False
    assert envelope["message"]
    return status, envelope["code"], envelope["error"]


# --- items, members, coupons ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/items/G1/001", ITEM), ("/v1/members/M1", MEMBER), ("/v1/coupons/B1", COUPON)],
)
async def test_what_is_put_is_given_back(service: Shop, path: str, body: dict[str, Any]) -> None:
    assert await service.put(path, body) == (200, _any_ok())
    status, envelope = await service.get(path, role=Role.VIEW)
    assert status == 200
    if "expDtm" in body:
        body = {**body, "expDtm": "2099-12-31T14:59:59Z"}
    assert _named_in(body, envelope["payload"]) == body


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/v1/items/G1/001", "item.unknown"),
        ("/v1/members/M1", "member.unknown"),
        ("/v1/members/M1/inbox", "member.unknown"),
        ("/v1/coupons/B1", "coupon.unknown"),
        ("/v1/orders/O1", "order.unknown"),
    ],
)
async def test_what_is_not_there(service: Shop, path: str, reason: str) -> None:
    assert _refusal(await service.get(path)) == (404, "1003", reason)


async def test_an_order_that_is_not_there_has_no_audit(service: Shop) -> None:
    assert _refusal(await service.get("/v1/audit/O1", role=Role.VIEW)) == (404, "1003", "order.unknown")


# --- wrong input ------------------------------------------------------------------------------------------------------


def _changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with the value at ``a.0.b`` set; `...` takes it away."""
    made = deepcopy(body)
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    at: Any = made
    for part in way:
        at = at[part]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return made


@pytest.mark.parametrize(
    ("path", "value", "code", "field"),
    [
        ("salePrc", ..., "1001", "salePrc"),
        ("salePrc", None, "1001", "salePrc"),
        ("salePrc", "30000", "1002", "salePrc"),
        ("salePrc", 30000.0, "1002", "salePrc"),
        ("salePrc", True, "1002", "salePrc"),
        ("salePrc", -1, "1002", "salePrc"),
        ("salePrc", 10**15 + 1, "1002", "salePrc"),
        ("stockQty", 10**400, "1002", "stockQty"),
        ("saleStatCd", "11", "1002", "saleStatCd"),
        ("saleStatCd", 10, "1002", "saleStatCd"),
        ("saleStatCd", "on_sale", "1002", "saleStatCd"),
        ("goodsNm", "", "1001", "goodsNm"),
        ("goodsNm", "a\x00b", "1002", "goodsNm"),
        ("goodsNm", "\ud800", "1002", "goodsNm"),
        ("goodsNm", "x" * 300, "1002", "goodsNm"),
        ("goods_name", "x", "1002", "goods_name"),
        ("stok", 3, "1002", "stok"),
        ("optList.0.optNm", ..., "1001", "optList[0].optNm"),
        ("optList.1.hue", "x", "1002", "optList[1].hue"),
    ],
)
async def test_wrong_fields_are_named(service: Shop, path: str, value: Any, code: str, field: str) -> None:
    status, envelope = await service.put("/v1/items/G1/001", _changed(ITEM, path, value))
    assert (status, envelope["code"]) == (400, code)
    assert [wrong["field"] for wrong in envelope["errors"]] == [field]
    assert _refusal(await service.get("/v1/items/G1/001"))[1] == "1003"


async def test_only_the_wires_spelling_counts(service: Shop) -> None:
    inside = {key: value for key, value in ITEM.items() if key != "goodsNm"} | {"goods_name": "Shirt"}
    status, envelope = await service.put("/v1/items/G1/001", inside)
    assert (status, envelope["code"]) == (400, "1001")
    assert {wrong["field"] for wrong in envelope["errors"]} == {"goodsNm", "goods_name"}


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("ordDtlList.0.ordQty", 0, "ordDtlList[0].ordQty"),
        ("ordDtlList.0.ordQty", 2**31, "ordDtlList[0].ordQty"),
        ("ordDtlList.0.ordSeq", 0, "ordDtlList[0].ordSeq"),
        ("ordDtlList.1.unit", 1, "ordDtlList[1].unit"),
        ("ordDtlList.0.giftYn", "X", "ordDtlList[0].giftYn"),
        ("ordDtm", "2023-08-08T12:00:00", "ordDtm"),
        ("ordDtm", 1691463600, "ordDtm"),
        ("ordDtm", "1691463600", "ordDtm"),
        ("ordDtm", "9999-12-31T23:59:59-09:00", "ordDtm"),
        ("ordDtm", "yesterday", "ordDtm"),
        ("currency", "won", "currency"),
        ("ordMediaCd", "99", "ordMediaCd"),
        ("email", "nobody", "email"),
        ("email", "a@b\nBcc: c@d", "email"),
        ("payList.0.payStatCd", "22", "payList[0].payStatCd"),
        ("payList.0.pgTid", "a/b c", "payList[0].pgTid"),
        ("benefitList.0.shareList.0.dcAmt", -1, "benefitList[0].shareList[0].dcAmt"),
        ("deliGrpList.0.stdAmt", "50000", "deliGrpList[0].stdAmt"),
    ],
)
async def test_wrong_fields_of_an_order_are_named(service: Shop, path: str, value: Any, field: str) -> None:
    await service.put("/v1/items/G1/001", ITEM)
    status, envelope = await service.put(f"/v1/orders/{NO}", _changed(ORDER, path, value))
    assert (status, envelope["code"]) == (400, "1002")
    assert [wrong["field"] for wrong in envelope["errors"]] == [field]


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b"null", b'"text"', b"\xff\xfe"])
async def test_what_is_no_order_at_all(service: Shop, body: bytes) -> None:
    status, envelope = await service.put(f"/v1/orders/{NO}", body)
    assert status == 400
    assert envelope["code"] in ("1001", "9100")


@pytest.mark.parametrize("number", ["%00", "a%20b", "x" * 65, "%ED%95%9C"])
async def test_numbers_that_are_none(service: Shop, number: str) -> None:
    status, envelope = await service.put(f"/v1/members/{number}", MEMBER)
    assert (status, envelope["code"]) == (400, "1002")


@pytest.mark.parametrize(
    ("path", "value", "status", "code", "reason"),
    [
        ("payList.0.payAmt", 84_001, 400, "1002", "order.sum"),
        ("ordDtlList.0.salePrc", 0, 400, "1002", "line.gift"),
        ("ordDtlList.0.giftYn", "Y", 400, "1002", "gift.flag"),
        ("ordDtlList.0.ordDtlStatCd", "19", 400, "1002", "line.cancelled"),
        ("ordDtlList.1.ordSeq", 1, 400, "1002", "line.repeated"),
        ("ordDtlList.1.deliGrpNo", "2", 400, "1002", "line.group_unknown"),
        ("ordDtlList.1.itmNo", "009", 404, "1003", "item.unknown"),
        ("benefitList.0.promoTypCd", "13", 400, "1002", "coupon.one_line"),
        ("benefitList.0.promoTypCd", "14", 400, "1002", "coupon.kind"),
        ("benefitList.0.shareList.1.ordSeq", 1, 400, "1002", "line.repeated"),
        ("payList.0.pgTid", None, 400, "1002", "payment.gateway"),
        ("currency", "XQZ", 400, "1002", "order.currency_unknown"),
        ("umemPwd", "secret", 400, "1002", "guest.password"),
        ("mbrNo", None, 400, "1001", "guest.password"),
    ],
)
async def test_an_order_that_can_not_be(
    service: Shop, path: str, value: Any, status: int, code: str, reason: str
) -> None:
    await service.put("/v1/items/G1/001", ITEM)
    assert _refusal(await service.put(f"/v1/orders/{NO}", _changed(ORDER, path, value))) == (status, code, reason)
    assert _refusal(await service.get(f"/v1/orders/{NO}"))[1] == "1003"


# --- who may ----------------------------------------------------------------------------------------------------------

WRITES = [
    ("PUT", "/v1/items/G1/001"),
    ("PUT", "/v1/members/M1"),
    ("PUT", "/v1/coupons/B1"),
    ("PUT", f"/v1/orders/{NO}"),
    ("POST", f"/v1/orders/{NO}/lines/1/status"),
]


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("role", [Role.VIEW, Role.OPERATE, Role.MEMBER])
async def test_only_feed_writes_whatever_the_body(service: Shop, method: str, path: str, role: Role) -> None:
    assert _refusal(await service.call(method, path, b"{", role=role)) == (403, "1006", "role.wrong")


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_nobody_writes_without_a_token(service: Shop, method: str, path: str) -> None:
    assert _refusal(await service.call(method, path, b"{", role=Role.GUEST))[:2] == (401, "1005")


@pytest.mark.parametrize("path", ["/v1/audit", f"/v1/audit/{NO}"])
@pytest.mark.parametrize("role", [Role.FEED, Role.MEMBER])
async def test_the_audit_is_for_auditors(service: Shop, path: str, role: Role) -> None:
    assert _refusal(await service.get(path, role=role))[:2] == (403, "1006")


async def test_members_read_their_own_and_see_nothing_of_others(service: Shop) -> None:
    await service.open()
    await service.put("/v1/members/M1", MEMBER)
    for path in ("/v1/members/M1", "/v1/members/M1/inbox", "/v1/coupons/B1", f"/v1/orders/{NO}"):
        assert (await service.get(path, role=Role.MEMBER, subject="M1"))[0] == 200
        theirs = await service.get(path, role=Role.MEMBER, subject="M2")
        assert _refusal(theirs)[:2] == (404, "1003")
    other = await service.get(f"/v1/orders/{NO}", role=Role.MEMBER, subject="M2")
    nothing = await service.get("/v1/orders/20230808O000009", role=Role.MEMBER, subject="M2")
    assert _refusal(other) == _refusal(nothing)
    assert other[1]["message"] == nothing[1]["message"]


async def test_a_guest_reads_with_the_orders_password(service: Shop) -> None:
    await service.put("/v1/items/G1/001", ITEM)
    assert await service.put(f"/v1/orders/{NO}", GUESTS) == (200, _any_ok())
    right = {"X-Order-Password": "비밀 1234"}
    status, envelope = await service.get(f"/v1/orders/{NO}", role=Role.GUEST, headers=right)
    assert status == 200
    assert "umemPwd" not in envelope["payload"]
    wrong = await service.get(f"/v1/orders/{NO}", role=Role.GUEST, headers={"X-Order-Password": "no"})
    unknown = await service.get("/v1/orders/O9", role=Role.GUEST, headers={"X-Order-Password": "no"})
    assert _refusal(wrong) == _refusal(unknown) == (404, "1003", "order.unknown")
    assert _refusal(await service.get(f"/v1/orders/{NO}", role=Role.GUEST))[:2] == (401, "1005")


async def test_the_password_of_a_guests_order_is_hashed_and_kept_while_it_is_the_same(service: Shop) -> None:
    await service.put("/v1/items/G1/001", ITEM)

    async def stored() -> str:
        async with service.engine.connect() as conn:
            return str((await conn.execute(text("SELECT password_hash FROM orders"))).scalar_one())

    await service.put(f"/v1/orders/{NO}", GUESTS)
    first = await stored()
    await service.put(f"/v1/orders/{NO}", GUESTS)
    again = await stored()
    await service.put(f"/v1/orders/{NO}", {**GUESTS, "umemPwd": "another"})
    other = await stored()
    assert first.startswith("$argon2id$")
    assert first == again != other


# --- orders -----------------------------------------------------------------------------------------------------------


async def test_an_order_is_given_back_as_it_was_fed(service: Shop) -> None:
    await service.open()
    status, envelope = await service.get(f"/v1/orders/{NO}")
    assert status == 200
    payload = envelope["payload"]
    assert _named_in(ORDER, payload) == ORDER | {"ordDtm": "2023-08-08T03:00:00Z"}
    assert payload["ordNo"] == NO
    assert payload["claimList"] == []
    assert [(line["cnclQty"], line["cnclPsbYn"], line["cnclReason"]) for line in payload["ordDtlList"]] == [
        (0, "Y", None),
        (0, "Y", None),
    ]


NEW_FIELDS: dict[str, dict[str, Any]] = {
    "deliGrpList": {"rmtDlexAmt": 0, "deliPayCd": "10"},
    "ordDtlList": {"giftOfOrdSeq": None, "giftMinAmt": None, "earnPntAmt": 0},
    "benefitList": {"blwMinCd": None},
    "payList": {"taxFreeAmt": None, "vatAmt": None, "expDtm": None},
}
"""What orders were fed without, at what they mean then."""


async def test_an_old_feed_means_what_it_meant(service: Shop) -> None:
    """Once an order has claims it only takes what it is: so both bodies are the same order."""
    told = {name: [{**one, **new} for one in ORDER[name]] for name, new in NEW_FIELDS.items()}
    old, new = deepcopy(ORDER), ORDER | told
    for line in old["ordDtlList"]:
        del line["giftYn"]
        del line["taxFreeYn"]
    await service.put("/v1/items/G1/001", ITEM)
    for first, second in ((old, new), (new, old)):
        assert await service.put(f"/v1/orders/{NO}", first) == (200, _any_ok())
        _, envelope = await service.get(f"/v1/orders/{NO}")
        assert _named_in(new, envelope["payload"]) == new | {"ordDtm": "2023-08-08T03:00:00Z"}
        claim_no = await service.cancel({1: 1})
        assert await service.put(f"/v1/orders/{NO}", second) == (200, _any_ok())
        surcharge = _changed(new, "deliGrpList.0.rmtDlexAmt", 1)
        assert _refusal(await service.put(f"/v1/orders/{NO}", surcharge)) == (409, "1004", "order.has_claims")
        assert claim_no
        async with service.engine.begin() as conn:
            await conn.execute(text("TRUNCATE orders, claims CASCADE"))


async def test_buttons_tell_why_not_in_the_callers_language(service: Shop) -> None:
    await service.open()
    claim_no = await service.cancel({2: 1})
    assert await service.call("POST", f"/v1/orders/{NO}/lines/1/status", {"ordDtlStatCd": "22"}) == (200, _any_ok())

    async def line(number: int, language: str, **who: Any) -> dict[str, Any]:
        _, envelope = await service.get(f"/v1/orders/{NO}", headers={"Accept-Language": language}, **who)
        found: dict[str, Any] = envelope["payload"]["ordDtlList"][number - 1]
        return found

    member = {"role": Role.MEMBER, "subject": "M1"}
    gone = await line(2, "en", **member)
    assert (gone["ordDtlStatCd"], gone["cnclQty"], gone["cnclPsbYn"], gone["optChgPsbYn"]) == ("19", 1, "N", "N")
    assert claim_no in gone["cnclReason"]
    korean = await line(2, "ko-KR", **member)
    assert korean["cnclReason"] != gone["cnclReason"]
    assert claim_no in korean["cnclReason"]
    shipping = await line(1, "en", **member)
    assert (shipping["ordDtlStatCd"], shipping["cnclPsbYn"], shipping["optChgPsbYn"]) == ("22", "N", "N")
    # The back office still may.
    assert (await line(1, "en", role=Role.OPERATE))["cnclPsbYn"] == "Y"


async def test_the_claims_of_an_order_are_listed(service: Shop) -> None:
    await service.open()
    claim_no = await service.cancel({1: 1})
    _, envelope = await service.get(f"/v1/orders/{NO}")
    [claim] = envelope["payload"]["claimList"]
    assert claim["claimNo"] == claim_no
    assert (claim["claimBusinessType"], claim["claimStatCd"], claim["ordSeqList"]) == ("10", "REFUNDING", [1])
    assert envelope["payload"]["ordDtlList"][0]["cnclQty"] == 1
    assert envelope["payload"]["ordDtlList"][0]["ordQty"] == 2


async def test_an_order_with_claims_is_not_rewritten(service: Shop) -> None:
    await service.open()
    await service.cancel({1: 1})
    again = await service.put(f"/v1/orders/{NO}", ORDER)
    assert again == (200, _any_ok())
    changed = await service.put(f"/v1/orders/{NO}", {**ORDER, "ordManNm": "이둘"})
    assert _refusal(changed) == (409, "1004", "order.has_claims")
    moved = await service.put(f"/v1/orders/{NO}", _changed(ORDER, "ordDtlList.1.ordDtlStatCd", "24"))
    assert moved == (200, _any_ok())
    held = await service.put(f"/v1/orders/{NO}", _changed(ORDER, "ordDtlList.0.ordDtlStatCd", "24"))
    assert _refusal(held)[:2] == (409, "1004")


async def test_the_warehouse_learns_what_is_left(service: Shop) -> None:
    await service.open()
    await service.cancel({1: 1, 2: 1})
    path = f"/v1/orders/{NO}/lines/1/status"
    missing = await service.call("POST", path, {"ordDtlStatCd": "22"})
    assert _refusal(missing) == (400, "1001", "move.quantity_needed")
    assert missing[1]["errors"][0]["field"] == "qty"
    wrong = await service.call("POST", path, {"ordDtlStatCd": "22", "qty": 2})
    assert _refusal(wrong) == (400, "1002", "move.quantity_wrong")
    assert "1" in wrong[1]["message"]
    status, envelope = await service.call("POST", path, {"ordDtlStatCd": "22", "qty": 1})
    assert (status, envelope["payload"]) == (200, {"ordNo": NO, "ordSeq": 1, "ordDtlStatCd": "22", "qty": 1})
    none = await service.call("POST", f"/v1/orders/{NO}/lines/2/status", {"ordDtlStatCd": "22", "qty": 1})
    assert _refusal(none) == (409, "2001", "move.none_left")


@pytest.mark.parametrize(
    ("line", "body", "status", "code"),
    [
        ("1", {"ordDtlStatCd": "19"}, 400, "1002"),
        ("1", {"ordDtlStatCd": "10"}, 400, "1002"),
        ("1", {"ordDtlStatCd": "99"}, 400, "1002"),
        ("1", {"ordDtlStatCd": "22", "qty": -1}, 400, "1002"),
        ("1", {"ordDtlStatCd": "22", "qty": "1"}, 400, "1002"),
        ("1", {"ordDtlStatCd": "22", "why": "x"}, 400, "1002"),
        ("1", {}, 400, "1001"),
        ("0", {"ordDtlStatCd": "22"}, 400, "1002"),
        ("x", {"ordDtlStatCd": "22"}, 400, "1002"),
        ("99999999999999999999", {"ordDtlStatCd": "22"}, 400, "1002"),
        ("7", {"ordDtlStatCd": "22"}, 404, "1003"),
    ],
)
async def test_moves_that_can_not_be(service: Shop, line: str, body: dict[str, Any], status: int, code: str) -> None:
    await service.open()
    refused = await service.call("POST", f"/v1/orders/{NO}/lines/{line}/status", body)
    assert _refusal(refused)[:2] == (status, code)
    assert all("claimGoodsList" not in wrong["field"] for wrong in refused[1]["errors"])


async def test_a_coupon_that_a_claim_gave_back(service: Shop) -> None:
    await service.open()
    await service.put("/v1/coupons/B1", {**COUPON, "usedOrdNo": NO})
    claim_no = await service.cancel({1: 2, 2: 1})
    async with service.engine.begin() as conn:
        await shop.give_back(conn, claim_no)
    refused = await service.put("/v1/coupons/B1", {**COUPON, "usedOrdNo": NO})
    assert _refusal(refused) == (409, "1004", "coupon.given_back")
    _, envelope = await service.get("/v1/coupons/B1")
    assert envelope["payload"]["usedOrdNo"] is None


# --- the audit and the inbox ------------------------------------------------------------------------------------------


async def test_the_audit_of_an_order(service: Shop) -> None:
    await service.open()
    claim_no = await service.cancel({1: 2, 2: 1})
    async with service.engine.begin() as conn:
        await shop.give_back(conn, claim_no)
        await shop.settle(conn, claim_no)
        await conn.execute(
            text(
                "INSERT INTO notices (notice_id, claim_no, order_no, event, channel, language, subject, body, state)"
                " SELECT :claim || '-completed-' || channel, :claim, :order, 'completed', channel, 'ko', '', '', 'SENT'"
                " FROM unnest(ARRAY['alimtalk', 'inbox']) channel"
            ),
            {"claim": claim_no, "order": NO},
        )
        await conn.execute(
            text(
                "INSERT INTO notice_routes (notice_id, no, route, sent_by, provider, state, code, reference) VALUES"
                " (:notice, 1, 'alimtalk', 'ours', 'nhn', 'FAILED', 'no_kakao_user', 'r1'),"
                " (:notice, 2, 'sms', 'ours', 'solapi', 'DELIVERED', NULL, 'r2')"
            ),
            {"notice": f"{claim_no}-completed-alimtalk"},
        )
    status, envelope = await service.get(f"/v1/audit/{NO}", role=Role.VIEW)
    assert status == 200
    payload = envelope["payload"]
    assert payload["conservation"] == {
        "paidAmt": 85_000,
        "addPayAmt": 0,
        "rfdAmt": 85_000,
        "dueAmt": 0,
        "boughtAmt": 0,
        "feeAmt": 0,
    }
    assert (payload["balancedYn"], payload["diffAmt"]) == ("Y", 0)
    assert [(leg["claimNo"], leg["payNo"], leg["rfdAmt"], leg["rfdStat"]) for leg in payload["rfdList"]] == [
        (claim_no, "1", 84_000, "SETTLED"),
        (claim_no, "2", 1_000, "SETTLED"),
    ]
    assert [(move["claimNo"], move["ordSeq"], move["qty"]) for move in payload["stockList"]] == [
        (claim_no, 1, 2),
        (claim_no, 2, 1),
    ]
    assert [(move["claimNo"], move["cpnNo"]) for move in payload["cpnList"]] == [(claim_no, "B1")]
    assert [(move["claimNo"], move["payWayCd"], move["amt"]) for move in payload["creditList"]] == [
        (claim_no, "32", 1_000)
    ]
    talk, inbox = payload["noticeList"]
    assert (talk["claimNo"], talk["event"], talk["channel"], talk["noticeStat"]) == (
        *(claim_no, "completed", "alimtalk", "SENT"),
    )
    assert [tuple(way[name] for name in ("route", "provider", "routeStat", "code")) for way in talk["routeList"]] == [
        ("alimtalk", "nhn", "FAILED", "no_kakao_user"),
        ("sms", "solapi", "DELIVERED", None),
    ]
    assert all(datetime.fromisoformat(way["dtm"]).tzinfo for way in talk["routeList"])
    assert (inbox["channel"], inbox["routeList"]) == ("inbox", [])


async def test_what_does_not_add_up(service: Shop) -> None:
    await service.open()
    _, envelope = await service.get("/v1/audit", role=Role.OPERATE)
    assert envelope["payload"] == {"diffList": [], "findingList": [], "nextAfter": None}
    async with service.engine.begin() as conn:
        await conn.execute(text("UPDATE order_payments SET amount = amount + 7 WHERE payment_no = '1'"))
    _, envelope = await service.get("/v1/audit", role=Role.OPERATE)
    [found] = envelope["payload"]["diffList"]
    assert (found["ordNo"], found["rule"], found["subject"]) == (NO, "books", NO)
    assert (found["found"] - found["expected"], found["diff"]) == (-7, -7)
    assert (found["measure"], found["currency"], found["claimNo"]) == ("money", "KRW", None)
    assert found["reason"].startswith("What was paid, extra payments included, is not")
    _, envelope = await service.get(f"/v1/audit/{NO}", role=Role.VIEW)
    assert (envelope["payload"]["balancedYn"], envelope["payload"]["diffList"]) == ("N", [found])


async def test_the_inbox_in_pages(service: Shop) -> None:
    await service.open()
    async with service.engine.begin() as conn:
        await conn.execute(
            text(
                "INSERT INTO notices"
                " (notice_id, claim_no, order_no, member_no, event, channel, language, subject, body, state)"
                " SELECT 'N' || n, 'C' || n, :order_no, 'M1', 'completed', 'inbox', 'ko', '취소 완료', '내용',"
                " 'SENT' FROM generate_series(1, 3) AS n"
            ),
            {"order_no": NO},
        )
    _, first = await service.get("/v1/members/M1/inbox?size=2", role=Role.MEMBER, subject="M1")
    assert [notice["noticeNo"] for notice in first["payload"]["noticeList"]] == ["N3", "N2"]
    after = first["payload"]["nextAfter"]
    _, second = await service.get(f"/v1/members/M1/inbox?size=2&after={after}", role=Role.MEMBER, subject="M1")
    assert [notice["noticeNo"] for notice in second["payload"]["noticeList"]] == ["N1"]
    assert second["payload"]["nextAfter"] is None
    for wrong in ("size=0", "after=%00"):
        bad = await service.get(f"/v1/members/M1/inbox?{wrong}", role=Role.MEMBER, subject="M1")
        assert _refusal(bad)[:2] == (400, "1002")
