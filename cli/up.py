"""`claims up`: the local stack, until Ctrl-C."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import quote

import typer
from rich.console import Console
from rich.markup import escape

from deploy.local.errors import Interrupted, StackError
from settings import Settings, load

if TYPE_CHECKING:
    from deploy.local.stack import Stack

ERRORS = Console(stderr=True, soft_wrap=True)


def up() -> None:
    """Start the local stack and stay; Ctrl-C stops it. Its data, in CLAIMS_HOME, is found again by the next start."""
    console = Console(soft_wrap=True)
    try:
        asyncio.run(_run(load(), console))
    except Interrupted:
        console.print("The stack has stopped. Its data is kept.")
    except StackError as error:
        ERRORS.print(f"[red]The stack can't run.[/] {escape(str(error))}")
        raise typer.Exit(1) from None


async def _run(settings: Settings, console: Console) -> None:
    # Takes most of a second to import: not for every other command.
    from deploy.local.stack import running_stack

    async with running_stack(settings, Progress(console), until_signal=True) as stack:
        print_links(console, stack)
        console.print("The stack is up. Ctrl-C stops it.")
        await asyncio.Event().wait()


class Progress:
    """Prints what happens to the parts of the stack, a line each, with the seconds since the start."""

    QUIET = ("starting", "stopping")

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start = monotonic()

    def __call__(self, name: str, what: str) -> None:
        if what in self.QUIET:
            return
        style = "green" if what in ("ready", "migrated") else "yellow"
        self._console.print(
            f"{monotonic() - self._start:6.1f} s  {name:<10}[{style}]{escape(what)}[/]", highlight=False
        )


def print_links(console: Console, stack: Stack) -> None:
    """Where to look: the Web UI, the claims that need a person, the API, mails, logs."""
    settings = stack.settings
    workflows = f"{settings.effective_temporal_ui_url}/namespaces/{settings.temporal_namespace}/workflows"
    for name, where in (
        ("Workflows", workflows),
        ("Claims that need a person", f"{workflows}?query={quote('NeedsOperator=true')}"),
        ("API", f"{settings.effective_api_url}/docs"),
        ("Health", f"{settings.effective_api_url}/health"),
        ("Mails", str(stack.mail_folder)),
        ("Logs", str(settings.home / "logs")),
    ):
        console.print(f"{name:<27}{escape(where)}", highlight=False)
