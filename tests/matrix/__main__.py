"""``python -m tests.matrix [--gateway G] [--fault F] [--write FILE]``: play the matrix, print it as a table.

Exits with 1 when any cell is wrong, and says what is.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from deploy.local.temporal import DevServer
from tests.matrix import table
from tests.matrix.control import Doubled, careless, paired
from tests.matrix.crowd import CLAIMANTS, Crowd, crowd, open_shop
from tests.matrix.ground import Ground, open_ground
from tests.matrix.judge import Result
from tests.matrix.play import play, rounds
from tests.matrix.rows import GATEWAYS, Kill, cells
from tests.support.house import open_house, working
from tests.support.postgres import running_databases
from tests.support.sandbox import SandboxProcess
from tests.support.temporal import connect, running_dev_server

CROWD = "crowd"
"""By what `--fault` chooses the many claimants of one payment."""


@asynccontextmanager
async def servers(folder: Path) -> AsyncIterator[tuple[SandboxProcess, str, DevServer]]:
    """A sandbox, the address of a database, and a Temporal, of its own each."""
    for name in ("postgres", "temporal"):
        (folder / name).mkdir(parents=True)
    with SandboxProcess(folder / "sandbox") as sandbox:
        async with (
            running_databases(folder / "postgres") as databases,
            running_dev_server(folder / "temporal") as server,
            databases.fresh() as url,
        ):
            yield sandbox, url, server


@asynccontextmanager
async def own_ground(folder: Path) -> AsyncIterator[Ground]:
    """A ground with servers of its own."""
    async with servers(folder) as (sandbox, url, server):
        workers = folder / "workers"
        workers.mkdir()
        async with open_ground(url, await connect(server), sandbox, "matrix", workers) as ground:
            yield ground


async def run_crowds(gateway: str | None) -> list[Crowd]:
    """Twenty claimants of one payment for ten at each chosen gateway, and somebody at its console."""
    crowds = []
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        async with servers(Path(folder)) as (sandbox, url, server):
            temporal = await connect(server)
            async with (
                open_house(
                    url, temporal, sandbox, "crowd", temporal_address=server.address, accept_timeout=30
                ) as house,
                working(house),
                open_shop(house) as shop,
            ):
                for name in GATEWAYS:
                    if gateway in (None, name):
                        crowds.append(await crowd(house, shop, name, units=10, console_after=3))
                        say(f"{name}: {crowds[-1].calls} calls of {CLAIMANTS} claimants")
    return crowds


async def run(gateway: str | None, fault: str | None, kill: str | None) -> tuple[list[Result], list[Doubled]]:
    """Every chosen cell, and the control beside them."""
    began = time.monotonic()
    results: list[Result] = []
    doubled: list[Doubled] = []
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        async with own_ground(Path(folder)) as ground:
            chosen = [cell for cell in cells(gateway, fault) if kill in (None, cell.kill)]
            for together in rounds(chosen):
                results += (played := await play(ground, together))
                kinds = Counter("killed" if one.cell.kill is not Kill.NEVER else "alive" for one in played)
                wrong = sum(bool(one.wrong) for one in played)
                for one in played:
                    if one.wrong:
                        say(f"{one.cell.name}: {'; '.join(one.wrong)}")
                say(f"{time.monotonic() - began:6.1f} s  {dict(kinds)}, {len(results)} of {len(chosen)}, {wrong} wrong")
            chosen_pairs = [pair for pair in paired(gateway) if fault in (None, pair[1])]
            for guarded in (False, True):
                doubled += await careless(ground.house, chosen_pairs, guarded=guarded)
    order = {cell: number for number, cell in enumerate(map(_named, chosen))}
    return sorted(results, key=lambda one: order[_named(one.cell)]), doubled


def _named(cell: object) -> str:
    return str(getattr(cell, "name", cell))


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    parser = argparse.ArgumentParser(prog="python -m tests.matrix")
    parser.add_argument("--gateway", choices=GATEWAYS)
    parser.add_argument("--fault", help=f"rows whose names begin so; {CROWD}: many claimants of one payment")
    parser.add_argument("--kill", choices=[one.value for one in Kill])
    parser.add_argument("--write", type=Path, metavar="FILE")
    given = parser.parse_args()
    began = time.monotonic()
    results: list[Result] = []
    doubled: list[Doubled] = []
    crowds: list[Crowd] = []
    told: list[str] = []
    if given.fault != CROWD:
        results, doubled = asyncio.run(run(given.gateway, given.fault, given.kill))
        told += [table.make(results), table.LEGEND, table.CONTROL, table.control(doubled)]
    if given.fault in (None, CROWD) and given.kill is None:
        crowds = asyncio.run(run_crowds(given.gateway))
        told += [table.CROWD, table.crowd(crowds)]
    print(*told, sep="\n\n")
    wrong = [one for one in results if one.wrong]
    for cell in wrong:
        print(f"\n{cell.cell.name}:", *cell.wrong, sep="\n  ")
    for one in crowds:
        if one.wrong:
            print(f"\n{CLAIMANTS} claimants at {one.gateway}:", *one.wrong, sep="\n  ")
    print(f"\n{len(results)} claims, {len(wrong)} of them wrong, in {time.monotonic() - began:.0f} s")
    if given.write is not None:
        given.write.write_text("\n\n".join(told) + "\n")
    return 1 if wrong or not told or any(one.wrong for one in doubled) or any(one.wrong for one in crowds) else 0


if __name__ == "__main__":
    sys.exit(main())
