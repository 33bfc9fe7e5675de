"""`claims notices`: the texts that a provider of AlimTalk has to approve, as they are registered there."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cli.output import heading, line
from settings import load


def notices(
    as_json: Annotated[bool, typer.Option("--json", help="One object, for a program.")] = False,
) -> None:
    """Print the texts to register with AlimTalk's provider, by the names that CLAIMS_ALIMTALK gives codes to.

    What differs from notice to notice stands in places like `#{buyer}`. No service needs to run.
    """
    # Takes long to import: not for every other command.
    from gateways.notices.texts import NoticeTexts

    texts = NoticeTexts(load().timezone).approved()
    if as_json:
        typer.echo(json.dumps(texts, ensure_ascii=False, indent=2))
        return
    for name, text in sorted(texts.items()):
        heading(name)
        line(text)
