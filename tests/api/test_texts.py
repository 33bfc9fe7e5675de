"""Every reason that the code can give has words in both languages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from api import texts, wording
from api.audit_wording import SUMS
from api.schemas.places import ASKED, FED
from domain.differences import Sum
from domain.options import Obstacle
from domain.orders import Order
from domain.refusals import Code, Refusal
from store.feed_orders import FedOrder

ROOT = Path(__file__).parents[2]
ROOMS = ("domain", "store", "activities", "workflows", "api")


def slugs() -> Iterator[str]:
    """Every literal reason: of a Refusal, of a helper that makes one, or kept as `reason` before it is given to one."""
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    at = {"Refusal": 1, "_refuse": 0, "_refused": 1, "_check_unique": 0}.get(node.func.id)
                    if at is not None and len(node.args) > at:
                        yield from _literals(node.args[at])
                elif isinstance(node, ast.Assign) and [ast.unparse(one) for one in node.targets] == ["reason"]:
                    yield from _literals(node.value)
    yield from (obstacle.value for obstacle in Obstacle)


def _literals(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may be: itself, or one of two."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)


ALL = sorted(set(slugs()))


def test_reasons_are_found() -> None:
    assert len(ALL) > 60


@pytest.mark.parametrize("slug", ALL)
def test_a_reason_has_words(slug: str) -> None:
    for language in ("ko", "en"):
        told = texts.refusal(Refusal(Code.BAD_VALUE, slug), language)
        assert told != slug
        assert "[" not in told


def test_a_reason_has_words_in_one_place() -> None:
    words = {"line.unknown": ("없음", "none")}
    assert wording.merged(words, {"item.unknown": ("없음", "none")}).keys() == {"line.unknown", "item.unknown"}
    with pytest.raises(ValueError, match=r"line\.unknown"):
        wording.merged(words, dict(words))


def test_places_are_of_reasons_that_there_are() -> None:
    assert {*ASKED, *FED} <= set(ALL), {*ASKED, *FED} - set(ALL)


def test_texts_come_in_pairs_that_name_the_same_facts() -> None:
    for slug, (korean, english) in {**wording.REFUSALS, **wording.FAULTS}.items():
        assert set(_facts(korean)) >= set(_facts(english)) - {"lines"}, slug


def _facts(text: str) -> list[str]:
    return [part.split("}")[0] for part in text.split("{")[1:]]


def test_every_sum_of_an_audit_has_words() -> None:
    assert set(SUMS) == set(Sum)
    assert all(words.strip() for pair in SUMS.values() for words in pair)


def test_a_part_without_its_fact_is_left_out() -> None:
    assert texts.fill("one[ of {whole}].", {}) == "one."
    assert texts.fill("one[ of {whole}].", {"whole": 3}) == "one of 3."


def test_a_status_is_told_in_words() -> None:
    refusal = Refusal(Code.NOT_CANCELLABLE, "line.status", line_no=1, status="shipped")
    assert "배송 중" in texts.refusal(refusal, "ko")


def test_the_parts_of_an_order_are_named_as_on_the_wire() -> None:
    inside = {field.name for shape in (Order, FedOrder) for field in fields(shape) if field.compare}
    inside -= {"order", "order_no"}
    assert inside == set(wording.ORDER_PARTS)
    refusal = Refusal(Code.DUPLICATE, "order.has_claims", order_no="1", part="buyer_name")
    assert "ordManNm" in texts.refusal(refusal, "en")
