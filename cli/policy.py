"""`claims policy`: check a shop's policy file and show what it says, or print the one to start from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import BAD, ERR, WAITING, fail, heading, line, table
from domain.claims import Channel, NoticeEvent
from domain.policy import Button, Policy
from policies import reading
from policies.reading import PolicyError
from settings import load

_MONEY = ("shipping", "coupons", "refund", "extra_payment")


def policy(
    file: Annotated[
        Path | None, typer.Argument(help="A .toml or .json file. Without it: CLAIMS_POLICY_FILE, or what is shipped.")
    ] = None,
    default: Annotated[
        bool, typer.Option("--default", help="Print the shipped policy, to start a file of your own from.")
    ] = False,
) -> None:
    """Check a policy file and show its version and rules; every field that is wrong is named, with exit code 1.

    Nothing is started or stored, and no service needs to run.
    """
    if default:
        if file is not None:
            fail("--default prints the shipped policy: it takes no file.", code=2)
        typer.echo(reading.default_text(), nl=False)
        return
    # Takes over a second to import: not for every other command.
    import bootstrap

    settings = load()
    try:
        found = bootstrap.policy(settings) if file is None else reading.read(file)
    except PolicyError as error:
        line(f"{error.name} can't be used:", style=BAD, console=ERR)
        for fault in error.faults:
            line(f"  {fault}", console=ERR)
        raise typer.Exit(1) from None
    _show(found)
    # A file is checked where it is kept, too; accounts at gateways are known only where the service runs.
    if unknown := bootstrap.unknown_gateways(settings, found):
        line(
            f"\nThese settings have no account at {', '.join(unknown)}. "
            "Nothing starts with this policy where CLAIMS_MERCHANTS names none.",
            style=WAITING,
            console=ERR,
        )


def _show(found: Policy) -> None:
    line(f"Policy {found.version} is in order.")
    heading("Reasons")
    table(
        ("Code", "Fault", "Offered to", "ko", "en"),
        [
            (
                reason.code,
                reason.fault.value,
                ", ".join(sorted(reason.offered_to)) or "nobody",
                reason.names["ko"],
                reason.names["en"],
            )
            for reason in found.reasons
        ],
    )
    heading("Buttons")
    table(
        ("Line status", "Button", "For"),
        [
            (rule.status.value, rule.button.value, ", ".join(sorted(rule.actors)) or "nobody")
            for rule in sorted(found.buttons, key=lambda rule: list(Button).index(rule.button))
        ],
    )
    heading("Money")
    shipped = _rules(reading.default())
    table(
        ("Rule", "Value", "Shipped"),
        [(name, value, "" if value == shipped[name] else shipped[name]) for name, value in _rules(found).items()],
    )
    heading("Notices")
    table(
        ("Event", "Told by"),
        [(event.value, ", ".join(_channels(found, event)) or "nothing") for event in NoticeEvent],
    )


def _channels(found: Policy, event: NoticeEvent) -> tuple[Channel, ...]:
    """The customer's, and the shop's own mail where the service has its address."""
    return (*found.told_by(event), Channel.SHOP) if found.told_to_shop(event) else found.told_by(event)


def _rules(found: Policy) -> dict[str, str]:
    """The rules of money by their names in the file."""
    told = found.model_dump(mode="json", include=set(_MONEY))
    return {f"{part}.{name}": _told(value) for part in _MONEY for name, value in told[part].items()}


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {most:,}" for name, most in value.items()) or "none"
    return ", ".join(value) or "none" if isinstance(value, list) else str(value)
