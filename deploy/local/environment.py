"""Settings as environment variables, for processes that are started with them."""

from __future__ import annotations

from pydantic import SecretStr

from settings import Settings


def variables(settings: Settings) -> dict[str, str]:
    """``CLAIMS_*`` variables that make another process read the same settings. They include the secrets."""
    values = {name: getattr(settings, name) for name in Settings.model_fields}
    return {f"CLAIMS_{name.upper()}": _text(value) for name, value in values.items() if value is not None}


def _text(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
