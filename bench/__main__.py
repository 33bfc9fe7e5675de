"""``python -m bench [--quick]``: measure, and print one table. Nothing is asserted: ratios are for people to judge."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import typer
from rich.console import Console

from bench import table
from bench.run import run
from bench.sizes import FULL, QUICK
from deploy.local.errors import Interrupted, StackError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(quick: Annotated[bool, typer.Option(help="Fewer repeats, in less than a minute.")] = False) -> None:
    """Measure how fast this machine carries out claims, as ratios to other things in the same run."""
    console = Console(soft_wrap=False)
    progress = Console(stderr=True)
    began = time.monotonic()

    def tell(name: str, what: str) -> None:
        if what not in ("starting", "stopping"):
            progress.print(f"{time.monotonic() - began:6.1f} s  {name:<12}{what}", highlight=False, markup=False)

    try:
        console.print(table.make(asyncio.run(run(QUICK if quick else FULL, tell))))
    except Interrupted:
        raise typer.Exit(130) from None
    except StackError as error:
        progress.print(f"The stack can't run. {error}", style="red", markup=False)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
