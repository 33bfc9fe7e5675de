"""`claims resolve` and `claims resume`: what an operator does about a claim. The service keeps an audit of both."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from getpass import getpass
from typing import Annotated, Any
from urllib.parse import quote

import typer

from api.tokens import Role
from cli.output import fail, fields
from cli.parked import show_parkings
from cli.service import Service
from cli.session import converse
from domain.claims import Action
from settings import Settings

ClaimNo = Annotated[str, typer.Argument(metavar="CLAIM_NO")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit.")]


def resolve(
    claim_no: ClaimNo,
    parking: Annotated[int, typer.Option(help="The parking's number, from claims stuck.")],
    action: Annotated[Action, typer.Option(help="One of those that claims stuck lists as safe.")],
    reason: Reason,
    evidence: Annotated[str | None, typer.Option(help="With settle: the bank's or gateway's reference.")] = None,
    bank: Annotated[str | None, typer.Option(help="With provideAccount: the bank's number, such as 088.")] = None,
    account: Annotated[
        str | None,
        typer.Option(
            help="With provideAccount: its number. Left out, it is asked for without echo, or read from a pipe."
        ),
    ] = None,
    holder: Annotated[str | None, typer.Option(help="With provideAccount: whose account it is.")] = None,
) -> None:
    """Answer a parking of a claim."""
    body: dict[str, Any] = {"parkingNo": parking, "action": action.value, "reason": reason}
    if evidence is not None:
        body["evidence"] = evidence
    if action is Action.PROVIDE_ACCOUNT:
        body |= account_fields(bank, account, holder)
    _command(claim_no, "resolve", body)


def resume(claim_no: ClaimNo, reason: Reason) -> None:
    """Set a claim going again from its ledger, after its workflow was terminated, reset or lost."""
    _command(claim_no, "resume", {"reason": reason})


def account_fields(bank: str | None, number: str | None, holder: str | None) -> dict[str, str]:
    """A refund account as the service takes it; ends the command when a part of it is missing.

    The number is better not an argument: others could read it in the list of processes, and the shell keeps it.
    """
    if not bank or not holder:
        fail("A refund account has a bank and a holder: give --bank and --holder.", code=2)
    if number is None:
        asks = sys.stdin.isatty()
        number = getpass("Account number (not shown): ") if asks else sys.stdin.readline().strip()
    if not number:
        fail("No account number was given.", code=2)
    return {"rfdBankCd": bank, "rfdActnNo": number, "rfdActnDepositorNm": holder}


def _command(claim_no: str, command: str, body: Mapping[str, Any]) -> None:
    async def work(service: Service, settings: Settings) -> None:
        claim = await service.post(f"/v1/ops/claims/{quote(claim_no, safe='')}/{command}", body)
        fields([("Claim", claim["claimNo"]), ("Status", claim["claimStatCd"]), ("Web UI", claim["workflowUrl"])])
        show_parkings(claim, settings.timezone)

    converse(Role.OPERATE, work)
