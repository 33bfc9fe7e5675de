"""The matrix as a table: a line for each gateway and fault, a column for each shape, in it the ends by kill."""

from __future__ import annotations

from collections.abc import Sequence

from domain.claims import StuckReason
from tests.matrix.control import Doubled
from tests.matrix.crowd import Crowd
from tests.matrix.judge import Result
from tests.matrix.rows import Kill, Shape

MARKS = {
    None: "C",
    StuckReason.PSP_DOWN: "d",
    StuckReason.PSP_DECLINED: "r",
    StuckReason.PSP_MISCONFIGURED: "m",
}

LEGEND = """\
C completed, U undone and no money moved. Parked first, and completed after an operator's answer: d because the gateway
was away or did not tell (PSP_DOWN), r because it refused (PSP_DECLINED), m because it found our request or account
wrong (PSP_MISCONFIGURED). X wrong, · not played.
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


CONTROL = "The control: refunds of one amount with the look-up switched off, and with the guard left on."

CROWD = "Twenty claimants of ten units of one payment, each again until accepted or refused; one refund in the console."


def crowd(crowds: Sequence[Crowd]) -> str:
    """What came of the claimants at each gateway: so many were accepted, and refunded; the others were refused."""
    lines = ["| gateway | calls | accepted | refunded | |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {one.gateway} | {one.calls} | {one.accepted} | {one.refunded} | {'X' if one.wrong else ''} |"
        for one in crowds
    ]
    return "\n".join(lines)


def control(doubled: Sequence[Doubled]) -> str:
    """How often each gateway refunded for a careless caller: without the guard, and with it."""
    counted = {(one.gateway, one.fault, one.guarded): one for one in doubled}
    lines = ["| gateway | fault | look-up off | guard left on |", "| --- | --- | --- | --- |"]
    for gateway, fault in dict.fromkeys((one.gateway, one.fault) for one in doubled):
        times = [counted[gateway, fault, guarded] for guarded in (False, True)]
        told = (f"{one.refunds}{' X' if one.wrong else ''}" for one in times)
        lines.append(f"| {gateway} | {fault} | {' | '.join(told)} |")
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
