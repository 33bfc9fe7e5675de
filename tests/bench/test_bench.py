"""The benchmark measures what it says, in its smallest size."""

from __future__ import annotations

import io

from rich.console import Console

from bench import table
from bench.run import run
from bench.sizes import SMOKE


async def test_everything_is_measured_once() -> None:
    told: list[str] = []
    measured = await run(SMOKE, lambda name, what: told.append(f"{name}: {what}"))

    assert [accepted.width for accepted in measured.accepting] == [1, 2]
    assert all(accepted.claims > 0 and accepted.nothing > 0 for accepted in measured.accepting)
    assert measured.finishing.claims.per_second > 0
    assert measured.finishing.steps.per_second > 0
    # Every statement is seen, and a claim writes more than a quote.
    one, many = measured.one_line, measured.many_lines
    assert one.quote_sql.by_verb.keys() <= {"BEGIN", "SELECT", "COMMIT", "ROLLBACK"}
    assert one.claim_sql.by_verb["INSERT"] > 0
    assert one.claim_sql.transactions > one.quote_sql.transactions > 0
    # A fixed number of statements, workflow tasks and events, whatever the lines.
    assert many.claim_sql.statements == one.claim_sql.statements
    assert many.quote_sql.statements == one.quote_sql.statements
    assert len({quoted.quote_sql.statements for quoted in measured.growing}) == 1
    assert len({quoted.claim_sql.statements for quoted in measured.growing[1:]}) == 1
    assert one.workflow_tasks <= 5
    assert one.history_events <= 40
    assert one.history_bytes <= 16 * 1024
    assert not [line for line in told if "died" in line]

    printed = io.StringIO()
    Console(file=printed, width=120).print(table.make(measured))
    assert "finished per second" in printed.getvalue()
