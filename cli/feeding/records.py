"""The records of a feed file: which call each becomes. docs/feed.md describes the format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeGuard
from urllib.parse import quote

from cli.feeding import json_values
from cli.feeding.json_values import Broken


class Kind(StrEnum):
    """What a record is of, in the order of sending: an order names the items, members and coupons before it."""

    ITEM = "item"
    MEMBER = "member"
    COUPON = "coupon"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Record:
    """One item, member, coupon or order: what is put where, and the line of the file that it begins on."""

    line: int
    kind: Kind
    name: str
    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why one record is not stored, for people, and the line of the file."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class _Route:
    folder: str
    numbers: tuple[str, ...]


_ROUTES: Mapping[Kind, _Route] = {
    Kind.ITEM: _Route("/v1/items", ("goodsNo", "itmNo")),
    Kind.MEMBER: _Route("/v1/members", ("mbrNo",)),
    Kind.COUPON: _Route("/v1/coupons", ("cpnNo",)),
    Kind.ORDER: _Route("/v1/orders", ("ordNo",)),
}
_OPENING = re.compile(r'\{\s*"(?:' + "|".join(Kind) + r')"\s*:')
_NUMBER = re.compile(r"[!-.0-~]{1,64}")


def read(data: bytes) -> Iterator[Record | Fault]:
    """Every record of a file, and a fault for each that is none; what follows a fault is read all the same."""
    for line, value in json_values.read(data, _OPENING):
        yield Fault(line, value.what) if isinstance(value, Broken) else _record(line, value)


def _record(line: int, value: Any) -> Record | Fault:
    if not (isinstance(value, dict) and len(value) == 1 and set(value) <= set(Kind)):
        return Fault(line, f"a record is an object with one key of {', '.join(Kind)}")
    [(key, body)] = value.items()
    kind = Kind(key)
    if not isinstance(body, dict):
        return Fault(line, f"what {kind} holds must be an object")
    route = _ROUTES[kind]
    numbers: list[str] = []
    for name in route.numbers:
        number = body.get(name)
        if number is None:
            return Fault(line, f"{kind}: {name} is missing")
        if not _can_be_in_a_path(number):
            return Fault(line, f"{kind}: {name} must be text, 1 to 64 printable characters without space or slash")
        numbers.append(number)
    return Record(
        line=line,
        kind=kind,
        name=f"{kind} {'/'.join(numbers)}",
        path="/".join((route.folder, *(quote(number, safe="") for number in numbers))),
        body={name: part for name, part in body.items() if name not in route.numbers},
    )


def _can_be_in_a_path(number: Any) -> TypeGuard[str]:
    # Dots alone would name another path.
    return isinstance(number, str) and _NUMBER.fullmatch(number) is not None and number.strip(".") != ""
