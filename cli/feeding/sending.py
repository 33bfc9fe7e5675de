"""Records through the feed calls: kind after kind, several at once within a kind."""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cli.feeding.records import Fault, Kind, Record
from cli.service import Refused, Service

Advance = Callable[[], object]
"""Called after each record."""

LANES = 8
"""Calls at once."""
_CALLER_REFUSED = frozenset({"1005", "1006"})
"""Codes that every record would get alike: there is no use in going on."""


@dataclass
class Fed:
    """What became of the records so far."""

    stored: Counter[Kind] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)


async def send(service: Service, records: Iterable[Record], fed: Fed, advance: Advance) -> None:
    """Put every record, noting in `fed` what became of it and calling `advance` after each.

    Records of one number are put in their order. Raises ServiceAway, or Refused when the caller may not feed at all;
    `fed` then tells how far it came, and the same records may be sent again.
    """
    by_kind: defaultdict[Kind, list[Record]] = defaultdict(list)
    for record in records:
        by_kind[record.kind].append(record)
    for kind in Kind:
        lanes: defaultdict[int, list[Record]] = defaultdict(list)
        for record in by_kind[kind]:
            lanes[zlib.crc32(record.path.encode()) % LANES].append(record)
        sending = [asyncio.create_task(_send_lane(service, lane, fed, advance)) for lane in lanes.values()]
        try:
            await asyncio.gather(*sending)
        finally:
            for task in sending:
                task.cancel()


async def _send_lane(service: Service, lane: list[Record], fed: Fed, advance: Advance) -> None:
    for record in lane:
        try:
            await service.put(record.path, record.body)
        except Refused as refused:
            if refused.code in _CALLER_REFUSED:
                raise
            fed.faults.append(Fault(record.line, f"{record.name}: {explained(refused)}"))
        else:
            fed.stored[record.kind] += 1
        advance()


def explained(refused: Refused) -> str:
    """The refusal with every field that is wrong, on one line."""
    faults = [f"{fault.field}: {fault.message}" for fault in refused.faults if fault.message not in str(refused)]
    return "; ".join([str(refused), *faults])
