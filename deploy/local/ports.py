"""The ports of the stack, checked before anything is started."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass

from deploy.local.errors import StackError


@dataclass(frozen=True, slots=True)
class Port:
    """A port, who needs it, and the setting that changes it."""

    number: int
    needed_by: str
    setting: str


def check(host: str, ports: Sequence[Port]) -> None:
    """Raises StackError, naming every port that can't be had, who needs it, and which setting to change."""
    problems = [*_shared(ports), *(problem for port in ports if (problem := _taken(host, port)))]
    if problems:
        raise StackError("\n".join(problems))


def _shared(ports: Sequence[Port]) -> list[str]:
    first: dict[int, Port] = {}
    problems = []
    for port in ports:
        other = first.setdefault(port.number, port)
        if other is not port:
            problems.append(
                f"Port {port.number} can't serve both {other.needed_by} and {port.needed_by}: "
                f"set {other.setting} or {port.setting} to another one."
            )
    return problems


def _taken(host: str, port: Port) -> str | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: connections that have just ended are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port.number))
        except OSError as error:
            return (
                f"Port {port.number} on {host}, needed by {port.needed_by}, can't be had ({error.strerror}). "
                f"Stop what listens there, or set {port.setting} to a free one."
            )
    return None
