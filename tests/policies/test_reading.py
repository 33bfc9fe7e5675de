"""A shop's policy file: what it says, and how it is told what is wrong with it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.claims import Actor, Channel, NoticeEvent
from domain.notices import CUSTOMER_CHANNELS, CUSTOMER_EVENTS, SHOP_EVENTS
from domain.orders import BelowMinimum, Fault, LineStatus, Means
from domain.policy import (
    Allocation,
    BelowThreshold,
    Button,
    EarnedPoints,
    ExpiredMileage,
    Policy,
    Returning,
)
from policies import reading
from policies.reading import PolicyError

Told = dict[str, Any]
Wrong = Callable[[Told], object]


def shipped() -> Told:
    return tomllib.loads(reading.default_text())


def faults(told: Told) -> tuple[str, ...]:
    with pytest.raises(PolicyError) as refused:
        reading.parse(json.dumps(told), "shop.json", as_json=True)
    assert refused.value.name == "shop.json"
    assert str(refused.value).startswith("shop.json: ")
    assert "\n" not in str(refused.value)
    return refused.value.faults


# --- what is shipped --------------------------------------------------------------------------------------------------


def test_the_shipped_policy_has_the_rules_that_the_documents_tell() -> None:
    policy = reading.default()
    assert policy.shipping.below_threshold is BelowThreshold.CHARGE
    coupons, refund = policy.coupons, policy.refund
    assert coupons.below_minimum is BelowMinimum.TAKE_BACK
    assert (coupons.unexpired, coupons.extension_days) == (Returning.RESTORE, 30)
    assert (coupons.expired_customer_fault, coupons.expired_seller_fault) == (Returning.FORFEIT, Returning.EXTEND)
    assert (refund.allocation, refund.sequence, dict(refund.caps)) == (Allocation.EXTERNAL_FIRST, (), {})
    assert (refund.expired_mileage, refund.mileage_days) == (ExpiredMileage.EXTEND, 30)
    assert refund.earned_points is EarnedPoints.TAKE_BACK
    assert policy.extra_payment.means == (Means.MILEAGE, Means.DEPOSIT, Means.CARD)


def test_the_shipped_reasons_are_offered_to_everybody() -> None:
    policy = reading.default()
    faulty = {reason.code: reason.fault for reason in policy.reasons}
    assert faulty == {
        **dict.fromkeys(("10", "20", "30"), Fault.CUSTOMER),
        **dict.fromkeys(("50", "60", "70"), Fault.SELLER),
    }
    assert all(policy.reasons_for(actor) == policy.reasons for actor in Actor)


def test_the_shipped_buttons_are_a_customers_until_shipping_is_prepared() -> None:
    policy = reading.default()
    everybody = frozenset(Actor)
    expected = {
        (LineStatus.AWAITING_DEPOSIT, Button.CANCEL): everybody,
        (LineStatus.PLACED, Button.CANCEL): everybody,
        (LineStatus.PLACED, Button.OPTION_CHANGE): everybody,
        (LineStatus.SHIP_INSTRUCTED, Button.CANCEL): {Actor.BACK_OFFICE},
        (LineStatus.SHIP_WAITING, Button.CANCEL): {Actor.BACK_OFFICE},
    }
    for status in LineStatus:
        for button in Button:
            allowed = {actor for actor in Actor if policy.may(actor, button, status)}
            assert allowed == expected.get((status, button), frozenset()), (status, button)


def test_the_shipped_notices_go_by_every_channel() -> None:
    shipped = reading.default()
    assert [set(shipped.told_by(event)) for event in CUSTOMER_EVENTS] == [set(CUSTOMER_CHANNELS)] * len(CUSTOMER_EVENTS)


def test_the_shop_hears_of_what_lists_it_or_of_all() -> None:
    policy = reading.default()
    assert [event for event in NoticeEvent if policy.told_to_shop(event)] == list(SHOP_EVENTS)
    listed = {NoticeEvent.COMPLETED: (Channel.EMAIL,), NoticeEvent.NEEDS_OPERATOR: (Channel.SHOP,)}
    policy = policy.model_copy(update={"notices": listed})
    assert [event for event in NoticeEvent if policy.told_to_shop(event)] == [NoticeEvent.NEEDS_OPERATOR]
    assert policy.told_by(NoticeEvent.NEEDS_OPERATOR) == ()


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('refund_accepted = ["shop"]', "notices: the shop itself can't be told of refund_accepted"),
        ('needs_operator = ["email"]', "notices: needs_operator can only be told by shop"),
    ],
)
def test_what_nobody_has_words_for_is_not_listed(line: str, fault: str) -> None:
    shipped = reading.default_text().replace('refund_accepted = ["inbox", "email", "alimtalk"]', "")
    with pytest.raises(PolicyError) as refused:
        reading.parse(f"{shipped}\n{line}", "own", as_json=False)
    assert refused.value.faults == (fault,)


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ({}, ()),
        ({NoticeEvent.COMPLETED: (Channel.EMAIL,)}, (Channel.EMAIL,)),
        ({NoticeEvent.COMPLETED: (Channel.EMAIL,), NoticeEvent.REFUND_FAILED: ()}, ()),
    ],
)
def test_who_was_told_that_it_was_done_learns_that_it_was_not(
    listed: dict[NoticeEvent, tuple[Channel, ...]], told: tuple[Channel, ...]
) -> None:
    """P6: a shop's policy from before there were corrections sends them all the same."""
    policy = reading.default().model_copy(update={"notices": listed})
    assert policy.told_by(NoticeEvent.REFUND_FAILED) == told


