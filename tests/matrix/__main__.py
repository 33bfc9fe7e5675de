"""``python -m tests.matrix [--gateway G] [--fault F] [--write FILE]``: play the matrix, print it as a table.

Exits with 1 when any cell is wrong, and says what is.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.matrix import table
from tests.matrix.control import Doubled, careless, paired
from tests.matrix.ground import Ground, open_ground
from tests.matrix.judge import Result
from tests.matrix.play import play, rounds
from tests.matrix.rows import GATEWAYS, Kill, cells
from tests.support.postgres import running_databases
from tests.support.sandbox import SandboxProcess
from tests.support.temporal import connect, running_dev_server


@asynccontextmanager
async def own_ground(folder: Path) -> AsyncIterator[Ground]:
    """A ground with servers of its own."""
    for name in ("postgres", "temporal", "workers"):
        (folder / name).mkdir()
    with SandboxProcess(folder / "sandbox") as sandbox:
        async with (
            running_databases(folder / "postgres") as databases,
            running_dev_server(folder / "temporal") as server,
        ):
            temporal = await connect(server)
            async with (
                databases.fresh() as url,
                open_ground(url, temporal, sandbox, "matrix", folder / "workers") as ground,
            ):
                yield ground


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
    parser = argparse.ArgumentParser(prog="python -m tests.matrix")
    parser.add_argument("--gateway", choices=GATEWAYS)
    parser.add_argument("--fault", help="rows whose names begin so")
    parser.add_argument("--kill", choices=[one.value for one in Kill])
    parser.add_argument("--write", type=Path, metavar="FILE")
    given = parser.parse_args()
    began = time.monotonic()
    results, doubled = asyncio.run(run(given.gateway, given.fault, given.kill))
    print(table.make(results))
    print(f"\n{table.LEGEND}")
    print("\nThe control: refunds of one amount with the look-up switched off, and with the guard left on.\n")
    print(table.control(doubled))
    wrong = [one for one in results if one.wrong]
    for one in wrong:
        print(f"\n{one.cell.name}:", *one.wrong, sep="\n  ")
    summary = f"{len(results)} claims, {len(wrong)} of them wrong, in {time.monotonic() - began:.0f} s"
    print(f"\n{summary}")
    if given.write is not None:
        given.write.write_text(f"{table.make(results)}\n\n{table.control(doubled)}\n")
    return 1 if wrong or not results or any(one.wrong for one in doubled) else 0


if __name__ == "__main__":
    sys.exit(main())
