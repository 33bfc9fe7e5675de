"""`claims token`: a token, alone and unwrapped."""

from __future__ import annotations

import pytest

from api import tokens
from api.tokens import Role
from settings import LOCAL_JWT_SECRET
from tests.cli.console import Console


@pytest.mark.parametrize("role", ["feed", "operate", "view"])
async def test_a_token_of_staff_is_alone_on_its_line_and_unwrapped(lonely: Console, role: str) -> None:
    ran = await lonely("token", "--role", role, COLUMNS="20", FORCE_COLOR="1")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.removesuffix("\n").isascii()
    assert ran.out.split() == [ran.out.removesuffix("\n")]
    read, subject = tokens.read(LOCAL_JWT_SECRET, ran.out.strip())
    assert read is Role(role)
    assert subject


async def test_a_members_token_names_the_member(lonely: Console) -> None:
    ran = await lonely("token", "--role", "member", "--member-no", "M100234")
    assert tokens.read(LOCAL_JWT_SECRET, ran.out.strip()) == (Role.MEMBER, "M100234")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--role", "member"),
        ("--role", "view", "--member-no", "M1"),
        ("--role", "member", "--member-no", ""),
        ("--role", "member", "--member-no", "x" * 65),
        ("--role", "guest"),
        (),
    ],
)
async def test_a_token_that_nobody_could_use_is_not_made(lonely: Console, arguments: tuple[str, ...]) -> None:
    ran = await lonely("token", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err


async def test_the_secret_is_the_setting(lonely: Console) -> None:
    secret = "a-secret-of-another-stack-with-enough-characters"
    ran = await lonely("token", "--role", "view", CLAIMS_JWT_SECRET=secret)
    assert tokens.read(secret, ran.out.strip())[0] is Role.VIEW
    with pytest.raises(tokens.BadToken):
        tokens.read(LOCAL_JWT_SECRET, ran.out.strip())
