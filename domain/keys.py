"""One secret, many keys: each purpose has its own, so that what is signed for one is worth nothing for another."""

from __future__ import annotations

import hashlib
import hmac


def derive(secret: str, purpose: str) -> bytes:
    """The 32-byte key of `purpose`: HKDF (RFC 5869) with SHA-256, no salt, one block."""
    root = hmac.new(bytes(32), secret.encode(), hashlib.sha256).digest()
    return hmac.new(root, purpose.encode() + b"\x01", hashlib.sha256).digest()
