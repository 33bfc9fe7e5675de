"""`claims payouts`: refunds that are paid out by hand, from the order to pay to the result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from api.tokens import Role
from cli.output import fields, line, moment, money, table
from cli.parked import show_parkings
from cli.resolve import ClaimNo, Reason, account_fields
from cli.service import Service
from cli.session import converse
from settings import Settings

RESULTS: Mapping[str, str] = {"10": "untreated", "20": "paid", "30": "failed"}

PayoutNo = Annotated[str, typer.Argument(metavar="PAYOUT_NO")]

payouts = typer.Typer(help="Refunds that are paid out by hand.", no_args_is_help=True)


@payouts.command("list")
def list_payouts(
    every: Annotated[bool, typer.Option("--all", help="Those with a result too.")] = False,
) -> None:
    """List the payouts that have no result yet; accounts by their last digits."""

    async def work(service: Service, settings: Settings) -> None:
        found: list[Mapping[str, Any]] = []
        last: str | None = ""
        wanted: dict[str, str] = {} if every else {"manlRfdRsltCd": "10"}
        while last is not None:
            page = await service.get("/v1/ops/payouts", size=200, **wanted, **({"after": last} if last else {}))
            found += page["payoutList"]
            last = page["next"]
        table(
            ("Payout", "Claim", ">Amount", "To", "Result", "Opened", "By", "Told"),
            [
                (
                    one["payoutNo"],
                    one["claimNo"],
                    money(one["rfdAmt"], one["currency"]),
                    one["rfdActnMask"] or "-",
                    RESULTS[one["manlRfdRsltCd"]],
                    moment(one["openedDtm"], settings.timezone),
                    one["openedBy"],
                    one["evidence"] or one["failReason"] or "",
                )
                for one in found
            ],
        )
        line(f"Payouts: {len(found)}.")

    converse(Role.VIEW, work)


@payouts.command("open")
def open_payout(
    claim_no: ClaimNo,
    parking: Annotated[int, typer.Option(help="The refund's parking, from claims stuck.")],
    reason: Reason,
    bank: Annotated[
        str | None, typer.Option(help="Another account than the refund's own: its bank, such as 088.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="Its number; asked for without echo when left out.")] = None,
    holder: Annotated[str | None, typer.Option(help="Its holder.")] = None,
) -> None:
    """Have a parked refund paid out by hand. Until its result is told it is sent to no gateway."""
    told = account_fields(bank, account, holder) if bank or account or holder else {}

    async def work(service: Service, settings: Settings) -> None:
        body = {"parkingNo": parking, "reason": reason, **told}
        opened = await service.post(f"{_claim(claim_no)}/payouts", body)
        fields(
            [
                ("Payout", opened["payoutNo"]),
                ("Amount", money(opened["rfdAmt"], opened["currency"])),
                ("To", opened["rfdActnMask"] or "-"),
            ]
        )

    converse(Role.OPERATE, work)


@payouts.command()
def account(claim_no: ClaimNo, payout_no: PayoutNo, reason: Reason) -> None:
    """Show where a payout goes to, in full. The service keeps who asked, and why."""

    async def work(service: Service, settings: Settings) -> None:
        shown = await service.post(
            f"{_claim(claim_no)}/payouts/{quote(payout_no, safe='')}/account", {"reason": reason}
        )
        fields(
            [
                ("Amount", money(shown["rfdAmt"], shown["currency"])),
                ("Bank", shown["rfdBankCd"]),
                ("Account", shown["rfdActnNo"]),
                ("Holder", shown["rfdActnDepositorNm"]),
            ]
        )

    converse(Role.OPERATE, work)


@payouts.command()
def paid(
    claim_no: ClaimNo,
    payout_no: PayoutNo,
    evidence: Annotated[str, typer.Option(help="The bank's own reference of the transfer.")],
) -> None:
    """Tell that a payout was made: its refund is settled by hand."""
    _result(claim_no, payout_no, {"manlRfdRsltCd": "20", "evidence": evidence})


@payouts.command()
def failed(claim_no: ClaimNo, payout_no: PayoutNo, reason: Reason) -> None:
    """Tell that a payout was not made: its refund waits again."""
    _result(claim_no, payout_no, {"manlRfdRsltCd": "30", "reason": reason})


def _result(claim_no: str, payout_no: str, body: Mapping[str, Any]) -> None:
    async def work(service: Service, settings: Settings) -> None:
        claim = await service.post(f"{_claim(claim_no)}/payouts/{quote(payout_no, safe='')}/result", body)
        fields([("Claim", claim["claimNo"]), ("Status", claim["claimStatCd"]), ("Web UI", claim["workflowUrl"])])
        show_parkings(claim, settings.timezone)

    converse(Role.OPERATE, work)


def _claim(claim_no: str) -> str:
    return f"/v1/ops/claims/{quote(claim_no, safe='')}"
