"""How a quote or a claim explains its amounts, as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cli.output import money

COLUMNS = ("Rule", "Of", "Why", ">Amount")


def amounts(told: Mapping[str, Any], *, coupons: bool = True) -> list[tuple[str, str, str, str]]:
    """What the refund comes to, row by row: the amounts sum to the refund less the extra payment.

    `coupons`: whether the number of a coupon is told, where one took an amount off.
    """
    return [
        (row["ruleCd"], _place(row, coupons), row["text"], money(row["amount"], told["currency"]))
        for row in told["explainList"]
    ]


def refunds(told: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Which part of the refund goes to which payment, as the text names it: the amounts sum to the refund."""
    return [(row["ruleCd"], "", row["text"], money(row["amount"], told["currency"])) for row in told["payExplainList"]]


def points(told: Sequence[Mapping[str, Any]]) -> int:
    """Earned points that go with the goods, all lines together."""
    return sum(row["pntAmt"] for row in told)


def _place(row: Mapping[str, Any], coupons: bool) -> str:
    """What an amount is of: a line, a delivery group, or the order."""
    if row["ordSeq"] is not None:
        place = f"line {row['ordSeq']}"
    elif row["deliGrpNo"] is not None:
        place = f"group {row['deliGrpNo']}"
    else:
        place = "order"
    return f"{place}, coupon {row['cpnNo']}" if coupons and row["cpnNo"] is not None else place