def test_what_a_file_leaves_out_is_as_shipped() -> None:
    least = {name: value for name, value in shipped().items() if name in ("version", "reasons", "buttons", "notices")}
    assert reading.parse(json.dumps(least), "shop.json", as_json=True) == reading.default()


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_json_says_the_same_as_toml(tmp_path: Path, mark: str) -> None:
    """With the mark that editors of Windows put before a text, too."""
    toml, as_json = tmp_path / "shop.toml", tmp_path / "shop.json"
    toml.write_text(mark + reading.default_text(), encoding="utf-8")
    as_json.write_text(mark + json.dumps(shipped()), encoding="utf-8")
    assert reading.read(toml) == reading.read(as_json) == reading.default()


def test_a_policy_kept_as_json_is_the_same_policy() -> None:
    policy = reading.default()
    assert Policy.model_validate_json(policy.model_dump_json()) == policy


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("none.toml", None, "No such file or directory"),
        ("shop.yaml", b"version: 1", "a policy is a .toml or a .json file"),
        ("shop.toml", b"version = '\xff'", "it is not UTF-8: invalid start byte at byte 11"),
        ("shop.toml", b"version = 1\nversion = 2", "Cannot overwrite a value (at end of document)"),
        ("shop.toml", b"version =", "Invalid value (at end of document)"),
        ("shop.json", b'{"version": "1", "version": "2"}', "version is given twice"),
        ("shop.json", b'{"version"', "Expecting ':' delimiter: line 1 column 11 (char 10)"),
        ("shop.json", b"[]", "must be a table, not []"),
    ],
)
def test_a_file_that_is_no_policy_is_named(tmp_path: Path, name: str, content: bytes | None, told: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PolicyError) as refused:
        reading.read(path)
    assert str(refused.value) == f"{path}: {told}"


# --- one wrong field --------------------------------------------------------------------------------------------------


def at(*path: str | int, value: object) -> Wrong:
    """Sets the field at `path`."""

    def change(told: Told) -> None:
        place: Any = told
        for part in path[:-1]:
            place = place.setdefault(part, {}) if isinstance(place, dict) else place[part]
        place[path[-1]] = value

    return change


def without(*path: str | int) -> Wrong:
    def change(told: Told) -> None:
        place: Any = told
        for part in path[:-1]:
            place = place[part]
        del place[path[-1]]

    return change


def appended(part: str, **entry: object) -> Wrong:
    return lambda told: told[part].append(entry)


