"""The stand-ins as the matrix speaks to them: the gateway of our own and the providers' alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from domain.orders import Means

MEANS: Mapping[str, Means] = {"kakaopay": Means.SIMPLE_PAY}
"""How its payments were paid, if not by card."""


@dataclass(frozen=True, slots=True)
class Refunded:
    """A refund in a gateway's own ledger."""

    ref: str
    amount: int
    reference: str
    status: str


class StandIn:
    """One gateway's. Raises httpx.HTTPStatusError when a call of ours is refused."""

    def __init__(self, http: httpx.AsyncClient, name: str) -> None:
        self._http = http
        self.name = name
        self._ours = name == "sandbox"

    async def pay(self, payment: str, amount: int) -> None:
        """A captured payment. One of our own gateway is made when its order is fed."""
        if not self._ours:
            method = "easy_pay" if MEANS.get(self.name) is Means.SIMPLE_PAY else "card"
            await self._call("PUT", f"/payments/{payment}", {"amount": amount, "method": method})

    async def suffer(
        self,
        kind: str,
        payment: str | None,
        *,
        times: int = 1,
        delay_ms: int | None = None,
        reading: bool = False,
        code: str | None = None,
    ) -> None:
        """What the next calls on a payment suffer; None: on any. `code`: the gateway's own, of a refusal."""
        body = {"kind": kind, "times": times, "pgTid" if self._ours else "target": payment}
        if delay_ms is not None:
            body["delayMs"] = delay_ms
        if reading:
            body["on"] = "read"
        if code is not None:
            body["code"] = code
        await self._call("POST", "/faults", body)

    async def still_to_suffer(self) -> set[tuple[str | None, str]]:
        """The faults that nothing has met yet: payment and kind."""
        faults = (await self._call("GET", "/faults"))["faults"]
        return {(one["pgTid" if self._ours else "target"], one["kind"]) for one in faults}

    async def mend(self) -> None:
        await self._call("DELETE", "/faults")

    async def play(self, quirks: Mapping[str, Any]) -> None:
        """Play these quirks, and all others by their default."""
        if not self._ours:
            await self._call("DELETE", "/quirks")
            await self._call("PUT", "/quirks", dict(quirks))

    async def settle(self, ref: str, status: str) -> None:
        """End a pending refund, or let one that succeeded fail."""
        await self._call("POST", f"/refunds/{ref}/settle", {"status": status})

    async def by_console(self, payment: str, amount: int) -> None:
        """A refund that a person makes there."""
        if self._ours:
            headers = {"Idempotency-Key": f"console-{payment}"}
            body = {"amount": amount, "reference": "by hand"}
            (await self._http.post(f"/payments/{payment}/refunds", json=body, headers=headers)).raise_for_status()
        else:
            await self._call("POST", f"/payments/{payment}/refunds", {"amount": amount, "reason": "by hand"})

    async def advance(self, hours: float) -> None:
        """Move its clock on. Our own gateway has none."""
        await self._call("POST", "/clock", {"advanceMs": int(hours * 3_600_000)})

    async def refunds(self, payment: str) -> list[Refunded]:
        """Every refund of a payment, oldest first."""
        told = await self._call("GET", f"/payments/{payment}")
        return [
            Refunded(one["refundId" if self._ours else "ref"], one["amount"], one["reference"], one["status"])
            for one in told["refunds"]
        ]

    async def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        prefix = "" if self._ours else f"/control/{self.name}"
        answer = (await self._http.request(method, f"{prefix}{path}", json=body)).raise_for_status()
        told: dict[str, Any] = answer.json()
        return told
