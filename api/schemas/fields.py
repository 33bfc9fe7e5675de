"""The fields that many schemas share: what a number, a name, an amount may look like on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

LARGEST_AMOUNT = 10**15
LARGEST_COUNT = 2**31 - 1


def clean_text(value: str) -> str:
    """The text, when it can be kept and logged. Raises ValueError for control characters and lone surrogates."""
    # NUL can't be kept by PostgreSQL, a lone surrogate can't be encoded; other control characters break logs.
    if not all(char.isprintable() or char in "\n\t" for char in value):
        raise ValueError("control_characters")
    return value


Number = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[!-.0-~]+$")]
"""An order, claim, goods, variant, coupon or payment number: printable ASCII without space or slash."""
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(clean_text)
]
FreeText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000), AfterValidator(clean_text)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(clean_text)]
Amount = Annotated[int, Field(strict=True, ge=0, le=LARGEST_AMOUNT)]
"""Integer minor units of the order's currency."""
Count = Annotated[int, Field(strict=True, ge=0, le=LARGEST_COUNT)]
Quantity = Annotated[int, Field(strict=True, ge=1, le=LARGEST_COUNT)]
LineNo = Annotated[int, Field(strict=True, ge=1, le=LARGEST_COUNT)]
BankCode = Annotated[str, StringConstraints(min_length=1, max_length=10, pattern=r"^[0-9A-Za-z]+$")]
AccountNo = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z -]+$")]
YesNo = Literal["Y", "N"]


class Wire(BaseModel):
    """What goes out, and what comes in where unknown fields do no harm. Fields are spelt by their aliases."""

    model_config = ConfigDict(frozen=True, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)


class StrictWire(Wire):
    """What comes in where a misspelt field would do harm: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


def yes_no(value: bool) -> YesNo:
    return "Y" if value else "N"
