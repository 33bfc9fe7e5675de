"""The console command as a process of its own, told where the service is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.local.parts import claims_command


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Console:
    """Runs `claims` with these settings, its output in pipes."""

    variables: Mapping[str, str]

    async def __call__(self, *arguments: str, typed: str | None = None, **variables: str) -> Ran:
        """`typed`: what comes through its standard input."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("CLAIMS_")}
        process = await asyncio.create_subprocess_exec(
            *claims_command(),
            *arguments,
            env={**env, **self.variables, **variables},
            stdin=asyncio.subprocess.DEVNULL if typed is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate(None if typed is None else typed.encode())
        assert process.returncode is not None
        assert b"Traceback" not in err, err.decode()
        return Ran(process.returncode, out.decode(), err.decode())
