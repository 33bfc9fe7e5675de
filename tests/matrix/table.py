"""The matrix as a table: a line for each gateway and fault, a column for each shape, in it the ends by kill."""

from __future__ import annotations

from collections.abc import Sequence

from domain.claims import StuckReason
from tests.matrix.judge import Result
from tests.matrix.rows import Kill, Shape

MARKS = {
    None: "C",
    StuckReason.PSP_DOWN: "d",
    StuckReason.PSP_DECLINED: "r",
}

LEGEND = """\
C completed, U undone and no money moved. Parked first, and completed after an operator's answer: d because the gateway
was away or did not tell (PSP_DOWN), r because it refused (PSP_DECLINED). X wrong, · not played.
Four letters a column: worker not killed, killed before the call, during, after."""


def make(results: Sequence[Result]) -> str:
    """Markdown; cells that were not played are a dot."""
    rows: dict[tuple[str, str], dict[tuple[Shape, Kill], Result]] = {}
    for result in results:
        cell = result.cell
        rows.setdefault((cell.gateway, cell.row.name), {})[cell.shape, cell.kill] = result
    lines = [_line("gateway", "fault", *Shape), _line("---", "---", *("---" for _ in Shape))]
    for (gateway, name), played in rows.items():
        lines.append(_line(gateway, name, *("".join(_mark(played.get((s, k))) for k in Kill) for s in Shape)))
    return "\n".join(lines)


def _line(gateway: str, name: str, *columns: str) -> str:
    return f"| {gateway:<8} | {name:<29} | " + " | ".join(f"{column:<5}" for column in columns) + " |"


def _mark(result: Result | None) -> str:
    if result is None:
        return "·"
    if result.wrong:
        return "X"
    if result.ends == "REJECTED":
        return "U"
    return MARKS.get(result.parked, "p")
