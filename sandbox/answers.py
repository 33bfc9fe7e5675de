"""What the sandbox says: answers, and the refusals with their stable codes and HTTP statuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status and JSON body. `replayed` marks one that was given before under the same key."""

    status: int
    body: dict[str, Any]
    replayed: bool = False


class Refusal(Exception):
    """A request that is answered with an error; nothing has been done for it.

    Callers decide by `code`; `status` is the HTTP status it always comes with.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = Answer(status, {"code": code, "message": message})


def invalid(message: str) -> Refusal:
    """The request is malformed; the same one will never be taken."""
    return Refusal(400, "invalid", message)


def not_found(what: str) -> Refusal:
    """The named thing is not in the ledger. Says so for sure, unlike the 404 of a wrong address."""
    return Refusal(404, "not_found", f"{what} is not known here")


def refused() -> Refusal:
    """A final business refusal, on demand."""
    return Refusal(403, "refused", "refused for good (simulated)")


def insufficient_balance(balance: int) -> Refusal:
    """More was asked for than the payment still holds."""
    return Refusal(402, "insufficient_balance", f"the payment holds {balance}")


def balance_mismatch(balance: int) -> Refusal:
    """The guard amount is not what the payment holds."""
    return Refusal(412, "balance_mismatch", f"the payment holds {balance}")


def payment_exists() -> Refusal:
    """A payment of this number exists with other contents."""
    return Refusal(409, "payment_exists", "this pgTid is taken by another payment")


def already_failed() -> Refusal:
    """A failed refund has given its amount back and can't succeed any more."""
    return Refusal(409, "already_failed", "this refund has failed for good")


def in_progress() -> Refusal:
    """The first request of this key is not answered yet."""
    return Refusal(409, "in_progress", "the first request with this key is still running")


def idempotency_mismatch() -> Refusal:
    """The key was used with another body."""
    return Refusal(422, "idempotency_mismatch", "this key was used with another body")


def duplicate() -> Refusal:
    """The message key was used within its life."""
    return Refusal(409, "duplicate", "a message with this key was accepted before")


def internal() -> Refusal:
    """An error on demand; whether anything was done is not said."""
    return Refusal(500, "internal", "internal error (simulated)")
