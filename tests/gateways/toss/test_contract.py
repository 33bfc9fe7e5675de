"""The adapter against Toss over HTTP: the stand-in, or Toss's test environment (see conftest)."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

import logs
from domain.orders import Means
from gateways.payments.port import (
    Absent,
    ChargeCommand,
    ChargeRecord,
    Conflict,
    Done,
    Found,
    Misconfigured,
    NeedsAccount,
    NewKey,
    NoSuchPayment,
    NotSent,
    PaymentSnapshot,
    Pending,
    RefundAccount,
    RefundCommand,
    RefundRecord,
    RefundStatus,
    Rejected,
    Retry,
    Undetermined,
    Unknown,
    WebhookHint,
)
from gateways.payments.toss import TossGateway
from gateways.payments.toss.codes import PAUSE
from settings import Settings
from tests.gateways.test_sandbox_gateway import speaking
from tests.gateways.toss.conftest import STAND_IN_KEY, StandInTill, Till, adapter, order_number, stand_in_only
from tests.refunds.waiting import until
from tests.sandbox.providers.control import fresh
from tests.sandbox.providers.receiver import receiver
from tests.support.ports import free_port

ACCOUNT = RefundAccount("088", "110-234-567890", "김하나")


def command(payment: str, amount: int = 300, guard: int = 1_000, **changes: object) -> RefundCommand:
    reference = fresh("leg")
    made = RefundCommand(payment, amount, f"refund-{reference}-1", reference, guard, "KRW", Means.CARD)
    return replace(made, **changes)  # type: ignore[arg-type]


def charge_command(token: str, amount: int = 1_000, /, **changes: object) -> ChargeCommand:
    reference = order_number()
    made = ChargeCommand(amount, "KRW", Means.CARD, token, f"charge-{reference}-1", reference)
    return replace(made, **changes)  # type: ignore[arg-type]


# --- refunds, wherever the suite pays ---------------------------------------------------------------------------------


async def test_a_whole_payment_goes_back(toss: TossGateway, till: Till) -> None:
    payment = till.pay(1_000)
    asked = command(payment, 1_000)
    outcome = await toss.refund(asked)
    assert isinstance(outcome, Done)
    assert till.cancels(payment) == [(1_000, asked.reference)]
    found = RefundRecord(outcome.ref, 1_000, RefundStatus.SUCCEEDED, asked.reference)
    assert await toss.read(payment) == PaymentSnapshot(0, (found,), captured=1_000)


async def test_two_parts_until_nothing_is_left(toss: TossGateway, till: Till) -> None:
    payment = till.pay(1_000)
    first, second = command(payment), command(payment, 700, guard=700)
    outcomes = [await toss.refund(first)]
    await till.pause()
    outcomes.append(await toss.refund(second))
    assert till.cancels(payment) == [(300, first.reference), (700, second.reference)]
    read = await toss.read(payment)
    assert isinstance(read, PaymentSnapshot)
    assert read.balance == 0
    for asked, outcome in zip((first, second), outcomes, strict=True):
        assert isinstance(outcome, Done)
        assert await toss.find(payment, asked.reference, asked.amount) == Found(outcome.ref)


async def test_a_refund_is_done_once_per_key(toss: TossGateway, till: Till) -> None:
    payment = till.pay(1_000)
    asked = command(payment)
    first = await toss.refund(asked)
    assert isinstance(first, Done)
    await till.pause()
    assert await toss.refund(asked) == first
    assert till.cancels(payment) == [(300, asked.reference)]


async def test_the_guard_stops_a_second_refund_under_a_new_key(toss: TossGateway, till: Till) -> None:
    payment = till.pay(1_000)
    asked = command(payment)
    await toss.refund(asked)
    await till.pause()
    again = await toss.refund(replace(asked, key=f"{asked.key}-2"))
    assert again == Conflict("NOT_MATCHES_REFUNDABLE_AMOUNT")
    assert till.cancels(payment) == [(300, asked.reference)]


async def test_more_than_the_payment_holds_is_a_conflict(toss: TossGateway, till: Till) -> None:
    payment = till.pay(1_000)
    await toss.refund(command(payment))
    await till.pause()
    assert await toss.refund(command(payment, 701, guard=700)) == Conflict("NOT_CANCELABLE_AMOUNT")


async def test_nothing_is_left_of_one_that_went_back_in_one_go(toss: TossGateway, till: Till) -> None:
    payment = till.pay(1_000)
    await toss.refund(command(payment, 1_000))
    await till.pause()
    assert await toss.refund(command(payment, 300, guard=0)) == Conflict("ALREADY_CANCELED_PAYMENT")


async def test_absent_only_by_tosss_own_word(toss: TossGateway, till: Till) -> None:
    payment = till.pay(1_000)
    assert await toss.find(payment, "leg-of-nobody", 300) == Absent()
    assert await toss.read(fresh("pay")) == NoSuchPayment()
    assert await toss.find(fresh("pay"), "leg", 1) == Absent()
    assert await toss.refund(command(fresh("pay"))) == Rejected("NOT_FOUND_PAYMENT")


async def test_our_reference_with_another_amount_is_not_ours(toss: TossGateway, till: Till) -> None:
    payment = till.pay(1_000)
    asked = command(payment)
    await toss.refund(asked)
    assert await toss.find(payment, asked.reference, 301) == Undetermined("amount_differs")


async def test_a_wrong_key_is_ours_to_mend(till: Till) -> None:
    stranger = adapter(till.url, "test_sk_nobody")
    try:
        payment = till.pay(1_000)
        assert isinstance(await stranger.refund(command(payment)), Misconfigured)
        assert isinstance(await stranger.find(payment, "leg", 1), Undetermined)
        assert till.cancels(payment) == []
    finally:
        await stranger.aclose()


# --- charges, wherever the suite pays ---------------------------------------------------------------------------------


async def test_a_charge_is_taken_once_and_found(toss: TossGateway, till: Till) -> None:
    asked = charge_command(till.token())
    assert await toss.find_charge(asked.reference, 1_000) == Absent()
    taken = await toss.charge(asked)
    assert isinstance(taken, Done)
    assert await toss.charge(asked) == taken
    assert await toss.list_charges(asked.reference) == (ChargeRecord(taken.ref, 1_000),)
    assert await toss.find_charge(asked.reference, 1_000) == Found(taken.ref)
    assert await toss.find_charge(asked.reference, 999) == Undetermined("amount_differs")
    # A charge is a payment like any other.
    assert isinstance(await toss.refund(command(taken.ref, 1_000)), Done)
    assert await toss.find_charge(asked.reference, 1_000) == Found(taken.ref)


async def test_a_second_charge_with_our_reference_is_looked_up(toss: TossGateway, till: Till) -> None:
    asked = charge_command(till.token())
    taken = await toss.charge(asked)
    assert isinstance(taken, Done)
    again = await toss.charge(replace(asked, key=f"{asked.key}-2"))
    assert again == Unknown("DUPLICATED_ORDER_ID", answered=True)
    assert await toss.list_charges(asked.reference) == (ChargeRecord(taken.ref, 1_000),)


async def test_a_card_of_another_customer_is_not_charged(toss: TossGateway, till: Till) -> None:
    billing_key = till.token().partition(":")[0]
    asked = charge_command(f"{billing_key}:{fresh('customer')}")
    assert await toss.charge(asked) == Rejected("NOT_MATCHES_CUSTOMER_KEY")
    assert await toss.find_charge(asked.reference, 1_000) == Absent()


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"means": Means.SIMPLE_PAY}, Misconfigured("means_unsupported")),
        ({"currency": "JPY"}, Misconfigured("currency_unsupported")),
        ({"reference": "X-1.2"}, Misconfigured("reference_unfit")),
        ({"token": "billing-key-alone"}, Rejected("token_malformed")),
        ({"token": ":customer"}, Rejected("token_malformed")),
        ({"token": "billing:"}, Rejected("token_malformed")),
    ],
)
async def test_what_toss_cant_charge_is_not_sent(changes: dict[str, object], outcome: object) -> None:
    nobody = adapter(f"http://127.0.0.1:{free_port()}", STAND_IN_KEY)
    try:
        assert await nobody.charge(charge_command("billing:customer", **changes)) == outcome
        assert await nobody.charge(charge_command("billing:customer")) == NotSent("ConnectError")
    finally:
        await nobody.aclose()


# --- answers lost and errors, at the stand-in -------------------------------------------------------------------------


@stand_in_only
@pytest.mark.parametrize("fault", ["lose_answer", "error_after", "html_after"])
async def test_what_was_done_without_being_told_is_found(toss: TossGateway, stand_in: StandInTill, fault: str) -> None:
    payment = stand_in.pay(1_000)
    stand_in.control.fault(fault, payment)
    asked = command(payment)
    outcome = await toss.refund(asked)
    assert isinstance(outcome, Unknown)
    assert outcome.answered is (fault != "lose_answer")
    (refund,) = stand_in.control.refunds(payment)
    assert await toss.find(payment, asked.reference, 300) == Found(refund["ref"])


@stand_in_only
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("error_before", "FAILED_INTERNAL_SYSTEM_PROCESSING"),
        ("html_before", "no_code"),
        ("lose_request", "RemoteProtocolError"),
        ("down", "RemoteProtocolError"),
    ],
)
async def test_what_was_not_done_is_absent_and_done_under_a_new_key(
    toss: TossGateway, stand_in: StandInTill, fault: str, code: str
) -> None:
    payment = stand_in.pay(1_000)
    stand_in.control.fault(fault, payment)
    asked = command(payment)
    outcome = await toss.refund(asked)
    assert outcome == Unknown(code, answered=code[0] in "Fn")
    stand_in.control.call("DELETE", "/faults")
    assert await toss.find(payment, asked.reference, 300) == Absent()
    await stand_in.pause()
    assert isinstance(await toss.refund(replace(asked, key=f"{asked.key}-2")), Done)
    assert stand_in.cancels(payment) == [(300, asked.reference)]


@stand_in_only
async def test_an_error_that_toss_repeats_under_its_key_is_passed_by_with_a_new_one(
    toss: TossGateway, stand_in: StandInTill
) -> None:
    payment = stand_in.pay(1_000)
    stand_in.control.quirk(keeps_errors="always")
    stand_in.control.fault("error_before", payment, code="PROVIDER_ERROR")
    asked = command(payment)
    assert await toss.refund(asked) == Unknown("PROVIDER_ERROR", answered=True)
    await stand_in.pause()
    assert await toss.refund(asked) == Unknown("PROVIDER_ERROR", answered=True)
    await stand_in.pause()
    assert isinstance(await toss.refund(replace(asked, key=f"{asked.key}-2")), Done)


@stand_in_only
@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("REFUND_REJECTED", Rejected("REFUND_REJECTED")),
        ("EXCEED_MAX_REFUND_DUE", Rejected("EXCEED_MAX_REFUND_DUE")),
        ("NOT_AVAILABLE_BANK", NewKey("NOT_AVAILABLE_BANK")),
        ("FORBIDDEN_BANK_REFUND_REQUEST", NeedsAccount("FORBIDDEN_BANK_REFUND_REQUEST")),
        ("A_CODE_OF_TOMORROW", Unknown("A_CODE_OF_TOMORROW", answered=True)),
    ],
)
async def test_refusals_over_the_wire(toss: TossGateway, stand_in: StandInTill, code: str, outcome: object) -> None:
    payment = stand_in.pay(1_000)
    stand_in.control.fault("refuse", payment, code=code)
    assert await toss.refund(command(payment)) == outcome
    assert stand_in.cancels(payment) == []


@stand_in_only
async def test_two_cancels_in_a_second_need_a_new_key(toss: TossGateway, stand_in: StandInTill) -> None:
    payment = stand_in.pay(1_000)
    stand_in.control.advance(60_000)
    await toss.refund(command(payment, 300))
    assert await toss.refund(command(payment, 200, guard=700)) == NewKey("FORBIDDEN_CONSECUTIVE_REQUEST", PAUSE)


@stand_in_only
async def test_a_key_still_at_work_is_asked_again_with_the_same_key(toss: TossGateway, stand_in: StandInTill) -> None:
    payment = stand_in.pay(1_000)
    stand_in.control.fault("late", payment, delayMs=60_000)
    asked = command(payment)
    first = asyncio.create_task(toss.refund(asked))
    await until(lambda: not stand_in.control.faults())
    assert await toss.refund(asked) == Retry("IDEMPOTENT_REQUEST_PROCESSING")
    stand_in.control.advance(60_000)
    await first
    assert isinstance(await toss.refund(asked), Done)
    assert stand_in.cancels(payment) == [(300, asked.reference)]


@stand_in_only
async def test_no_answer_in_time_is_perhaps_sent(stand_in: StandInTill) -> None:
    hasty = adapter(stand_in.url, stand_in.key, read_timeout=0.2)
    payment = stand_in.pay(1_000)
    stand_in.control.fault("delay", payment, delayMs=60_000)
    try:
        assert await hasty.refund(command(payment)) == Unknown("ReadTimeout", answered=False)
        assert len(stand_in.cancels(payment)) == 1
    finally:
        await hasty.aclose()


@stand_in_only
@pytest.mark.parametrize("fault", ["lose_answer", "error_after", "html_after"])
async def test_a_charge_that_was_taken_without_being_told_is_found(
    toss: TossGateway, stand_in: StandInTill, fault: str
) -> None:
    asked = charge_command(stand_in.token())
    stand_in.control.fault(fault, asked.reference)
    outcome = await toss.charge(asked)
    assert isinstance(outcome, Unknown)
    assert outcome.answered is (fault != "lose_answer")
    (listed,) = await listed_charges(toss, asked.reference)
    assert await toss.find_charge(asked.reference, 1_000) == Found(listed.payment_ref)
    assert stand_in.control.ledger(listed.payment_ref)["orderId"] == asked.reference


@stand_in_only
@pytest.mark.parametrize("fault", ["lose_request", "error_before", "html_before"])
async def test_a_charge_that_was_not_taken_is_absent_and_taken_once_under_a_new_key(
    toss: TossGateway, stand_in: StandInTill, fault: str
) -> None:
    asked = charge_command(stand_in.token())
    stand_in.control.fault(fault, asked.reference)
    assert isinstance(await toss.charge(asked), Unknown)
    assert await toss.find_charge(asked.reference, 1_000) == Absent()
    taken = await toss.charge(replace(asked, key=f"{asked.key}-2"))
    assert isinstance(taken, Done)
    assert await listed_charges(toss, asked.reference) == (ChargeRecord(taken.ref, 1_000),)


@stand_in_only
@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("REJECT_CARD_PAYMENT", Rejected("REJECT_CARD_PAYMENT")),
        ("NOT_SUPPORTED_METHOD", Misconfigured("NOT_SUPPORTED_METHOD")),
        ("A_CODE_OF_TOMORROW", Unknown("A_CODE_OF_TOMORROW", answered=True)),
    ],
)
async def test_a_charge_that_is_refused(toss: TossGateway, stand_in: StandInTill, code: str, outcome: object) -> None:
    asked = charge_command(stand_in.token())
    stand_in.control.fault("refuse", asked.reference, code=code)
    assert await toss.charge(asked) == outcome
    assert await toss.find_charge(asked.reference, 1_000) == Absent()


async def listed_charges(toss: TossGateway, reference: str) -> tuple[ChargeRecord, ...]:
    listed = await toss.list_charges(reference)
    assert not isinstance(listed, Undetermined)
    return listed


async def test_no_connection_is_not_sent() -> None:
    nobody = adapter(f"http://127.0.0.1:{free_port()}", STAND_IN_KEY)
    try:
        assert await nobody.refund(command("pay")) == NotSent("ConnectError")
        assert await nobody.find("pay", "leg", 1) == Undetermined("ConnectError")
        assert await nobody.find_charge("X-claim", 1) == Undetermined("ConnectError")
    finally:
        await nobody.aclose()


@stand_in_only
async def test_a_reason_that_is_not_echoed_is_known_by_its_answer_alone_and_never_paid_twice(
    toss: TossGateway, stand_in: StandInTill
) -> None:
    payment = stand_in.pay(1_000)
    stand_in.control.quirk(echoes_reason=False)
    asked = command(payment)
    done = await toss.refund(asked)
    assert done == Done(stand_in.control.refunds(payment)[0]["ref"])
    assert await toss.refund(asked) == done
    assert await toss.find(payment, asked.reference, 300) == Undetermined("reference_not_echoed")
    assert await toss.find(payment, asked.reference, 200) == Absent()
    await stand_in.pause()
    assert await toss.refund(replace(asked, key=f"{asked.key}-2")) == Conflict("NOT_MATCHES_REFUNDABLE_AMOUNT")
    assert len(stand_in.cancels(payment)) == 1


@stand_in_only
@pytest.mark.parametrize("path", ["/elsewhere", "/toss/v9"])
async def test_a_wrong_address_proves_nothing(stand_in: StandInTill, path: str) -> None:
    astray = adapter(f"{stand_in.control.http.base_url}".rstrip("/") + path, stand_in.key)
    try:
        payment = stand_in.pay(1_000)
        assert isinstance(await astray.find(payment, "leg", 1), Undetermined)
        assert isinstance(await astray.find_charge("X-claim", 1), Undetermined)
        assert isinstance(await astray.refund(command(payment)), Unknown)
    finally:
        await astray.aclose()


def told(**changes: object) -> str:
    cancel = {"transactionKey": "T1", "cancelAmount": 300, "cancelReason": "leg-1", "cancelStatus": "DONE"}
    payment = {
        "paymentKey": "pay-1",
        "orderId": "X-claim",
        "status": "PARTIAL_CANCELED",
        "currency": "KRW",
        "totalAmount": 1_000,
        "balanceAmount": 700,
        "cancels": [cancel],
    }
    return json.dumps({**payment, **changes})


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        ("200 OK", told(), Done("T1")),
        ("200 OK", told(cancels=None), Unknown("answer_of_another_refund", answered=True)),
        ("200 OK", told(paymentKey="pay-2"), Unknown("answer_of_another_refund", answered=True)),
        ("200 OK", told(currency="JPY"), Unknown("answer_of_another_refund", answered=True)),
        ("200 OK", told(status="DANCING"), Unknown("unreadable_answer", answered=True)),
        ("200 OK", "<html>welcome</html>", Unknown("unreadable_answer", answered=True)),
        ("302 Found\r\nLocation: /elsewhere", "", Unknown("no_code", answered=True)),
        ("404 Not Found", "<html>a proxy's own</html>", Unknown("no_code", answered=True)),
        ("429 Too Many Requests", "", NewKey("too_many_requests", PAUSE)),
    ],
)
async def test_only_tosss_own_words_count(status: str, body: str, outcome: object) -> None:
    async with speaking(status, body) as url:
        toss = adapter(url, STAND_IN_KEY)
        try:
            asked = RefundCommand("pay-1", 300, "refund-leg-1-1", "leg-1", 1_000, "KRW", Means.CARD)
            assert await toss.refund(asked) == outcome
        finally:
            await toss.aclose()


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        ("200 OK", "<html>welcome</html>", "unreadable_answer"),
        ("200 OK", told(paymentKey="pay-2"), "answer_of_another_payment"),
        ("200 OK", told(balanceAmount=0.5), "unreadable_answer"),
        ("404 Not Found", "<html>a proxy's own</html>", "http_404"),
        ("404 Not Found", '{"code": "NOT_FOUND", "message": "no such path"}', "NOT_FOUND"),
        ("500 Oh", '{"code": "NOT_FOUND_PAYMENT", "message": "-"}', "NOT_FOUND_PAYMENT"),
        ("502 Bad Gateway", "", "http_502"),
        ("302 Found\r\nLocation: /elsewhere", "", "http_302"),
    ],
)
async def test_a_read_concludes_nothing_from_other_words(status: str, body: str, code: str) -> None:
    async with speaking(status, body) as url:
        toss = adapter(url, STAND_IN_KEY)
        try:
            assert await toss.read("pay-1") == Undetermined(code)
            assert await toss.find("pay-1", "leg-1", 300) == Undetermined(code)
        finally:
            await toss.aclose()


@pytest.mark.parametrize(
    ("body", "outcome", "found"),
    [
        (told(status="DONE"), Done("pay-1"), Found("pay-1")),
        (told(status="CANCELED"), Unknown("answer_of_another_charge", answered=True), Found("pay-1")),
        (
            told(status="IN_PROGRESS"),
            Unknown("answer_of_another_charge", answered=True),
            Undetermined("charge_not_ended"),
        ),
        (told(status="ABORTED"), Unknown("answer_of_another_charge", answered=True), Absent()),
        (
            told(status="DONE", orderId="X-other"),
            Unknown("answer_of_another_charge", answered=True),
            Undetermined("answer_of_another_charge"),
        ),
        (
            told(status="DONE", totalAmount=999),
            Unknown("answer_of_another_charge", answered=True),
            Undetermined("amount_differs"),
        ),
        (
            told(status="DONE", totalAmount=0.5),
            Unknown("unreadable_answer", answered=True),
            Undetermined("unreadable_answer"),
        ),
        ("<html>", Unknown("unreadable_answer", answered=True), Undetermined("unreadable_answer")),
    ],
)
async def test_only_this_very_charge_counts(body: str, outcome: object, found: object) -> None:
    async with speaking("200 OK", body) as url:
        toss = adapter(url, STAND_IN_KEY)
        try:
            assert await toss.charge(charge_command("billing:customer", reference="X-claim")) == outcome
            assert await toss.find_charge("X-claim", 1_000) == found
        finally:
            await toss.aclose()


# --- later ends, virtual accounts, tax --------------------------------------------------------------------------------


@stand_in_only
@pytest.mark.parametrize(("end", "later"), [("succeeded", Found), ("failed", Absent)])
async def test_a_pending_refund_ends_either_way(
    toss: TossGateway, stand_in: StandInTill, end: str, later: type[object]
) -> None:
    payment = stand_in.pay(1_000)
    stand_in.control.fault("pending", payment)
    asked = command(payment)
    outcome = await toss.refund(asked)
    assert isinstance(outcome, Pending)
    assert await toss.find(payment, asked.reference, 300) == Found(outcome.ref, pending=True)
    stand_in.control.settle(outcome.ref, end)
    expected = Found(outcome.ref) if later is Found else Absent(failed=True)
    assert await toss.find(payment, asked.reference, 300) == expected


@stand_in_only
async def test_a_refund_may_fail_after_it_succeeded(toss: TossGateway, stand_in: StandInTill) -> None:
    payment = stand_in.pay(1_000)
    asked = command(payment)
    outcome = await toss.refund(asked)
    assert isinstance(outcome, Done)
    stand_in.control.settle(outcome.ref, "failed")
    assert await toss.find(payment, asked.reference, 300) == Absent(failed=True)
    read = await toss.read(payment)
    assert isinstance(read, PaymentSnapshot)
    assert read.balance == 1_000


@stand_in_only
@pytest.mark.parametrize("end", ["succeeded", "failed"])
async def test_a_virtual_accounts_money_goes_to_the_refund_account(
    toss: TossGateway, stand_in: StandInTill, end: str
) -> None:
    payment = stand_in.control.pay(1_000, method="virtual_account")
    asked = command(payment, means=Means.VIRTUAL_ACCOUNT, account=ACCOUNT)
    outcome = await toss.refund(asked)
    assert isinstance(outcome, Pending)
    assert await toss.find(payment, asked.reference, 300) == Found(outcome.ref, pending=True)
    shown = stand_in.call("GET", f"/v1/payments/{payment}")["virtualAccount"]["refundReceiveAccount"]
    assert shown == {"bank": "88", "accountNumber": "110****7890", "holderName": "김*"}
    stand_in.control.settle(outcome.ref, end)
    expected = Found(outcome.ref) if end == "succeeded" else Absent(failed=True)
    assert await toss.find(payment, asked.reference, 300) == expected


@stand_in_only
@pytest.mark.parametrize(
    ("account", "outcome"),
    [
        (None, NeedsAccount("account_missing")),
        (RefundAccount("088", "not a number", "김하나"), NeedsAccount("account_malformed")),
        (RefundAccount("999", "110234567890", "김하나"), NeedsAccount("INVALID_BANK")),
    ],
)
async def test_without_an_account_nothing_leaves_a_virtual_account(
    toss: TossGateway, stand_in: StandInTill, account: RefundAccount | None, outcome: object
) -> None:
    payment = stand_in.control.pay(1_000, method="virtual_account")
    assert await toss.refund(command(payment, means=Means.VIRTUAL_ACCOUNT, account=account)) == outcome
    assert stand_in.cancels(payment) == []


@stand_in_only
async def test_a_virtual_account_without_its_deposit_holds_nothing(toss: TossGateway, stand_in: StandInTill) -> None:
    payment = stand_in.control.pay(1_000, method="virtual_account", state="waiting")
    assert await toss.read(payment) == PaymentSnapshot(0, (), captured=0)
    asked = command(payment, 1_000, means=Means.VIRTUAL_ACCOUNT, account=ACCOUNT)
    assert await toss.refund(asked) == Rejected("INVALID_REQUEST")
    # Closed by somebody else meanwhile: no money went anywhere.
    await stand_in.pause()
    stand_in.call("POST", f"/v1/payments/{payment}/cancel", {"cancelReason": "closed"})
    assert await toss.read(payment) == PaymentSnapshot(0, (), captured=0)


@stand_in_only
async def test_the_tax_free_part_is_told(toss: TossGateway, stand_in: StandInTill) -> None:
    payment = stand_in.control.pay(1_000, taxFree=400)
    assert isinstance(await toss.refund(command(payment, 300, tax_free=100, vat=18)), Done)
    shown = stand_in.call("GET", f"/v1/payments/{payment}")["cancels"]
    assert shown[0]["taxFreeAmount"] == 100


@stand_in_only
async def test_everybodys_refunds_are_read_and_what_people_typed_is_left_out(
    toss: TossGateway, stand_in: StandInTill
) -> None:
    payment = stand_in.pay(1_000)
    asked = command(payment)
    await toss.refund(asked)
    stand_in.control.call("POST", f"/payments/{payment}/refunds", {"amount": 50, "reason": "김하나 고객 요청"})
    read = await toss.read(payment)
    assert isinstance(read, PaymentSnapshot)
    assert (read.balance, [(one.amount, one.reference) for one in read.refunds]) == (
        650,
        [(300, asked.reference), (50, None)],
    )


# --- webhooks ---------------------------------------------------------------------------------------------------------


@stand_in_only
async def test_what_toss_tells_unasked(toss: TossGateway, stand_in: StandInTill) -> None:
    with receiver() as hooks:
        stand_in.control.call("PUT", "/webhook", {"url": hooks.url})
        payment = stand_in.control.pay(1_000, method="virtual_account", state="waiting", orderId="order-of-a-deposit")
        stand_in.control.fault("webhook_duplicate", payment)
        stand_in.control.call("POST", f"/payments/{payment}/deposit")
        await until(lambda: len(hooks.hooks) == 3)
    hints = [toss.parse_webhook(one.raw.encode(), one.headers, "::1") for one in hooks.hooks]
    assert all(isinstance(hint, WebhookHint) for hint in hints)
    about = {(hint.event, hint.payment_ref, hint.reference) for hint in hints if isinstance(hint, WebhookHint)}
    assert about == {
        ("PAYMENT_STATUS_CHANGED", payment, None),
        ("DEPOSIT_CALLBACK", None, "order-of-a-deposit"),
    }
    # The same name for each repeat, another for each delivery.
    assert len({hint.delivery_id for hint in hints if isinstance(hint, WebhookHint)}) == 2


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def logging_as_served(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Logs as a process of the service writes them, at its most talkative."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    logs.configure(Settings(log_level="DEBUG"))
    yield
    root.handlers, root.level = handlers, level


@stand_in_only
@pytest.mark.usefixtures("logging_as_served")
async def test_no_secret_is_shown_or_logged(
    toss: TossGateway, stand_in: StandInTill, capsys: pytest.CaptureFixture[str]
) -> None:
    token = stand_in.token()
    charge, payment = charge_command(token), stand_in.control.pay(1_000, method="virtual_account")
    refund = command(payment, means=Means.VIRTUAL_ACCOUNT, account=ACCOUNT)
    assert isinstance(await toss.charge(charge), Done)
    assert isinstance(await toss.refund(refund), Pending)
    logging.getLogger("gateways").info("the last line")
    captured = capsys.readouterr()
    shown = captured.out + captured.err + repr(charge) + repr(refund) + repr(toss) + repr(vars(toss))
    assert "the last line" in shown
    encoded = base64.b64encode(f"{stand_in.key}:".encode()).decode()
    for secret in (*token.split(":"), stand_in.key, encoded, "110-234-567890", "110234567890", "김하나"):
        assert secret not in shown
