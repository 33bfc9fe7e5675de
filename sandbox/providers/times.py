"""Times as Korean providers write them: Korea's clock, which has no summer time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo

KST = timezone(timedelta(hours=9), "KST")


def kst(at_ms: int) -> datetime:
    """The instant on Korea's clock."""
    return datetime.fromtimestamp(at_ms / 1000, KST)


def kst_seconds(at_ms: int) -> str:
    """`2026-11-24T22:10:00+09:00`."""
    return kst(at_ms).isoformat(timespec="seconds")


def utc_millis(at_ms: int) -> str:
    """`2026-11-24T13:10:00.123Z`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def epoch_ms(at: datetime, naive_is: tzinfo = KST) -> int:
    """Epoch milliseconds; a naive time is on the given clock."""
    aware = at if at.tzinfo is not None else at.replace(tzinfo=naive_is)
    return round(aware.timestamp() * 1000)
