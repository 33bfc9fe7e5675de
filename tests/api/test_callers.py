"""Who may call what, and that nobody sees an order that is not theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from api.tokens import Role
from tests.api.shop import CANCEL, CHANGE, DETAILS, POPUP, QUOTE, Shop, line, select

ORDER_CALLS = [
    (POPUP, {}),
    (QUOTE, {"claimCausCd": "10", "claimGoodsList": [{"ordSeq": 1, "claimQty": 1}]}),
    (CANCEL, {"claimCausCd": "10", "claimGoodsList": [{"ordSeq": 1, "claimQty": 1}]}),
    (DETAILS, {"claimNo": "20230808C000001"}),
    (CHANGE, {"ordSeq": 1, "goodsNo": "G1", "itmNo": "002"}),
]


@pytest.mark.parametrize(("path", "body"), ORDER_CALLS)
async def test_another_members_order_answers_as_one_that_does_not_exist(
    idle_shop: Shop, path: str, body: dict[str, object]
) -> None:
    order_no = await idle_shop.order(member="M1")
    other = idle_shop.token(Role.MEMBER, "M2")
    theirs = await idle_shop.call(path, {"ordNo": order_no, **body}, other, key="k")
    nobodys = await idle_shop.call(path, {"ordNo": "20990101O000001", **body}, other, key="k")
    assert theirs.status_code == nobodys.status_code == 404
    told, expected = theirs.json(), nobodys.json()
    assert {**told, "timestamp": None} == {**expected, "timestamp": None}
    assert told["code"] == "1003"


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer x.y.z", "Basic TTE6cHc=", "Bearer ключ", "bearer eyJhbGciOiJub25lIn0.e30."]
)
async def test_a_bad_token_is_never_taken_for_a_guest(idle_shop: Shop, authorization: str) -> None:
    order_no = await idle_shop.order(member=None, password="secret-1")
    answer = await idle_shop.call(
        POPUP,
        {"ordNo": order_no, "umemPwd": "secret-1"},
        {"Authorization": authorization.encode()},  # type: ignore[dict-item]
    )
    assert answer.status_code == 401
    assert answer.json()["code"] == "1005"
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_an_expired_token_is_refused(idle_shop: Shop) -> None:
    headers = idle_shop.token(Role.MEMBER, "M1", lifetime=timedelta(seconds=-1))
    answer = await idle_shop.call(POPUP, {"ordNo": "20230808O000001"}, headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "1005")


@pytest.mark.parametrize(
    ("role", "path"),
    [
        (Role.FEED, POPUP),
        (Role.FEED, CANCEL),
        (Role.VIEW, CANCEL),
        (Role.VIEW, CHANGE),
        (Role.MEMBER, "/v1/ops/claims/x/resolve"),
    ],
)
async def test_a_wrong_role_is_refused_before_the_body_is_read(idle_shop: Shop, role: Role, path: str) -> None:
    read = False

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read = True
        yield b"{ broken"

    headers = {**idle_shop.token(role), "Content-Type": "application/json"}
    answer = await idle_shop.http.post(path, content=body(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "1006")
    assert not read


async def test_a_guest_without_a_password_is_asked_for_one(idle_shop: Shop) -> None:
    answer = await idle_shop.call(POPUP, {"ordNo": await idle_shop.order(member=None, password="secret-1")})
    assert (answer.status_code, answer.json()["code"]) == (401, "1005")


async def test_a_guest_sees_the_order_of_the_right_password(idle_shop: Shop) -> None:
    order_no = await idle_shop.order(member=None, password="비밀 번호")
    answer = await idle_shop.call(POPUP, {"ordNo": order_no, "umemPwd": "비밀 번호"})
    assert answer.status_code == 200
    assert answer.json()["payload"]["mbrNo"] is None
    by_header = await idle_shop.get(f"/v1/orders/{order_no}", {"X-Order-Password": "비밀 번호".encode()})  # type: ignore[dict-item]
    assert by_header.status_code == 200


async def test_a_guests_password_does_not_open_a_members_order(idle_shop: Shop) -> None:
    order_no = await idle_shop.order(member="M1")
    answer = await idle_shop.call(POPUP, {"ordNo": order_no, "umemPwd": "anything"})
    assert (answer.status_code, answer.json()["code"]) == (404, "1003")


@pytest.mark.parametrize("exists", [True, False])
async def test_wrong_passwords_are_limited_alike_for_orders_that_do_not_exist(idle_shop: Shop, exists: bool) -> None:
    order_no = await idle_shop.order(member=None, password="right") if exists else "20990101O000777"
    limit = idle_shop.settings.guest_attempts
    wrong = [await idle_shop.call(POPUP, {"ordNo": order_no, "umemPwd": "wrong"}) for _ in range(limit)]
    assert {(answer.status_code, answer.json()["code"]) for answer in wrong} == {(404, "1003")}
    blocked = await idle_shop.call(POPUP, {"ordNo": order_no, "umemPwd": "right"})
    assert (blocked.status_code, blocked.json()["code"]) == (429, "1007")
    assert 0 < int(blocked.headers["retry-after"]) <= idle_shop.settings.guest_window


async def test_the_back_office_sees_any_order(idle_shop: Shop) -> None:
    order_no = await idle_shop.order(member="M1")
    for role in (Role.VIEW, Role.OPERATE):
        answer = await idle_shop.call(POPUP, {"ordNo": order_no}, idle_shop.token(role, "lee"))
        assert answer.status_code == 200


async def test_the_back_office_cancels_later_than_a_customer(idle_shop: Shop) -> None:
    order_no = await idle_shop.order(line(ordDtlStatCd="22"))
    asked = select(order_no, {1: 1})
    customer = await idle_shop.call(QUOTE, asked, idle_shop.token(Role.MEMBER, "M1"))
    assert customer.json()["code"] == "2001"
    office = await idle_shop.call(QUOTE, asked, idle_shop.token(Role.OPERATE, "lee"))
    assert office.json()["code"] == "0000"
