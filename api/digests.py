"""What a request is known by: the key that names it, and the digest that tells whether a repeat is the same."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from domain.claims import ClaimKind
from domain.keys import derive

_PREFIX = {ClaimKind.CANCEL: "cancel", ClaimKind.OPTION_CHANGE: "option"}


class Digester:
    """Keyed with the service's secret, so that a digest in a workflow's history tells nothing of an account number."""

    def __init__(self, service_secret: str) -> None:
        self._key = derive(service_secret, "request digest")

    def digest(self, kind: ClaimKind, body: Mapping[str, Any]) -> str:
        """HMAC-SHA256, in hex, over the canonical body. The caller leaves the password out of it."""
        return hmac.new(self._key, _canonical([kind.value, body]), hashlib.sha256).hexdigest()


def key_of_caller(kind: ClaimKind, idempotency_key: str) -> str:
    """The request key, 32 hex digits, of a caller's own Idempotency-Key."""
    return _short([kind.value, "key", idempotency_key])


def key_of_quote(nonce: str) -> str:
    """The request key of a cancel that is named by its quote alone."""
    return _short([ClaimKind.CANCEL.value, "quote", nonce])


def workflow_id(kind: ClaimKind, order_no: str, request_key: str) -> str:
    return f"{_PREFIX[kind]}/{order_no}/{request_key}"


def _short(named: list[str]) -> str:
    return hashlib.sha256(_canonical(named)).hexdigest()[:32]


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