MEANS = "'card', 'virtual_account', 'bank_transfer', 'simple_pay', 'deposit', 'mileage' or 'gift_card'"
STATUSES = "awaiting_deposit, placed, ship_instructed and ship_waiting"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        # names of fields
        (at("colour", value="red"), "colour: there is no such field"),
        (at("refund", "alocation", value="proportional"), "refund.alocation: there is no such field"),
        (at("reasons", 1, "name", value="x"), "reasons[1].name: there is no such field"),
        (at("notices", "refunded", value=[]), "notices.refunded: there is no such field: it must be"),
        (without("version"), "version: is missing"),
        (without("notices"), "notices: is missing"),
        (without("reasons", 2, "fault"), "reasons[2].fault: is missing"),
        # their values
        (at("version", value=1), "version: must be a text in quotes, not 1"),
        (at("version", value="a b"), "version: String should match pattern"),
        (at("version", value=""), "version: String should"),
        (at("version", value="x" * 33), "version: String should"),
        (at("reasons", value="10"), 'reasons: must be a list, not "10"'),
        (at("refund", value="all"), 'refund: must be a table, not "all"'),
        (at("refund", "mileage_days", value=0), "refund.mileage_days: must be 1 or more, not 0"),
        (at("refund", "mileage_days", value="30"), 'refund.mileage_days: must be a whole number, not "30"'),
        (at("coupons", "extension_days", value=4000), "coupons.extension_days: must be 3650 or less, not 4000"),
        (at("coupons", "extension_days", value=True), "coupons.extension_days: must be a whole number, not true"),
        (
            at("shipping", "below_threshold", value="free"),
            "shipping.below_threshold: must be 'charge' or 'keep_free', not \"free\"",
        ),
        # reasons
        (at("reasons", value=[]), "reasons: there must be one at least"),
        (at("reasons", 3, "code", value="10"), "reasons: code '10' is listed twice"),
        (at("reasons", 0, "code", value="1-0"), "reasons[0].code: String should match pattern"),
        (
            at("reasons", 0, "fault", value="CARRIER"),
            "reasons[0].fault: must be 'CUSTOMER' or 'SELLER', not",
        ),
        (at("reasons", 0, "names", value={"ko": "변심"}), "reasons[0].names: there is no name in en"),
        (at("reasons", 0, "names", value={"ko": " ", "en": ""}), "reasons[0].names: there is no name in ko and en"),
        (at("reasons", 0, "names", "ja", value="x"), "reasons[0].names: people are told in ko and en, not in ja"),
        (
            at("reasons", 0, "offered_to", value=["STAFF"]),
            "reasons[0].offered_to[0]: must be 'MEMBER', 'GUEST' or 'BACK_OFFICE', not \"STAFF\"",
        ),
        (
            lambda told: [reason.update(offered_to=["MEMBER", "BACK_OFFICE"]) for reason in told["reasons"]],
            "reasons: none is offered to GUEST, who may cancel by the buttons",
        ),
        # buttons
        (
            appended("buttons", status="shipped", button="cancel", actors=["BACK_OFFICE"]),
            f"buttons[5]: no cancel in status shipped: shipped goods are returned; possible in {STATUSES}",
        ),
        (
            appended("buttons", status="ship_waiting", button="option_change", actors=["BACK_OFFICE"]),
            "buttons[5]: no option_change in status ship_waiting: too much was done about the line; possible in placed",
        ),
        (
            appended("buttons", status="placed", button="cancel", actors=["MEMBER"]),
            "buttons: cancel in status placed is listed twice",
        ),
        (at("buttons", 0, "status", value="paid"), "buttons[0].status: must be 'awaiting_deposit',"),
        (at("buttons", 0, "button", value="return"), "buttons[0].button: must be 'cancel' or 'option_change'"),
        # coupons
        (at("coupons", "unexpired", value="forfeit"), "coupons.unexpired: a coupon that has not expired comes back"),
        (at("coupons", "unexpired", value="extend"), "coupons.unexpired: a coupon that has not expired comes back"),
        (
            at("coupons", "expired_seller_fault", value="restore"),
            "coupons.expired_seller_fault: as it was, it would still be expired: must be 'extend', 'reissue'",
        ),
        (at("coupons", "expired_customer_fault", value="restore"), "coupons.expired_customer_fault: as it was"),
        # refunds
        (at("refund", "caps", value={"cash": 1}), f"refund.caps.cash: there is no such field: it must be {MEANS}"),
        (at("refund", "caps", value={"mileage": -1}), "refund.caps.mileage: must be 0 or more, not -1"),
        (at("refund", "caps", value={"mileage": 1.5}), "refund.caps.mileage: must be a whole number, not 1.5"),
        (at("refund", "caps", value={"mileage": 10**16}), "refund.caps.mileage: must be 1000000000000000 or less"),
        (at("refund", "sequence", value=["card"]), "refund.sequence: is for the allocation 'sequence' only"),
        (at("refund", "allocation", value="sequence"), "refund.sequence: every means must have its place, card, "),
        (
            lambda told: told["refund"].update(allocation="sequence", sequence=[*Means][1:]),
            "refund.sequence: every means must have its place, card too",
        ),
        (
            lambda told: told["refund"].update(allocation="sequence", sequence=[*Means, "card"]),
            "refund.sequence: card is listed twice",
        ),
        (
            lambda told: told["refund"].update(allocation="sequence", sequence=[*[*Means][1:], "cash"]),
            f'refund.sequence[6]: must be {MEANS}, not "cash"',
        ),
        # extra payment
        (
            at("extra_payment", "means", value=["gift_card"]),
            "extra_payment.means: gift_card can't be charged, only mileage, deposit, card and simple_pay",
        ),
        (at("extra_payment", "means", value=["card", "card"]), "extra_payment.means: card is listed twice"),
        (at("extra_payment", "gateways", value=[]), "extra_payment.gateways: card can only be charged by a gateway"),
        (at("extra_payment", "gateways", value=["a/b"]), "extra_payment.gateways[0]: String should match pattern"),
        # notices
        (
            at("notices", "completed", value=["sms"]),
            "notices.completed[0]: must be 'inbox', 'email', 'alimtalk' or 'shop'",
        ),
        (at("notices", "completed", value=["inbox", "inbox"]), "notices.completed: inbox is listed twice"),
    ],
)
def test_a_wrong_field_is_named(wrong: Wrong, told: str) -> None:
    changed = shipped()
    wrong(changed)
    [fault] = faults(changed)
    assert fault.startswith(told)


