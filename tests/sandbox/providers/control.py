"""The control of one stand-in, by name, for tests."""

from __future__ import annotations

import uuid
from typing import Any

import httpx


def fresh(kind: str) -> str:
    """A name that nothing else uses, long enough for every provider's keys."""
    return f"{kind}-{uuid.uuid4().hex}"


class Control:
    """Makes payments and templates, orders faults and reads the ledger of one provider."""

    def __init__(self, http: httpx.Client, provider: str) -> None:
        self.http = http
        self.provider = provider

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """One call that has to succeed; its answer."""
        response = self.http.request(method, f"/control/{self.provider}{path}", json=body)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def pay(self, amount: int = 10_000, **more: object) -> str:
        """A captured payment; its number."""
        number = fresh("pay")
        self.call("PUT", f"/payments/{number}", {"amount": amount, **more})
        return number

    def ledger(self, payment: str) -> dict[str, Any]:
        """The payment as the ledger has it."""
        return self.call("GET", f"/payments/{payment}")

    def balance(self, payment: str) -> int:
        """What the payment still holds."""
        return int(self.ledger(payment)["balance"])

    def refunds(self, payment: str) -> list[dict[str, Any]]:
        """Its refunds, oldest first."""
        refunds: list[dict[str, Any]] = self.ledger(payment)["refunds"]
        return refunds

    def fault(self, kind: str, target: str | None = None, **more: object) -> None:
        """Order a fault."""
        self.call("POST", "/faults", {"kind": kind, "target": target, **more})

    def faults(self) -> list[dict[str, Any]]:
        """The faults still to be suffered."""
        faults: list[dict[str, Any]] = self.call("GET", "/faults")["faults"]
        return faults

    def quirk(self, **values: object) -> None:
        """Play quirks another way."""
        self.call("PUT", "/quirks", values)

    def settle(self, ref: str, status: str) -> None:
        """End a refund."""
        self.call("POST", f"/refunds/{ref}/settle", {"status": status})

    def advance(self, ms: int) -> None:
        """Move the provider's clock on."""
        self.call("POST", "/clock", {"advanceMs": ms})

    def messages(self, reference: str) -> list[dict[str, Any]]:
        """The messages that were accepted with this reference."""
        response = self.http.get(f"/control/{self.provider}/messages", params={"reference": reference})
        messages: list[dict[str, Any]] = response.raise_for_status().json()["messages"]
        return messages

    def reset(self) -> None:
        """Take faults, quirks and the webhook's address away."""
        self.call("DELETE", "/faults")
        self.call("DELETE", "/quirks")
        self.call("PUT", "/webhook", {"url": None})
