"""CPU time of the stack's processes, as the kernel counts it (Linux; nothing elsewhere)."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

DRIVER = "bench itself"
_PROC = Path("/proc")


def used(pids: Mapping[str, int]) -> dict[str, float]:
    """Seconds used so far by each named process and all that it has started, and by this process alone."""
    if not _PROC.is_dir():
        return {}
    children: dict[int, list[int]] = defaultdict(list)
    own: dict[int, float] = {}
    for folder in _PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        # After the name: state, parent, …; user and system time, then those of children that were waited for.
        children[int(fields[1])].append(int(folder.name))
        own[int(folder.name)] = sum(int(ticks) for ticks in fields[11:15])

    def total(pid: int) -> float:
        return own.get(pid, 0) + sum(total(child) for child in children[pid])

    tick = os.sysconf("SC_CLK_TCK")
    told = {name: total(pid) / tick for name, pid in pids.items()}
    times = os.times()
    return {**told, DRIVER: times.user + times.system}


def between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {name: after[name] - before.get(name, 0.0) for name in after}
