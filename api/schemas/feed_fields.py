"""Fields of what is fed, and how strictly it is read: a misspelt amount must not silently be 0."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, StringConstraints
from pydantic_core import PydanticKnownError

from api.schemas.fields import StrictWire

_LOOKS_LIKE_A_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]")


def _only_text(given: object) -> object:
    # Bare numbers would be read as seconds since 1970.
    if isinstance(given, datetime):
        return given
    if not isinstance(given, str) or not _LOOKS_LIKE_A_TIME.match(given):
        raise PydanticKnownError("datetime_type")
    return given


def _to_utc(given: datetime) -> datetime:
    try:
        return given.astimezone(UTC)
    except OverflowError as error:
        raise PydanticKnownError("datetime_type") from error


Moment = Annotated[AwareDatetime, BeforeValidator(_only_text), AfterValidator(_to_utc)]
"""ISO 8601 with an offset; kept in UTC."""
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$")]
Phone = Annotated[str, StringConstraints(max_length=30, pattern=r"^[0-9+()* -]{3,30}$")]


class Fed(StrictWire):
    """What is fed. Only the wire's own spelling of a field counts, also when a value is made here to be read back."""

    model_config = ConfigDict(validate_by_name=False)
