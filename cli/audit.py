"""`claims audit`: does the money add up?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Annotated, Any
from urllib.parse import quote

import typer

from api.codes import MEANS, PAYMENT_STATUS
from api.tokens import Role
from cli.causes import MONEY_FINDINGS
from cli.differences import print_differences
from cli.output import BAD, GOOD, fields, heading, line, moment, money, table
from cli.service import Service
from cli.session import converse
from cli.stuck import show_finding
from settings import Settings

_TAKEN = (("Paid", "paidAmt"), ("Extra paid", "addPayAmt"))
_KEPT = (
    ("Refunded", "rfdAmt"),
    ("Due", "dueAmt"),
    ("Goods still bought", "boughtAmt"),
    ("Fees kept", "feeAmt"),
)
"""Both sides of an order's books; they sum to the same."""


def audit(order_no: Annotated[str | None, typer.Argument(metavar="[ORDER_NO]")] = None) -> None:
    """Audit one order: its books and every movement. Without a number: what of any order does not add up.

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
    wrong = list(found["diffList"])
    after = found["nextAfter"]
    while after is not None:
        page = await service.get("/v1/audit", size=1000, after=after)
        wrong += page["diffList"]
        after = page["nextAfter"]
    # What is reckoned now is newer than what the sweeper says of the same.
    findings = [one for one in found["findingList"] if one["kind"] in MONEY_FINDINGS]
    for order_no, rows in groupby(wrong, key=itemgetter("ordNo")):
        heading(f"Order {order_no}")
        print_differences(list(rows))
    for finding in findings:
        show_finding(finding, timezone)
    if not wrong and not findings:
        line("The money of every order adds up.", style=GOOD)
        return True
    orders = len({one["ordNo"] for one in wrong})
    line(
        f"\nSums that do not come out: {len(wrong)}, of {orders} orders. Findings about money: {len(findings)}.",
        style=BAD,
    )
    return False


async def _audit_order(service: Service, order_no: str, timezone: str) -> bool:
    found = await service.get(f"/v1/audit/{quote(order_no, safe='')}")
    _print_books(found)
    _print_movements(found, timezone)
    return bool(found["balancedYn"] == "Y")


def _print_books(audit: Mapping[str, Any]) -> None:
    """Paid + extra paid = refunded + due + goods still bought + fees kept; and whatever does not add up."""
    heading(f"Order {audit['ordNo']}")
    currency, amounts = audit["currency"], audit["conservation"]
    sides = (("Money taken", _TAKEN), ("Where it is", _KEPT))
    fields(
        [
            pair
            for name, side in sides
            for pair in (
                *((label, money(amounts[key], currency)) for label, key in side),
                (name, money(sum(amounts[key] for _, key in side), currency)),
            )
        ]
    )
    if audit["balancedYn"] == "Y":
        line("It adds up.", style=GOOD)
    else:
        line(f"It does not add up: {len(audit['diffList'])} of its sums do not come out.", style=BAD)
        print_differences(audit["diffList"])


def _print_movements(found: Mapping[str, Any], timezone: str) -> None:
    def amount(minor_units: int) -> str:
        return money(minor_units, found["currency"])

    def at(time: str | None) -> str:
        return moment(time, timezone)

    _section(
        "Money in",
        ("Payment", "Means", ">Amount", "Status", ">Returned or planned", ""),
        found["payList"],
        lambda one: (
            *(one["payNo"], _means(one), amount(one["payAmt"]), PAYMENT_STATUS.word(one["payStatCd"]).value),
            *(amount(one["rfdAmt"]), _what_became(one)),
        ),
    )
    _section(
        "Extra payments",
        ("Claim", "Means", ">Amount", "State", "Payment", "Reference", "At"),
        found["addPayList"],
        lambda one: (
            *(one["claimNo"], _means(one), amount(one["payAmt"]), one["addPayStat"], one["payNo"]),
            *(one["pgTid"], at(one["dtm"])),
        ),
    )
    _section(
        "Money out",
        ("Claim", "Payment", ">Amount", "State", "Settled by", "Reference", "At"),
        found["rfdList"],
        lambda leg: (
            *(leg["claimNo"], leg["payNo"], amount(leg["rfdAmt"]), leg["rfdStat"], leg["settledBy"]),
            *(leg["pgRfdNo"] or leg["evidence"], at(leg["rfdDtm"])),
        ),
    )
    _section(
        "Returned past any claim",
        ("Payment", "Means", ">Amount", "State", "Refund", "Reference", "Found"),
        found["extRfdList"],
        lambda one: (
            *(one["payNo"], _means(one), amount(one["rfdAmt"]), one["extRfdStat"], one["rfdLegNo"]),
            *(one["pgRfdNo"], at(one["foundDtm"])),
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
        ("Claim", "Kind", "Coupon", "New coupon", "At"),
        found["cpnList"],
        lambda one: (one["claimNo"], one["kind"], one["cpnNo"], one["newCpnNo"], at(one["dtm"])),
    )
    _section(
        "Mileage, deposit and points",
        ("Claim", "Kind", "Member", ">Amount", ">Owed", "At"),
        found["creditList"],
        lambda one: (
            *(one["claimNo"], one["kind"], one["mbrNo"], amount(one["amt"])),
            *(f"{one['owedAmt']:,}" if one["owedAmt"] else "", at(one["dtm"])),
        ),
    )
    _section(
        "Told",
        ("Claim", "Event", "Channel", "State", "Ways", "At"),
        found["noticeList"],
        lambda one: (
            *(one["claimNo"], one["event"], one["channel"], _with_code(one["noticeStat"], one["code"])),
            *(", then ".join(_way(way) for way in one["routeList"]), at(one["dtm"])),
        ),
    )


def _means(entry: Mapping[str, Any]) -> str:
    return MEANS.word(entry["payWayCd"]).value.replace("_", " ")


def _way(way: Mapping[str, Any]) -> str:
    """``sms by solapi ACCEPTED``."""
    return f"{way['route']} by {way['provider']} {_with_code(way['routeStat'], way['code'])}"


def _with_code(state: str, code: str | None) -> str:
    return f"{state} ({code})" if code else state


def _what_became(payment: Mapping[str, Any]) -> str:
    if payment["addPayYn"] == "Y":
        return "taken by a claim"
    if payment["lateAmt"] is not None:
        return "paid after a claim had closed it"
    return "closed by a claim" if payment["clsYn"] == "Y" else ""


def _section(
    name: str,
    columns: Sequence[str],
    entries: Sequence[Mapping[str, Any]],
    cells: Callable[[Mapping[str, Any]], Sequence[str | None]],
) -> None:
    if entries:
        heading(name)
        table(columns, [[cell or "" for cell in cells(entry)] for entry in entries])
