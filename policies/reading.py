"""Reading a shop's policy from its file, so that nothing starts on one that is only half right."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from domain.policy import Policy


class PolicyError(Exception):
    """A policy file that can't be used; the message names the file and each field that is wrong."""


def read(path: Path) -> Policy:
    """The policy in a TOML or JSON file. Raises `PolicyError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: {error}") from error
    return parse(text, str(path), as_json=path.suffix == ".json")


def default() -> Policy:
    """The policy that the service ships with."""
    return parse(files("policies").joinpath("default.toml").read_text(encoding="utf-8"), "default.toml", as_json=False)


def parse(text: str, name: str, *, as_json: bool) -> Policy:
    """The policy that `text` tells. Raises `PolicyError`, which calls the text `name`."""
    try:
        told = json.loads(text) if as_json else tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise PolicyError(f"{name}: {error}") from error
    try:
        return Policy.model_validate(told)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'policy'}: {one['msg']}" for one in error.errors())
        raise PolicyError(f"{name}: {wrong}") from error
