"""`claims findings`: what is wrong and waits for a person, and closing it with a reason."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from api.tokens import Role
from cli.output import line
from cli.service import Service
from cli.session import converse
from cli.stuck import show_finding
from domain.findings import FindingKind
from settings import Settings


def findings(
    kind: Annotated[FindingKind | None, typer.Option(help="Only those of this kind.")] = None,
    order: Annotated[str | None, typer.Option(help="Only those of this order.")] = None,
    claim: Annotated[str | None, typer.Option(help="Only those of this claim.")] = None,
    close: Annotated[str | None, typer.Option(metavar="KEY", help="Close the finding of this key.")] = None,
    reason: Annotated[str | None, typer.Option(help="With --close: why; kept in the audit.")] = None,
) -> None:
    """List what was found wrong, or close one finding: it does not come back for the same facts."""
    if (close is None) != (reason is None):
        raise typer.BadParameter("--close and --reason go together")
    wanted = {"kind": kind.value if kind else None, "ordNo": order, "claimNo": claim}

    async def work(service: Service, settings: Settings) -> None:
        if close is not None:
            await service.post(f"/v1/ops/findings/{quote(close)}/close", {"reason": reason})
            line(f"Closed: {close}")
            return
        found = 0
        async for finding in _listed(service, {name: value for name, value in wanted.items() if value is not None}):
            show_finding(finding, settings.timezone)
            found += 1
        line(f"{'' if found == 0 else chr(10)}Open findings: {found}.")

    converse(Role.VIEW if close is None else Role.OPERATE, work)


async def _listed(service: Service, wanted: Mapping[str, str]) -> AsyncIterator[Mapping[str, Any]]:
    after: str | None = ""
    while after is not None:
        page = await service.get("/v1/ops/findings", size=200, **wanted, **({"after": after} if after else {}))
        for finding in page["findingList"]:
            yield finding
        after = page["next"]
