"""The refund account of a virtual account's money: opened right before it is sent, and told to nobody else."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.refund_protocol import Armed, RefundKind
from api.schemas.storefront.asked import CancelAsked
from domain.claims import AttemptState, LegState
from domain.orders import Means
from gateways.payments.port import NeedsAccount, NewKey, Outcome, RefundAccount, RefundCommand
from gateways.payments.sandbox import SandboxGateway
from store.private import BANK_PART, HOLDER_PART, NUMBER_PART, Vault
from tests.refunds.machinery import VAULT, Machinery
from tests.refunds.world import World

NUMBER, HOLDER = "110-234-567890", "김하나"
PARTS = {BANK_PART: "088", NUMBER_PART: NUMBER, HOLDER_PART: HOLDER, "free_text": "-"}
SEALED = VAULT.seal(PARTS)


class Bank(SandboxGateway):
    """The sandbox gateway, except that it pays no virtual account back without an account; it keeps what it hears."""

    asked: list[RefundCommand]
    closed = False

    async def refund(self, command: RefundCommand) -> Outcome:
        self.asked.append(command)
        if command.means is Means.VIRTUAL_ACCOUNT and command.account is None:
            return NeedsAccount("account_missing")
        return NewKey("bank_closed") if self.closed else await super().refund(command)


@pytest.fixture
def bank(gateway: SandboxGateway) -> Bank:
    gateway.__class__ = Bank
    assert isinstance(gateway, Bank)
    gateway.asked = []
    return gateway


@pytest.fixture
def machinery(engine: AsyncEngine, bank: Bank) -> Machinery:
    return Machinery(engine, {"sandbox": bank})


@pytest.mark.parametrize("closed", [False, True])
async def test_the_account_is_sent_and_nowhere_else(
    machinery: Machinery, bank: Bank, world: World, caplog: pytest.LogCaptureFixture, closed: bool
) -> None:
    bank.closed = closed
    paid = await world.paid(means=Means.VIRTUAL_ACCOUNT)
    leg_id = await world.leg(paid, 3_000, sealed=SEALED)
    failed = ""
    with caplog.at_level(logging.DEBUG):
        if closed:
            with pytest.raises(ApplicationError) as failure:
                await machinery.refund(leg_id)
            failed = repr(failure.value) + repr(failure.value.details)
        else:
            assert (await machinery.refund(leg_id)).kind is RefundKind.ACCEPTED
    (asked,) = bank.asked
    assert asked.account == RefundAccount("088", NUMBER, HOLDER)
    told = (
        await world.everything(),
        caplog.text,
        failed,
        repr(asked),
        repr(Armed(await world.seen(leg_id), 0, asked.account)),
    )
    for secret in (NUMBER, HOLDER):
        assert not any(secret in one for one in told)


@pytest.mark.parametrize("parts", [None, {"free_text": "-"}, {**PARTS, NUMBER_PART: ""}])
async def test_a_missing_account_is_asked_for_and_nothing_returned(
    machinery: Machinery, bank: Bank, world: World, parts: dict[str, str] | None
) -> None:
    paid = await world.paid(means=Means.VIRTUAL_ACCOUNT)
    leg_id = await world.leg(paid, 3_000, sealed=None if parts is None else VAULT.seal(parts))
    result = await machinery.refund(leg_id)
    assert (result.kind, result.code) == (RefundKind.NEEDS_ACCOUNT, "account_missing")
    assert bank.asked[0].account is None
    assert (await world.state(leg_id), world.returned(paid)) == (LegState.PLANNED, [])
    assert await world.attempts(leg_id) == [(1, 1, AttemptState.ANSWERED)]


async def test_an_account_is_opened_for_virtual_accounts_alone(machinery: Machinery, bank: Bank, world: World) -> None:
    paid = await world.paid()
    await machinery.refund(await world.leg(paid, 3_000, sealed=SEALED))
    assert bank.asked[0].account is None


async def test_an_account_that_another_secret_sealed_stops_the_refund_unsent(
    machinery: Machinery, bank: Bank, world: World
) -> None:
    paid = await world.paid(means=Means.VIRTUAL_ACCOUNT)
    leg_id = await world.leg(paid, 3_000, sealed=Vault("another").seal(PARTS))
    result = await machinery.refund(leg_id)
    assert (result.kind, result.code) == (RefundKind.MISCONFIGURED, "account_unreadable")
    assert (bank.asked, await world.attempts(leg_id)) == ([], [])


def test_a_request_keeps_its_account_where_the_refund_looks_for_it() -> None:
    asked = CancelAsked.model_validate(
        {
            "ordNo": "20230808O000001",
            "claimGoodsList": [{"ordSeq": 1, "claimQty": 1}],
            "claimCausCd": "10",
            "rfdBankCd": "088",
            "rfdActnNo": NUMBER,
            "rfdActnDepositorNm": HOLDER,
        }
    )
    assert asked.private_parts() == {BANK_PART: "088", NUMBER_PART: NUMBER, HOLDER_PART: HOLDER}
