"""`claims feed`: a shop's data from a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from api.tokens import Role
from cli.feeding.records import Fault, Kind, Record, read
from cli.feeding.sending import Advance, Fed, send
from cli.output import BAD, ERR, fail, line
from cli.service import Service
from cli.session import converse
from settings import Settings


def feed(
    file: Annotated[Path, typer.Argument(help="JSON Lines, or one JSON array.", dir_okay=False, exists=True)],
) -> None:
    """Bring items, members, coupons and orders from FILE.

    A record is an object with one key that says what it is of; that key holds the fields of the feed call, and the
    numbers that the call has in its path: {"item": {"goodsNo": …, "itmNo": …, …}}, {"member": {"mbrNo": …, …}},
    {"coupon": {"cpnNo": …, …}}, {"order": {"ordNo": …, …}}. One record a line, or all in one array.

    Items are sent first, then members, coupons and orders, wherever they stand in the file. A record that is refused
    is named with its line and the reason; nothing of it is stored, the others are, and the exit code is 1. The same
    file may be fed again. docs/feed.md has examples.
    """
    try:
        found = list(read(file.read_bytes()))
    except OSError as error:
        fail(f"{file}: {error.strerror}")
    records = [one for one in found if isinstance(one, Record)]
    fed = Fed(faults=[one for one in found if isinstance(one, Fault)])

    async def work(service: Service, _: Settings) -> None:
        with progress_bar(len(records)) as advance:
            await send(service, records, fed, advance)

    try:
        if records:
            converse(Role.FEED, work)
    finally:
        _report(file, fed, len(found))
    if fed.faults:
        raise typer.Exit(1)


@contextmanager
def progress_bar(total: int) -> Iterator[Advance]:
    """A bar on a terminal, and nothing elsewhere; call what it gives after each of `total` records."""
    columns = (TextColumn("Feeding"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=ERR, transient=True, disable=not ERR.is_terminal) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)


def summary(fed: Fed) -> str:
    """``3 items, 1 member``: what was stored."""
    return ", ".join(_counted(fed.stored[kind], kind) for kind in Kind if fed.stored[kind]) or "nothing"


def _report(file: Path, fed: Fed, total: int) -> None:
    for fault in _in_order(fed.faults):
        line(f"{file}:{fault.line}: {fault.what}", style=BAD, console=ERR)
    refused = len(fed.faults)
    untried = total - refused - fed.stored.total()
    line(f"Stored {summary(fed)}.")
    if refused:
        line(f"Refused {_counted(refused, 'record')} of {total}, of which nothing is stored.")
    if untried:
        line(f"Not sent: {_counted(untried, 'record')}. The file can be fed again.")


def _in_order(faults: Sequence[Fault]) -> list[Fault]:
    return sorted(faults, key=lambda fault: fault.line)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
