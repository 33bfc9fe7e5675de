"""`claims feed`: everything good is stored, everything bad is named by file and line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from api.tokens import Role
from tests.api.shop import Shop, card, group, line
from tests.cli.console import Console

DOCS = Path(__file__).parents[2] / "docs" / "feed.md"


def item(number: str, **changes: Any) -> dict[str, Any]:
    told = {
        "goodsNo": number,
        "itmNo": "001",
        "goodsNm": "핸드크림",
        "itmNm": "단품",
        "optList": [],
        "salePrc": 10_000,
        "saleStatCd": "10",
        "saleMethCd": "10",
        "stockQty": 5,
    }
    return {"item": {**told, **changes}}


def member(number: str, **changes: Any) -> dict[str, Any]:
    return {"member": {"mbrNo": number, "mbrNm": "박지민", "mileage": 0, "deposit": 0, **changes}}


def coupon(number: str, order_no: str | None) -> dict[str, Any]:
    told = {"cpnNo": number, "mbrNo": None, "promoTypCd": "11", "cpnNm": None, "expDtm": None, "usedOrdNo": order_no}
    return {"coupon": told}


def order(number: str, goods_no: str, **changes: Any) -> dict[str, Any]:
    told = {
        "ordNo": number,
        "mbrNo": "M-FED",
        "ordManNm": "박지민",
        "ordMediaCd": "30",
        "currency": "KRW",
        "ordDtm": "2026-11-01T10:00:00+09:00",
        "deliGrpList": [group()],
        "ordDtlList": [line(goodsNo=goods_no, ordQty=1)],
        "benefitList": [],
        "payList": [card(10_000, pgTid=f"{number}-1")],
    }
    return {"order": {**told, **changes}}


def lines(*records: Any) -> str:
    return "".join(
        (record if isinstance(record, str) else json.dumps(record, ensure_ascii=False)) + "\n" for record in records
    )


async def there(shop: Shop, path: str) -> bool:
    return (await shop.get(path, shop.token(Role.VIEW))).status_code == 200


@pytest.mark.parametrize("shape", ["lines", "array"])
async def test_records_are_stored_whatever_their_order_in_the_file(
    claims: Console, shop: Shop, tmp_path: Path, shape: str
) -> None:
    records = [order(f"O-{shape}", f"G-{shape}"), coupon(f"C-{shape}", None), member("M-FED"), item(f"G-{shape}")]
    file = tmp_path / "shop.json"
    file.write_text(lines(*records) if shape == "lines" else json.dumps(records, ensure_ascii=False, indent=2))
    ran = await claims("feed", str(file))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "Stored 1 item, 1 member, 1 coupon, 1 order.\n"
    for path in (f"items/G-{shape}/001", "members/M-FED", f"coupons/C-{shape}", f"orders/O-{shape}"):
        assert await there(shop, f"/v1/{path}")
    assert (await claims("feed", str(file))).code == 0


async def test_bad_records_are_named_by_line_and_the_rest_is_stored(
    claims: Console, shop: Shop, tmp_path: Path
) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(
        lines(
            item("G-GOOD"),
            '{"item": {"goodsNo": "G-BROKEN", "itmNo": "001",',
            member("M-NEGATIVE", mileage=-1),
            order("O-UNKNOWN-ITEM", "G-NOWHERE"),
            order("O-OFF", "G-GOOD", payList=[card(9_999, pgTid="x")]),
            item("G-MISSPELT", stokQty=5),
            r'{"member": {"mbrNo": "M-SURROGATE", "mbrNm": "\ud800", "mileage": 0, "deposit": 0}}',
            order("O-GOOD", "G-GOOD", mbrNo="M-STUB"),
        )
    )
    ran = await claims("feed", str(file))
    assert ran.code == 1
    expected = {
        2: "broken JSON",
        3: "member M-NEGATIVE: 1002 .*mileage",
        4: "order O-UNKNOWN-ITEM: 1003 .*G-NOWHERE",
        5: "order O-OFF: 1002 ",
        6: "item G-MISSPELT/001: 1002 .*stokQty",
        7: "member M-SURROGATE: 1002 .*mbrNm",
    }
    named = ran.err.splitlines()
    assert len(named) == len(expected)
    for said, (number, what) in zip(named, expected.items(), strict=True):
        assert re.match(rf"{re.escape(str(file))}:{number}: .*{what}", said), said
    assert ran.out == "Stored 1 item, 1 order.\nRefused 6 records of 8, of which nothing is stored.\n"
    assert await there(shop, "/v1/items/G-GOOD/001")
    assert await there(shop, "/v1/orders/O-GOOD")
    for path in ("items/G-BROKEN/001", "members/M-NEGATIVE", "orders/O-UNKNOWN-ITEM", "orders/O-OFF"):
        assert not await there(shop, f"/v1/{path}")


async def test_records_of_one_number_are_stored_in_their_order(claims: Console, shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "again.jsonl"
    file.write_text(lines(*(item(f"G-{number}", stockQty=stock) for stock in range(1, 6) for number in "ABC")))
    assert (await claims("feed", str(file))).code == 0
    for number in "ABC":
        answer = await shop.get(f"/v1/items/G-{number}/001", shop.token(Role.VIEW))
        assert answer.json()["payload"]["stockQty"] == 5


async def test_the_example_of_the_docs_is_stored(claims: Console, tmp_path: Path) -> None:
    found = re.search(r"```jsonl\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert found is not None
    file = tmp_path / "example.jsonl"
    file.write_text(found.group(1))
    ran = await claims("feed", str(file))
    assert (ran.code, ran.err, ran.out) == (0, "", "Stored 1 item, 1 member, 1 coupon, 1 order.\n")


async def test_a_caller_who_may_not_feed_is_told_once(claims: Console, tmp_path: Path) -> None:
    file = tmp_path / "shop.jsonl"
    file.write_text(lines(*(item(f"G-NOT-{number}") for number in range(20))))
    token = (await claims("token", "--role", "view")).out.strip()
    ran = await claims("feed", str(file), CLAIMS_TOKEN=token)
    assert ran.code == 1
    assert ran.err.startswith("1006 ")
    assert len(ran.err.splitlines()) == 1
    assert ran.out == "Stored nothing.\nNot sent: 20 records. The file can be fed again.\n"


async def test_a_service_that_is_away_is_one_clear_line(lonely: Console, tmp_path: Path) -> None:
    file = tmp_path / "shop.jsonl"
    file.write_text(lines(item("G1")))
    ran = await lonely("feed", str(file))
    assert ran.code == 1
    assert "does not answer" in ran.err
    assert len(ran.err.splitlines()) == 1


async def test_a_file_that_is_not_there_is_said(lonely: Console, tmp_path: Path) -> None:
    ran = await lonely("feed", str(tmp_path / "none.jsonl"))
    assert ran.code == 2
    # The name is in a box, broken wherever the line ends.
    assert "none.jsonl" in "".join(ran.err.replace("│", "").split())
