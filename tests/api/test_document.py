"""The OpenAPI document tells every call, and what the last resort answers."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from api.main import create_app
from api.schemas.storefront.costs import INPUTS
from api.tokens import Role
from domain.costs import CostKind, Rule
from domain.policy import Allocation
from settings import Settings
from tests.api.shop import POPUP, Shop

ROOT = Path(__file__).parents[2]


@pytest.fixture
def nowhere() -> Settings:
    """Settings that lead to nothing: none of these tests needs a part."""
    return Settings(database_url="postgresql://nobody@127.0.0.1:1/none", temporal_port=1)


def test_every_call_is_documented(nowhere: Settings) -> None:
    document = create_app(nowhere).openapi()
    for path, operations in document["paths"].items():
        for method, told in operations.items():
            assert told["summary"], (path, method)
            assert told["tags"], (path, method)
            assert "422" not in told["responses"], (path, method)
            assert {"200"} <= set(told["responses"]), (path, method)
            if path != "/health":
                assert {"400", "401", "503"} <= set(told["responses"]), (path, method)
                # A gateway signs its deliveries, and has no role.
                assert ("403" in told["responses"]) is ("webhooks" not in told["tags"]), (path, method)


def test_inner_names_stay_inside(nowhere: Settings) -> None:
    document = json.dumps(create_app(nowhere).openapi()["components"]["schemas"])
    for name in ("order_no", "line_no", "variant_no", "quote_token", "is_process"):
        assert f'"{name}"' not in document


def test_the_optional_fields_of_the_feed_are_those_that_the_document_tells(nowhere: Settings) -> None:
    schemas = create_app(nowhere).openapi()["components"]["schemas"]
    fed = [
        schemas.get(shape) or schemas[f"{shape}-Input"]
        for shape in ("GroupWire", "FedLineWire", "BenefitWire", "PaymentWire", "MemberWire")
    ]
    optional = {name for shape in fed for name in set(shape["properties"]) - set(shape.get("required", ()))}
    told = (ROOT / "docs" / "feed.md").read_text().split("These fields may be left out")[1].split("A token is kept")[0]
    listed = {
        name for row in told.splitlines() if row.startswith("|") for name in re.findall(r"`(\w+)`", row.split("|")[2])
    }
    assert len(listed) > 10
    assert listed <= optional, listed - optional


def test_the_document_tells_every_rule_and_every_input() -> None:
    wire = (ROOT / "docs" / "wire.md").read_text()
    rules = {rule.value.upper() for rule in Rule} | {f"ALLOCATION_{one.value.upper()}" for one in Allocation}
    kinds = {kind.value.upper() for kind in CostKind}
    for word in (*rules, *kinds, *INPUTS.values()):
        assert f"`{word}`" in wire, word


async def test_an_unexpected_failure_is_told_by_its_id_and_logged_whole(nowhere: Settings) -> None:
    app = create_app(nowhere)

    @app.get("/broken")
    def broken() -> None:
        raise ValueError("a secret detail")

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as http:
        with capture_logs() as logs:
            answer = await http.get("/broken", params={"token": "secret"})
    told = answer.json()
    assert (answer.status_code, told["code"], told["isProcess"]) == (500, "9000", False)
    assert "secret" not in answer.text
    assert told["error"] == answer.headers["x-request-id"]
    assert any(line["event"] == "unexpected failure" for line in logs)


async def test_neither_password_nor_token_is_logged(idle_shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    order_no = await idle_shop.order(member=None, password="hunter-two")
    member = idle_shop.token(Role.MEMBER, "M1")
    with capture_logs() as logs, caplog.at_level(logging.DEBUG):
        await idle_shop.call(POPUP, {"ordNo": order_no, "umemPwd": "hunter-two"})
        await idle_shop.call(POPUP, {"ordNo": order_no}, member)
        await idle_shop.get(f"/v1/orders/{order_no}", {"X-Order-Password": "hunter-two"}, secret="in-the-query")
    written = repr(logs) + caplog.text.replace("?secret=in-the-query", "")
    assert "hunter-two" not in written
    assert member["Authorization"].removeprefix("Bearer ") not in written
    assert "in-the-query" not in repr(logs)
    requests = [line for line in logs if line["event"] == "request"]
    assert len(requests) == 3
    assert all(line["path"].startswith("/v1/") for line in requests)
