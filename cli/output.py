"""What commands print: coloured tables on a terminal, plain aligned lines elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NoReturn
from zoneinfo import ZoneInfo

import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from domain import currencies

OUT = Console(soft_wrap=True, highlight=False)
ERR = Console(stderr=True, soft_wrap=True, highlight=False)

GOOD, BAD, WAITING = "green", "red", "yellow"
_STYLES = {
    **dict.fromkeys(("DONE", "COMPLETED", "SETTLED", "Y"), GOOD),
    **dict.fromkeys(("FAILED", "PARKED", "NEEDS_OPERATOR", "REFUSED"), BAD),
    **dict.fromkeys(("COMPENSATING", "UNDONE", "REJECTED", "PENDING", "REFUND_PENDING"), WAITING),
}


def fail(message: str, *, code: int = 1) -> NoReturn:
    """End the command with a line on standard error."""
    ERR.print(f"[{BAD}]{escape(message)}[/]")
    raise typer.Exit(code)


def heading(text: str, *, console: Console = OUT) -> None:
    console.print(f"\n[bold]{escape(text)}[/]")


def line(text: str, *, style: str = "", console: Console = OUT) -> None:
    """One line of plain text."""
    console.print(escape(text), style=style)


def word(status: str) -> str:
    """A status in its colour, as markup."""
    style = _STYLES.get(status)
    return f"[{style}]{escape(status)}[/]" if style else escape(status)


def fields(pairs: Sequence[tuple[str, str]], *, console: Console = OUT) -> None:
    """Names and values, a line each; values are plain text."""
    width = max(cell_len(name) for name, _ in pairs) + 2
    for name, value in pairs:
        console.print(f"[dim]{escape(_padded(name, width))}[/]{word(value)}")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, console: Console = OUT) -> None:
    """Rows of plain text under `columns`; a column whose name starts with ``>`` is of numbers. Nothing for no rows."""
    if not rows:
        return
    if console.is_terminal:
        console.print(_pretty(columns, rows), soft_wrap=False)
        return
    names = [name.removeprefix(">") for name in columns]
    widths = [max(cell_len(row[index]) for row in (names, *rows)) for index in range(len(names))]
    for row in (names, *rows):
        cells = [
            _padded(cell, width, right=name.startswith(">"))
            for cell, width, name in zip(row, widths, columns, strict=True)
        ]
        line("  ".join(cells).rstrip(), console=console)


def _pretty(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        made.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left", overflow="fold")
    for row in rows:
        made.add_row(*(word(cell) for cell in row))
    return made


def _padded(text: str, width: int, *, right: bool = False) -> str:
    # By cells, not characters: a Korean letter takes two.
    space = " " * (width - cell_len(text))
    return space + text if right else text + space


def money(amount: int, currency: str) -> str:
    """``107,000 KRW``; `amount` in the currency's minor units."""
    return f"{currencies.to_major(amount, currency):,} {currency}"


def moment(told: str | None, timezone: str) -> str:
    """A time of the service in the shop's time zone, to the second."""
    if told is None:
        return "-"
    return datetime.fromisoformat(told).astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M:%S")
