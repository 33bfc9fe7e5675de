"""Reading a shop's policy from its file, so that nothing starts on one that is only half right."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from datetime import date, time
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from domain.policy import Policy

DEFAULT = "default.toml"
"""The name of the policy that the service ships with, beside this module."""

_PLAINLY = {
    "enum": "must be {expected}",
    "string_type": "must be a text in quotes",
    "int_type": "must be a whole number",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "tuple_type": "must be a list",
    "frozen_set_type": "must be a list",
    "model_type": "must be a table",
    "mapping_type": "must be a table",
}
"""What pydantic finds wrong, in words of the file instead of Python's."""

_LONGEST_SHOWN = 40


class PolicyError(Exception):
    """A policy that can't be used. `faults` tell one thing each, with its field; the message is them on one line."""

    def __init__(self, name: str, faults: Sequence[str]) -> None:
        super().__init__(f"{name}: {'; '.join(faults)}")
        self.name = name
        self.faults = tuple(faults)


def read(path: Path) -> Policy:
    """The policy in a ``.toml`` or ``.json`` file. Raises `PolicyError`."""
    if path.suffix not in (".toml", ".json"):
        raise PolicyError(str(path), ["a policy is a .toml or a .json file"])
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PolicyError(str(path), [error.strerror or str(error)]) from error
    except UnicodeDecodeError as error:
        raise PolicyError(str(path), [f"it is not UTF-8: {error.reason} at byte {error.start}"]) from error
    return parse(text, str(path), as_json=path.suffix == ".json")


def default() -> Policy:
    """The policy that the service ships with."""
    return parse(default_text(), DEFAULT, as_json=False)


def default_text() -> str:
    """The same as its file is: TOML, with comments, for a shop to start its own from."""
    return files("policies").joinpath(DEFAULT).read_text(encoding="utf-8")


def parse(text: str, name: str, *, as_json: bool) -> Policy:
    """The policy that `text` tells. Raises `PolicyError`, which calls the text `name`."""
    try:
        told = json.loads(text, object_pairs_hook=_each_once) if as_json else tomllib.loads(text)
    except ValueError as error:  # what both parsers raise
        raise PolicyError(name, [str(error)]) from error
    try:
        return Policy.model_validate(told)
    except ValidationError as error:
        faults = [_fault(one) for one in error.errors(include_url=False)]
        raise PolicyError(name, faults) from error


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Given twice, a name would silently mean its last value; TOML refuses that by itself."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} is given twice")
    return made


def _fault(error: ErrorDetails) -> str:
    place = _place(error["loc"])
    return f"{place}: {_words(error)}" if place else _words(error)


def _place(path: tuple[int | str, ...]) -> str:
    """``reasons[2].fault``: the third reason's. The name of a table's key is in it already."""
    place = ""
    for part in path:
        if isinstance(part, int):
            place += f"[{part}]"
        elif part != "[key]":
            place += f".{part}" if place else part
    return place


def _words(error: ErrorDetails) -> str:
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "there is no such field"
        case "value_error":
            return str(error["ctx"]["error"])
        case "enum" if error["loc"][-1] == "[key]":
            return f"there is no such field: it must be {error['ctx']['expected']}"
    words = _PLAINLY.get(error["type"], error["msg"]).format(**error.get("ctx", {}))
    return f"{words}, not {_shown(error['input'])}"


def _shown(value: object) -> str:
    """A value as the file has it, but no longer than a line bears."""
    # TOML's dates stand without quotes.
    shown = str(value) if isinstance(value, date | time) else json.dumps(value, default=str, ensure_ascii=False)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[: _LONGEST_SHOWN - 1]}…"
