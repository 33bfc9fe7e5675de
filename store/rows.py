"""Writing many rows in one statement whose text, and so whose cost to compile, does not depend on their number."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table, TextClause, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


async def insert_rows(conn: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows`, which all have the same keys, in one statement. JSON values only; no rows is no statement."""
    if not rows:
        return
    await conn.execute(_insertion(table, tuple(rows[0])), {"rows": dump_rows(rows)})


@cache
def _insertion(table: Table, names: tuple[str, ...]) -> TextClause:
    columns = ", ".join(f'"{name}"' for name in names)
    typed = ", ".join(f'"{name}" {table.c[name].type.compile(_DIALECT)}' for name in names)
    return text(
        f'INSERT INTO "{table.name}" ({columns}) '  # noqa: S608 (names come from the table itself)
        f"SELECT {columns} FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given({typed})"
    )


def dump_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    return json.dumps(list(rows), ensure_ascii=False)
