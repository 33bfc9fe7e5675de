"""The result as one table: what was measured of the service, what beside it, and how they relate."""

from __future__ import annotations

from itertools import pairwise

from rich import box
from rich.table import Table

from bench.cpu import DRIVER
from bench.run import Measured


def make(measured: Measured) -> Table:
    """The table of one run."""
    finishing, one, many = measured.finishing, measured.one_line, measured.many_lines
    table = Table(box=box.SIMPLE_HEAD, title="Ratios, measured in this run on this machine", title_justify="left")
    table.add_column("what", overflow="fold")
    for name in ("claims", "beside", "ratio", "budget"):
        table.add_column(name, justify="right")

    _section(table, "Accepting: ms until the answer, beside an update-with-start that does nothing")
    for accepted in measured.accepting:
        width = "alone" if accepted.width == 1 else f"{accepted.width} at once"
        _row(table, width, accepted.claims, accepted.nothing, "≤ 1.5" if accepted.width == 1 else "")

    _section(table, "Finishing: per second, 50 at once, beside seven regular activities that write a row each")
    _row(table, "finished per second", finishing.claims.per_second, finishing.steps.per_second, "≥ 1.5")
    for name in finishing.claims.cpu_ms:
        ours, theirs = finishing.claims.cpu_ms[name], finishing.steps.cpu_ms[name]
        if name == DRIVER or max(ours, theirs) >= 1:
            _row(table, f"CPU ms each: {name}", ours, theirs)
    _row(
        table,
        "CPU ms each: all",
        sum(finishing.claims.cpu_ms.values()),
        sum(finishing.steps.cpu_ms.values()),
    )

    _section(table, f"Size: a claim of {many.lines} lines, beside one of {one.lines}")
    _row(table, "quote, ms", many.quote_ms, one.quote_ms, "≤ 4")
    _row(table, "claim until completed, ms", many.claim_ms, one.claim_ms, "≤ 4")
    _row(table, "SQL statements of a quote", many.quote_sql.statements, one.quote_sql.statements, "1")
    _row(table, "SQL statements of a claim", many.claim_sql.statements, one.claim_sql.statements, "1")
    _row(table, "transactions of a claim", many.claim_sql.transactions, one.claim_sql.transactions)
    _row(table, "workflow tasks (at most 5)", many.workflow_tasks, one.workflow_tasks)
    _row(table, "history events (at most 40)", many.history_events, one.history_events)
    _row(table, "history bytes (at most 16 384 for one line)", many.history_bytes, one.history_bytes)

    _section(table, "Growth: a quote with gifts, coupons and points, beside one of fewer lines")
    for less, more in pairwise(measured.growing):
        # Twice the lines may take twice the time, and no more.
        budget = f"≤ {more.lines // less.lines}" if less.lines > 1 else ""
        _row(table, f"{more.lines} lines beside {less.lines}, ms", more.quote_ms, less.quote_ms, budget)
    for less, more in pairwise(measured.growing):
        statements = more.quote_sql.statements, less.quote_sql.statements
        _row(table, f"{more.lines} lines beside {less.lines}, SQL statements", *statements, "1")
    # One line alone has no gift, so its claim does less.
    _, fewest, *_, most = measured.growing
    statements = most.claim_sql.statements, fewest.claim_sql.statements
    _row(table, f"its claim, {most.lines} lines beside {fewest.lines}, SQL statements", *statements, "1")
    return table


def _section(table: Table, name: str) -> None:
    table.add_section()
    table.add_row(f"[bold]{name}[/]")


def _row(table: Table, name: str, ours: float, beside: float, budget: str = "") -> None:
    ratio = f"{ours / beside:.2f}" if beside else "–"
    table.add_row(f"  {name}", _number(ours), _number(beside), ratio, budget)


def _number(value: float) -> str:
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else f"{value:.1f}"
