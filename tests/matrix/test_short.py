"""The most telling cells of the matrix, all at once. `make matrix` plays the whole."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping

import pytest
from temporalio.client import Client

from tests.matrix.ground import HASTY, Ground, open_ground
from tests.matrix.judge import Result
from tests.matrix.play import play, rounds
from tests.matrix.rows import GATEWAYS, Cell, Kill, Shape, cells
from tests.support.sandbox import SandboxProcess

ROWS = ("lose_answer", "error_after", "late", "pending, then settled")

SHORT = [
    cell
    for cell in cells()
    if cell.shape is Shape.PART
    and (
        (cell.kill is Kill.NEVER and cell.row.name in ROWS)
        or (cell.kill is Kill.DURING and cell.row.name == "nothing")
    )
]  # fmt: skip


@pytest.fixture(scope="module")
async def ground(
    module_database_url: str, temporal_client: Client, sandbox: SandboxProcess, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ground]:
    queue, folder = f"matrix-{uuid.uuid4()}", tmp_path_factory.mktemp("workers")
    async with open_ground(module_database_url, temporal_client, sandbox, queue, folder) as opened:
        yield opened


@pytest.fixture(scope="module")
async def played(ground: Ground) -> Mapping[str, Result]:
    return {one.cell.name: one for one in await play(ground, SHORT, HASTY)}


@pytest.mark.parametrize("cell", SHORT, ids=lambda cell: cell.name)
def test_refunded_once(cell: Cell, played: Mapping[str, Result]) -> None:
    """P1: a retry after a time-out refunds twice. P7: nothing says that a refund is pending. P8: our record is lost."""
    assert played[cell.name].wrong == ()


def test_every_gateway_is_played() -> None:
    assert {cell.gateway for cell in SHORT if cell.kill is Kill.DURING} == set(GATEWAYS)


def test_every_cell_has_its_round_and_no_gateway_is_played_in_two_ways_at_once() -> None:
    together = list(rounds(cells()))
    assert sorted(cell.name for each in together for cell in each) == sorted(cell.name for cell in cells())
    for each in together:
        for name in GATEWAYS:
            assert len({str(cell.row.quirks) for cell in each if cell.gateway == name}) <= 1
