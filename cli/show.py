"""`claims show`: one claim, its money and its timeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from api.tokens import Role
from cli import explaining
from cli.output import fail, fields, heading, moment, money, table
from cli.parked import show_parkings
from cli.service import Service
from cli.session import converse
from settings import Settings

DETAILS = "/v1/claim/common/claimDetailsInfoFO"
KINDS = {"10": "cancel", "40": "option change"}


def show(claim_no: Annotated[str, typer.Argument(metavar="CLAIM_NO")]) -> None:
    """Show a claim: what it is about, its money, its timeline, and where to see it in the Temporal Web UI."""

    async def work(service: Service, settings: Settings) -> None:
        found = await find(service, claim_no)
        claim = await service.post(DETAILS, {"ordNo": found["ordNo"], "claimNo": claim_no})
        audit = await service.get(f"/v1/audit/{found['ordNo']}")
        _print_head(claim, found, settings.timezone)
        _print_goods(claim)
        _print_money(claim, audit, settings.timezone)
        _print_extra_payment(claim)
        _print_points(claim)
        _print_coupons(claim, settings.timezone)
        heading("Steps")
        table(
            ("Step", "Status", "At", "Note"),
            [
                (step["step"], step["status"], moment(step["at"], settings.timezone), step["note"] or "")
                for step in claim["progressList"]
            ],
        )
        told = await service.get(f"/v1/ops/claims/{claim_no}/timeline")
        heading("Timeline")
        table(
            ("At", "Who", "What", "Facts"),
            [
                (moment(event["at"], settings.timezone), event["actor"], event["event"], _facts(event["facts"]))
                for event in told["eventList"]
            ],
        )
        show_parkings(found, settings.timezone)

    converse(Role.VIEW, work)


def _facts(facts: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in facts.items() if value is not None)


async def find(service: Service, claim_no: str) -> Mapping[str, Any]:
    """The claim as operators see it; ends the command when there is none."""
    listed = await service.get("/v1/ops/claims", claimNo=claim_no)
    if not listed["claimList"]:
        fail(f"1003 There is no claim {claim_no}.")
    found: Mapping[str, Any] = listed["claimList"][0]
    return found


def _print_head(claim: Mapping[str, Any], found: Mapping[str, Any], timezone: str) -> None:
    heading(f"Claim {claim['claimNo']}")
    refusal = [("Refused", f"{claim['rjctCd']} {claim['rjctReason'] or ''}".strip())] if claim["rjctCd"] else []
    fields(
        [
            ("Order", claim["ordNo"]),
            ("Kind", KINDS.get(claim["claimBusinessType"], claim["claimBusinessType"])),
            ("Status", claim["claimStatCd"]),
            *refusal,
            ("At fault", claim["fault"].lower()),
            ("Policy", claim["policyVer"] or "none: older than policies"),
            ("Opened", moment(claim["claimDtm"], timezone)),
            ("Closed", moment(claim["claimCmplDtm"], timezone)),
            ("Web UI", found["workflowUrl"]),
        ]
    )


def _print_goods(claim: Mapping[str, Any]) -> None:
    heading("Goods")
    table(
        ("Line", "Goods", "Option", ">Units", ">Price"),
        [
            (str(goods["ordSeq"]), _name(goods), _option(goods), str(goods["claimQty"]), _price(goods, claim))
            for goods in claim["claimGoodsList"]
        ],
    )


def _name(goods: Mapping[str, Any]) -> str:
    return f"{goods['goodsNm']} (a gift, left with the goods)" if goods["giftYn"] == "Y" else str(goods["goodsNm"])


def _option(goods: Mapping[str, Any]) -> str:
    return f"{goods['itmNm']} → {goods['chgItmNm']}" if goods["chgItmNo"] else str(goods["itmNm"])


def _price(goods: Mapping[str, Any], claim: Mapping[str, Any]) -> str:
    return money(goods["salePrc"], claim["currency"])


def _print_money(claim: Mapping[str, Any], audit: Mapping[str, Any], timezone: str) -> None:
    heading("Money")
    currency = claim["currency"]
    table(explaining.COLUMNS, explaining.amounts(claim))
    undone = claim["claimStatCd"] == "REJECTED"
    sums = [("Refund planned, now void" if undone else "Refund", money(claim["totRfdAmt"], currency))]
    if claim["addPayAmt"]:
        sums.append(("Extra payment", money(claim["addPayAmt"], currency)))
    if claim["clsPayNoList"]:
        sums.append(("Payments that nobody has to make", ", ".join(claim["clsPayNoList"])))
    fields(sums)
    divided = explaining.refunds(claim)
    if divided:
        heading("Refunds")
    table(explaining.COLUMNS, divided)
    table(
        ("Payment", ">Refund", "State", "Settled by", "Reference", "At"),
        [
            (
                leg["payNo"],
                money(leg["rfdAmt"], currency),
                leg["rfdStat"],
                leg["settledBy"] or "",
                leg["pgRfdNo"] or leg["evidence"] or "",
                moment(leg["rfdDtm"], timezone),
            )
            for leg in audit["rfdList"]
            if leg["claimNo"] == claim["claimNo"]
        ],
    )


def _print_extra_payment(claim: Mapping[str, Any]) -> None:
    if extra := claim["addPayInfo"]:
        heading("Extra payment")
        fields(
            [
                ("Amount", money(extra["payAmt"], claim["currency"])),
                ("By", f"stored means {extra['stPayNo']}" if extra["stPayNo"] else extra["gateway"] or "own balance"),
                ("State", extra["addPayStat"]),
                ("Became payment", extra["payNo"] or "-"),
            ]
        )


def _print_points(claim: Mapping[str, Any]) -> None:
    """Earned points that go with the goods; no part of the money."""
    if not claim["pointList"]:
        return
    heading("Earned points")
    taken, owed = claim["pntTakenAmt"], claim["pntOwedAmt"]
    fields(
        [
            ("Go with the goods", str(explaining.points(claim["pointList"]))),
            ("Taken off the mileage", "not yet" if taken is None else str(taken)),
            ("Still owed", "-" if owed is None else str(owed)),
        ]
    )


def _print_coupons(claim: Mapping[str, Any], timezone: str) -> None:
    if not claim["rfdFcstCpnList"] or claim["claimStatCd"] == "REJECTED":
        return
    heading("Coupons due back")
    table(
        ("Coupon", "Name", "How", "Back", "As", "Valid until"),
        [
            (
                coupon["cpnNo"],
                coupon["cpnNm"] or "",
                coupon["rtnCd"],
                coupon["restoreCmplYn"],
                coupon["newCpnNo"] or coupon["cpnNo"],
                moment(coupon["newExpDtm"] if coupon["newCpnNo"] else coupon["expDtm"], timezone),
            )
            for coupon in claim["rfdFcstCpnList"]
        ],
    )
