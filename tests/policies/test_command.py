"""`claims policy`, as a shop's engineer runs it before a deploy."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies import reading
from tests.cli.console import Console


@pytest.fixture
def claims(tmp_path: Path) -> Console:
    """Where no service runs."""
    return Console({"CLAIMS_HOME": str(tmp_path / "home")})


def own(folder: Path, *changes: tuple[str, str]) -> Path:
    text = reading.default_text()
    for was, now in changes:
        assert was in text
        text = text.replace(was, now)
    path = folder / "shop.toml"
    path.write_text(text, encoding="utf-8")
    return path


async def test_the_shipped_policy_is_printed_to_start_from(claims: Console, tmp_path: Path) -> None:
    ran = await claims("policy", "--default")
    assert (ran.code, ran.out, ran.err) == (0, reading.default_text(), "")
    path = tmp_path / "shop.toml"
    path.write_text(ran.out, encoding="utf-8")
    assert (await claims("policy", str(path))).code == 0


async def test_a_file_that_is_in_order_is_summed_up(claims: Console, tmp_path: Path) -> None:
    path = own(
        tmp_path,
        ('version = "2026-11-24"', 'version = "shop-7"'),
        ('allocation = "external_first"', 'allocation = "proportional"\ncaps = { mileage = 10000 }'),
        ('rejected = ["inbox", "email", "alimtalk"]\n', 'rejected = ["email"]\n'),
        ('refund_accepted = ["inbox", "email", "alimtalk"]\n', ""),
    )
    ran = await claims("policy", str(path))
    assert (ran.code, ran.err) == (0, "")
    told = [line.split() for line in ran.out.splitlines()]
    assert told[0] == ["Policy", "shop-7", "is", "in", "order."]
    for line in (
        ["refund.allocation", "proportional", "external_first"],
        ["refund.caps", "mileage", "10,000", "none"],
        ["refund.mileage_days", "30"],
        ["ship_waiting", "cancel", "BACK_OFFICE"],
        ["rejected", "email,", "shop"],
        ["refund_accepted", "nothing"],
    ):
        assert line in told, ran.out


async def test_without_a_file_the_one_of_the_settings_is_checked(claims: Console, tmp_path: Path) -> None:
    path = own(tmp_path, ('version = "2026-11-24"', 'version = "shop-7"'))
    assert "Policy shop-7" in (await claims("policy", CLAIMS_POLICY_FILE=str(path))).out
    assert "Policy 2026-11-24" in (await claims("policy")).out


async def test_every_wrong_field_has_a_line(claims: Console, tmp_path: Path) -> None:
    path = own(
        tmp_path, ('below_threshold = "charge"', 'below_treshold = "charge"'), ("mileage_days = 30", "mileage_days = 0")
    )
    ran = await claims("policy", str(path))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines() == [
        f"{path} can't be used:",
        "  shipping.below_treshold: there is no such field",
        "  refund.mileage_days: must be 1 or more, not 0",
    ]


async def test_a_gateway_that_the_settings_do_not_name_is_told(claims: Console, tmp_path: Path) -> None:
    """A file may be checked where no account is known; what starts with it must know them all."""
    path = own(tmp_path, ('gateways = ["sandbox"]', 'gateways = ["shop-card", "sandbox"]'))
    ran = await claims("policy", str(path))
    assert ran.code == 0
    assert "These settings have no account at shop-card. " in ran.err
    account = '{"shop-card": {"kind": "sandbox"}}'
    assert (await claims("policy", str(path), CLAIMS_MERCHANTS=account)).err == ""
    started = await claims("policy", CLAIMS_POLICY_FILE=str(path))
    assert started.code == 1
    assert "  extra_payment.gateways: CLAIMS_MERCHANTS names no shop-card, but " in started.err


async def test_a_file_and_the_shipped_one_together_are_no_question(claims: Console, tmp_path: Path) -> None:
    ran = await claims("policy", "--default", str(own(tmp_path)))
    assert (ran.code, ran.out) == (2, "")
