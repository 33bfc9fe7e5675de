"""A seal on an operator's command: proof that the service's own API checked who gives it.

The Web UI of the workflow engine can send the same command with any name typed in; such a command has no seal and its
actor is recorded as unverified.
"""

from __future__ import annotations

import hashlib
import hmac
import json


def seal(
    secret: bytes,
    claim_no: str,
    parking_no: int,
    action: str,
    reason: str,
    evidence: str | None,
    actor: str,
    account_id: int | None = None,
) -> str:
    # A command without an account is sealed as it was before there were any: one may be on its way.
    account = [] if account_id is None else [account_id]
    told = json.dumps([claim_no, parking_no, action, reason, evidence, actor, *account], ensure_ascii=False)
    return hmac.new(secret, b"operator command\n" + told.encode(), hashlib.sha256).hexdigest()


def sealed(
    given: str | None,
    secret: bytes,
    claim_no: str,
    parking_no: int,
    action: str,
    reason: str,
    evidence: str | None,
    actor: str,
    account_id: int | None = None,
) -> bool:
    expected = seal(secret, claim_no, parking_no, action, reason, evidence, actor, account_id)
    return given is not None and hmac.compare_digest(given, expected)
