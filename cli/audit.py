"""`claims audit`: does the money add up?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

import typer

from api.tokens import Role
from cli.causes import MONEY_FINDINGS
from cli.output import BAD, GOOD, fields, heading, line, moment, money, table
from cli.service import Service
from cli.session import converse
from cli.stuck import show_finding
from settings import Settings

_BOOKS = (
    ("Paid", "paidAmt"),
    ("Extra paid", "addPayAmt"),
    ("Refunded", "rfdAmt"),
    ("Due", "dueAmt"),
    ("Goods still bought", "boughtAmt"),
    ("Fees kept", "feeAmt"),
)


def audit(order_no: Annotated[str | None, typer.Argument(metavar="[ORDER_NO]")] = None) -> None:
    """Audit one order: its books and every movement. Without a number: every order whose money does not add up.

    The exit code is 1 when something does not add up.
    """

    async def work(service: Service, settings: Settings) -> bool:
        if order_no is None:
            return await _audit_all(service, settings.timezone)
        return await _audit_order(service, order_no, settings.timezone)

    if not converse(Role.VIEW, work):
        raise typer.Exit(1)


async def _audit_all(service: Service, timezone: str) -> bool:
    found = await service.get("/v1/audit", size=1000)
    unbalanced = found["unbalancedList"]
    # Unbalanced orders are reckoned now, which is newer than what the sweeper says of the same.
    findings = [one for one in found["findingList"] if one["kind"] in MONEY_FINDINGS]
    for books in unbalanced:
        _print_books(books)
    for finding in findings:
        show_finding(finding, timezone)
    if not unbalanced and not findings:
        line("The money of every order adds up.", style=GOOD)
        return True
    line(f"\nOrders that do not add up: {len(unbalanced)}. Findings about money: {len(findings)}.", style=BAD)
    return False


async def _audit_order(service: Service, order_no: str, timezone: str) -> bool:
    found = await service.get(f"/v1/audit/{quote(order_no, safe='')}")
    _print_books(found)
    _print_movements(found, timezone)
    return bool(found["balancedYn"] == "Y")


def _print_books(books: Mapping[str, Any]) -> None:
    """Paid + extra paid = refunded + due + goods still bought + fees kept."""
    heading(f"Order {books['ordNo']}")
    currency = books["currency"]
    amounts = books["conservation"]
    fields([(name, money(amounts[key], currency)) for name, key in _BOOKS])
    if books["balancedYn"] == "Y":
        line("It adds up.", style=GOOD)
    else:
        line(f"It does not add up: {money(books['diffAmt'], currency)} are missing or too much.", style=BAD)


def _print_movements(found: Mapping[str, Any], timezone: str) -> None:
    def amount(minor_units: int) -> str:
        return money(minor_units, found["currency"])

    def at(time: str | None) -> str:
        return moment(time, timezone)

    _section(
        "Refunds",
        ("Claim", "Payment", ">Amount", "State", "Settled by", "Reference", "At"),
        found["rfdList"],
        lambda leg: (
            *(leg["claimNo"], leg["payNo"], amount(leg["rfdAmt"]), leg["rfdStat"], leg["settledBy"]),
            *(leg["pgRfdNo"] or leg["evidence"], at(leg["rfdDtm"])),
        ),
    )
    _section(
        "Stock",
        ("Claim", "Kind", "Goods", "Variant", ">Units", "At"),
        found["stockList"],
        lambda one: (one["claimNo"], one["kind"], one["goodsNo"], one["itmNo"], f"{one['qty']:+d}", at(one["dtm"])),
    )
    _section(
        "Coupons",
        ("Claim", "Kind", "Coupon", "At"),
        found["cpnList"],
        lambda one: (one["claimNo"], one["kind"], one["cpnNo"], at(one["dtm"])),
    )
    _section(
        "Mileage and deposit",
        ("Claim", "Kind", "Member", ">Amount", "At"),
        found["creditList"],
        lambda one: (one["claimNo"], one["kind"], one["mbrNo"], amount(one["amt"]), at(one["dtm"])),
    )


def _section(
    name: str,
    columns: Sequence[str],
    entries: Sequence[Mapping[str, Any]],
    cells: Callable[[Mapping[str, Any]], Sequence[str | None]],
) -> None:
    if entries:
        heading(name)
        table(columns, [[cell or "" for cell in cells(entry)] for entry in entries])
