"""The console command `claims`: every command is in a module of its own and registered here."""

from __future__ import annotations

import typer

from cli.serve import api, worker
from cli.setup import setup
from cli.up import up

app = typer.Typer(
    name="claims",
    help="Cancel orders and change options, safely: the local stack, and a client of the service.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(up)
app.command()(worker)
app.command()(api)
app.command()(setup)

if __name__ == "__main__":
    app()
