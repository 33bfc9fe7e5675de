"""docs/policy.md tells every field, with the default that it has, and its example is a policy."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from domain.allocation import spread
from domain.claims import NoticeEvent
from domain.orders import Means
from domain.policy import ButtonRule, Policy, Reason
from policies import reading
from tests.support.orders import payment

TEXT = (Path(__file__).parents[2] / "docs/policy.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].strip("` "): [cell.strip() for cell in cells]
    for cells in (re.split(r"(?<!\\)\|", row)[1:-1] for row in TEXT.splitlines() if row.startswith("| `"))
}


def example() -> Policy:
    [toml] = re.findall(r"```toml\n(.*?)```", TEXT, flags=re.DOTALL)
    return reading.parse(toml, "docs/policy.md", as_json=False)


def leaves(made: BaseModel, prefix: str = "") -> dict[str, Any]:
    """Every field of the parts of a policy by its path, with its value; lists of parts left out."""
    found: dict[str, Any] = {}
    for name in type(made).model_fields:
        value = getattr(made, name)
        if isinstance(value, BaseModel):
            found |= leaves(value, f"{name}.")
        elif name not in ("reasons", "buttons", "notices"):
            found[prefix + name] = value
    return found


DEFAULTS = leaves(reading.default())


@pytest.mark.parametrize("field", DEFAULTS)
def test_a_field_is_told_with_its_default(field: str) -> None:
    assert ROWS[field][2] == f"`{json.dumps(DEFAULTS[field])}`"


def test_every_field_of_a_reason_and_of_a_button_is_told() -> None:
    told = set(ROWS)
    assert set(Reason.model_fields) | set(ButtonRule.model_fields) <= told
    assert {f"notices.{event.value}" for event in NoticeEvent} <= told


def test_no_field_is_told_that_is_not_there() -> None:
    known = {*DEFAULTS, *Reason.model_fields, *ButtonRule.model_fields}
    assert set(ROWS) == known | {f"notices.{event.value}" for event in NoticeEvent}


def test_the_default_version_is_told() -> None:
    assert f'`"{reading.default().version}"`' in TEXT


def test_the_example_is_a_policy() -> None:
    policy = example()
    assert policy.version == "shop-2026-12"
    assert policy.shipping == reading.default().shipping


@pytest.mark.parametrize(
    ("amount", "card", "mileage"), [(100_000, 40_000, 60_000), (90_000, 40_000, 50_000), (50_000, 20_000, 30_000)]
)
def test_the_examples_refunds_are_what_the_page_says(amount: int, card: int, mileage: int) -> None:
    paid = [payment("1", 40_000, Means.CARD), payment("2", 60_000, Means.MILEAGE)]
    assert [leg.amount for leg in spread(amount, paid, example().refund)] == [card, mileage]
