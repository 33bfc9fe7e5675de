"""The JSON values of a file, each with its line: one a line, or the elements of one array.

Broken JSON costs the value that it is in, and nothing after it.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

_SPACE = re.compile(r"[ \t\r\n]*")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Broken:
    """What stands where a value should: no JSON, or not UTF-8."""

    what: str


def read(data: bytes, opening: re.Pattern[str]) -> Iterator[tuple[int, Any | Broken]]:
    """Every value of a file with the line that it begins on; of a broken one, the line where it breaks.

    `opening` is how a value of an array begins, and nothing inside a value does: there reading goes on after a
    broken one.
    """
    # So a byte that is not UTF-8 spoils its own value only.
    text = data.decode("utf-8-sig", errors="surrogateescape")
    lines = _Lines(text)
    start = _after_space(text, 0)
    if text.startswith("[", start):
        return _elements(text, start + 1, lines, opening)
    if _is_one_value(text):
        return iter([(lines.number(start), json.loads(text))])
    return _one_a_line(text)


def _is_one_value(text: str) -> bool:
    """Whether the file is a single record, over however many lines. In JSON Lines the second line ends this early."""
    try:
        return _after_space(text, _decode(text, _after_space(text, 0))[1]) == len(text)
    except _BreaksAt:
        return False


def _one_a_line(text: str) -> Iterator[tuple[int, Any | Broken]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value, end = _decode(line, _after_space(line, 0))
        except _BreaksAt as error:
            yield number, Broken(error.what)
            continue
        rest = line[end:].strip()
        yield number, Broken(f"broken JSON: {rest[:20]!r} follows the record") if rest else value


def _elements(text: str, at: int, lines: _Lines, opening: re.Pattern[str]) -> Iterator[tuple[int, Any | Broken]]:
    while True:
        at = _after_space(text, at)
        if text.startswith("]", at):
            return
        try:
            value, end = _decode(text, at)
            yield lines.number(at), value
            at = _after_comma(text, end)
        except _BreaksAt as error:
            yield lines.number(error.position), Broken(error.what)
            next_one = opening.search(text, at + 1)
            if next_one is None:
                return
            at = next_one.start()


def _after_comma(text: str, at: int) -> int:
    at = _after_space(text, at)
    if text.startswith(",", at):
        return at + 1
    if text.startswith("]", at):
        return at
    raise _BreaksAt(at, "broken JSON: a comma or the end of the array is missing")


def _decode(text: str, at: int) -> tuple[Any, int]:
    """The value at `at` and where it ends. Raises _BreaksAt."""
    try:
        value, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise _BreaksAt(error.pos, f"broken JSON: {error.msg}, at column {error.colno}") from error
    except ValueError as error:
        raise _BreaksAt(at, f"broken JSON: {error}") from error
    except RecursionError as error:
        raise _BreaksAt(at, "broken JSON: nested too deeply") from error
    if found := _NOT_UTF8.search(text, at, end):
        raise _BreaksAt(found.start(), "not UTF-8")
    return value, end


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


class _BreaksAt(Exception):
    def __init__(self, position: int, what: str) -> None:
        super().__init__(what)
        self.position = position
        self.what = what


class _Lines:
    """Line numbers, from 1, of positions in a text."""

    def __init__(self, text: str) -> None:
        self._ends = [found.start() for found in re.finditer("\n", text)]

    def number(self, position: int) -> int:
        return bisect_left(self._ends, position) + 1


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
