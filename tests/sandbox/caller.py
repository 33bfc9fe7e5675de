"""A caller of the sandbox: the calls by name, each on numbers of its own unless told."""

from __future__ import annotations

import uuid
from types import TracebackType
from typing import Any, Self

import httpx


def fresh(kind: str) -> str:
    """A name that nothing else uses."""
    return f"{kind}-{uuid.uuid4().hex[:12]}"


class Caller:
    """Talks to one sandbox; `http` is there for calls that have no name here."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=15)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def new_payment(self, amount: int = 10_000) -> str:
        """A captured payment of that amount; its number."""
        pg_tid = fresh("tid")
        body = {"amount": amount, "currency": "KRW", "payWayCd": "11"}
        self.http.put(f"/payments/{pg_tid}", json=body).raise_for_status()
        return pg_tid

    def payment(self, pg_tid: str) -> dict[str, Any]:
        """The payment as the ledger has it."""
        body: dict[str, Any] = self.http.get(f"/payments/{pg_tid}").raise_for_status().json()
        return body

    def refund(self, pg_tid: str, amount: int, *, key: str | None = None, **more: object) -> httpx.Response:
        """Ask for a refund; more: `balance`, `reference`, or httpx's `timeout`."""
        timeout = more.pop("timeout", 15)
        body = {"amount": amount, "reference": "ref", **more}
        headers = {"Idempotency-Key": key or fresh("key")}
        return self.http.post(f"/payments/{pg_tid}/refunds", json=body, headers=headers, timeout=timeout)  # type: ignore[arg-type]

    def charge(self, amount: int, *, key: str | None = None, **more: object) -> httpx.Response:
        """Ask for a charge; more: `pgTid`, `token`, `reference`."""
        body = {"amount": amount, "currency": "KRW", "payWayCd": "11", "reference": "ref", **more}
        return self.http.post("/charges", json=body, headers={"Idempotency-Key": key or fresh("key")})

    def charges(self, reference: str) -> list[dict[str, Any]]:
        """The charges made with this reference."""
        body = self.http.get("/charges", params={"reference": reference}).raise_for_status().json()
        charges: list[dict[str, Any]] = body["charges"]
        return charges

    def message(
        self, *, key: str | None = None, reference: str = "ref", text: str = "취소되었습니다"
    ) -> httpx.Response:
        """Send an AlimTalk message."""
        body = {"to": "01000000000", "template": "CANCEL", "text": text, "reference": reference}
        return self.http.post("/alimtalk/messages", json=body, headers={"Idempotency-Key": key or fresh("key")})

    def messages(self, reference: str) -> list[dict[str, Any]]:
        """The messages accepted with this reference."""
        body = self.http.get("/alimtalk/messages", params={"reference": reference}).raise_for_status().json()
        messages: list[dict[str, Any]] = body["messages"]
        return messages

    def fault(self, kind: str, pg_tid: str | None = None, *, times: int = 1, delay_ms: int | None = None) -> None:
        """Queue a fault."""
        body = {"pgTid": pg_tid, "kind": kind, "times": times, "delayMs": delay_ms}
        self.http.post("/faults", json=body).raise_for_status()

    def faults(self) -> list[tuple[str | None, str, int]]:
        """The queue as (pgTid, kind, times)."""
        listed = self.http.get("/faults").raise_for_status().json()["faults"]
        return [(fault["pgTid"], fault["kind"], fault["times"]) for fault in listed]


def is_error(response: httpx.Response, status: int, code: str) -> bool:
    """Whether this is that error, in the shape that every error has."""
    body = response.json()
    return response.status_code == status and body["code"] == code and set(body) == {"code", "message"}
