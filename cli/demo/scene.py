"""What every story needs: the shop, the service as staff and customers call it, the gateway, and what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import httpx

from api.tokens import Role
from cli.callers import make_token
from cli.demo.shop import Shop
from cli.demo.standing import Moves, Standing, differences, look, moved, rows
from cli.demo.storefront import Customer
from cli.feeding.records import Kind
from cli.output import BAD, GOOD, OUT, line, table, word
from cli.service import CallFailed, Service
from settings import Settings

UNFINISHED = frozenset({"WAITING", "RUNNING", "PENDING"})
"""Statuses of steps that something is still to come of; the notices too, which a claim doesn't wait for."""
PATIENCE = 60.0
"""Seconds that a claim may take."""
POLL_EVERY = 0.1
UNTOLD = frozenset({"WAITING", "SKIPPED"})
"""Statuses of steps that are no news."""


class ClaimParked(CallFailed):
    """A claim waits for a person, which no story wants; the text tells why."""


@dataclass(frozen=True, slots=True)
class Scene:
    settings: Settings
    shop: Shop
    anyone: Service
    staff: Service
    gateway: httpx.AsyncClient
    wrong: list[str] = field(default_factory=list)
    """What did not come out as it must."""

    def customer(self, name: str) -> Customer:
        """Whoever placed the order that the stories call `name`."""
        order = self.shop.order(name)
        member = order["mbrNo"]
        token = None if member is None else make_token(self.settings, Role.MEMBER, member)
        return Customer(self.anyone.as_caller(token), order["ordNo"], order.get("umemPwd"))

    def names(self) -> Mapping[str, str]:
        """What items and coupons are called, by their number."""
        named = {}
        for record in self.shop.records:
            number = record.path.partition("/v1/")[2].partition("/")[2]
            if record.kind is Kind.ITEM:
                named[number] = f"{record.body['goodsNm']}, {record.body['itmNm']}"
            elif record.kind is Kind.COUPON:
                named[number] = record.body["cpnNm"]
        return named

    async def look(self, orders: Sequence[str], variants: Sequence[str] = ()) -> Standing:
        """How things stand around the orders that the stories call so."""
        return await look([self.shop.order(name) for name in orders], self.staff, self.gateway, variants)

    def compare(self, before: Standing, after: Standing, moves: Moves) -> None:
        """Show what stood before and what stands after, and note what did not move as it must."""
        table(("", ">Before", ">After"), rows(before, after, self.names()))
        found = list(differences(moved(before, moves), after))
        for problem in found:
            self.note(problem)
        if not found:
            line(
                "Checked: the gateway's ledger, stock, coupons and mileage are as they must be; the books add up.",
                style=GOOD,
            )

    def expect(self, what: str, expected: object, actual: object) -> None:
        if expected != actual:
            self.note(f"{what}: {expected} expected, {actual} found")

    def note(self, problem: str) -> None:
        line(f"Wrong: {problem}", style=BAD)
        self.wrong.append(problem)

    async def follow(self, customer: Customer, claim_no: str, since: float) -> Mapping[str, Any]:
        """Print the claim's timeline as it happens, in seconds since `since`, until every step is.

        Raises ClaimParked when the claim waits for a person, TimeoutError when it takes too long.
        """
        told: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            while True:
                claim = await customer.details(claim_no)
                for step in claim["progressList"]:
                    if step["status"] not in UNTOLD and told.get(step["step"]) != step["status"]:
                        told[step["step"]] = step["status"]
                        OUT.print(f"  {monotonic() - since:5.1f} s  {step['step']:<9}{word(step['status'])}")
                if claim["claimStatCd"] == "NEEDS_OPERATOR":
                    raise await self._parked(claim_no)
                if not any(step["status"] in UNFINISHED for step in claim["progressList"]):
                    OUT.print(f"  {monotonic() - since:5.1f} s  {'claim':<9}{word(claim['claimStatCd'])}")
                    return claim
                await asyncio.sleep(POLL_EVERY)

    async def _parked(self, claim_no: str) -> ClaimParked:
        found = await self.staff.get("/v1/ops/claims", claimNo=claim_no)
        causes = [f"{one['stuckReason']}: {one['detail']}" for one in found["claimList"][0]["parkingList"]]
        return ClaimParked(f"claim {claim_no} waits for a person. {'; '.join(causes)}")

    async def link(self, claim_no: str) -> None:
        """Print where to see the claim in the Web UI."""
        found = await self.staff.get("/v1/ops/claims", claimNo=claim_no)
        line(f"Web UI: {found['claimList'][0]['workflowUrl']}")
