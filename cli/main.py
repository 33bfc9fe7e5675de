"""The console command `claims`: every command is in a module of its own and registered here."""

from __future__ import annotations

import typer
from pydantic import ValidationError
from rich.markup import escape

from cli.audit import audit
from cli.demo.command import demo
from cli.feed import feed
from cli.findings import findings
from cli.notices import notices
from cli.output import ERR
from cli.payouts import payouts
from cli.policy import policy
from cli.reconcile import reconcile
from cli.resolve import resolve, resume
from cli.serve import api, worker
from cli.setup import setup
from cli.show import show
from cli.stuck import stuck
from cli.token import token
from cli.up import up
from settings import load

app = typer.Typer(
    name="claims",
    help="Cancel orders and change options, safely: the local stack, and a client of the service.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.callback()
def check_settings() -> None:
    """Refuse a wrong setting by its name, whatever the command."""
    try:
        load()
    except ValidationError as error:
        for wrong in error.errors():
            name = "CLAIMS_" + "_".join(str(part) for part in wrong["loc"]).upper() if wrong["loc"] else "A setting"
            ERR.print(f"[red]{name}: {escape(wrong['msg'])}[/]")
        raise typer.Exit(2) from None


app.command()(up)
app.command()(demo)
app.command()(worker)
app.command()(api)
app.command()(setup)
app.command()(policy)
app.command()(notices)
app.command()(token)
app.command()(feed)
app.command()(show)
app.command()(stuck)
app.command()(findings)
app.command()(reconcile)
app.command()(resolve)
app.command()(resume)
app.command()(audit)
app.add_typer(payouts, name="payouts")

if __name__ == "__main__":
    app()