def test_every_wrong_field_is_named_at_once() -> None:
    changed = shipped()
    changed |= {"version": 1, "colour": "red"}
    changed["refund"]["caps"] = {"mileage": -1}
    changed["reasons"][0]["fault"] = "X"
    assert [fault.split(":")[0] for fault in faults(changed)] == [
        "version",
        "reasons[0].fault",
        "refund.caps.mileage",
        "colour",
    ]


def test_a_long_value_is_cut() -> None:
    [fault] = faults(shipped() | {"version": ["x" * 100]})
    assert fault == f'version: must be a text in quotes, not ["{"x" * 37}…'


def test_a_date_without_quotes_is_no_version() -> None:
    with pytest.raises(PolicyError, match=r"^shop\.toml: version: must be a text in quotes, not 2026-11-24$"):
        reading.parse(reading.default_text().replace('"2026-11-24"', "2026-11-24"), "shop.toml", as_json=False)


# --- what a shop may do -----------------------------------------------------------------------------------------------


def test_a_shop_may_keep_a_reason_for_its_staff_or_retire_it() -> None:
    told = shipped()
    told["reasons"][3]["offered_to"] = ["BACK_OFFICE"]
    told["reasons"][4]["offered_to"] = []
    policy = reading.parse(json.dumps(told), "shop.json", as_json=True)
    assert [reason.code for reason in policy.reasons_for(Actor.GUEST)] == ["10", "20", "30", "70"]
    assert [reason.code for reason in policy.reasons_for(Actor.BACK_OFFICE)] == ["10", "20", "30", "50", "70"]


def test_a_shop_may_offer_no_button_and_tell_nothing() -> None:
    policy = reading.parse(json.dumps(shipped() | {"buttons": [], "notices": {}}), "shop.json", as_json=True)
    assert not any(policy.may(actor, button, status) for actor in Actor for button in Button for status in LineStatus)
    assert policy.notices == {}


def test_extra_payment_by_own_credits_alone_needs_no_gateway() -> None:
    told = shipped() | {"extra_payment": {"means": ["mileage"], "gateways": []}}
    assert reading.parse(json.dumps(told), "shop.json", as_json=True).extra_payment.gateways == ()


def test_a_shop_may_take_no_extra_payment_at_all() -> None:
    told = shipped() | {"extra_payment": {"means": [], "gateways": []}}
    assert reading.parse(json.dumps(told), "shop.json", as_json=True).extra_payment.means == ()
