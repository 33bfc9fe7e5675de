"""What an answer to a read is worth, the same for every adapter."""

from __future__ import annotations

import httpx
import pytest

from gateways.payments.http import read_as
from gateways.payments.port import Undetermined
from gateways.payments.portone.bodies import ErrorBody, ListedBody


@pytest.mark.parametrize(
    ("status", "content", "code", "answered"),
    [
        (503, b'{"type": "PG_PROVIDER"}', "PG_PROVIDER", True),
        (503, b"<html>bad gateway</html>", "http_503", False),
        (404, b'{"id": "pay-1"}', "http_404", False),
        (201, b'{"id": "pay-1"}', "http_201", False),
        (200, b'{"type": "PG_PROVIDER"}', "unreadable_answer", False),
        (200, b"", "unreadable_answer", False),
    ],
)
def test_a_read_that_nothing_is_concluded_from(status: int, content: bytes, code: str, answered: bool) -> None:
    read = read_as(httpx.Response(status, content=content), ListedBody, ErrorBody)
    assert isinstance(read, Undetermined)
    assert (read.code, read.answered) == (code, answered)


def test_a_read_that_is_believed() -> None:
    assert read_as(httpx.Response(200, content=b'{"id": "pay-1"}'), ListedBody, ErrorBody) == ListedBody(id="pay-1")


def test_a_read_that_was_not_answered_stays_so() -> None:
    lost = Undetermined("ReadTimeout")
    assert read_as(lost, ListedBody, ErrorBody) is lost
