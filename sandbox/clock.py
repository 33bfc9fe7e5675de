"""Wall-clock time of the sandbox, in epoch milliseconds, and how it looks on the wire."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """The present, in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def iso(at_ms: int) -> str:
    """ISO 8601 in UTC with its offset."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
