"""The feed file read: every record with its line, every broken one by its line, and nothing lost after it."""

from __future__ import annotations

import pytest

from cli.feeding.records import Fault, Kind, Record, read

ITEM = b'{"item": {"goodsNo": "G1", "itmNo": "001", "salePrc": 1}}'
MEMBER = b'{"member": {"mbrNo": "M1"}}'


def found(data: bytes) -> list[tuple[int, str]]:
    """Per record its line and its name; per fault its line and what is wrong."""
    return [(one.line, one.name if isinstance(one, Record) else one.what) for one in read(data)]


def test_a_record_becomes_a_call_with_its_numbers_in_the_path() -> None:
    assert list(read(ITEM)) == [Record(1, Kind.ITEM, "item G1/001", "/v1/items/G1/001", {"salePrc": 1})]
    [order] = read(b'{"order": {"ordNo": "A#1", "mbrNo": null}}')
    assert isinstance(order, Record)
    assert (order.path, order.body) == ("/v1/orders/A%231", {"mbrNo": None})


@pytest.mark.parametrize(
    "data",
    [
        b"\n" + ITEM + b"\n" + MEMBER,
        b"\n" + ITEM + b"\r\n" + MEMBER + b"\r\n\r\n",
        b"\xef\xbb\xbf\n" + ITEM + b"\n" + MEMBER + b"\n",
        b"\n[" + ITEM + b",\n" + MEMBER + b"]\n",
        b"[\n" + ITEM + b"\n,\n\n" + MEMBER + b"\n]",
    ],
)
def test_lines_and_arrays_give_the_same_records(data: bytes) -> None:
    assert [name for _, name in found(data)] == ["item G1/001", "member M1"]
    assert found(data)[0][0] == 2


def test_one_record_over_many_lines_is_a_file() -> None:
    assert found(b'\n{"member":\n {"mbrNo":\n "M1"}}\n') == [(2, "member M1")]


@pytest.mark.parametrize("nothing", [b"", b"\n \n", b"[]", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_records(nothing: bytes) -> None:
    assert found(nothing) == []


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        (b'{"item": {"goodsNo": "G9",', "broken JSON"),
        (b"nonsense", "broken JSON"),
        (ITEM + MEMBER, "follows the record"),
        (b'{"member": {"mbrNo": "\xff"}}', "not UTF-8"),
        (b'{"member": {"mbrNo": NaN}}', "NaN is no JSON"),
        (b'{"member": {"mbrNo": "M1", "mileage": ' + b"9" * 5000 + b"}}", "broken JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"7", "one key of item, member, coupon, order"),
        (b"{}", "one key of"),
        (b'{"item": {}, "member": {}}', "one key of"),
        (b'{"items": []}', "one key of"),
        (b'{"item": []}', "must be an object"),
        (b'{"item": {"goodsNo": "G1"}}', "itmNo is missing"),
        (b'{"member": {"mbrNo": 7}}', "mbrNo must be text"),
        (b'{"member": {"mbrNo": "a/b"}}', "mbrNo must be text"),
        (b'{"member": {"mbrNo": ".."}}', "mbrNo must be text"),
    ],
)
def test_a_bad_line_is_named_and_costs_nothing_else(broken: bytes, what: str) -> None:
    first, second, third = found(ITEM + b"\n" + broken + b"\n" + MEMBER)
    assert (first, third) == ((1, "item G1/001"), (3, "member M1"))
    assert second[0] == 2
    assert what in second[1]


@pytest.mark.parametrize(
    ("array", "lines"),
    [
        (b'[%(item)s,\n{"item": {"goodsNo": "G9" "itmNo"}},\n%(member)s]', [1, 2, 3]),
        (b'[%(item)s,\n{"item": {"goodsNo": "G9\n"}},\n%(member)s]', [1, 2, 4]),
        (b"[%(item)s\n%(member)s]", [1, 2, 2]),
        (b"[%(item)s,\n7,\n%(member)s]", [1, 2, 3]),
        (b"[%(item)s,\n%(member)s,", [1, 2, 2]),
    ],
)
def test_a_broken_array_is_read_on_at_the_next_record(array: bytes, lines: list[int]) -> None:
    read_back = list(read(array % {b"item": ITEM, b"member": MEMBER}))
    assert [one.line for one in read_back] == lines
    assert [one.name for one in read_back if isinstance(one, Record)] == ["item G1/001", "member M1"]
    assert sum(isinstance(one, Fault) for one in read_back) == 1
