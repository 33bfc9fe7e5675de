"""The search for what must be told nowhere: in logs, in workflow histories, in the database's tables.

The tests' customers, their accounts and the keys are named here once, so that the search knows what to look for;
beside them it knows what keys, tokens and telephone numbers look like. `tests/conftest.py` has it done in every run:
each test's output when it has ended, each process's log and every history before the servers stop, each file's
database before it is dropped. tests/support/test_leaks.py shows that it finds what is planted.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from temporalio.client import Client, WorkflowExecution

from settings import LOCAL_JWT_SECRET, LOCAL_SERVICE_SECRET

PHONE = "01012345678"
EMAIL = "kim@example.test"
HOLDER = "김하나"
ACCOUNTS = ("110-234-567890", "110-200-300401", "110-555-777901")
"""Refund accounts of the tests, as people write them."""
CARD_TOKEN = "tok-4111-do-not-tell"
PASSWORDS = ("secret-1", "비밀 번호")
"""Of guests' orders; those that are ordinary words can't be looked for."""
PLANTED = "planted-leak-"
"""A workflow whose id begins so is a test of the search itself."""


@dataclass(frozen=True, slots=True)
class Leak:
    """`kind` of what was found `where`; never the thing itself, for this is told in a log too."""

    kind: str
    where: str

    def __str__(self) -> str:
        return f"{self.kind} in {self.where}"


def _any_of(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in words)


_NUMBERS = [written for account in ACCOUNTS for written in (account, account.replace("-", ""))]

PERSONAL: Mapping[str, str] = {
    # Not within a longer number or name: hexadecimal ids are full of digits.
    "telephone": r"(?<![0-9A-Za-z])(?:01[016789]|\+821[016789])-?[0-9]{3,4}-?[0-9]{4}(?![0-9A-Za-z])",
    "e-mail": r"[\w.+-]+@(?:example\.(?:test|com)|mail\.example)",
}
SECRET: Mapping[str, str] = {
    "account": _any_of(_NUMBERS),
    "card token": re.escape(CARD_TOKEN),
    "password": rf"{_any_of(PASSWORDS)}|\$argon2id\$v=",
    "gateway key": r"(?<![A-Za-z])(?:sk|rk)_(?:test|live)_\w{6}|(?:test|live)_g?sk_\w{6}|whsec_\w{6}"
    r"|portone_sandbox|DEV_sandbox|sandboxsecret|solapi_sandbox",
    "signing in": r"(?:Bearer|Basic|SECRET_KEY|PortOne) [A-Za-z0-9+/=._-]{10}",
    "JWT": r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}",
    "service secret": _any_of((LOCAL_JWT_SECRET, LOCAL_SERVICE_SECRET)),
}
NAMES: Mapping[str, str] = {"account holder": re.escape(HOLDER)}


def _together(kinds: Mapping[str, str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<k{number}>{pattern})" for number, pattern in enumerate(kinds.values())))


ANYTHING = {**PERSONAL, **SECRET, **NAMES}
_ANYTHING = _together(ANYTHING)


def found_in(text: str, where: str) -> set[Leak]:
    """What the text tells that it must not, each kind once."""
    return {Leak(list(ANYTHING)[int((found.lastgroup or "k0")[1:])], where) for found in _ANYTHING.finditer(text)}


# --- logs -------------------------------------------------------------------------------------------------------------


def found_in_logs(folder: Path) -> set[Leak]:
    """What the logs below a folder tell, whoever wrote them."""
    leaks: set[Leak] = set()
    for path in folder.rglob("*.log"):
        if path.is_file():
            leaks |= found_in(path.read_text(errors="replace"), str(path.relative_to(folder)))
    return leaks


# --- histories --------------------------------------------------------------------------------------------------------

_AT_ONCE = 20


async def found_in_histories(client: Client, query: str | None = None) -> set[Leak]:
    """What the histories of all runs tell: inputs, results, failures, updates, search attributes, memos, summaries.

    An event's serialized form has all of that as it is, since payloads are JSON. `query`: of these runs alone.
    """
    gate = asyncio.Semaphore(_AT_ONCE)

    async def search(run: WorkflowExecution) -> set[Leak]:
        async with gate:
            told = run.id + "\n"
            async for event in client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history_events():
                told += event.SerializeToString().decode(errors="replace") + "\n"
        return found_in(told, f"history of {run.workflow_type} {found_id(run.id)}")

    runs = [run async for run in client.list_workflows(query)]
    searched = await asyncio.gather(*(search(run) for run in runs if query or not run.id.startswith(PLANTED)))
    return set().union(*searched)


def found_id(workflow_id: str) -> str:
    """The id, unless it is itself what leaks."""
    return workflow_id if not _ANYTHING.search(workflow_id) else "(its id)"


# --- tables -----------------------------------------------------------------------------------------------------------

MAY_TELL: Mapping[str, frozenset[str]] = {
    "members": frozenset(PERSONAL) | frozenset(NAMES),
    "orders": frozenset(PERSONAL) | frozenset(NAMES) | {"password"},
    "notices": frozenset(NAMES),
}
"""What tables may tell, docs/privacy.md says why: names, addresses and telephones of customers, and password hashes."""


def found_in_tables(database_url: str) -> set[Leak]:
    """What any column of any table tells in the clear, beyond what it may."""
    leaks: set[Leak] = set()
    with psycopg.connect(database_url) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
        ).fetchall()
        for (table,) in tables:
            forbidden = {kind: pattern for kind, pattern in ANYTHING.items() if kind not in MAY_TELL.get(table, ())}
            pattern = _together(forbidden)
            statement = sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(table))
            for row in connection.execute(statement):
                leaks |= {
                    Leak(list(forbidden)[int((found.lastgroup or "k0")[1:])], f"table {table}")
                    for found in pattern.finditer(row[0])
                }
    return leaks


def told(leaks: Iterable[Leak]) -> Iterator[str]:
    """The leaks as lines, in order."""
    yield from sorted(str(leak) for leak in leaks)
