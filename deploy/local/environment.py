"""Settings as environment variables, for processes that are started with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, SecretStr

from settings import Settings


def variables(settings: Settings) -> dict[str, str]:
    """``CLAIMS_*`` variables that make another process read the same settings. They include the secrets."""
    values = {name: _plain(getattr(settings, name)) for name in Settings.model_fields}
    return {f"CLAIMS_{name.upper()}": _text(value) for name, value in values.items() if value is not None}


def _text(value: Any) -> str:
    return json.dumps(value, default=str) if isinstance(value, dict | list) else str(value)


def _plain(value: Any) -> Any:
    """A setting without what keeps its secrets from being shown: what it was read from."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case BaseModel():
            return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
        case Mapping():
            return {name: _plain(one) for name, one in value.items()}
        case tuple():
            return [_plain(one) for one in value]
        case _:
            return value
