"""The search for leaks finds what is planted, in each place that it searches."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest
from temporalio.client import Client

from domain.accounts import masked
from tests.support.leaks import (
    ACCOUNTS,
    ANYTHING,
    CARD_TOKEN,
    HOLDER,
    PASSWORDS,
    PHONE,
    PLANTED,
    Leak,
    found_in,
    found_in_histories,
    found_in_logs,
    found_in_tables,
)

SECRETS = {
    "telephone": f"call {PHONE}",
    "e-mail": "to hana@example.com",
    "account": f"to {ACCOUNTS[0].replace('-', '')}",
    "card token": CARD_TOKEN,
    "password": f"umemPwd={PASSWORDS[0]}",
    "gateway key": "key test_sk_sandbox",
    "signing in": "Authorization: Basic dGVzdF9za19zYW5kYm94Og==",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJsZWUifQ.x",
    "service secret": "local-stack-only-service-secret-do-not-deploy",
    "account holder": HOLDER,
}


def test_every_kind_has_an_example() -> None:
    assert set(SECRETS) == set(ANYTHING)


@pytest.mark.parametrize(("kind", "text"), SECRETS.items())
def test_it_is_found(kind: str, text: str) -> None:
    assert found_in(f"2026-11-24 [info] {text}, and more", "a log") == {Leak(kind, "a log")}


@pytest.mark.parametrize(
    "text",
    [
        "cancel/20230808O000001/6e1171bac338818a5847814b06ee24df",
        "01a20e6c-0107-7526-0101-2345678b99e6",
        "refund-20230808C000001-1-2 amount=10000 at 2026-11-24T16:38:35.000123+00:00",
        masked("088", ACCOUNTS[0]),
    ],
)
def test_what_is_told_every_day_is_no_leak(text: str) -> None:
    assert found_in(text, "a log") == set()


def test_a_log_below_a_folder(tmp_path: Path) -> None:
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "output.txt").write_text(SECRETS["JWT"])
    assert found_in_logs(tmp_path) == set()
    planted = tmp_path / "worker" / "worker-1.log"
    planted.write_text(SECRETS["account"])
    assert found_in_logs(tmp_path) == {Leak("account", "worker/worker-1.log")}
    planted.unlink()


async def test_a_history(temporal_client: Client) -> None:
    """P40: an account given to a workflow as input, as memo or as summary would be found."""
    hidden: tuple[dict[str, Any], ...] = (
        {"arg": {"number": ACCOUNTS[1]}},
        {"memo": {"note": ACCOUNTS[1]}},
        {"static_summary": ACCOUNTS[1]},
    )
    for given in hidden:
        run = PLANTED + uuid.uuid4().hex
        await temporal_client.start_workflow("Nobody", **{"arg": 0, **given}, id=run, task_queue=run)
        async with asyncio.timeout(20):
            while not (found := await found_in_histories(temporal_client, f"WorkflowId = '{run}'")):
                await asyncio.sleep(0.02)
        await temporal_client.get_workflow_handle(run).terminate()
        assert found == {Leak("account", f"history of Nobody {run}")}


async def test_a_table(database_url: str) -> None:
    """P40: a customer's telephone is with the member and nowhere else, an account number nowhere."""
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO members (member_no, name, phone) VALUES ('M1', %s, %s)", [SECRETS["account holder"], PHONE]
        )
        connection.commit()
        assert await asyncio.to_thread(found_in_tables, database_url) == set()
        connection.execute("UPDATE members SET name = %s", [SECRETS["account"]])
        connection.execute(
            "INSERT INTO findings (finding_key, kind, detail) "
            "VALUES ('k', 'quiet', jsonb_build_object('to', %s::text))",
            [PHONE],
        )
    assert await asyncio.to_thread(found_in_tables, database_url) == {
        Leak("account", "table members"),
        Leak("telephone", "table findings"),
    }
