"""What of an order doesn't add up, as `claims audit` and `claims stuck` print it: both sides and the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cli.output import money, table
from domain.differences import Measure, Sum


def print_differences(rows: Sequence[Mapping[str, Any]]) -> None:
    """A row for each sum that does not come out: as the audit lists them."""
    table(
        ("Sum", "Claim", "Of", ">Expected", ">Found", ">Difference", "What"),
        [
            (
                row["rule"],
                row["claimNo"] or "",
                row["subject"],
                counted(row["expected"], row),
                counted(row["found"], row),
                counted(row["diff"], row),
                row.get("reason", ""),
            )
            for row in rows
        ],
    )


def counted(number: int, row: Mapping[str, Any]) -> str:
    """``1,000 KRW``, ``2 units``, ``15 points``: the number with what its sum counts."""
    measure = Sum(row["rule"]).measure
    return money(number, row["currency"]) if measure is Measure.MONEY else f"{number:,} {measure.value}"
